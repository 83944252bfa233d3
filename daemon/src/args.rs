//! The command line: kqd's own flags, and the shape of Kafka's start script (`server.properties --override key=value`).

use kq::config::{BrokerSettings, ConfigError, Entry, parse_properties, parse_toml};
use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` prints.
pub const HELP: &str = "\
kqd: a broker that Kafka clients use unchanged

Usage: kqd [OPTIONS] [FILE]

  FILE                     the configuration, as --config
  --config FILE            server.toml, or an existing Kafka server.properties; without one the defaults hold
  --override KEY=VALUE     set one setting over the file's value; may be given several times
  --data-dir DIR           short for --override log.dirs=DIR
  --ready                  print one line on stdout once clients may come:
                           READY NAME://HOST:PORT[,NAME://HOST:PORT...] http=HOST:PORT (or http=off)
  --quiet                  notes go to server.log only, not to stderr as well
  --debug                  write notes of level DEBUG too
  --exit-with-parent       stop (as with SIGTERM) when the process that started this one ends
  --version                print the version
  --help                   print this

SIGTERM and SIGINT stop cleanly; a second one stops at once.
Exit codes: 0 stopped cleanly, 1 could not start or failed, 2 wrong usage or configuration.
";

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// Settings over the file's: key and value.
    pub overrides: Vec<(String, String)>,
    /// Print a line when clients may come.
    pub ready_line: bool,
    /// Keep stderr for errors at the start.
    pub quiet: bool,
    /// Write debug notes.
    pub debug: bool,
    /// Stop when the parent process ends.
    pub exit_with_parent: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run the broker.
    Run(Options),
    /// Print a text and leave.
    Print(String),
}

/// Reads the arguments, without the program's name.
///
/// # Errors
/// One line for stderr.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let text = arg.to_str().unwrap_or("");
        let (flag, inline) = match text.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(OsString::from(value))),
            _ => (text, None),
        };
        let mut value = || inline.clone().or_else(|| args.next()).ok_or_else(|| format!("{flag} needs a value"));
        match flag {
            "--help" | "-h" => return Ok(Command::Print(HELP.to_owned())),
            "--version" | "-V" => return Ok(Command::Print(format!("kqd {}\n", env!("CARGO_PKG_VERSION")))),
            "--config" => set_config(&mut options, value()?.into())?,
            "--override" => options.overrides.push(pair(value()?)?),
            "--data-dir" => {
                let dir = value()?.into_string().map_err(|_| "--data-dir must be UTF-8".to_owned())?;
                options.overrides.push(("log.dirs".to_owned(), dir));
            }
            "--ready" => options.ready_line = true,
            "--quiet" => options.quiet = true,
            "--debug" => options.debug = true,
            "--exit-with-parent" => options.exit_with_parent = true,
            _ if text.starts_with('-') && text.len() > 1 => return Err(format!("unknown option {text}")),
            _ => set_config(&mut options, arg.into())?,
        }
    }
    Ok(Command::Run(options))
}

fn set_config(options: &mut Options, file: PathBuf) -> Result<(), String> {
    match options.config.replace(file) {
        None => Ok(()),
        Some(first) => Err(format!("two configuration files: {} came first", first.display())),
    }
}

fn pair(value: OsString) -> Result<(String, String), String> {
    let text = value.into_string().map_err(|_| "--override must be UTF-8".to_owned())?;
    let (key, value) = text.split_once('=').ok_or_else(|| format!("--override {text}: expected KEY=VALUE"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// Reads the file and puts the overrides over it. Returns the settings and what the log should say about them.
///
/// # Errors
/// One line: the file and line, what is wrong, and what to do.
pub fn settings(options: &Options) -> Result<(BrokerSettings, Vec<String>), String> {
    let mut entries = Vec::new();
    let mut place = String::new();
    if let Some(file) = &options.config {
        place = format!("{}: ", file.display());
        let text = std::fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
        let parse = if file.extension().is_some_and(|ext| ext == "toml") { parse_toml } else { parse_properties };
        entries = parse(&text).map_err(|error| format!("{place}{error}"))?;
    }
    for (key, value) in &options.overrides {
        entries.retain(|entry: &Entry| !replaces(key, &entry.key));
        entries.push(Entry { line: 0, key: key.clone(), value: value.clone() });
    }
    let from_override = |text: &str| text.strip_prefix("line 0: ").map(|rest| format!("--override: {rest}"));
    let told = |text: String| from_override(&text).unwrap_or_else(|| format!("{place}{text}"));
    match BrokerSettings::load(&entries) {
        Ok((settings, notes)) => Ok((settings, notes.into_iter().map(told).collect())),
        Err(error) => Err(told(ConfigError::to_string(&error))),
    }
}

/// Whether a value given for `key` takes the place of the file's `other`.
fn replaces(key: &str, other: &str) -> bool {
    let same = |a: &str, b: &str| (key == a && other == b) || (key == b && other == a);
    key == other || same("log.dir", "log.dirs") || same("node.id", "broker.id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Result<Options, String> {
        match parse(args.iter().map(OsString::from))? {
            Command::Run(options) => Ok(options),
            Command::Print(text) => Err(text),
        }
    }

    #[test]
    fn kafkas_shape_and_ours() {
        let options = run(&["server.properties", "--override", "a=b=c", "--override=x = y", "--ready"]).unwrap();
        assert_eq!(options.config, Some("server.properties".into()));
        assert_eq!(options.overrides, [("a".into(), "b=c".into()), ("x".into(), "y".into())]);
        assert!(options.ready_line && !options.quiet);
        assert_eq!(run(&["--config=a.toml"]).unwrap().config, Some("a.toml".into()));
        assert_eq!(run(&["--data-dir", "/d"]).unwrap().overrides, [("log.dirs".into(), "/d".into())]);
        assert_eq!(run(&["--override"]), Err("--override needs a value".into()));
        assert_eq!(run(&["--override", "a"]), Err("--override a: expected KEY=VALUE".into()));
        assert_eq!(run(&["--wat"]), Err("unknown option --wat".into()));
        assert_eq!(run(&["a", "--config", "b"]), Err("two configuration files: a came first".into()));
        assert_eq!(run(&["--version"]), Err(format!("kqd {}\n", env!("CARGO_PKG_VERSION"))));
    }

    #[test]
    fn overrides_win_and_errors_say_where() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("server.properties");
        std::fs::write(&file, "num.partitions=3\nlog.dir=/a\nnode.id=4\n").unwrap();
        let mut options = Options { config: Some(file.clone()), ..Options::default() };
        options.overrides = vec![("log.dirs".into(), "/b".into()), ("broker.id".into(), "7".into())];
        let (settings, _) = settings(&options).unwrap();
        assert_eq!((settings.num_partitions, settings.node_id), (3, 7));
        assert_eq!(settings.log_dirs, ["/b"]);
        options.overrides = vec![("num.partitons".into(), "1".into())];
        let why = super::settings(&options).unwrap_err();
        assert_eq!(why, "--override: unknown setting num.partitons (hint: did you mean num.partitions?)");
        std::fs::write(&file, "\nnum.partitions=x\n").unwrap();
        options.overrides.clear();
        let why = super::settings(&options).unwrap_err();
        assert!(why.starts_with(&format!("{}: line 2: ", file.display())), "{why}");
    }
}
