//! The daemon: see the library.

fn main() -> std::process::ExitCode {
    kqd::main(std::env::args_os().skip(1))
}
