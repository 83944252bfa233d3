//! Everything the user sees. stdout is data, stderr is the story.
//!
//! Rows are declared once ([`Column`]) and shown as table, wide table, JSON, YAML, TSV, or as their own description
//! (`-o schema`). JSON stands in the envelope `{"kq":1,"command":"topic.list","data":…}`, with `"error"` beside it when
//! the command failed: stdout is valid JSON either way. A reader that goes away ends the command quietly.

mod column;
mod progress;
mod text;

pub use column::{Column, Section, section};
pub use progress::Progress;

#[cfg(test)]
pub use text::table as text_table;

use crate::failure::Failure;
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use std::io::{self, BufWriter, IsTerminal, Write};

/// The form of what goes to stdout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Format {
    /// Aligned columns
    #[default]
    Table,
    /// Aligned columns, all of them
    Wide,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
    /// Tab-separated, no heading, for cut and awk
    Tsv,
    /// What the output consists of
    Schema,
}

/// When to use colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How much of the story is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Loudness {
    /// Errors only.
    Quiet,
    /// Notices too.
    #[default]
    Normal,
    /// What is done, too.
    Verbose,
    /// Every request, too.
    Chatty,
}

/// What the flags say about output.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Form of stdout.
    pub format: Format,
    /// Colours.
    pub color: Color,
    /// The story's detail.
    pub loudness: Loudness,
}

/// The user, as a command sees them.
pub struct Ui {
    command: &'static str,
    settings: Settings,
    out: BufWriter<io::Stdout>,
    documents: Option<Value>,
}

/// The code of the failure that is none: whoever read stdout has enough (`kq … | head`).
const NO_READER: &str = "NO_READER";

/// What a command that writes to stdout itself passes up when its reader is gone: it ends quietly.
pub fn no_reader() -> Failure {
    Failure::new(NO_READER, "nobody reads standard output any more")
}

/// Whether stdout still has a reader: passed up so that a command cleans up after itself, then ends quietly.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(no_reader()),
        Err(error) => Err(Failure::new("STDOUT", "cannot write to standard output").because(error)),
    }
}

impl Ui {
    /// The user of `command` (its dotted name, as the JSON envelope has it).
    pub fn new(command: &'static str, settings: Settings) -> Self {
        Ui { command, settings, out: BufWriter::with_capacity(64 << 10, io::stdout()), documents: None }
    }

    /// The form asked for.
    pub fn format(&self) -> Format {
        self.settings.format
    }

    /// Whether stdout carries a table or text for people.
    pub fn is_for_people(&self) -> bool {
        matches!(self.settings.format, Format::Table | Format::Wide)
    }

    /// True for `-o schema`: the command is described, not run.
    pub fn wants_schema(&self) -> bool {
        self.settings.format == Format::Schema
    }

    /// Shows all columns where a table was asked for: a command's `--detailed`.
    pub fn widen(&mut self) {
        if self.settings.format == Format::Table {
            self.settings.format = Format::Wide;
        }
    }

    /// How much of the story is told.
    pub fn loudness(&self) -> Loudness {
        self.settings.loudness
    }

