//! `kq playground`: brokers to try things on, gone when it ends.

mod crew;
mod daemon;
mod drill;
mod state;

use crate::args::StoryArgs;
use crate::cmd::perform;
use crate::failure::Failure;
use crate::kafka::{Kafka, Settings, To};
use crate::profile::{Profile, Profiles};
use crate::ui::{Format, Ui};
use crew::Crew;
use drill::DrillArgs;
use kq::api::create_topics::{CreatableTopic, CreateTopics, CreateTopicsRequest};
use kq::error::ErrorCode;
use state::Post;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a broker may take to be ready, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// The port to prefer.
const PORT: u16 = 9092;
/// Brokers of one playground at most.
const BROKERS_MAX: i64 = 9;
/// The profile that points to the running playground.
const PROFILE: &str = "playground";

/// Start brokers on loopback to try things on; Ctrl-C stops them
#[derive(clap::Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  kq playground\n  kq playground --data-dir ~/kq-data --port 19092\n  kq playground --override num.partitions=3\n  kq playground -n 3\n  kq playground kill 2"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// How many brokers: several are a cluster
    #[arg(short = 'n', long = "brokers", value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=BROKERS_MAX))]
    brokers: u16,
    /// Keep the data here, and find it again next time [default: a directory that is removed at the end]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Listen on this port of 127.0.0.1, and the ones after it for more brokers [default: 9092 if it is free, else any]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The topic to make
    #[arg(long, value_name = "NAME", default_value = "demo")]
    topic: String,
    /// A broker setting by its Kafka name; repeat for more
    #[arg(long = "override", value_name = "K=V")]
    overrides: Vec<String>,
    #[command(flatten)]
    pub story: StoryArgs,
}

/// What to do with a playground that runs.
#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// End one of its brokers as a crash would, with SIGKILL
    #[command(after_help = "Example:\n  kq playground kill 2")]
    Kill(DrillArgs),
    /// Start one of its brokers again; one that runs is stopped cleanly before
    #[command(after_help = "Example:\n  kq playground restart 2")]
    Restart(DrillArgs),
}

impl Args {
    /// Runs it and returns the exit code.
    pub fn run(self) -> u8 {
        match &self.verb {
            Some(Verb::Kill(args)) => {
                perform("playground.kill", args.story.settings(Format::Table), |ui| drill::kill(ui, args))
            }
            Some(Verb::Restart(args)) => {
                perform("playground.restart", args.story.settings(Format::Table), |ui| drill::restart(ui, args))
            }
            None => perform("playground", self.story.settings(Format::Table), |ui| run(ui, &self)),
        }
    }
}

/// Removes the data when it goes, unless it is the user's.
struct Data {
    dir: PathBuf,
    temporary: bool,
}

impl Data {
    /// Where the records go: the broker writes its own log beside them.
    fn records(&self) -> PathBuf {
        if self.temporary { self.dir.join("data") } else { self.dir.clone() }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// Points the profile to the playground, and takes it back when it goes.
struct Pointer {
    made_current: bool,
}

impl Drop for Pointer {
    fn drop(&mut self) {
        if let Ok(mut profiles) = Profiles::load() {
            profiles.profiles.remove(PROFILE);
            if self.made_current && profiles.current.as_deref() == Some(PROFILE) {
                profiles.current = None;
            }
            let _ = profiles.save();
        }
    }
}

fn run(ui: &mut Ui, args: &Args) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::new("SIGNAL", "cannot listen for Ctrl-C").because(error))?;
    }
    let data = data(args)?;
    let result = Crew::start(args, &data, &stop).and_then(|mut crew| {
        let result = serve(ui, args, &data, &mut crew, &stop);
        if stop.load(Ordering::Relaxed) {
            ui.note("stopping");
        }
        let stopped = crew.stop();
        result.and(stopped)
    });
    match result {
        // Interrupted before it was ready: what the user wanted.
        Err(failure) if failure.code == "INTERRUPTED" => {
            ui.note("stopping");
            Ok(())
        }
        result => result,
    }
}

