//! The command tree as others need it: JSON, completions, man pages.

use crate::failure::Failure;
use crate::ui::Ui;
use clap::Command;
use clap_complete::Shell;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Print a shell's completion script
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  source <(kq completion bash)\n  kq completion zsh > ~/.zfunc/_kq\n  kq completion fish > ~/.config/fish/completions/kq.fish"
)]
pub struct CompletionArgs {
    /// bash, zsh, fish, powershell, elvish
    #[arg(value_enum)]
    shell: Shell,
}

/// Write completions and man pages into a directory
#[derive(clap::Args, Debug)]
pub struct GenerateArgs {
    /// Where to
    dir: PathBuf,
}

/// The command as JSON: name, about, flags, subcommands; hidden ones left out.
pub fn to_json(command: &Command) -> Value {
    let flags: Vec<Value> = command.get_arguments().filter(|arg| !arg.is_hide_set()).map(flag).collect();
    let commands: Vec<Value> =
        command.get_subcommands().filter(|command| !command.is_hide_set()).map(to_json).collect();
    let text = |text: Option<&clap::builder::StyledStr>| text.map(|text| text.to_string());
    json!({
        "name": command.get_name(),
        "about": text(command.get_about()),
        "help": text(command.get_after_help()).filter(|_| commands.is_empty()),
        "flags": flags,
        "commands": commands,
    })
}

fn flag(arg: &clap::Arg) -> Value {
    json!({
        "id": arg.get_id().as_str(),
        "short": arg.get_short().map(|short| format!("-{short}")),
        "long": arg.get_long().map(|long| format!("--{long}")),
        "value": arg.get_action().takes_values().then(|| arg.get_value_names().map(|names| names.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" "))).flatten(),
        "required": arg.is_required_set(),
        "help": arg.get_help().map(|help| help.to_string()),
    })
}

/// Prints the tree below the words on the command line that name commands.
pub fn help_json(ui: &mut Ui, mut command: Command, words: &[String]) -> Result<(), Failure> {
    command.build();
    let mut at = &command;
    for word in words {
        let next =
            at.get_subcommands().find(|sub| sub.get_name() == word || sub.get_all_aliases().any(|alias| alias == word));
        at = next.unwrap_or(at);
    }
    ui.text(&format!("{:#}\n", to_json(at)))
}

pub fn completion(ui: &mut Ui, mut command: Command, args: &CompletionArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "kq", &mut script);
    ui.bytes(&script)
}

/// Every generated file: its path under the directory, and its content.
fn files(command: &Command) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    for (shell, name) in
        [(Shell::Bash, "kq.bash"), (Shell::Zsh, "_kq"), (Shell::Fish, "kq.fish"), (Shell::PowerShell, "_kq.ps1")]
    {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command.clone(), "kq", &mut script);
        files.push((PathBuf::from(name), script));
    }
    let mut built = command.clone();
    built.build();
    pages(&built, "kq", &mut files)?;
    Ok(files)
}

fn pages(command: &Command, name: &str, files: &mut Vec<(PathBuf, Vec<u8>)>) -> std::io::Result<()> {
    let mut page = Vec::new();
    let titled = command.clone().name(name.to_string()).display_name(name.to_string());
    clap_mangen::Man::new(titled).date("").source("kq").render(&mut page)?;
    files.push((Path::new("man").join(format!("{name}.1")), page));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        pages(sub, &format!("{name}-{}", sub.get_name()), files)?;
    }
    Ok(())
}

pub fn generate(ui: &mut Ui, command: &Command, args: &GenerateArgs) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let what = format!("cannot write {}", path.display());
        move |error: std::io::Error| Failure::new("GENERATE", what).because(error)
    };
    for (path, content) in files(command).map_err(failed(&args.dir))? {
        let path = args.dir.join(path);
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(failed(dir))?;
        }
        std::fs::write(&path, content).map_err(failed(&path))?;
        ui.detail(format!("wrote {}", path.display()));
    }
    Ok(())
}
