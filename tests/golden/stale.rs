//! `messages.txt` and `schema.txt` are made by Apache Kafka's own classes; with its jars at hand they are made again.

use crate::lines::{Job, LISTS, with_type};
use kq::api::TABLE;
use kq::wire::Message;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What to do when the files do not match.
pub const HINT: &str = "run: UPDATE_EXPECT=1 KAFKA_JARS=<folder of Apache Kafka's jars> cargo test --test golden";

struct Name;

impl<'a> Job<'a> for Name {
    type Output = &'static str;
    fn run<M: Message<'a>>(self) -> &'static str {
        M::NAME
    }
}

/// What `Golden.java` shall print: `kind:key:Name:first:last`.
fn wanted() -> Vec<String> {
    let mut wanted = vec!["header:0:RequestHeader:1:2".to_owned(), "header:1:ResponseHeader:0:1".to_owned()];
    for row in TABLE {
        let (first, last) = row.served;
        wanted.push(format!("request:{}:{}Request:{first}:{last}", row.key, row.name));
        wanted.push(format!("response:{}:{}Response:{first}:{last}", row.key, row.name));
    }
    for (kind, keys) in LISTS {
        for key in keys {
            let name = with_type(kind, *key, Name).expect("it is in the list");
            wanted.push(format!("{}:{key}:{name}:0:{}", kind.name(), i16::MAX));
        }
    }
    wanted
}

/// `java` with Kafka's jars and a program of this folder; `None` (and a word about it) where there are no jars.
pub fn kafka(program: &str) -> Option<Command> {
    let Some(jars) = std::env::var_os("KAFKA_JARS") else {
        eprintln!("KAFKA_JARS is not set: the committed files are taken as they are");
        return None;
    };
    let mut java = Command::new("java");
    java.arg("-cp").arg(PathBuf::from(jars).join("*")).arg(here().join(program));
    Some(java)
}

/// What a program printed.
pub fn golden_java(output: Output) -> String {
    assert!(output.status.success(), "java failed:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn the_committed_files_are_what_kafka_says() {
    let Some(mut java) = kafka("Golden.java") else { return };
    let made = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden");
    std::fs::create_dir_all(&made).expect("the folder for made files");
    golden_java(java.arg(&made).args(wanted()).output().expect("java must be installed where KAFKA_JARS is set"));
    for name in ["messages.txt", "schema.txt"] {
        let fresh = std::fs::read(made.join(name)).expect("Golden.java wrote it");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(here().join(name), &fresh).expect("the committed file can be written");
        }
        let kept = std::fs::read(here().join(name)).expect("the committed file is there");
        assert!(kept == fresh, "tests/golden/{name} is stale; {HINT}");
    }
}
