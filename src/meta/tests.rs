//! The controller: what it decides, and that replay alone makes the state.

use super::record::Record;
use super::*;
use crate::config::BrokerSettings;
use crate::error::ErrorCode;
use crate::types::Uuid;
use std::sync::Arc;

fn controller() -> Controller {
    Controller::new(1, Arc::new(BrokerSettings::default()), [3, 4])
}

fn topic(name: &str, partitions: i32) -> NewTopic {
    NewTopic { name: name.to_owned(), partitions, replication_factor: 1, ..Default::default() }
}

/// Submits a command and commits it; returns what the log got and the reply.
fn run(controller: &mut Controller, command: Command) -> (Vec<Record>, Reply) {
    controller.submit(0, 1, command);
    controller.take_batch().expect("a batch");
    let (records, mut replies) = controller.committed(0).expect("committed");
    (records, replies.remove(0).1)
}

fn create(controller: &mut Controller, topics: Vec<NewTopic>) -> Vec<Result<Created, Refusal>> {
    match run(controller, Command::CreateTopics { topics, dry_run: DryRun::No }).1 {
        Reply::Topics(results) => results.into_iter().map(|(_, result)| result).collect(),
        other => panic!("{other:?}"),
    }
}

fn code(result: &Result<Created, Refusal>) -> ErrorCode {
    result.as_ref().err().map_or(ErrorCode::None, |refusal| refusal.code)
}

#[test]
fn topics_are_made_once_and_names_are_checked() {
    let mut c = controller();
    let made = create(&mut c, vec![topic("a.b", 3)]);
    assert_eq!(made[0].as_ref().map(|made| made.partitions), Ok(3));
    let cases = [
        (topic("a.b", 1), ErrorCode::TopicAlreadyExists),
        (topic("a_b", 1), ErrorCode::InvalidTopicException),
        (topic("a/b", 1), ErrorCode::InvalidTopicException),
        (topic("", 1), ErrorCode::InvalidTopicException),
        (topic(&"x".repeat(250), 1), ErrorCode::InvalidTopicException),
        (topic("__cluster_metadata", 1), ErrorCode::InvalidTopicException),
        (topic("zero", 0), ErrorCode::InvalidPartitions),
        (topic("many", TOPIC_PARTITIONS_MAX + 1), ErrorCode::InvalidPartitions),
        (NewTopic { replication_factor: 3, ..topic("rf", 1) }, ErrorCode::InvalidReplicationFactor),
        (NewTopic { assignments: vec![(0, vec![1])], ..topic("both", 1) }, ErrorCode::InvalidRequest),
        (
            NewTopic { assignments: vec![(0, vec![2])], replication_factor: -1, ..topic("who", -1) },
            ErrorCode::InvalidReplicaAssignment,
        ),
        (
            NewTopic { configs: vec![("no.such".to_owned(), Some("1".to_owned()))], ..topic("cfg", 1) },
            ErrorCode::InvalidConfig,
        ),
    ];
    for (wanted, expected) in cases {
        let name = wanted.name.clone();
        assert_eq!(code(&create(&mut c, vec![wanted])[0]), expected, "{name}");
    }
    let twice = create(&mut c, vec![topic("twice", 1), topic("twice", 1)]);
    assert_eq!((code(&twice[0]), code(&twice[1])), (ErrorCode::None, ErrorCode::InvalidRequest));
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut c = controller();
    let command = Command::CreateTopics { topics: vec![topic("t", 2)], dry_run: DryRun::Yes };
    let (records, reply) = run(&mut c, command);
    assert!(records.is_empty() && matches!(reply, Reply::Topics(results) if results[0].1.is_ok()));
    assert_eq!(code(&create(&mut c, vec![topic("t", 2)])[0]), ErrorCode::None);
}

#[test]
fn one_batch_is_in_flight_and_what_arrives_meanwhile_forms_the_next() {
    let mut c = controller();
    let command = |name: &str| Command::CreateTopics { topics: vec![topic(name, 1)], dry_run: DryRun::No };
    c.submit(0, 1, command("a"));
    assert_eq!(c.take_batch().map(<[Record]>::len), Some(2));
    c.submit(0, 2, command("a"));
    c.submit(0, 3, command("b"));
    assert!(c.take_batch().is_none(), "the first is not committed yet");
    let (_, replies) = c.committed(0).expect("the first is committed");
    assert_eq!(replies.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [1]);
    assert_eq!(c.take_batch().map(<[Record]>::len), Some(2));
    let (_, replies) = c.committed(0).expect("the second is committed");
    let results: Vec<ErrorCode> = replies
        .iter()
        .map(|(_, reply)| match reply {
            Reply::Topics(results) => code(&results[0].1),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(results, [ErrorCode::TopicAlreadyExists, ErrorCode::None]);
}

#[test]
fn a_topic_made_again_has_another_id() {
    let mut c = controller();
    let id = |results: Vec<Result<Created, Refusal>>| results[0].as_ref().map(|made| made.id).expect("made");
    let first = id(create(&mut c, vec![topic("t", 1)]));
    run(&mut c, Command::DeleteTopics(vec![first]));
    let second = id(create(&mut c, vec![topic("t", 1)]));
    assert_ne!(first, second);
    assert!(first != Uuid::ZERO && first.0[6] >> 4 == 4, "a random uuid is of version 4");
}

#[test]
fn replaying_the_log_makes_the_same_image_twice() {
    let mut c = controller();
    let mut log = Vec::new();
    let mut records = |command| log.extend(run(&mut c, command).0);
    let configs = vec![("retention.ms".to_owned(), Some("5".to_owned()))];
    records(Command::CreateTopics {
        topics: vec![NewTopic { configs, ..topic("t", 2) }, topic("u", 1)],
        dry_run: DryRun::No,
    });
    records(Command::CreatePartitions {
        topics: vec![MorePartitions { topic: "u".to_owned(), total: 4, assignments: None }],
        dry_run: DryRun::No,
    });
    let values = vec![("a".to_owned(), Some("1".to_owned()))];
    records(Command::SetConfigs(vec![ConfigChange { resource: ResourceType::Broker, name: String::new(), values }]));
    records(Command::AllocateProducerIds { broker: 1, epoch: -1 });
    let replay = || {
        let mut image = Image::default();
        log.iter().for_each(|record| image.replay(record));
        image
    };
    let image = replay();
    assert_eq!(image, replay());
    assert_eq!(image.partition_count(), 6);
    assert_eq!(image.next_producer_id(), PRODUCER_ID_BLOCK);
    assert_eq!(image.overrides(ResourceType::Topic, "t").get("retention.ms").map(String::as_str), Some("5"));
    let reread = record::decode_log(&record::encode_batch(0, &log)).expect("its own records");
    assert_eq!(reread, log);
}

#[test]
fn a_new_leader_grows_both_epochs() {
    let mut c = controller();
    let id = create(&mut c, vec![topic("t", 1)])[0].as_ref().map(|made| made.id).expect("made");
    let (records, _) = run(&mut c, Command::BumpLeaderEpochs(vec![(id, 0)]));
    let mut image = Image::default();
    image.replay(&Record::topic("t", id));
    image.replay(&Record::partition(id, 0, vec![1]));
    records.iter().for_each(|record| image.replay(record));
    let partition = &image.topic("t").expect("there").partitions[0];
    assert_eq!((partition.leader, partition.leader_epoch, partition.partition_epoch), (1, 1, 1));
}
