//! The flags of `kq console-producer`: Kafka's long ones under their old and new names, and short record letters.

use crate::args::{ConnectArgs, StoryArgs};
use crate::cmd::console::{Properties, Template};
use crate::failure::Failure;
use crate::kafka::Settings;
use crate::time;
use clap::{Args, ValueEnum};
use kq::record::Codec;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of records to collect for one batch, where nothing else is asked for.
const BATCH_BYTES_DEFAULT: usize = 256 << 10;
/// How long to wait for more records, where nothing else is asked for.
const LINGER_DEFAULT: Duration = Duration::from_millis(5);

/// How the input is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Form {
    /// One record a line, as reader properties say
    #[default]
    Raw,
    /// One JSON object a line, as `kq console-consumer --output json` writes them
    Json,
    /// Comma-separated with a heading: key, value, partition, timestamp, header.NAME
    Csv,
}

/// A codec and, after a colon, its level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compression {
    /// The codec.
    pub codec: Codec,
    /// Its level.
    pub level: Option<i32>,
}

impl std::str::FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level.parse().map_err(|_| format!("level {level} is no number"))?)),
            None => (text, None),
        };
        let codec = Codec::from_name(name).ok_or("there are none, gzip, snappy, lz4 and zstd")?;
        Ok(Compression { codec, level })
    }
}

/// A header of every record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl std::str::FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once(':').or_else(|| text.split_once('=')).ok_or("write NAME:VALUE")?;
        Ok(Header { key: key.into(), value: value.into() })
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    match number.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("write records per second: 1000 or 1000/s".into()),
    }
}

fn moment(text: &str) -> Result<i64, String> {
    time::parse_time(text, time::now_ms())
}

fn acks(text: &str) -> Result<i16, String> {
    match text {
        "all" | "-1" => Ok(-1),
        "1" => Ok(1),
        "0" => Ok(0),
        _ => Err("there are all (-1), 1 and 0".into()),
    }
}

/// Write records to a topic
///
/// One record a line from standard input, where nothing else is asked for. The flags of Kafka's
/// kafka-console-producer.sh work under their old and their new names. A record that could not be sent makes the exit
/// code 1.
#[derive(Args, Clone, Debug)]
pub struct ProducerArgs {
    /// Topic to write to
    #[arg(short = 't', long, value_name = "TOPIC")]
    pub topic: String,
    /// Key of every record
    #[arg(short = 'k', long, value_name = "KEY")]
    pub key: Option<String>,
    /// Header of every record; several times for several
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE")]
    pub headers: Vec<Header>,
    /// Partition of every record; else the key decides, and records without one go where there is room
    #[arg(short = 'p', long, value_name = "N")]
    pub partition: Option<i32>,
    /// Compress batches: none, gzip, snappy, lz4, zstd, with a level as in zstd:9
    #[arg(short = 'z', long, visible_alias = "compress", value_name = "CODEC", num_args = 0..=1, default_missing_value = "gzip")]
    pub compression_codec: Option<Compression>,
    /// An empty value is a tombstone
    #[arg(short = 'Z', long)]
    pub tombstone: bool,
    /// Timestamp of every record: milliseconds since 1970, 2026-11-23T01:02:03Z, -1h [default: the input's, else now]
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub timestamp: Option<i64>,
    /// Who must have a record before it counts: all (-1), 1, 0
    #[arg(long, visible_alias = "request-required-acks", value_name = "N", value_parser = acks, allow_hyphen_values = true)]
    pub acks: Option<i16>,
    /// Read from a file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// At most so many records per second
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub rate: Option<f64>,
    /// Send every record N times
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub repeat: u32,
    /// Print a line for each record that was written: %t topic, %p partition, %o offset, %T append time; \n
    #[arg(long, value_name = "TEMPLATE")]
    pub ack_format: Option<Template>,
    /// Write in transactions; this version of kq does not
    #[arg(long, value_name = "ID", hide = true)]
    pub transactional_id: Option<String>,

