//! A node among others: what is read, what is refused, and in which words.

use crate::config::{BrokerSettings, parse_properties};

const THREE: &str = "controller.quorum.voters=3@10.0.0.3:9093,1@10.0.0.1:9093,2@kq2:9093";

fn load(text: &str) -> Result<(BrokerSettings, Vec<String>), String> {
    BrokerSettings::load(&parse_properties(text).expect("properties")).map_err(|error| error.to_string())
}

/// Node 1 of three, with more lines.
fn node(more: &str) -> Result<(BrokerSettings, Vec<String>), String> {
    load(&format!("node.id=1\n{THREE}\nlisteners=PLAINTEXT://10.0.0.1:9092,CONTROLLER://10.0.0.1:9093\n{more}"))
}

#[test]
fn three_nodes() {
    let (settings, notes) = node("broker.rack=a").expect("valid");
    let cluster = &settings.cluster;
    assert!(cluster.is_cluster());
    assert_eq!(cluster.voter_ids(), [1, 2, 3]);
    assert_eq!(cluster.voters[1].url(), "kq2:9093");
    assert_eq!(cluster.controller_listeners[0].url(), "CONTROLLER://10.0.0.1:9093");
    assert_eq!((settings.listeners.len(), cluster.inter_broker_listener), (1, 0));
    assert_eq!(settings.groups.offsets_topic_replication_factor, 3);
    assert_eq!(notes, ["offsets.topic.replication.factor is 3: controller.quorum.voters has 3 nodes"]);
    let id = cluster.new_cluster_id().expect("a cluster");
    let other = load(&format!("node.id=3\n{THREE}\nlisteners=PLAINTEXT://:1,CONTROLLER://:9093")).expect("valid").0;
    assert_eq!(other.cluster.new_cluster_id(), Some(id), "every node makes the same id");
    let (settings, notes) = node("offsets.topic.replication.factor=2").expect("valid");
    assert_eq!((settings.groups.offsets_topic_replication_factor, notes.len()), (2, 0));
}

#[test]
fn a_node_alone_opens_no_controller_listener() {
    let (settings, notes) = load("listeners=PLAINTEXT://:1,CONTROLLER://:2").expect("valid");
    assert!(!settings.cluster.is_cluster() && settings.cluster.controller_listeners.is_empty());
    assert_eq!(settings.cluster.new_cluster_id(), None);
    assert_eq!(notes, ["listeners: CONTROLLER://:2 is not opened: a single node is its own quorum"]);
    let one = "node.id=1\ncontroller.quorum.voters=1@localhost:2\nlisteners=PLAINTEXT://:1,CONTROLLER://:2";
    let (settings, notes) = load(one).expect("valid");
    assert!(!settings.cluster.is_cluster());
    assert_eq!((settings.cluster.controller_listeners.len(), notes.len()), (1, 0));
    assert_eq!(settings.groups.offsets_topic_replication_factor, 1);
}

#[test]
fn the_listener_of_brokers() {
    let listeners = "listeners=A://:1,PLAINTEXT://:2\nlistener.security.protocol.map=A:PLAINTEXT,PLAINTEXT:PLAINTEXT\n";
    let index = |more: &str| load(&format!("{listeners}{more}")).map(|(s, _)| s.cluster.inter_broker_listener);
    assert_eq!(index(""), Ok(1));
    assert_eq!(index("inter.broker.listener.name=a"), Ok(0));
    assert!(index("inter.broker.listener.name=CONTROLLER").expect_err("unknown").contains("these are A, PLAINTEXT"));
}

#[test]
fn what_could_not_become_a_cluster_says_why() {
    let why = |more: &str| node(more).expect_err(more);
    assert!(why("node.id=4").contains("not among the voters"), "{}", why("node.id=4"));
    assert!(why("process.roles=broker").contains("write broker,controller"));
    assert!(why("broker.session.timeout.ms=3000").contains("at least twice broker.heartbeat.interval.ms (2000)"));
    assert!(why("replica.fetch.wait.max.ms=40000").contains("at least replica.fetch.wait.max.ms"));
    let listeners = |text: &str| why(&format!("listeners={text}"));
    assert!(listeners("PLAINTEXT://10.0.0.1:9092").contains("add CONTROLLER://10.0.0.1:9093"));
    assert!(listeners("PLAINTEXT://10.0.0.1:9092,CONTROLLER://:9094").contains("give both the same port"));
    assert!(listeners("PLAINTEXT://10.0.0.1:9092,CONTROLLER://127.0.0.1:9093").contains("open to this machine alone"));
    let told = listeners("PLAINTEXT://127.0.0.1:9092,CONTROLLER://:9093");
    assert!(told.contains("advertised.listeners") && told.contains("from kq2 they cannot reach 127.0.0.1"), "{told}");
    let behind =
        why("listeners=PLAINTEXT://localhost:9092,CONTROLLER://:9093\nadvertised.listeners=PLAINTEXT://kq1:9092");
    assert!(behind.contains("for configuration listeners: The other brokers"), "{behind}");
}

#[test]
fn loopback_is_enough_when_every_voter_is_on_this_machine() {
    let text = "node.id=2\ncontroller.quorum.voters=1@127.0.0.1:1,2@localhost:2\n\
                listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:2";
    let (_, notes) = load(text).expect("valid");
    assert!(notes[0].contains("2 voters bear no more failures than 1 would"), "{notes:?}");
}

#[test]
fn a_port_that_is_mapped_is_told_by_advertised_listeners() {
    let text = "listeners=PLAINTEXT://:9092,CONTROLLER://:19093\n\
                advertised.listeners=PLAINTEXT://10.0.0.1:9092,CONTROLLER://10.0.0.1:9093";
    node(text).expect("valid");
}

#[test]
fn voters_that_cannot_be_read() {
    let why = |voters: &str| load(&format!("controller.quorum.voters={voters}")).expect_err(voters);
    for bad in ["1", "1@h", "x@h:1", "-1@h:1", "1@:1", "1@h:0", "1@h:70000", "1@h:1,"] {
        assert!(why(bad).contains("Expected id@host:port"), "{bad}: {}", why(bad));
    }
    assert!(why("1@0.0.0.0:1").contains("No other node can connect"));
    assert!(why("1@a:1,1@b:1").contains("Node 1 is there twice"));
    assert!(why("1@a:1,2@a:1").contains("Node 1 has this address already"));
    let many: Vec<String> = (0..40).map(|id| format!("{id}@h{id}:1")).collect();
    assert!(why(&many.join(",")).contains("more than 32 voters"));
}

#[test]
fn a_quorum_that_would_have_to_be_found_is_refused() {
    assert!(load("controller.quorum.bootstrap.servers=a:1").is_ok());
    let why = load("controller.quorum.bootstrap.servers=a:1,b:1,c:1").expect_err("several");
    assert!(why.contains("must be written out in controller.quorum.voters"), "{why}");
}
