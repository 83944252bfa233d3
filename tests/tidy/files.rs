//! Files: how long, whether anybody would miss them, and what stands at the top level.

use crate::none;
use crate::tree::{files, root, rust};
use std::collections::BTreeSet;

const LINES_MAX: usize = 600;

/// What the user finds at the top, and what tools force.
const TOP_LEVEL: [&str; 12] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "cli",
    "completions",
    "config",
    "daemon",
    "rustfmt.toml",
    "src",
    "tests",
];

#[test]
fn no_file_is_too_long() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| file.is_source()) {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{}: {lines} lines, at most {LINES_MAX}", file.path));
        }
    }
    none(&wrong, "cut the file where its subject changes");
}

#[test]
fn every_rust_file_opens_with_its_promise() {
    let wrong: Vec<String> = rust()
        .iter()
        .filter(|file| !file.text.trim_start_matches("#!").starts_with("//!"))
        .map(|file| format!("{}: does not begin with //!", file.path))
        .collect();
    none(&wrong, "say in the first line what the file promises");
}

#[test]
fn there_is_no_drawer_for_odds_and_ends() {
    const DRAWERS: [&str; 3] = ["util.rs", "utils.rs", "misc.rs"];
    let in_drawer = |path: &str| DRAWERS.iter().any(|name| path.rsplit('/').next() == Some(name));
    let wrong: Vec<String> = rust().iter().map(|file| file.path.clone()).filter(|path| in_drawer(path)).collect();
    none(&wrong, "name the file after what is in it");
}

/// Cargo reads roots itself; every other file must be declared by the module above it.
#[test]
fn every_rust_file_is_part_of_something() {
    let all = rust();
    let text_of = |path: &str| all.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let manifests: String = files().iter().filter(|f| f.path.ends_with("Cargo.toml")).map(|f| f.text.clone()).collect();
    let declared_by_path = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let end = path.split_once('/').map_or(path, |(_, end)| end);
        manifests.contains(&format!("{end}\""))
            || all.iter().any(|file| file.text.contains("path = \"") && file.text.contains(&format!("{name}\"]")))
    };
    let mut wrong = Vec::new();
    for file in &all {
        let path = file.path.as_str();
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if matches!(name, "main.rs" | "lib.rs" | "build.rs") || declared_by_path(path) {
            continue;
        }
        let (home, module) = match name {
            "mod.rs" => folder.rsplit_once('/').unwrap_or(("", folder)),
            _ => (folder, name.trim_end_matches(".rs")),
        };
        let parents =
            [format!("{home}/mod.rs"), format!("{home}.rs"), format!("{home}/lib.rs"), format!("{home}/main.rs")];
        let line = format!("mod {module};");
        let declares = |text: &str| text.lines().any(|l| l.trim_start_matches("pub ").ends_with(&line));
        if !parents.iter().filter_map(|parent| text_of(parent)).any(declares) {
            wrong.push(format!("{path}: nobody declares it with `{line}`"));
        }
    }
    none(&wrong, "declare the file in the module above it, or delete it");
}

#[test]
fn the_top_level_is_the_users() {
    let mut wrong = Vec::new();
    let known: BTreeSet<&str> = TOP_LEVEL.into_iter().collect();
    for entry in std::fs::read_dir(root()).expect("the root") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if !known.contains(name.as_str()) && !name.starts_with('.') && name != "target" {
            wrong.push(name);
        }
    }
    none(&wrong, "put it into one of the folders that are there");
}

#[test]
fn every_key_has_its_row() {
    let mut wrong = Vec::new();
    let table = std::fs::read_to_string(root().join("src/api/mod.rs")).expect("the table");
    let start = table.find("\ntable! {").expect("the one table of keys");
    let rows = &table[start..];
    let rows = &rows[..rows.find("\n}").expect("its end")];
    for file in rust().iter().filter(|file| file.path.starts_with("src/api/")) {
        let module = file.path.trim_start_matches("src/api/").split('/').next().unwrap_or_default();
        let module = module.trim_end_matches(".rs");
        let in_table = rows.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == module);
        if file.text.lines().any(|line| line.starts_with("impl") && line.contains(" Api for ")) && !in_table {
            wrong.push(format!("{}: a key without a row in the table", file.path));
        }
    }
    none(&wrong, "add the row to table! in src/api/mod.rs");
}
