//! The probes of rolling restarts as JSON: 200 when it may go on, 503 and the reasons when it has to wait.

use crate::pages::Answer;
use kq::broker::{AfterRestart, BeforeRestart, Places};
use std::fmt::Write as _;

/// `/probe/pre-restart`: may this broker be stopped?
pub fn pre_restart(found: &BeforeRestart) -> Answer {
    let body = format!(
        "\"leaders\":{},\"unavailable\":{},\"under_min_isr\":{},\"single_replica\":{}",
        found.leaders,
        places(&found.unavailable),
        places(&found.under_min_isr),
        places(&found.single_replica)
    );
    answer(found.broker, &found.reasons, &body)
}

/// `/probe/post-restart`: has this broker caught up, so that the next one may be stopped?
pub fn post_restart(found: &AfterRestart) -> Answer {
    let in_sync = found.replicas - found.out_of_sync.count;
    let out_of_sync = places(&found.out_of_sync);
    let body = format!("\"replicas\":{},\"in_sync\":{in_sync},\"out_of_sync\":{out_of_sync}", found.replicas);
    answer(found.broker, &found.reasons, &body)
}

fn answer(broker: i32, reasons: &[String], body: &str) -> Answer {
    let ok = reasons.is_empty();
    let status = if ok { "200 OK" } else { "503 Service Unavailable" };
    let reasons = list(reasons);
    (status, "application/json", format!("{{\"broker\":{broker},\"ok\":{ok},\"reasons\":{reasons},{body}}}\n"))
}

fn places(places: &Places) -> String {
    format!("{{\"count\":{},\"partitions\":{}}}", places.count, list(&places.names))
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(","))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_may_stop() {
        let found = BeforeRestart { broker: 2, leaders: 7, ..BeforeRestart::default() };
        let none = r#"{"count":0,"partitions":[]}"#;
        let body = format!(
            "{{\"broker\":2,\"ok\":true,\"reasons\":[],\"leaders\":7,\"unavailable\":{none},\"under_min_isr\":{none},\
             \"single_replica\":{none}}}\n"
        );
        assert_eq!(pre_restart(&found), ("200 OK", "application/json", body));
    }

    #[test]
    fn a_broker_that_has_to_catch_up() {
        let out_of_sync = Places { count: 1, names: vec!["t-0".into()] };
        let found = AfterRestart { broker: 1, replicas: 3, out_of_sync, reasons: vec!["a \"b\"\n".into()] };
        let body = r#"{"broker":1,"ok":false,"reasons":["a \"b\"\u000a"],"replicas":3,"in_sync":2,"out_of_sync":{"count":1,"partitions":["t-0"]}}"#;
        assert_eq!(post_restart(&found), ("503 Service Unavailable", "application/json", format!("{body}\n")));
    }
}