    /// How the input is laid out
    #[arg(long, value_name = "FORM", value_enum, help_heading = "Input")]
    pub input: Option<Form>,
    /// Template: %k key, %v value, %h headers (a=1,b=2), %p partition, %T timestamp; \t \n between. What stands last ends
    /// a record
    #[arg(short = 'f', long, value_name = "TEMPLATE", conflicts_with = "input", help_heading = "Input")]
    pub format: Option<Template>,
    /// Keys, values and header values equal to this are null
    #[arg(long, value_name = "TEXT", help_heading = "Input")]
    pub null_value: Option<String>,
    /// parse.key, parse.headers, ignore.error, key.separator, headers.delimiter, headers.separator,
    /// headers.key.separator, null.marker
    #[arg(long, value_name = "K=V", conflicts_with = "property", help_heading = "Input")]
    pub reader_property: Vec<String>,
    /// Old name of --reader-property
    #[arg(long, value_name = "K=V", hide = true)]
    pub property: Vec<String>,
    /// Properties file for the reader
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub reader_config: Option<PathBuf>,
    /// Kafka's reader class; the default one is known
    #[arg(long, value_name = "CLASS", hide = true)]
    pub line_reader: Option<String>,

    /// Send each record alone and wait for it
    #[arg(long, help_heading = "Sending")]
    pub sync: bool,
    /// Bytes of records to collect for one batch [default: 262144]
    #[arg(long, value_name = "BYTES", conflicts_with = "max_partition_memory_bytes", help_heading = "Sending")]
    pub batch_size: Option<usize>,
    /// Old name of --batch-size
    #[arg(long, value_name = "BYTES", hide = true)]
    pub max_partition_memory_bytes: Option<usize>,
    /// How many milliseconds to wait for more records (linger.ms) [default: 5]
    #[arg(long, value_name = "MS", help_heading = "Sending")]
    pub timeout: Option<u64>,
    /// Attempts after the first, where the broker answers with an error that may pass
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub message_send_max_retries: Option<u64>,
    /// Pause before trying again
    #[arg(long, value_name = "MS", help_heading = "Sending")]
    pub retry_backoff_ms: Option<u64>,
    /// How long a request may take
    #[arg(long, value_name = "MS", help_heading = "Sending")]
    pub request_timeout_ms: Option<u64>,
    /// How long to wait for the topic and for room
    #[arg(long, value_name = "MS", help_heading = "Sending")]
    pub max_block_ms: Option<u64>,
    /// Bytes of records that may wait to be sent
    #[arg(long, value_name = "BYTES", help_heading = "Sending")]
    pub max_memory_bytes: Option<usize>,
    /// Accepted for Kafka's sake: metadata is refreshed when it proves old
    #[arg(long, value_name = "MS", hide = true)]
    pub metadata_expiry_ms: Option<u64>,
    /// Accepted for Kafka's sake: the kernel sizes socket buffers
    #[arg(long, value_name = "BYTES", hide = true)]
    pub socket_buffer_size: Option<i64>,

    /// Client setting, as -X
    #[arg(long, value_name = "K=V", conflicts_with = "producer_property", help_heading = "Connection")]
    pub command_property: Vec<String>,
    /// Old name of --command-property
    #[arg(long, value_name = "K=V", hide = true)]
    pub producer_property: Vec<String>,
    /// Old name of --command-config
    #[arg(long = "producer.config", value_name = "FILE", hide = true, conflicts_with = "command_config")]
    pub producer_config: Option<PathBuf>,

    #[command(flatten)]
    pub connect: ConnectArgs,
    #[command(flatten)]
    pub story: StoryArgs,
}

