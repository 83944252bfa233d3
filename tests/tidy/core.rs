//! What the core may depend on: nothing that opens a socket, runs tasks or reads a clock.

use crate::none;
use crate::tree::root;

/// Crates, or beginnings of their names, that belong to the shells.
const SHELLS: [&str; 22] = [
    "async",
    "clap",
    "crossbeam",
    "futures",
    "getrandom",
    "httparse",
    "hyper",
    "indicatif",
    "libc",
    "mio",
    "nix",
    "openssh",
    "polling",
    "rand",
    "rayon",
    "reqwest",
    "rustix",
    "rustls",
    "signal-hook",
    "smol",
    "socket2",
    "tokio",
];

#[test]
fn the_core_depends_on_no_shell() {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = text.parse().expect("a manifest in TOML");
    let dependencies = manifest["dependencies"].as_table().expect("the core's dependencies");
    let mut wrong = Vec::new();
    for name in dependencies.keys() {
        let shell = |start: &&str| name == *start || name.starts_with(&format!("{start}-"));
        if let Some(start) = SHELLS.iter().find(|start| shell(start)) {
            wrong.push(format!("Cargo.toml: the core depends on {name} ({start} belongs to a shell)"));
        }
    }
    none(&wrong, "let the daemon or the CLI do it, and tell the core what came of it");
}

/// The rules that keep the core pure are written for its own room, and lifted in the shells alone.
#[test]
fn each_member_has_its_own_lints() {
    for (path, must) in
        [(".clippy.toml", "std::time::Instant::now"), ("daemon/.clippy.toml", ""), ("cli/.clippy.toml", "")]
    {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|_| panic!("{path} is missing"));
        let rules: toml::Table = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(text.contains(must), "{path} does not name {must}");
        let banned = rules["disallowed-methods"].as_array().map_or(0, Vec::len);
        assert_eq!(must.is_empty(), banned == 0, "{path}");
    }
}
