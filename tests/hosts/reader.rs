//! Consumers without a group: one a partition follows its end while writers write; and one that reads everything once
//! more at the end.

use crate::history::History;
use crate::link::Link;
use crate::writer::{TOPIC, leader};
use kq::api::fetch::{Fetch, FetchPartition, FetchRequest, FetchTopic};
use kq::api::list_offsets::{ListOffsets, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kq::client::{Verdict, verdict};
use kq::error::ErrorCode;
use kq::record::batch::batches;
use kq::record::records;
use kq::wire::Records;
use std::time::{Duration, Instant};

/// With versions up to this, topics go by name.
pub const FETCH_VERSION: i16 = 12;
const RECORDS_BYTES_MAX: usize = 64 << 20;

/// What one fetch brought.
pub struct Fetched {
    /// Offset and value.
    pub records: Vec<(i64, Vec<u8>)>,
    /// Where to go on.
    pub next: i64,
}

/// Fetches once; an error is told as the code's name.
pub fn fetch(
    link: &mut Link,
    topic: &str,
    partition: i32,
    offset: i64,
    wait_ms: i32,
) -> Result<Fetched, (ErrorCode, String)> {
    let lost = |error: String| (ErrorCode::NetworkException, error);
    let part = FetchPartition { partition, fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let request = FetchRequest {
        replica_id: -1,
        max_wait_ms: wait_ms,
        min_bytes: 1,
        max_bytes: 8 << 20,
        topics: vec![FetchTopic { topic: topic.into(), partitions: vec![part], ..Default::default() }],
        ..Default::default()
    };
    let answer = link.call::<Fetch>(&request, FETCH_VERSION).map_err(lost)?;
    let response = answer.read().map_err(|error| lost(error.to_string()))?;
    let Some(part) = response.responses.first().and_then(|topic| topic.partitions.first()) else {
        return Err(lost(format!("a fetch without a partition, error {}", response.error_code)));
    };
    let code = ErrorCode::from_code(part.error_code);
    if !code.is_none() {
        return Err((code, code.to_string()));
    }
    let mut fetched = Fetched { records: Vec::new(), next: offset };
    let Some(Records::Bytes(bytes)) = &part.records else { return Ok(fetched) };
    for batch in batches(bytes) {
        let Ok((header, bytes)) = batch else { break };
        let decoded = records::decode(bytes, RECORDS_BYTES_MAX);
        let decoded = decoded.map_err(|error| (ErrorCode::CorruptMessage, error.to_string()))?;
        for record in decoded.iter() {
            let record = record.map_err(|error| (ErrorCode::CorruptMessage, error.to_string()))?;
            if record.offset >= offset {
                fetched.records.push((record.offset, record.value.unwrap_or_default().to_vec()));
            }
        }
        fetched.next = fetched.next.max(header.next_offset());
    }
    Ok(fetched)
}

/// The latest offset that consumers may see.
pub fn latest(link: &mut Link, topic: &str, partition: i32) -> Result<i64, String> {
    let part = ListOffsetsPartition { partition_index: partition, current_leader_epoch: -1, timestamp: -1 };
    let topics = vec![ListOffsetsTopic { name: topic.into(), partitions: vec![part] }];
    let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
    let answer = link.call::<ListOffsets>(&request, 6)?;
    let response = answer.read().map_err(|error| error.to_string())?;
    let part = &response.topics[0].partitions[0];
    match ErrorCode::from_code(part.error_code) {
        ErrorCode::None => Ok(part.offset),
        code => Err(code.to_string()),
    }
}

/// Follows a partition until it is over, and tells the history what comes.
pub fn follow(partition: i32, brokers: i32, history: &History) {
    let (mut turn, mut offset) = (partition as u32, 0);
    let patience = Duration::from_secs(2);
    while !history.is_over() {
        let outcome = leader(TOPIC, partition, brokers, &mut turn, patience)
            .and_then(|leader| Link::open(leader, patience))
            .and_then(|mut link| follow_on(&mut link, partition, &mut offset, history));
        if let Err(why) = outcome {
            history.overcome("reader", &why);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn follow_on(link: &mut Link, partition: i32, offset: &mut i64, history: &History) -> Result<(), String> {
    while !history.is_over() {
        let known = history.of(partition).latest;
        match latest(link, TOPIC, partition) {
            Ok(latest) if latest < known => history.wrong(format!(
                "I6: broker {} says partition {partition} ends at {latest}, it was {known} before",
                link.broker
            )),
            Ok(latest) => history.of(partition).latest = latest,
            Err(why) => return Err(why),
        }
        let fetched = match fetch(link, TOPIC, partition, *offset, 200) {
            Ok(fetched) => fetched,
            Err((code, why)) => {
                if verdict(code) == Verdict::Fail || code == ErrorCode::CorruptMessage {
                    history.wrong(format!(
                        "I6: broker {} says {why} at offset {offset} of partition {partition}",
                        link.broker
                    ));
                }
                return Err(why);
            }
        };
        for (offset, value) in &fetched.records {
            history.read(partition, *offset, value);
        }
        *offset = fetched.next;
    }
    Ok(())
}

/// Reads a whole partition once more, from its start to its end now.
///
/// # Errors
/// When that is not possible within a while.
pub fn read_all(topic: &str, partition: i32, brokers: i32) -> Result<Vec<(i64, Vec<u8>)>, String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut turn = 0;
    loop {
        let outcome = read_once(topic, partition, brokers, &mut turn);
        match outcome {
            Ok(all) => return Ok(all),
            Err(why) if Instant::now() > deadline => {
                return Err(format!("partition {partition} cannot be read: {why}"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn read_once(topic: &str, partition: i32, brokers: i32, turn: &mut u32) -> Result<Vec<(i64, Vec<u8>)>, String> {
    let patience = Duration::from_secs(3);
    let mut link = Link::open(leader(topic, partition, brokers, turn, patience)?, patience)?;
    let end = latest(&mut link, topic, partition)?;
    let (mut all, mut offset) = (Vec::new(), 0);
    while offset < end {
        let fetched = fetch(&mut link, topic, partition, offset, 500).map_err(|(_, why)| why)?;
        if fetched.next == offset {
            return Err(format!("nothing comes at {offset} of {end}"));
        }
        offset = fetched.next;
        all.extend(fetched.records);
    }
    Ok(all)
}
