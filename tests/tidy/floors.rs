//! In `src/`, imports only go down. The floors are read from the map in `src/lib.rs`, so that the map stays true.

use crate::none;
use crate::tree::{code, root, rust};
use std::collections::{BTreeMap, BTreeSet};

/// Rooms of this floor are machines: they do not know each other.
const MACHINES: u32 = 3;

/// Room to floor, from lines like ` 6  node  client      the doors`.
fn floors() -> BTreeMap<String, u32> {
    let map = std::fs::read_to_string(root().join("src/lib.rs")).expect("the map");
    let mut floors = BTreeMap::new();
    for line in map.lines().filter_map(|line| line.strip_prefix("//!  ")) {
        let Some((floor, rest)) = line.split_once("  ") else { continue };
        let Ok(floor) = floor.trim().parse::<u32>() else { continue };
        let names = rest.split("   ").next().unwrap_or_default();
        floors.extend(names.split_whitespace().map(|name| (name.to_owned(), floor)));
    }
    floors
}

/// The room of a file in `src/`: its first folder, or its own name.
fn room(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let room = inside.split('/').next()?;
    Some(room.strip_suffix(".rs").unwrap_or(room)).filter(|room| *room != "lib")
}

/// The rooms that a text names as `crate::room` or in `crate::{room, …}`.
fn named(code: &str) -> BTreeSet<String> {
    let ident = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        if code[..at].ends_with(['$', ':']) {
            continue;
        }
        let rest = &code[at + start.len()..];
        match rest.strip_prefix('{') {
            None => {
                rooms.insert(ident(rest));
            }
            Some(group) => {
                let mut depth = 0;
                let mut begins = true;
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => begins = true,
                        c if begins && !c.is_whitespace() => {
                            rooms.insert(ident(&group[at..]));
                            begins = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    rooms
}

#[test]
fn imports_only_go_down() {
    let floors = floors();
    let mut wrong = Vec::new();
    for file in rust() {
        let Some(room) = room(&file.path) else { continue };
        let Some(floor) = floors.get(room) else {
            wrong.push(format!("{}: the room {room} has no floor in src/lib.rs", file.path));
            continue;
        };
        for other in named(&code(&file.text)) {
            let Some(other_floor) = floors.get(&other) else { continue };
            let same = other == room;
            if other_floor > floor || (!same && other_floor == floor && *floor == MACHINES) {
                wrong.push(format!("{}: {room} (floor {floor}) imports {other} (floor {other_floor})", file.path));
            }
        }
    }
    none(&wrong, "move the code down a floor, or let the room above pass what is needed");
}

#[test]
fn the_map_can_be_read() {
    let floors = floors();
    assert_eq!(floors.get("node"), Some(&6));
    assert_eq!(floors.get("replica"), Some(&3));
    assert_eq!(floors.get("error"), Some(&0));
    assert!(floors.len() >= 17, "{floors:?}");
    let rooms =
        named("use crate::wire::{Field, Str};\nuse crate::{\n error::X,\n log,\n};\ncrate::types::A; $crate::wire");
    assert_eq!(rooms.into_iter().collect::<Vec<_>>(), ["error", "log", "types", "wire"]);
}
