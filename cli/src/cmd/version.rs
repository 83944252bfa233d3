//! `kq version`.

use crate::args::OutputArgs;
use crate::failure::Failure;
use crate::ui::{Format, Settings, Ui};
use serde_json::json;

/// Print the version
#[derive(clap::Args, Debug)]
pub struct Args {
    /// As JSON (the same as -o json)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// What the ui needs.
    pub fn settings(&self) -> Settings {
        let mut settings = self.output.settings();
        if self.json {
            settings.format = Format::Json;
        }
        settings
    }
}

pub fn run(ui: &mut Ui) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let speaks = kq::api::TABLE.len();
    match ui.format() {
        Format::Json | Format::Yaml => ui.document(json!({ "version": version, "os": os, "arch": arch, "apis": speaks })),
        Format::Tsv => ui.text(&format!("{version}\t{os}\t{arch}\n")),
        Format::Schema => ui.text("version  string: kq's version\nos       string\narch     string\napis     integer: Kafka requests it speaks\n"),
        Format::Table | Format::Wide => ui.text(&format!("kq {version} ({arch} {os})\n")),
    }
}