/// How records are sent.
#[derive(Clone, Debug)]
pub struct Sending {
    /// The codec and its level.
    pub compression: Compression,
    /// -1, 1 or 0.
    pub acks: i16,
    /// Whether the broker weeds out duplicates.
    pub idempotent: bool,
    /// Bytes of records in a batch.
    pub batch_bytes: usize,
    /// How long a batch waits for more records.
    pub linger: Duration,
    /// Attempts after the first.
    pub retries: u64,
    /// The pause before them.
    pub backoff: Duration,
    /// A batch that has waited for so long has failed.
    pub delivery_timeout: Duration,
    /// Requests ahead of their answers.
    pub in_flight_max: usize,
    /// Bytes of batches that wait to be sent.
    pub memory_bytes: usize,
    /// The largest request, and so the largest batch.
    pub request_bytes_max: usize,
}

impl ProducerArgs {
    /// Where to connect, with the old names' values in their place.
    pub fn connect(&self) -> ConnectArgs {
        let mut connect = self.connect.clone();
        connect.settings.extend(self.command_property.iter().chain(&self.producer_property).cloned());
        connect.settings.extend(self.request_timeout_ms.map(|ms| format!("request.timeout.ms={ms}")));
        connect.command_config = connect.command_config.or_else(|| self.producer_config.clone());
        connect
    }

    /// How records are sent: flags over settings over defaults.
    ///
    /// # Errors
    /// A usage failure for settings that are wrong or contradict each other.
    pub fn sending(&self, settings: &Settings) -> Result<Sending, Failure> {
        let setting = |name: &str, parse: fn(&str) -> Result<i16, String>| {
            settings.get(name).map(parse).transpose().map_err(|why| Failure::usage(format!("{name}: {why}")))
        };
        let compression = match (self.compression_codec, settings.get("compression.type")) {
            (Some(compression), _) => compression,
            (None, Some(text)) => {
                text.parse().map_err(|why| Failure::usage(format!("compression.type={text}: {why}")))?
            }
            (None, None) => Compression { codec: Codec::None, level: None },
        };
        let acks = self.acks.or(setting("acks", acks)?).unwrap_or(-1);
        let wants_idempotence = settings.get("enable.idempotence");
        if wants_idempotence == Some("true") && acks != -1 {
            return Err(Failure::usage("enable.idempotence=true needs --acks all"));
        }
        let bytes = |name: &str, default: usize| -> Result<usize, Failure> {
            Ok(settings.number(name)?.map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX)))
        };
        let request_bytes_max = bytes("max.request.size", 1 << 20)?;
        let batch_bytes = match self.batch_size.or(self.max_partition_memory_bytes) {
            Some(bytes) => bytes,
            None => bytes("batch.size", BATCH_BYTES_DEFAULT)?,
        };
        Ok(Sending {
            compression,
            acks,
            idempotent: acks == -1 && wants_idempotence != Some("false"),
            batch_bytes: batch_bytes.min(request_bytes_max),
            linger: self.timeout.map_or(settings.millis("linger.ms", LINGER_DEFAULT)?, Duration::from_millis),
            retries: self.message_send_max_retries.or(settings.number("retries")?).unwrap_or(u64::MAX),
            backoff: match self.retry_backoff_ms {
                Some(ms) => Duration::from_millis(ms),
                None => settings.millis("retry.backoff.ms", Duration::from_millis(100))?,
            },
            delivery_timeout: settings.millis("delivery.timeout.ms", settings.timeout)?,
            in_flight_max: bytes("max.in.flight.requests.per.connection", 5)?.clamp(1, 5),
            memory_bytes: self.max_memory_bytes.unwrap_or(32 << 20),
            request_bytes_max,
        })
    }

    /// How lines are read: the reader's properties.
    ///
    /// # Errors
    /// A usage failure for properties that are wrong, or a reader that kq does not have.
    pub fn properties(&self) -> Result<Properties, Failure> {
        match self.line_reader.as_deref().map(|class| class.rsplit('.').next().unwrap_or(class)) {
            None | Some("LineMessageReader") => {}
            Some(other) => return Err(Failure::usage(format!("--line-reader {other}: kq cannot load classes"))),
        }
        let flags: Vec<String> = self.reader_property.iter().chain(&self.property).cloned().collect();
        Properties::load(self.reader_config.as_deref(), "--reader-property", &flags)
    }
}
