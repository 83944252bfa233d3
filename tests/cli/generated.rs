//! Completions and man pages are what the commands say, and every command explains itself.

use crate::screen::{kq, scratch};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FIX: &str = "run: rm -r completions; cargo run --bin kq -- generate completions";

fn files(dir: &Path, below: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), below.join(entry.file_name()));
        if path.is_dir() {
            files(&path, &name, found);
        } else {
            found.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn completions_and_man_pages_are_fresh() {
    let fresh = scratch("generated");
    assert!(kq("none").arg("generate").arg(&fresh).status().unwrap().success());
    let (mut have, mut want) = (BTreeMap::new(), BTreeMap::new());
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../completions"), Path::new(""), &mut have);
    files(&fresh, Path::new(""), &mut want);
    assert_eq!(have.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>(), "{FIX}");
    for (name, text) in &want {
        assert!(have[name] == *text, "completions/{} is stale; {FIX}", name.display());
    }
}

#[test]
fn every_command_explains_itself() {
    let output = kq("none").arg("--help-json").output().unwrap();
    let tree: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut silent = Vec::new();
    walk(&tree, "", &mut silent);
    assert!(silent.is_empty(), "without help: {silent:?}");
    let output = kq("none").args(["topic", "create", "--help-json"]).output().unwrap();
    let tree: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(tree["name"], "create");
}

/// Collects commands and flags without a word of help.
fn walk(command: &serde_json::Value, path: &str, silent: &mut Vec<String>) {
    let path = format!("{path} {}", command["name"].as_str().unwrap_or("?"));
    let is_empty = |value: &serde_json::Value| value.as_str().is_none_or(str::is_empty);
    if is_empty(&command["about"]) {
        silent.push(path.clone());
    }
    for flag in command["flags"].as_array().into_iter().flatten() {
        if is_empty(&flag["help"]) {
            silent.push(format!("{path} {}", flag["id"]));
        }
    }
    for sub in command["commands"].as_array().into_iter().flatten() {
        walk(sub, &path, silent);
    }
}
