//! The flags of `kq console-consumer`: Kafka's long ones under their old and new names, and short record letters.

use super::filter::Condition;
use super::output::{Output, Text};
use super::range::{Point, Range};
use crate::args::{ConnectArgs, StoryArgs};
use crate::cmd::console::{Properties, Template};
use crate::failure::Failure;
use crate::time::now_ms;
use clap::{Args, ValueEnum};
use regex_lite::Regex;
use std::path::PathBuf;
use std::time::Duration;

/// The form of a record on stdout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Form {
    /// As Kafka's console consumer: the value, and what formatter properties add
    Text,
    /// One JSON object a line; `kq console-producer --input json` reads it back
    Json,
    /// JSON over several lines
    Pretty,
    /// Key, headers and value in hex
    Hex,
    /// Values without anything between them
    Raw,
}

/// Which transactions are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Isolation {
    /// All records
    ReadUncommitted,
    /// No records of open or aborted transactions
    ReadCommitted,
}

/// Read records from topics
///
/// Without a place to begin, waits for new records. The flags of Kafka's kafka-console-consumer.sh work under their old
/// and their new names.
#[derive(Args, Clone, Debug)]
pub struct ConsumerArgs {
    /// Topic to read
    #[arg(short = 't', long, value_name = "TOPIC", conflicts_with = "include", required_unless_present = "include")]
    pub topic: Option<String>,
    /// Read every topic whose whole name matches
    #[arg(long, value_name = "REGEX", value_parser = whole)]
    pub include: Option<Regex>,
    /// Only these partitions
    #[arg(short = 'p', long, value_name = "N", value_delimiter = ',')]
    pub partition: Vec<i32>,
    /// Where to begin, or from where to where: start, end, 42, -10 (before the end), +10 (after the start), @TIME, A:B
    #[arg(short = 'o', long, value_name = "PLACE", allow_hyphen_values = true, conflicts_with_all = ["from_beginning", "tail"])]
    pub offset: Option<String>,
    /// Begin with the first record
    #[arg(long)]
    pub from_beginning: bool,
    /// The last N records of each partition, then exit
    #[arg(long, value_name = "N", conflicts_with = "from_beginning")]
    pub tail: Option<i64>,
    /// Exit after so many records
    #[arg(short = 'n', long, value_name = "N")]
    pub max_messages: Option<u64>,
    /// Exit at the end of what is there now
    #[arg(short = 'e', long)]
    pub exit_at_end: bool,
    /// Exit when no record has come for so many milliseconds
    #[arg(long, value_name = "MS")]
    pub timeout_ms: Option<u64>,
    /// Read as a member of this group: its members share the partitions, and go on where it has committed
    #[arg(short = 'g', long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Wait for a topic that does not exist yet
    #[arg(long)]
    pub wait_topic: bool,
    /// Which transactions to show
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub isolation_level: Option<Isolation>,
    /// Only records that match: k:REGEX, v:REGEX, h:NAME=REGEX; given several times, all must match
    #[arg(long, value_name = "WHAT:REGEX")]
    pub grep: Vec<Condition>,

    /// Form of the output
    #[arg(long, value_name = "FORM", value_enum, help_heading = "Output")]
    pub output: Option<Form>,
    /// Template: %k key, %v value, %t topic, %p partition, %o offset, %T timestamp, %h headers, %K and %V lengths; \t \n
    #[arg(short = 'f', long, value_name = "TEMPLATE", conflicts_with = "output", help_heading = "Output")]
    pub format: Option<Template>,
    /// Parts to print: topic, partition, offset, ts, epoch, headers, key, value
    #[arg(long, value_name = "PARTS", value_delimiter = ',', conflicts_with_all = ["output", "format"], help_heading = "Output")]
    pub print: Vec<String>,
    /// Topic, partition, offset, timestamp, key size, value size, number of headers; no content
    #[arg(long, conflicts_with_all = ["output", "format", "print"], help_heading = "Output")]
    pub meta_only: bool,
    /// Skip records that the deserializer does not take
    #[arg(long, help_heading = "Output")]
    pub skip_message_on_error: bool,
    /// Kafka's class for keys (String, Long, …)
    #[arg(long, value_name = "CLASS", help_heading = "Output")]
    pub key_deserializer: Option<String>,
    /// Kafka's class for values (String, Long, …)
    #[arg(long, value_name = "CLASS", help_heading = "Output")]
    pub value_deserializer: Option<String>,
    /// Kafka's formatter class; the default one and NoOpMessageFormatter are known
    #[arg(long, value_name = "CLASS", help_heading = "Output")]
    pub formatter: Option<String>,
    /// Properties file for the formatter
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub formatter_config: Option<PathBuf>,
    /// print.key, print.timestamp, print.partition, print.offset, print.epoch, print.headers, print.value, key.separator,
    /// line.separator, headers.separator, null.literal, key.deserializer, value.deserializer, headers.deserializer
    #[arg(long, value_name = "K=V", conflicts_with = "property", help_heading = "Output")]
    pub formatter_property: Vec<String>,
    /// Old name of --formatter-property
    #[arg(long, value_name = "K=V", hide = true)]
    pub property: Vec<String>,
    /// Client setting, as -X
    #[arg(long, value_name = "K=V", conflicts_with = "consumer_property", help_heading = "Connection")]
    pub command_property: Vec<String>,
    /// Old name of --command-property
    #[arg(long, value_name = "K=V", hide = true)]
    pub consumer_property: Vec<String>,
    /// Old name of --command-config
    #[arg(long = "consumer.config", value_name = "FILE", hide = true, conflicts_with = "command_config")]
    pub consumer_config: Option<PathBuf>,
    /// Say when the consumer stops, for Kafka's system tests
    #[arg(long, hide = true)]
    pub enable_systest_events: bool,