    /// Rows of one kind.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn rows<T>(&mut self, columns: &[Column<T>], rows: &[T]) -> Result<(), Failure> {
        let section = section("", columns, rows);
        match self.settings.format {
            Format::Json | Format::Yaml => self.document(section.to_json()),
            Format::Table | Format::Wide => {
                let wide = self.settings.format == Format::Wide;
                let text = text::table(&section, wide, self.colored(&io::stdout()));
                self.text(&text)
            }
            Format::Tsv => self.text(&text::tsv(&section)),
            Format::Schema => self.text(&text::schema(&section)),
        }
    }

    /// Rows of several kinds, each under its name.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn sections(&mut self, sections: &[Section]) -> Result<(), Failure> {
        match self.settings.format {
            Format::Json | Format::Yaml => {
                let all: Map<String, Value> = sections.iter().map(|s| (s.name.clone(), s.to_json())).collect();
                self.document(Value::Object(all))
            }
            Format::Table | Format::Wide => {
                let wide = self.settings.format == Format::Wide;
                let color = self.colored(&io::stdout());
                for (index, section) in sections.iter().enumerate() {
                    let gap = if index == 0 { "" } else { "\n" };
                    let title = section.name.to_uppercase();
                    let line = "=".repeat(title.len());
                    self.text(&format!("{gap}{title}\n{line}\n{}", text::table(section, wide, color)))?;
                }
                Ok(())
            }
            Format::Tsv => {
                for section in sections {
                    for line in text::tsv(section).lines() {
                        self.text(&format!("{}\t{line}\n", section.name))?;
                    }
                }
                Ok(())
            }
            Format::Schema => {
                for section in sections {
                    self.text(&format!("{}:\n{}", section.name, text::schema(section)))?;
                }
                Ok(())
            }
        }
    }

    /// Text or bytes as they are, to stdout.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Bytes as they are, to stdout.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        written(self.out.write_all(bytes))
    }

    /// Sends what was written so far on its way.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn flush(&mut self) -> Result<(), Failure> {
        written(self.out.flush())
    }

    /// The data of the JSON or YAML document, printed when the command ends.
    ///
    /// # Errors
    /// None today; it writes to stdout in other formats.
    pub fn document(&mut self, data: Value) -> Result<(), Failure> {
        self.documents = Some(data);
        Ok(())
    }

    /// A notice: what happened, to stderr.
    pub fn note(&self, text: impl AsRef<str>) {
        if self.settings.loudness >= Loudness::Normal {
            eprintln!("{}", text.as_ref());
        }
    }

    /// Something to be careful about, to stderr.
    pub fn warn(&self, text: impl AsRef<str>) {
        if self.settings.loudness >= Loudness::Normal {
            eprintln!("{} {}", self.painted("33", "warning:"), text.as_ref());
        }
    }

    /// What is being done, to stderr with -v.
    pub fn detail(&self, text: impl AsRef<str>) {
        if self.settings.loudness >= Loudness::Verbose {
            eprintln!("{}", self.painted("2", text.as_ref()));
        }
    }

    /// An error that does not end the command, to stderr.
    pub fn error(&self, failure: &Failure) {
        eprintln!("{} {}", self.painted("1;31", "error:"), failure.message);
        for cause in &failure.causes {
            eprintln!("  cause: {cause}");
        }
        if let Some(hint) = &failure.hint {
            eprintln!("  {}  {hint}", self.painted("36", "hint:"));
        }
    }

    /// A progress display on stderr: a bar when it is a terminal, else nothing.
    pub fn progress(&self, what: &str, total: u64) -> Progress {
        Progress::new(what, total, self.settings.loudness > Loudness::Quiet && io::stderr().is_terminal())
    }

    /// Asks before something that cannot be undone. The default is no.
    ///
    /// # Errors
    /// A usage failure where nobody can answer, or when the answer is no.
    pub fn confirm(&mut self, question: &str) -> Result<(), Failure> {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(Failure::usage(format!("{question}: refused, as nobody can be asked here"))
                .hint("add -y to go ahead without being asked"));
        }
        eprint!("{question} [y/N] ");
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        match read {
            Ok(_) if matches!(line.trim(), "y" | "Y" | "yes") => Ok(()),
            _ => Err(Failure::usage("not done: the answer was no")),
        }
    }

    /// Ends the command: prints what is left, and the failure. Returns the exit code.
    pub fn finish(mut self, result: Result<(), Failure>) -> u8 {
        let quiet = |result: Result<(), Failure>| match result {
            Err(failure) if failure.code == NO_READER => Ok(()),
            result => result,
        };
        let result = quiet(result.and_then(|()| self.flush()));
        if let Err(failure) = &result {
            self.error(failure);
        }
        let mut code = result.as_ref().err().map_or(0, |failure| failure.kind.exit_code());
        if let Err(failure) = quiet(self.envelope(result.err()).and_then(|()| self.flush())) {
            self.error(&failure);
            code = failure.kind.exit_code();
        }
        code
    }

    fn envelope(&mut self, failure: Option<Failure>) -> Result<(), Failure> {
        let format = self.settings.format;
        if !matches!(format, Format::Json | Format::Yaml) || (self.documents.is_none() && failure.is_none()) {
            return Ok(());
        }
        let mut document = json!({ "kq": 1, "command": self.command });
        if let Value::Object(fields) = &mut document {
            if let Some(data) = self.documents.take() {
                fields.insert("data".into(), data);
            }
            if let Some(failure) = failure {
                fields.insert("error".into(), failure.to_json());
            }
        }
        match format {
            Format::Json => self.text(&format!("{document:#}\n")),
            _ => self.text(&text::yaml(&document)),
        }
    }

    fn colored(&self, stream: &impl IsTerminal) -> bool {
        match self.settings.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.colored(&io::stderr()) { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }
}
