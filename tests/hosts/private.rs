//! The whole test runs in namespaces of its own: no other interface is in sight, names and mounts are private, and the
//! kernel takes everything back when the first process in there ends, however it ends.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Says to the process inside where the brokers' files go.
const INSIDE: &str = "KQ_HOSTS_INSIDE";
/// Further namespaces, and none of it outlives the process inside.
const UNSHARE: [&str; 5] = ["--net", "--mount", "--pid", "--fork", "--kill-child"];

/// Where this process is.
pub enum Place {
    /// Inside: the brokers' files go here.
    Inside(PathBuf),
    /// Outside, and all is over.
    Outside(ExitCode),
}

/// Runs this program again inside and waits for it; inside, gets ready.
///
/// # Errors
/// What the machine lacks.
pub fn enter() -> Result<Place, String> {
    if let Some(dir) = std::env::var_os(INSIDE) {
        run("mount", &["-t", "tmpfs", "tmpfs", "/run"])?;
        run("ip", &["link", "set", "lo", "up"])?;
        return Ok(Place::Inside(dir.into()));
    }
    for (program, package) in [("unshare", "util-linux"), ("ip", "iproute2"), ("tc", "iproute2")] {
        find(program).ok_or(format!("missing: {program} (Debian package {package})"))?;
    }
    let probe = "mount -t tmpfs tmpfs /run && ip link set lo up && ip netns add probe";
    let tried = unshare().args(["sh", "-c", probe]).stdin(Stdio::null()).output();
    let tried = tried.map_err(|error| format!("missing: setpriv, unshare: {error}"))?;
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr);
        return Err(format!(
            "missing: the right to make network namespaces (root, or user namespaces): {}",
            why.trim()
        ));
    }
    let name = format!("hosts-{}", SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_micros()));
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let inside = unshare().arg(program).env(INSIDE, &dir).spawn().map_err(|error| format!("unshare: {error}"))?;
    Ok(Place::Outside(wait(inside, &dir)?))
}

/// The namespaces go with this process, too.
fn unshare() -> Command {
    let mut command = Command::new("setpriv");
    command.env("PATH", path()).args(["--pdeathsig", "KILL", "unshare"]).args(UNSHARE).arg("--mount-proc");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}

/// Waits for the end inside, or for a signal; files are kept when they show what was wrong.
fn wait(mut inside: Child, dir: &Path) -> Result<ExitCode, String> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).map_err(|error| error.to_string())?;
    }
    let status = loop {
        if interrupted.load(Ordering::Relaxed) {
            let _ = inside.kill();
        }
        match inside.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    if status.success() || interrupted.load(Ordering::Relaxed) {
        let _ = std::fs::remove_dir_all(dir);
    } else {
        // Nothing in there: nothing to show.
        let _ = std::fs::remove_dir(dir);
    }
    match (status.success(), interrupted.load(Ordering::Relaxed)) {
        (true, _) => Ok(ExitCode::SUCCESS),
        (false, true) => Ok(ExitCode::from(130)),
        (false, false) => Ok(ExitCode::FAILURE),
    }
}

/// Where programs are, those for administrators as well.
pub fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

fn find(program: &str) -> Option<()> {
    path().split(':').any(|place| Path::new(place).join(program).exists()).then_some(())
}

/// Runs a command that must succeed.
///
/// # Errors
/// What it said.
pub fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).env("PATH", path()).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
