//! The sample files in `config/`, made from the tables.

use super::setting::{Dynamic, Kind, Setting, Use, list};
use super::{client, table};

const HEAD: &str = "\
# Settings of kqd. Made from the table in src/config/table: do not edit here, copy it.
#
# kqd needs no file at all: every line is commented out and shows the default. Start with: kqd --config server.toml
# An existing Kafka server.properties works as it is: kqd --config server.properties
# A name that begins with another name is in quotes, as TOML demands.
";

/// `config/server.toml`: every setting, commented out, with its default; those that have an effect come first.
pub fn server_toml() -> String {
    let mut text = HEAD.to_owned();
    for (title, rows) in table::themes() {
        let effective: Vec<&Setting> = rows.iter().filter(|row| row.listed && row.usage == Use::Effective).collect();
        if effective.is_empty() {
            continue;
        }
        text.push_str(&format!("\n\n# == {title}\n"));
        for row in effective {
            text.push_str(&format!("\n# {}\n", row.doc));
            let facts = facts(row);
            if !facts.is_empty() {
                text.push_str(&format!("# {facts}\n"));
            }
            text.push_str(&line(row));
        }
    }
    text.push_str("\n\n# == Known, and without effect: kqd accepts these and says why in its log\n");
    for (title, rows) in table::themes() {
        let mut accepted = rows.iter().filter(|row| row.listed).filter_map(|row| match row.usage {
            Use::Accepted(why) => Some((row, why)),
            Use::Effective => None,
        });
        let Some(first) = accepted.next() else { continue };
        text.push_str(&format!("\n# -- {title}\n"));
        for (row, why) in std::iter::once(first).chain(accepted) {
            text.push_str(&format!("\n# {} ({why})\n{}", row.doc, line(row)));
        }
    }
    text
}

/// `config/producer.properties`: what `kq console-producer` and kq's other senders read.
pub fn producer_properties() -> String {
    const NAMES: [&str; 15] = [
        "bootstrap.servers",
        "client.id",
        "acks",
        "enable.idempotence",
        "compression.type",
        "linger.ms",
        "batch.size",
        "max.request.size",
        "max.in.flight.requests.per.connection",
        "buffer.memory",
        "max.block.ms",
        "request.timeout.ms",
        "delivery.timeout.ms",
        "retries",
        "retry.backoff.ms",
    ];
    client_properties("kq console-producer --command-config producer.properties", &NAMES)
}

/// `config/consumer.properties`: what `kq console-consumer` and kq's other readers read.
pub fn consumer_properties() -> String {
    const NAMES: [&str; 10] = [
        "bootstrap.servers",
        "client.id",
        "auto.offset.reset",
        "isolation.level",
        "fetch.min.bytes",
        "fetch.max.wait.ms",
        "fetch.max.bytes",
        "max.partition.fetch.bytes",
        "check.crcs",
        "request.timeout.ms",
    ];
    client_properties("kq console-consumer --command-config consumer.properties", &NAMES)
}

fn client_properties(command: &str, names: &[&str]) -> String {
    let mut text = format!("# Settings of a client, with their defaults. Use: {command}\n");
    for row in names.iter().filter_map(|name| client::find(name)) {
        let unit = match row.unit() {
            "" => String::new(),
            unit => format!(" In {unit}."),
        };
        text.push_str(&format!("\n# {}{unit}\n#{}={}\n", row.doc, row.name, row.default.unwrap_or_default()));
    }
    text
}

/// Unit, and whether it can change while running.
fn facts(row: &Setting) -> String {
    let unit = match row.unit() {
        "" => String::new(),
        unit => format!("In {unit}. "),
    };
    let dynamic = match row.dynamic {
        Dynamic::ReadOnly => "",
        Dynamic::PerBroker | Dynamic::ClusterWide => "Can change while running. ",
    };
    let topic = match row.topic {
        Some(topic) => format!("A topic overrides it with {topic}."),
        None => String::new(),
    };
    format!("{unit}{dynamic}{topic}").trim_end().to_owned()
}

fn line(row: &Setting) -> String {
    let begins = |other: &str| row.name.len() > other.len() && row.name.starts_with(other);
    let quoted =
        table::all().any(|other| begins(other.name) && row.name.as_bytes().get(other.name.len()) == Some(&b'.'));
    let name = if quoted { format!("\"{}\"", row.name) } else { row.name.to_owned() };
    match row.default {
        Some(default) => format!("#{name} = {}\n", toml_value(row.kind, default)),
        None => format!("# {name} is not set\n"),
    }
}

fn toml_value(kind: Kind, text: &str) -> String {
    let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match kind {
        Kind::Boolean | Kind::Int | Kind::Short | Kind::Long | Kind::Double => text.to_owned(),
        Kind::List => format!("[{}]", list(text).map(quote).collect::<Vec<_>>().join(", ")),
        Kind::String | Kind::Class | Kind::Password => quote(text),
    }
}

#[cfg(test)]
mod tests {
    use super::{consumer_properties, producer_properties, server_toml};
    use crate::config::{BrokerSettings, ClientSettings, parse_properties, parse_toml, table};
    use expect_test::expect_file;

    /// When one of these fails after a change of the tables: UPDATE_EXPECT=1 cargo test -p kq sample
    #[test]
    fn the_files_in_config_are_fresh() {
        expect_file!["../../config/server.toml"].assert_eq(&server_toml());
        expect_file!["../../config/producer.properties"].assert_eq(&producer_properties());
        expect_file!["../../config/consumer.properties"].assert_eq(&consumer_properties());
    }

    /// Every line that shows a value, without its `#`.
    fn uncommented(text: &str) -> String {
        let value = |line: &&str| line.starts_with('#') && !line.starts_with("# ") && *line != "#";
        text.lines().filter(value).map(|line| format!("{}\n", &line[1..])).collect()
    }

    #[test]
    fn every_line_works_and_gives_the_default() {
        let entries = parse_toml(&uncommented(&server_toml())).expect("TOML");
        let listed = table::all().filter(|row| row.listed && row.default.is_some()).count();
        assert_eq!(entries.len(), listed);
        let (settings, _) = BrokerSettings::load(&entries).expect("valid");
        let plain = BrokerSettings { static_values: Default::default(), ..settings };
        assert_eq!(plain, BrokerSettings::default());
        for text in [producer_properties(), consumer_properties()] {
            let entries = parse_properties(&uncommented(&text)).expect("properties");
            let (settings, warnings) = ClientSettings::load(&entries).expect("valid");
            assert_eq!(warnings, Vec::<String>::new());
            assert_eq!(ClientSettings { given: Default::default(), ..settings }, ClientSettings::default());
        }
    }

    #[test]
    fn the_short_example_loads_without_a_note() {
        let text = include_str!("../../config/server.properties");
        let (settings, notes) = BrokerSettings::load(&parse_properties(text).expect("properties")).expect("valid");
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(settings.log_dirs, ["/var/lib/kq/data"]);
    }
}
