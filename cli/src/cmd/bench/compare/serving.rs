//! Whether a broker serves: versions and metadata are answered, and a record is written.

use super::child::unless_stopped;
use crate::args::ConnectArgs;
use crate::failure::Failure;
use crate::kafka::{Kafka, Settings, To};
use crate::profile::Profiles;
use crate::time::now_ms;
use crate::ui::Loudness;
use kq::api::create_topics::{CreatableTopic, CreateTopics, CreateTopicsRequest};
use kq::api::find_coordinator::{FindCoordinator, FindCoordinatorRequest};
use kq::api::produce::{PartitionProduceData, Produce, ProduceRequest, TopicProduceData};
use kq::error::ErrorCode;
use kq::record::{Builder, Codec};
use kq::wire::Records;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Between two attempts while a broker starts.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(1);
/// How long one connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The newest Produce that names topics instead of ids.
const PRODUCE_VERSION_MAX: i16 = 12;
/// How long one step of the preparations may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(120);

/// A client of a broker under test.
///
/// # Errors
/// None for an address of loopback.
pub fn client(address: SocketAddr) -> Result<Kafka, Failure> {
    let connect = ConnectArgs { bootstrap_server: Some(address.to_string()), ..Default::default() };
    let settings = Settings::resolve(&connect, Some(STEP_TIMEOUT), &Profiles::default())?;
    Ok(Kafka::new(settings, Loudness::Quiet))
}

/// Makes a topic, unless it is there, and waits until it can be used.
///
/// # Errors
/// When the broker does not want to.
pub fn make_topic(kafka: &mut Kafka, name: &str, partitions: u32) -> Result<(), Failure> {
    kafka.refresh::<&str>(&[])?;
    let num_partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
    let wanted = CreatableTopic { name: name.into(), num_partitions, replication_factor: 1, ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![wanted], timeout_ms: kafka.timeout_ms(), validate_only: false };
    let answer = kafka.call::<CreateTopics>(To::Controller, &request)?;
    for result in &answer.read()?.topics {
        match ErrorCode::from_code(result.error_code) {
            ErrorCode::None | ErrorCode::TopicAlreadyExists => {}
            code => {
                return Err(Failure::answered(code, format!("topic {name}"), result.error_message.as_deref()));
            }
        }
    }
    kafka.await_topics(&[name])
}

/// Writes one record and waits until it counts.
fn write_one(kafka: &mut Kafka, topic: &str, partition: i32) -> Result<(), Failure> {
    kafka.require_topics(&[topic])?;
    let leader = kafka.cluster.leader(topic, partition).map_err(|code| Failure::answered(code, topic, None))?.id;
    let deadline = kafka.deadline();
    let mut batch = Builder::new(Codec::None, None);
    batch.push(now_ms(), None, Some(b"serving?"), &[]);
    let batch = batch.finish();
    let data = PartitionProduceData { index: partition, records: Some(Records::Bytes(batch.as_slice().into())) };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: kafka.timeout_ms(),
        topic_data: vec![TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() }],
        ..Default::default()
    };
    let link = kafka.link(To::Broker(leader))?;
    link.send_up_to::<Produce>(&request, PRODUCE_VERSION_MAX)?;
    let answer = link.receive::<Produce>(deadline)?;
    let response = answer.read()?;
    let mut parts = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    let code = parts.next().map_or(ErrorCode::UnknownServerError, |part| ErrorCode::from_code(part.error_code));
    if code.is_none() { Ok(()) } else { Err(Failure::answered(code, topic, None)) }
}

fn attempt(address: SocketAddr, topic: &str, partition: i32) -> Result<(), Failure> {
    let mut kafka = client(address)?;
    kafka.refresh(&[topic])?;
    if kafka.cluster.brokers.is_empty() {
        return Err(Failure::new("NOT_READY", "the broker does not list itself yet"));
    }
    if kafka.cluster.topics.get(topic).is_none_or(|known| known.error == ErrorCode::UnknownTopicOrPartition) {
        make_topic(&mut kafka, topic, 1)?;
    }
    write_one(&mut kafka, topic, partition)
}

/// Waits until a record can be written to `partition` of `topic`, which is made with one partition when it is missing.
/// `alive` is asked between attempts and ends the waiting with its failure.
///
/// # Errors
/// When the time is up, with the last attempt's failure; when the user interrupts.
pub fn wait(
    address: SocketAddr,
    (topic, partition): (&str, i32),
    patience: Duration,
    stop: &AtomicBool,
    alive: &mut dyn FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let deadline = Instant::now() + patience;
    loop {
        // Until somebody listens, an attempt costs nothing.
        let tried = match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(_) => attempt(address, topic, partition),
            Err(error) => Err(Failure::new("UNREACHABLE", format!("cannot reach {address}")).because(error)),
        };
        let Err(last) = tried else { return Ok(()) };
        alive()?;
        unless_stopped(stop)?;
        if Instant::now() > deadline {
            let mut failure = Failure::timed_out(format!("{address} did not serve within {patience:?}"));
            failure.causes.push(last.message);
            failure.causes.extend(last.causes);
            failure.hint = None;
            return Err(failure);
        }
        std::thread::sleep(ATTEMPT_PAUSE);
    }
}

/// Whether the broker coordinates consumer groups.
///
/// # Errors
/// When it does not answer.
pub fn has_groups(address: SocketAddr) -> Result<bool, Failure> {
    let mut kafka = client(address)?;
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let request = FindCoordinatorRequest { coordinator_keys: vec!["compare".into()], ..Default::default() };
        let answer = kafka.call::<FindCoordinator>(To::Any, &request)?;
        let response = answer.read()?;
        let code = response.coordinators.first().map_or(response.error_code, |found| found.error_code);
        let code = ErrorCode::from_code(code);
        if code.is_none() {
            return Ok(true);
        }
        // The topic behind groups is made when the first one asks.
        if !code.is_retriable() || Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
