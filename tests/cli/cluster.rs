//! Health, moves and elections where there is one broker. Several: `playground.rs`.

use crate::broker::brokers;
use crate::screen::{check, kq};
use expect_test::expect;

#[test]
fn a_broker_that_has_everything_is_healthy() {
    for broker in brokers() {
        let output = kq("none").args(["cluster", "health", "-o", "json", "-b", &broker.address]).output().unwrap();
        let health: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let summary = &health["data"]["summary"][0];
        assert_eq!(output.status.code(), Some(0), "{health}");
        assert_eq!((&summary["health"], &summary["controller"]), (&"healthy".into(), &1.into()), "{health}");
        assert_eq!((&summary["brokers"], &summary["leaderless"]), (&1.into(), &0.into()), "{health}");
    }
}

#[test]
fn moves_and_elections_say_what_they_would_do() {
    check(
        "~ topic create stays -p 2 --wait
         topic move stays --brokers 1
         topic move stays --brokers 1 -y
         topic move stays -p 1:1,7
         topic move stays -p 7:1
         topic move stays --brokers 7
         topic move nowhere --brokers 1
         topic move stays
         topic move stays -p 1:1,1
         topic move --plan /nowhere
         topic elect-leaders stays
         topic elect-leaders stays -p 1 --type unclean
         topic elect-leaders nowhere
         topic elect-leaders stays -p 7
         broker decommission 99
         ~ topic delete stays -y",
        expect![[r#""#]],
    );
}

#[test]
fn the_only_broker_cannot_go() {
    check(
        "~ topic create only --wait
         ~ topic describe only
         broker decommission 1 --status
         ~ topic delete only -y",
        expect![[r#""#]],
    );
}

#[test]
fn what_the_lines_consist_of() {
    check(
        "topic move -o schema --status
         topic elect-leaders -o schema
         cluster health -o schema",
        expect![[r#""#]],
    );
}
