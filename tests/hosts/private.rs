//! The whole test runs in namespaces of its own: no other interface is in sight, names and mounts are private, and the
//! kernel takes everything back when the first process in there ends, however it ends.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

const INSIDE: &str = "KQ_HOSTS_INSIDE";

/// Goes inside: this program begins again there. Returns once it is inside.
///
/// # Errors
/// What the machine lacks.
pub fn enter() -> Result<(), String> {
    if std::env::var_os(INSIDE).is_some() {
        return furnish();
    }
    for (program, package) in [("unshare", "util-linux"), ("ip", "iproute2"), ("tc", "iproute2")] {
        find(program).ok_or(format!("{program} (Debian package {package})"))?;
    }
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.arg("--map-root-user");
    }
    unshare.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    let mut probe = Command::new("unshare");
    probe.args(unshare.get_args()).args([
        "sh",
        "-c",
        "mount -t tmpfs tmpfs /run && ip link set lo up && ip netns add probe",
    ]);
    let tried = probe.stdin(Stdio::null()).output().map_err(|error| format!("unshare: {error}"))?;
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr);
        return Err(format!("the right to make network namespaces (root, or user namespaces): {}", why.trim()));
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let error = unshare.arg(program).args(std::env::args_os().skip(1)).env(INSIDE, "1").exec();
    Err(format!("unshare: {error}"))
}

fn find(program: &str) -> Option<()> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut places = path.split(':').chain(["/usr/sbin", "/sbin"]);
    places.any(|place| Path::new(place).join(program).exists()).then_some(())
}

fn furnish() -> Result<(), String> {
    run("mount", &["-t", "tmpfs", "tmpfs", "/run"])?;
    run("ip", &["link", "set", "lo", "up"])
}

/// Runs a command that must succeed.
///
/// # Errors
/// What it said.
pub fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program).args(args).env("PATH", path).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
