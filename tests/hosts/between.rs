//! A host between the brokers: what they say to each other goes by it, takes its time there, and now and then the
//! connection breaks.

use crate::host::{self, BRIDGE, CONTROLLER_PORT, PORT, address, netns};
use crate::private::run;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static USED: AtomicU32 = AtomicU32::new(0);

/// The host; brokers are beside each other again when it goes.
pub struct Between {
    proxy: Child,
    netns: String,
    brokers: i32,
}

/// What brokers say to each other goes by a host of its own from now on, which takes its time and breaks connections:
/// it is sent there as if the other broker were behind it, and answered in its name.
///
/// # Errors
/// What the machine lacks.
pub fn put_between(brokers: i32, dir: &Path) -> Result<Between, String> {
    // Never the same twice: what knew the last one looks for it for a while.
    let number = USED.fetch_add(1, Ordering::Relaxed);
    let (netns, port, own) =
        (format!("between{number}"), format!("portx{number}"), format!("10.77.0.{}", 200 + number));
    let (netns, port, own) = (netns.as_str(), port.as_str(), own.as_str());
    run("ip", &["netns", "add", netns])?;
    run("ip", &["link", "add", "name", port, "type", "veth", "peer", "name", "eth0", "netns", netns])?;
    run("ip", &["link", "set", "dev", port, "master", BRIDGE, "up"])?;
    run("ip", &["-n", netns, "addr", "add", &format!("{own}/24"), "dev", "eth0"])?;
    run("ip", &["-n", netns, "link", "set", "dev", "eth0", "up"])?;
    run("ip", &["-n", netns, "link", "set", "dev", "lo", "up"])?;
    // The brokers' addresses are local here, but nobody on the bridge is told, and what comes from one is no lie.
    for (name, value) in [("arp_ignore", 1), ("accept_local", 1), ("rp_filter", 0)] {
        for device in ["all", "eth0"] {
            let set = format!("echo {value} >/proc/sys/net/ipv4/conf/{device}/{name}");
            run("ip", &["netns", "exec", netns, "sh", "-c", &set])?;
        }
    }
    // What the proxy sends on, and its answers in their name, leave this host.
    run("ip", &["-n", netns, "rule", "add", "pref", "10", "lookup", "local"])?;
    run("ip", &["-n", netns, "rule", "add", "pref", "1", "fwmark", "7", "lookup", "main"])?;
    run("ip", &["-n", netns, "rule", "del", "pref", "0"])?;
    for id in 1..=brokers {
        let there = format!("{}/32", address(id));
        run("ip", &["-n", netns, "addr", "add", &there, "dev", "lo"])?;
        for other in (1..=brokers).filter(|other| *other != id) {
            run("ip", &["-n", &host::netns(other), "route", "add", &there, "via", own])?;
            let pair = ["iif", "lo", "from", &address(id), "to", &address(other)];
            run("ip", &[&["-n", netns, "rule", "add", "pref", "2"], &pair[..], &["lookup", "main"]].concat())?;
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/hosts/proxy.py");
    let ports = [PORT.to_string(), CONTROLLER_PORT.to_string()];
    let mut command = Command::new("ip");
    command.env("PATH", crate::private::path()).args(["netns", "exec", netns, "python3", script, own]).args(&ports);
    command.args((1..=brokers).map(address)).stdin(Stdio::null());
    command.stderr(File::create(dir.join("proxy.log")).map_err(|error| error.to_string())?);
    let proxy = command.spawn().map_err(|error| format!("python3: {error}"))?;
    Ok(Between { proxy, netns: netns.to_owned(), brokers })
}

impl Drop for Between {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
        for id in 1..=self.brokers {
            for other in (1..=self.brokers).filter(|other| *other != id) {
                let _ = run("ip", &["-n", &netns(other), "route", "del", &format!("{}/32", address(id))]);
            }
        }
        let _ = run("ip", &["netns", "del", &self.netns]);
    }
}
