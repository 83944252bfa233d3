//! `kq profile`: named clusters, so that `-b` need not be typed.

use super::{Ctx, perform};
use crate::args::{ConnectArgs, OutputArgs, key_value};
use crate::failure::Failure;
use crate::kafka::{KNOWN, Settings, parse_seeds};
use crate::profile::{Profile, Profiles, path};
use crate::ui::{Column, Ui};
use clap::Subcommand;
use serde_json::json;

/// What to do with profiles.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Make a profile, or replace one; the first one is used from then on
    #[command(after_help = "Example:\n  kq profile create prod -b kq1:9092,kq2:9092 -X client.id=ops")]
    Create {
        /// Its name
        name: String,
        /// Brokers to start from; several with commas
        #[arg(short = 'b', long = "bootstrap-server", value_name = "HOST:PORT")]
        bootstrap_server: Option<String>,
        /// A client setting by its Kafka name; repeat for more
        #[arg(short = 'X', value_name = "K=V")]
        settings: Vec<String>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Use a profile from now on
    Use {
        /// Its name
        name: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List profiles
    #[command(alias = "ls")]
    List {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print the settings of a profile, or all that are in force and where they come from
    Print {
        /// Its name [default: the one in use]
        name: Option<String>,
        /// Every setting in force with its origin
        #[arg(long)]
        resolved: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Open the profiles in $EDITOR
    Edit {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Delete a profile
    #[command(alias = "rm")]
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        output: OutputArgs,
    },
}

impl Verb {
    /// Runs it and returns the exit code.
    pub fn run(self, _ctx: &Ctx) -> u8 {
        match self {
            Verb::Create { name, bootstrap_server, settings, output } => {
                perform("profile.create", output.settings(), |ui| create(ui, &name, bootstrap_server, &settings))
            }
            Verb::Use { name, output } => perform("profile.use", output.settings(), |ui| choose(ui, &name)),
            Verb::List { output } => perform("profile.list", output.settings(), list),
            Verb::Print { name, resolved, output } => perform("profile.print", output.settings(), |ui| {
                if resolved { print_resolved(ui, name) } else { print(ui, name) }
            }),
            Verb::Edit { output } => perform("profile.edit", output.settings(), edit),
            Verb::Delete { name, output } => perform("profile.delete", output.settings(), |ui| delete(ui, &name)),
        }
    }
}

type Listed = (String, Profile, bool);

const COLUMNS: &[Column<Listed>] = &[
    Column::new("name", "string: its name", |r| json!(r.0)),
    Column::new("current", "boolean: in use", |r| json!(r.2)),
    Column::new("bootstrap_server", "string or null: where to start", |r| json!(r.1.bootstrap_server)),
    Column::wide("settings", "object: client settings by Kafka's names", |r| json!(r.1.settings)),
];

struct Resolved {
    name: &'static str,
    value: String,
    from: String,
}

const RESOLVED: &[Column<Resolved>] = &[
    Column::new("name", "string: the client setting", |r| json!(r.name)),
    Column::new("value", "string: its value", |r| json!(r.value)),
    Column::new("origin", "string: flag, -X, env, profile, file, or default", |r| json!(r.from)),
];

fn unknown(profiles: &Profiles, name: &str) -> Failure {
    let known = profiles.profiles.keys().cloned().collect::<Vec<_>>().join(", ");
    let failure = Failure::new("UNKNOWN_PROFILE", format!("no profile named {name}"));
    match known.as_str() {
        "" => failure.hint("`kq profile create NAME -b HOST:PORT` makes one"),
        known => failure.hint(format!("there are: {known}")),
    }
}

fn create(ui: &mut Ui, name: &str, servers: Option<String>, settings: &[String]) -> Result<(), Failure> {
    if let Some(servers) = &servers {
        parse_seeds(servers)?;
    }
    let mut profile = Profile { bootstrap_server: servers, ..Default::default() };
    for text in settings {
        let (key, value) = key_value("-X", text)?;
        if !KNOWN.iter().any(|known| known.name == key) {
            return Err(Failure::usage(format!("-X {key}: no such client setting"))
                .hint("`kq profile create -X list` shows them"));
        }
        profile.settings.insert(key.to_string(), value.to_string());
    }
    let mut profiles = Profiles::load()?;
    profiles.profiles.insert(name.to_string(), profile);
    let current = profiles.current.get_or_insert_with(|| name.to_string()).clone();
    profiles.save()?;
    let next = if current == name { "it is in use now".into() } else { format!("`kq profile use {name}` uses it") };
    ui.note(format!("profile {name} written to {}; {next}", path().display()));
    Ok(())
}

fn choose(ui: &mut Ui, name: &str) -> Result<(), Failure> {
    let mut profiles = Profiles::load()?;
    if !profiles.profiles.contains_key(name) {
        return Err(unknown(&profiles, name));
    }
    profiles.current = Some(name.to_string());
    profiles.save()?;
    ui.note(format!("profile {name} is in use now"));
    Ok(())
}

fn list(ui: &mut Ui) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let profiles = Profiles::load()?;
    let row =
        |(name, profile): (&String, &Profile)| (name.clone(), profile.clone(), profiles.current.as_ref() == Some(name));
    ui.rows(COLUMNS, &profiles.profiles.iter().map(row).collect::<Vec<_>>())
}

fn print(ui: &mut Ui, name: Option<String>) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let profiles = Profiles::load()?;
    let Some(name) = name.or_else(|| profiles.current.clone()) else {
        return Err(
            Failure::new("UNKNOWN_PROFILE", "no profile is in use").hint("`kq profile list` shows what there is")
        );
    };
    let profile = profiles.profiles.get(&name).ok_or_else(|| unknown(&profiles, &name))?;
    ui.widen();
    ui.rows(COLUMNS, &[(name.clone(), profile.clone(), profiles.current.as_ref() == Some(&name))])
}

fn print_resolved(ui: &mut Ui, name: Option<String>) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(RESOLVED, &[]);
    }
    let args = ConnectArgs { cluster: name, ..Default::default() };
    let settings = Settings::resolve(&args, None, &Profiles::load()?)?;
    let row = |known: &crate::kafka::Known| match settings.all.get(known.name) {
        Some(origin) => Resolved { name: known.name, value: origin.value.clone(), from: origin.from.clone() },
        None => Resolved { name: known.name, value: known.default.into(), from: "default".into() },
    };
    ui.rows(RESOLVED, &KNOWN.iter().map(row).collect::<Vec<_>>())
}

fn edit(ui: &mut Ui) -> Result<(), Failure> {
    let editor =
        ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".into());
    let path = path();
    if !path.exists() {
        Profiles::default().save()?;
    }
    let failed = || Failure::new("EDITOR", format!("cannot edit {} with {editor}", path.display())).hint("set $EDITOR");
    let mut words = editor.split_whitespace();
    let program = words.next().ok_or_else(failed)?;
    let status = std::process::Command::new(program).args(words).arg(&path).status();
    let status = status.map_err(|error| failed().because(error))?;
    if !status.success() {
        return Err(failed().because(status));
    }
    Profiles::load()?;
    ui.note(format!("{} is well-formed", path.display()));
    Ok(())
}

fn delete(ui: &mut Ui, name: &str) -> Result<(), Failure> {
    let mut profiles = Profiles::load()?;
    if profiles.profiles.remove(name).is_none() {
        return Err(unknown(&profiles, name));
    }
    if profiles.current.as_deref() == Some(name) {
        profiles.current = None;
    }
    profiles.save()?;
    ui.note(format!("profile {name} deleted"));
    Ok(())
}