fn serve(ui: &mut Ui, args: &Args, data: &Data, crew: &mut Crew<'_>, stop: &AtomicBool) -> Result<(), Failure> {
    let addresses = crew.addresses();
    make_topic(ui, &addresses, &args.topic)?;
    let post = match Post::open() {
        Ok(Some(post)) => Some(post),
        Ok(None) => {
            ui.warn("another playground runs: `kq playground kill` and `restart` go to that one");
            None
        }
        Err(failure) => {
            ui.warn(format!("`kq playground kill` and `restart` will not find this one: {failure}"));
            None
        }
    };
    let _pointer = point(ui, &addresses);
    welcome(ui, args, data, &addresses)?;
    crew.watch(ui, post.as_ref(), stop)
}

fn data(args: &Args) -> Result<Data, Failure> {
    let data = match &args.data_dir {
        Some(dir) => Data { dir: std::path::absolute(dir).unwrap_or_else(|_| dir.clone()), temporary: false },
        None => {
            Data { dir: std::env::temp_dir().join(format!("kq-playground-{}", std::process::id())), temporary: true }
        }
    };
    std::fs::create_dir_all(&data.dir)
        .map_err(|error| Failure::new("DATA_DIR", format!("cannot make {}", data.dir.display())).because(error))?;
    Ok(data)
}

fn make_topic(ui: &Ui, address: &str, topic: &str) -> Result<(), Failure> {
    let connect = crate::args::ConnectArgs { bootstrap_server: Some(address.to_string()), ..Default::default() };
    let mut kafka = Kafka::new(Settings::resolve(&connect, None, &Profiles::default())?, ui.loudness());
    kafka.refresh::<&str>(&[])?;
    let wanted = CreatableTopic { name: topic.into(), num_partitions: 3, replication_factor: -1, ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![wanted], timeout_ms: kafka.timeout_ms(), validate_only: false };
    let answer = kafka.call::<CreateTopics>(To::Controller, &request)?;
    for result in &answer.read()?.topics {
        match ErrorCode::from_code(result.error_code) {
            ErrorCode::None | ErrorCode::TopicAlreadyExists => {}
            code => return Err(Failure::answered(code, format!("topic {topic}"), result.error_message.as_deref())),
        }
    }
    Ok(())
}

/// The profile is a convenience: without a place to write it, the playground is still one.
fn point(ui: &Ui, address: &str) -> Option<Pointer> {
    let write = || -> Result<Pointer, Failure> {
        let mut profiles = Profiles::load()?;
        let profile = Profile { bootstrap_server: Some(address.to_string()), ..Default::default() };
        profiles.profiles.insert(PROFILE.into(), profile);
        let made_current = profiles.current.is_none();
        if made_current {
            profiles.current = Some(PROFILE.into());
        }
        profiles.save()?;
        Ok(Pointer { made_current })
    };
    write().map_err(|failure| ui.warn(format!("no profile written: {failure}"))).ok()
}

fn welcome(ui: &mut Ui, args: &Args, data: &Data, addresses: &str) -> Result<(), Failure> {
    let fate = if data.temporary { "removed at the end" } else { "kept" };
    // The name under which the user started this will work again.
    let kq = std::env::args().next().filter(|word| word.contains('/')).unwrap_or_else(|| "kq".into());
    let topic = &args.topic;
    let (who, them, drills) = match args.brokers {
        1 => ("A broker is".to_owned(), "it", String::new()),
        n => (format!("{n} brokers are"), "them", format!("  {kq} playground kill 2\n  {kq} playground restart 2\n")),
    };
    ui.text(&format!(
        "{who} ready on {addresses} (data in {}, {fate}). Try, in another terminal:\n\n  \
         {kq} topic create orders -p 3 -b {addresses}\n  \
         {kq} console-producer --topic {topic} -b {addresses}\n  \
         {kq} console-consumer --topic {topic} --from-beginning -b {addresses}\n{drills}\nCtrl-C stops {them}.\n",
        data.dir.display(),
    ))?;
    ui.flush()
}
