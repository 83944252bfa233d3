//! The files of the repository, without what is built or fetched.

use std::fs;
use std::path::{Path, PathBuf};

const SKIPPED: [&str; 4] = ["target", ".git", ".cache", "__pycache__"];

/// One text file.
pub struct File {
    /// From the root, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl File {
    /// The end of the name: `rs`, `toml`; empty when there is none.
    pub fn ending(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(_, ending)| ending)
    }

    /// True for files that people write line by line: code, scripts, documents.
    pub fn is_source(&self) -> bool {
        matches!(self.ending(), "rs" | "py" | "java" | "sh" | "md") || self.path == "tests/run"
    }
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All text files, by path.
pub fn files() -> Vec<File> {
    let mut found = Vec::new();
    collect(root(), &mut found);
    let mut files: Vec<File> = found
        .into_iter()
        .filter_map(|path| {
            let text = String::from_utf8(fs::read(&path).ok()?).ok()?;
            let path = path.strip_prefix(root()).ok()?.to_str()?.replace('\\', "/");
            Some(File { path, text })
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 50, "tidy sees only {} files", files.len());
    files
}

/// All Rust files, by path.
pub fn rust() -> Vec<File> {
    files().into_iter().filter(|file| file.ending() == "rs").collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let entry = entry.expect("a readable entry");
        let name = entry.file_name();
        let kind = entry.file_type().expect("a kind");
        if SKIPPED.iter().any(|skipped| name == *skipped) || kind.is_symlink() {
            continue;
        }
        if kind.is_dir() { collect(&entry.path(), found) } else { found.push(entry.path()) }
    }
}

/// Rust without comments and without what stands in quotes, line by line: enough to look for names in.
pub fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let mut quoted = false;
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if quoted => {
                    chars.next();
                }
                '\'' if !quoted && chars.peek() == Some(&'"') => {
                    chars.next();
                }
                '"' => quoted = !quoted,
                '/' if !quoted && chars.peek() == Some(&'/') => break,
                other if !quoted => out.push(other),
                _ => {}
            }
        }
        out.push('\n');
    }
    out
}

#[test]
fn code_leaves_comments_and_quotes_out() {
    assert_eq!(code("a // b\nc(\"d // \\\" e\") f\n/// g"), "a \nc() f\n\n");
}
