//! The shape of the house, checked: floors, sizes, forgotten files, marks that must not stay, what the core depends on.

#![allow(clippy::disallowed_methods, reason = "it reads the repository's files")]

mod core;
mod files;
mod floors;
mod text;
mod tree;

/// Fails with one line for each thing that is wrong.
fn none(wrong: &[String], what_next: &str) {
    assert!(wrong.is_empty(), "\n  {}\n  what next: {what_next}\n", wrong.join("\n  "));
}
