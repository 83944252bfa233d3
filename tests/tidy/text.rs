//! What must not stay in a text: notes to oneself, switched-off tests, paths of one machine.

use crate::none;
use crate::tree::{files, root};

/// In two parts each, so that this file does not find itself.
const MARKS: [(&str, &str); 11] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X"),
    ("to", "do!("),
    ("unimple", "mented!("),
    ("db", "g!("),
    ("#[ign", "ore"),
    ("allow(dead", "_code)"),
    ("allow(un", "used"),
    ("<<<<", "<<< "),
    (">>>>", ">>> "),
];

fn find(marks: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files() {
        if file.path == "Cargo.lock" {
            continue;
        }
        for (at, line) in file.text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| has_word(line, mark)) {
                wrong.push(format!("{}:{}: {mark}", file.path, at + 1));
            }
        }
    }
    wrong
}

/// `mark` in `line`, not as a part of a longer word.
fn has_word(line: &str, mark: &str) -> bool {
    let edge = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(mark).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + mark.len()..]);
        edge(before.chars().next_back()) && (!mark.ends_with(char::is_alphanumeric) || edge(after.chars().next()))
    })
}

#[test]
fn nothing_is_left_for_later() {
    let marks: Vec<String> = MARKS.iter().map(|(a, b)| format!("{a}{b}")).collect();
    none(&find(&marks), "do it now, or open an issue");
}

/// A path that exists only where somebody wrote the code: a home, or the folder of this very checkout.
#[test]
fn no_path_of_one_machine() {
    let mut marks = vec![["/ho", "me/"].concat(), ["/Us", "ers/"].concat()];
    const ORDINARY: [&str; 12] =
        ["home", "Users", "root", "tmp", "var", "opt", "usr", "srv", "mnt", "data", "src", "build"];
    let first = root().components().nth(1).and_then(|part| part.as_os_str().to_str()).unwrap_or_default();
    if first.len() >= 4 && !ORDINARY.contains(&first) {
        marks.push(format!("/{first}/"));
    }
    none(&find(&marks), "write the path relative to the repository, or take it from the environment");
}

#[test]
fn marks_are_words() {
    assert!(has_word("// FOO: later", "FOO"));
    assert!(!has_word("FOOD", "FOO") && !has_word("AFOO", "FOO"));
    assert!(has_word("x = bar!(1)", "bar!("));
}
