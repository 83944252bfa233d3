//! Where `kq group seek` will take each partition, and Kafka's CSV form of that.

use super::place::Target;
use super::select::{Selected, chosen, existing};
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::kafka::groups::Offsets;
use crate::kafka::offsets::{EARLIEST, Found, LATEST, TopicPartition};
use crate::ui::Ui;
use kq::error::ErrorCode;
use std::collections::BTreeMap;

/// New offsets by partition.
pub type Plan = BTreeMap<TopicPartition, i64>;

/// The new offset of each partition, inside of its log.
///
/// # Errors
/// When a partition does not exist, has no commit to start from, or its leader cannot be asked.
pub fn plan(
    ui: &Ui,
    kafka: &mut Kafka,
    group: &str,
    current: &Offsets,
    target: &Target,
    selected: &[Selected],
) -> Result<Plan, Failure> {
    let wished: Plan = match target {
        Target::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("--to file:{}: cannot be read", path.display())).because(error)
            })?;
            let rows = read_csv(&text, group).map_err(|why| Failure::usage(format!("{}: {why}", path.display())))?;
            let wanted = chosen(selected, rows.keys().cloned());
            rows.into_iter().filter(|(place, _)| wanted.contains(place)).collect()
        }
        Target::Group(other) => {
            let told = kafka.committed(std::slice::from_ref(other))?.remove(other);
            let theirs = told.unwrap_or_else(|| Ok(Offsets::new()))?;
            let wanted = chosen(selected, theirs.keys().cloned());
            wanted.into_iter().filter_map(|place| Some((place.clone(), theirs.get(&place)?.offset))).collect()
        }
        _ => {
            let places =
                if selected.is_empty() { current.keys().cloned().collect() } else { existing(kafka, selected)? };
            places.into_iter().map(|place| (place, 0)).collect()
        }
    };
    let places: Vec<TopicPartition> = wished.keys().cloned().collect();
    let topics: Vec<&str> = places.iter().map(|place| place.0.as_str()).collect();
    kafka.require_topics(&topics)?;
    let starts = found(kafka.list_offsets(&places, EARLIEST)?)?;
    let ends = found(kafka.list_offsets(&places, LATEST)?)?;
    let times = match target {
        Target::Time(time) => found(kafka.list_offsets(&places, *time)?)?,
        _ => BTreeMap::new(),
    };
    let mut plan = Plan::new();
    for (place, wish) in wished {
        let of = |offsets: &BTreeMap<TopicPartition, i64>| offsets.get(&place).copied().unwrap_or(0);
        let (start, end) = (of(&starts), of(&ends));
        let committed = current.get(&place).map(|committed| committed.offset);
        let offset = match target {
            Target::Earliest => start,
            Target::Latest => end,
            Target::Current => committed.unwrap_or(end),
            Target::At(offset) => *offset,
            Target::Shift(by) => {
                let from = committed.ok_or_else(|| {
                    Failure::new(
                        "NO_OFFSET",
                        format!("group {group} has no commit to shift for {}-{}", place.0, place.1),
                    )
                    .hint("name the partitions that have one with --topic T:0,1; `kq group describe` shows them")
                })?;
                from.saturating_add(*by)
            }
            Target::Time(_) => times.get(&place).copied().filter(|offset| *offset >= 0).unwrap_or(end),
            Target::Group(_) | Target::File(_) => wish,
        };
        let inside = if *target == Target::Current { offset } else { offset.clamp(start, end.max(start)) };
        if inside != offset {
            ui.warn(format!(
                "{}-{}: offset {offset} is outside the log, which has {start} to {end}; {inside} is taken",
                place.0, place.1
            ));
        }
        plan.insert(place, inside);
    }
    Ok(plan)
}

fn found(found: BTreeMap<TopicPartition, Result<Found, ErrorCode>>) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let one = |(place, found): (TopicPartition, Result<Found, ErrorCode>)| match found {
        Ok((offset, _)) => Ok((place, offset)),
        Err(code) => Err(Failure::answered(code, format!("topic {}, partition {}", place.0, place.1), None)),
    };
    found.into_iter().map(one).collect()
}

/// Reads Kafka's CSV: `topic,partition,offset`, or `group,topic,partition,offset`, of which only this group's lines count.
fn read_csv(text: &str, group: &str) -> Result<Plan, String> {
    let mut plan = Plan::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let parts: Vec<&str> = line.split(',').map(|part| part.trim().trim_matches('"')).collect();
        let (topic, partition, offset) = match parts[..] {
            [topic, partition, offset] => (topic, partition, offset),
            [of, topic, partition, offset] if of == group => (topic, partition, offset),
            [_, _, _, _] => continue,
            _ => ("", "", ""),
        };
        match (partition.parse(), offset.parse()) {
            (Ok(partition), Ok(offset)) if !topic.is_empty() && partition >= 0 && offset >= 0 => {
                plan.insert((topic.to_string(), partition), offset);
            }
            _ => {
                let line = line.trim();
                return Err(format!("line {}: `{line}` is no TOPIC,PARTITION,OFFSET", at + 1));
            }
        }
    }
    Ok(plan)
}

/// Kafka's CSV of a plan, without the group.
pub fn to_csv(plan: &Plan) -> String {
    plan.iter().map(|((topic, partition), offset)| format!("{topic},{partition},{offset}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_comes_back_and_other_groups_lines_do_not_count() {
        let plan = Plan::from([(("a".to_string(), 0), 7), (("b".to_string(), 1), 9)]);
        assert_eq!(to_csv(&plan), "a,0,7\nb,1,9\n");
        assert_eq!(read_csv(&to_csv(&plan), "g"), Ok(plan));
        let several = "g,a,0,7\nother,a,0,8\n\n\"g\",\"b\",1,9\r\n";
        assert_eq!(read_csv(several, "g").map(|plan| to_csv(&plan)), Ok("a,0,7\nb,1,9\n".into()));
        for wrong in ["a", "a,0", "a,0,x", "a,-1,5", "a,0,-5", ",0,5", "1,2,3,4,5"] {
            assert!(read_csv(wrong, "g").is_err(), "{wrong}");
        }
    }
}
