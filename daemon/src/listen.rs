//! Binds listeners. A port that is taken is named with who has it, when that can be found out.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::sockopt::{
    set_ipv6_v6only, set_socket_recv_buffer_size, set_socket_reuseaddr, set_socket_send_buffer_size,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, listen, socket_with};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;

/// Attempts at finding one free port on every address of a host.
const PORT_ATTEMPTS: usize = 8;

/// What the kernel is asked for a listener's connections.
#[derive(Clone, Copy, Debug)]
pub struct SocketSizes {
    /// Connections that wait for being accepted.
    pub backlog: i32,
    /// `socket.receive.buffer.bytes`, in bytes; `None` leaves it to the kernel.
    pub receive: Option<usize>,
    /// `socket.send.buffer.bytes`, in bytes; `None` leaves it to the kernel.
    pub send: Option<usize>,
}

/// A listener's sockets: one for each address of its host, all on one port.
#[derive(Debug)]
pub struct Bound {
    /// The sockets.
    pub sockets: Vec<OwnedFd>,
    /// The port, found by the kernel when 0 was asked for.
    pub port: u16,
}

/// Listens on every address of `host` (every interface when it is empty).
///
/// # Errors
/// One line: what cannot be bound, and why.
pub fn bind_all(host: &str, port: u16, sizes: SocketSizes) -> Result<Bound, String> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match bind_once(host, port, sizes) {
            // The free port of the first address may be taken on the second.
            Err(Failure::Address(_, Errno::ADDRINUSE)) if port == 0 && attempt < PORT_ATTEMPTS => {}
            Err(failure) => return Err(failure.text(host, port)),
            Ok(bound) => return Ok(bound),
        }
    }
}

enum Failure {
    Resolve(String),
    Address(SocketAddr, Errno),
}

impl Failure {
    fn text(self, host: &str, port: u16) -> String {
        match self {
            Failure::Resolve(why) => format!("cannot resolve the listener's host '{host}': {why}"),
            Failure::Address(address, Errno::ADDRINUSE) => {
                let owner = owner_of(address.port()).map(|who| format!(" by {who}")).unwrap_or_default();
                format!("cannot listen on {address}: port {port} is in use{owner}")
            }
            Failure::Address(address, Errno::ADDRNOTAVAIL) => {
                format!("cannot listen on {address}: this machine has no such address")
            }
            Failure::Address(address, e) => format!("cannot listen on {address}: {e}"),
        }
    }
}

fn bind_once(host: &str, port: u16, sizes: SocketSizes) -> Result<Bound, Failure> {
    let mut addresses = resolve(host, port).map_err(Failure::Resolve)?;
    let mut sockets = Vec::new();
    let mut actual = port;
    let mut unusable = None;
    for address in &mut addresses {
        address.set_port(actual);
        match open(*address, host.is_empty(), sizes) {
            Ok((socket, bound_port)) => {
                actual = bound_port;
                sockets.push(socket);
                // One socket on [::] takes IPv4 as well.
                if host.is_empty() {
                    break;
                }
            }
            // `localhost` may name an IPv6 address on a machine that has none.
            Err(e @ (Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT)) => unusable = Some(Failure::Address(*address, e)),
            Err(e) => return Err(Failure::Address(*address, e)),
        }
    }
    match unusable {
        Some(failure) if sockets.is_empty() => Err(failure),
        _ => Ok(Bound { sockets, port: actual }),
    }
}

fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if host.is_empty() {
        return Ok(vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]);
    }
    let mut found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(|e| e.to_string())?.collect();
    // A hosts file often names only one of the two for localhost; clients may try either.
    if host == "localhost" {
        found.push((Ipv4Addr::LOCALHOST, port).into());
        found.push((Ipv6Addr::LOCALHOST, port).into());
    }
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err("no address".into()) } else { Ok(addresses) }
}

fn open(address: SocketAddr, both_families: bool, sizes: SocketSizes) -> Result<(OwnedFd, u16), Errno> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, !both_families)?;
    }
    // Accepted connections inherit both; the receive buffer must be set before the window is agreed on.
    if let Some(bytes) = sizes.receive {
        set_socket_recv_buffer_size(&socket, bytes)?;
    }
    if let Some(bytes) = sizes.send {
        set_socket_send_buffer_size(&socket, bytes)?;
    }
    bind(&socket, &address)?;
    listen(&socket, sizes.backlog)?;
    let port = SocketAddr::try_from(getsockname(&socket)?).map_or(address.port(), |bound| bound.port());
    Ok((socket, port))
}

/// Who listens on a TCP port: `pid 4211 (java)`. Finds only what this user may see.
fn owner_of(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) else { continue };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        for file in files.flatten() {
            let Ok(target) = std::fs::read_link(file.path()) else { continue };
            if inodes.iter().any(|inode| target == Path::new(&format!("socket:[{inode}]"))) {
                let command = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                return Some(format!("pid {pid} ({})", command.trim()));
            }
        }
    }
    None
}

fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let wanted = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 9 && row[3] == "0A" && row[1].ends_with(&wanted))
        .map(|row| row[9].to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    const SIZES: SocketSizes = SocketSizes { backlog: 8, receive: None, send: None };

    #[test]
    fn localhost_answers_on_both_families() {
        let bound = bind_all("localhost", 0, SIZES).unwrap();
        assert_ne!(bound.port, 0);
        TcpStream::connect(("127.0.0.1", bound.port)).unwrap();
        assert!(!bound.sockets.is_empty());
    }

    #[test]
    fn every_interface_is_one_socket() {
        let bound = bind_all("", 0, SIZES).unwrap();
        assert_eq!(bound.sockets.len(), 1);
        TcpStream::connect(("127.0.0.1", bound.port)).unwrap();
    }

    #[test]
    fn a_taken_port_is_named_with_its_owner() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let why = bind_all("127.0.0.1", port, SIZES).unwrap_err();
        let expected =
            format!("cannot listen on 127.0.0.1:{port}: port {port} is in use by pid {} (", std::process::id());
        assert!(why.starts_with(&expected), "{why}");
        let why = bind_all("no-such-host.invalid", 0, SIZES).unwrap_err();
        assert!(why.starts_with("cannot resolve the listener's host 'no-such-host.invalid': "), "{why}");
        let why = bind_all("192.0.2.1", 0, SIZES).unwrap_err();
        assert!(why.ends_with("this machine has no such address"), "{why}");
    }
}