    #[command(flatten)]
    pub connect: ConnectArgs,
    #[command(flatten)]
    pub story: StoryArgs,
}

impl ConsumerArgs {
    /// Where to connect, with the old names' values in their place.
    pub fn connect(&self) -> ConnectArgs {
        let mut connect = self.connect.clone();
        connect.settings.extend(self.command_property.iter().chain(&self.consumer_property).cloned());
        connect.command_config = connect.command_config.or_else(|| self.consumer_config.clone());
        connect
    }

    /// The group to read in, if any.
    ///
    /// # Errors
    /// A usage failure for flags that choose what the group chooses.
    pub fn group(&self, group_id: Option<&str>) -> Result<Option<String>, Failure> {
        let Some(group) = self.group.as_deref().or(group_id).filter(|group| !group.is_empty()) else { return Ok(None) };
        if let Some(id) = group_id.filter(|id| *id != group) {
            return Err(Failure::usage(format!("--group {group} and group.id={id}: which of them?")));
        }
        for (given, flag) in [
            (!self.partition.is_empty(), "--partition"),
            (self.offset.is_some(), "--offset"),
            (self.tail.is_some(), "--tail"),
        ] {
            if given {
                return Err(Failure::usage(format!("{flag}: in a group, the group says what is read, and from where"))
                    .hint(format!("`kq group seek {group}` moves the group; without --group, {flag} works")));
            }
        }
        Ok(Some(group.into()))
    }

    /// From where to where.
    ///
    /// # Errors
    /// A usage failure for a place that is none.
    pub fn range(&self, auto_offset_reset: Option<&str>) -> Result<Range, Failure> {
        let mut range = match &self.offset {
            Some(text) => Range::parse(text, now_ms()).map_err(|why| Failure::usage(format!("--offset: {why}")))?,
            None if self.from_beginning => Range { from: Point::Start, to: None },
            None if self.tail.is_some() => {
                Range { from: Point::BeforeEnd(self.tail.unwrap_or(0).max(0)), to: Some(Point::End) }
            }
            None => match auto_offset_reset {
                Some("earliest") => Range { from: Point::Start, to: None },
                None | Some("latest" | "none") => Range { from: Point::End, to: None },
                Some(other) => {
                    return Err(Failure::usage(format!("auto.offset.reset={other}: expected earliest or latest")));
                }
            },
        };
        if self.exit_at_end && range.to.is_none() {
            range.to = Some(Point::End);
        }
        Ok(range)
    }

    /// How records are shown.
    ///
    /// # Errors
    /// A usage failure for classes, properties or parts that do not exist.
    pub fn output(&self) -> Result<Output, Failure> {
        let flags: Vec<String> = self.formatter_property.iter().chain(&self.property).cloned().collect();
        let properties = Properties::load(self.formatter_config.as_deref(), "--formatter-property", &flags)?;
        let (key, value) = (self.key_deserializer.as_deref(), self.value_deserializer.as_deref());
        let mut text = Text::new(&properties, key, value)?;
        text.print(&self.print)?;
        match self.formatter.as_deref().map(|class| class.rsplit('.').next().unwrap_or(class)) {
            None | Some("DefaultMessageFormatter" | "LoggingMessageFormatter") => {}
            Some("NoOpMessageFormatter") => return Ok(Output::Silent),
            Some(other) => {
                return Err(Failure::usage(format!("--formatter {other}: kq cannot load classes"))
                    .hint("use --output json, -f TEMPLATE, or `kq dump-log` with its decoders"));
            }
        }
        if let Some(template) = &self.format {
            return Ok(Output::Template(template.clone()));
        }
        Ok(match self.output {
            _ if self.meta_only => Output::Meta,
            None | Some(Form::Text) => Output::Text(Box::new(text)),
            Some(Form::Json) => Output::Json,
            Some(Form::Pretty) => Output::Pretty,
            Some(Form::Hex) => Output::Hex,
            Some(Form::Raw) => Output::Raw,
        })
    }

    /// How long to wait for a record.
    pub fn idle(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }
}

/// A regular expression for whole names.
fn whole(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| error.to_string())
}
