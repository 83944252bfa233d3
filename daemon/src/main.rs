//! The daemon: see the library.
fn main() {}
