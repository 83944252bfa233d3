//! Where partitions are to be, as Kafka's reassignment tool reads and writes it:
//! `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any","any"]}]}`.

use crate::failure::Failure;
use crate::placement::Assignments;
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Serialize, Deserialize)]
struct Plan {
    #[serde(default = "one")]
    version: i32,
    partitions: Vec<Part>,
}

#[derive(Serialize, Deserialize)]
struct Part {
    topic: String,
    partition: i32,
    replicas: Vec<i32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    log_dirs: Vec<String>,
}

fn one() -> i32 {
    1
}

/// Reads a plan.
///
/// # Errors
/// Says what is wrong with it.
pub fn read(path: &Path) -> Result<Assignments, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new("FILE", format!("cannot read {name}")).because(error))?;
    parse(&text).map_err(|why| {
        Failure::new("FILE", format!("{name}: {why}"))
            .hint(r#"write {"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2]}]}"#)
    })
}

fn parse(text: &str) -> Result<Assignments, String> {
    let plan: Plan = serde_json::from_str(text).map_err(|error| format!("not a plan: {error}"))?;
    if plan.version != 1 {
        return Err(format!("version {} is not known, only 1", plan.version));
    }
    let mut wanted = Assignments::new();
    for part in plan.partitions {
        let place = (part.topic, part.partition);
        let what = format!("{}-{}", place.0, place.1);
        if part.replicas.is_empty() {
            return Err(format!("{what} has no replicas"));
        }
        if (1..part.replicas.len()).any(|at| part.replicas[..at].contains(&part.replicas[at])) {
            return Err(format!("{what} names a broker twice"));
        }
        if part.log_dirs.iter().any(|dir| dir != "any") {
            return Err(format!("{what}: log_dirs other than \"any\" cannot be chosen"));
        }
        if wanted.insert(place, part.replicas).is_some() {
            return Err(format!("{what} is named twice"));
        }
    }
    if wanted.is_empty() { Err("there is no partition in it".into()) } else { Ok(wanted) }
}

/// Writes where partitions are, to go back to.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, now: &Assignments) -> Result<(), Failure> {
    let part = |(place, replicas): (&(String, i32), &Vec<i32>)| Part {
        topic: place.0.clone(),
        partition: place.1,
        replicas: replicas.clone(),
        log_dirs: Vec::new(),
    };
    let plan = Plan { version: 1, partitions: now.iter().map(part).collect() };
    let failed =
        |error: &dyn std::fmt::Display| Failure::new("FILE", format!("cannot write {}", path.display())).because(error);
    let text = serde_json::to_string(&plan).map_err(|error| failed(&error))?;
    std::fs::write(path, text + "\n").map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kafkas_tool_prints_is_read() {
        let text = r#"{"version":1,"partitions":[{"topic":"t","partition":1,"replicas":[2,3],"log_dirs":["any","any"]},{"topic":"t","partition":0,"replicas":[1]}]}"#;
        let wanted: Vec<((String, i32), Vec<i32>)> = parse(text).unwrap().into_iter().collect();
        assert_eq!(wanted, [(("t".into(), 0), vec![1]), (("t".into(), 1), vec![2, 3])]);
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        for (text, why) in [
            ("{", "not a plan: EOF while parsing an object at line 1 column 1"),
            (r#"{"version":2,"partitions":[]}"#, "version 2 is not known, only 1"),
            (r#"{"partitions":[]}"#, "there is no partition in it"),
            (r#"{"partitions":[{"topic":"t","partition":0,"replicas":[]}]}"#, "t-0 has no replicas"),
            (r#"{"partitions":[{"topic":"t","partition":0,"replicas":[1,1]}]}"#, "t-0 names a broker twice"),
            (
                r#"{"partitions":[{"topic":"t","partition":0,"replicas":[1],"log_dirs":["/d"]}]}"#,
                "t-0: log_dirs other than \"any\" cannot be chosen",
            ),
            (
                r#"{"partitions":[{"topic":"t","partition":0,"replicas":[1]},{"topic":"t","partition":0,"replicas":[2]}]}"#,
                "t-0 is named twice",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), why);
        }
    }
}
