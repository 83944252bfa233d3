//! The teller: turns a story's lines into inputs, and effects into lines.

use kq::api::{create_topics::*, delete_topics::*, fetch::*, produce::*};
use kq::broker::Endpoint;
use kq::config::{BrokerSettings, parse_properties};
use kq::error::ErrorCode;
use kq::event::*;
use kq::node::{Node, NodeConfig};
use kq::record::builder::Builder;
use kq::record::compress::Codec;
use kq::types::*;
use kq::wire::header::{RequestHeader, decode_response};
use kq::wire::{Chunk, Message, Reader, Records, Writer};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

const CONN: ConnId = ConnId(1);

/// What a log is to the teller.
#[derive(Clone, Default)]
struct Told {
    name: String,
    generation: u32,
    end: Offset,
}

/// One story in the telling.
pub struct Teller {
    node: Node,
    now: Millis,
    slot: u64,
    asked: BTreeMap<u64, (i16, i16)>,
    logs: BTreeMap<LogId, Told>,
    question: Option<(u64, Question)>,
    session: i32,
    /// The metadata log's batches.
    metadata: Vec<u8>,
    /// What happens to the next append to the metadata log.
    metadata_is_full: bool,
    out: String,
}

impl Default for Teller {
    fn default() -> Self {
        let entries = parse_properties("node.id=1\nauto.create.topics.enable=false\n").expect("properties");
        let (settings, _) = BrokerSettings::load(&entries).expect("settings");
        let node = Node::new(NodeConfig {
            settings: Arc::new(settings),
            cluster_id: Uuid([1; 16]),
            endpoints: vec![Endpoint { host: "localhost".to_owned(), port: 9092 }],
            seed: [1, 2],
        });
        let mut teller = Teller {
            node,
            now: 0,
            slot: 0,
            asked: BTreeMap::new(),
            logs: BTreeMap::new(),
            question: None,
            session: 0,
            metadata: Vec::new(),
            metadata_is_full: false,
            out: String::new(),
        };
        let mut effects = Vec::new();
        teller.node.start(&mut effects);
        teller.perform(effects);
        teller.out.clear();
        assert!(teller.node.is_ready());
        teller
    }
}

impl Teller {
    /// Tells a story; returns what happened, line by line.
    pub fn tell(mut self, story: &str) -> String {
        for line in story.split(';').map(str::trim) {
            writeln!(self.out, "> {line}").unwrap();
            let mut words = line.split_whitespace();
            let verb = words.next().unwrap_or_default();
            let rest: Vec<&str> = words.collect();
            let topic = rest.first().copied().unwrap_or_default();
            let number = |name: &str, default: i64| {
                let found = rest.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
                found.map_or(default, |text| text.parse().expect("a number"))
            };
            match verb {
                "create" => self.create(topic, &rest[1..]),
                "delete" => self.delete(topic),
                "metadata-full" => self.metadata_is_full = true,
                "produce" => {
                    let acks = if rest.contains(&"acks=all") { -1 } else { number("acks", 1) as i16 };
                    self.produce(topic, acks, number("pid", -1), number("seq", -1) as i32);
                }
                "fetch" => self.fetch(topic, number("from", 0), number("wait", 0) as i32, number("epoch", -1) as i32),
                "time" => {
                    self.now = topic.parse().expect("milliseconds");
                    self.step(Input::Tick);
                }
                "located" => self.locate(number("bytes", 0) as u32),
                _ => self.complete(verb, topic, number("end", -1)),
            }
        }
        self.out
    }

    fn request<'m, M: Message<'m>>(&mut self, version: i16, request: &M) {
        let header = RequestHeader {
            api_key: M::KEY,
            api_version: version,
            correlation_id: self.slot as i32,
            client_id: Some("teller".into()),
        };
        let mut writer = Writer::new();
        header.encode(&mut writer, version >= M::FLEXIBLE_FROM);
        request.write(&mut writer, version);
        let bytes = writer.into_bytes();
        let peer = Peer { listener: 0, host: "127.0.0.1".to_owned() };
        let slot = self.slot;
        self.asked.insert(slot, (M::KEY, version));
        self.slot += 1;
        let mut effects = Vec::new();
        self.node.step(self.now, Input::Frame { conn: CONN, slot, peer: &peer, bytes: &bytes }, &mut effects);
        self.perform(effects);
    }

    fn step(&mut self, input: Input<'_>) {
        let mut effects = Vec::new();
        self.node.step(self.now, input, &mut effects);
        self.perform(effects);
    }

    fn create(&mut self, topic: &str, configs: &[&str]) {
        let configs = configs.iter().filter_map(|config| config.split_once('='));
        let configs =
            configs.map(|(name, value)| CreatableTopicConfig { name: name.into(), value: Some(value.into()) });
        let topic = CreatableTopic {
            name: topic.into(),
            num_partitions: 1,
            replication_factor: 1,
            configs: configs.collect(),
            ..Default::default()
        };
        self.request(5, &CreateTopicsRequest { topics: vec![topic], ..Default::default() });
    }

    fn delete(&mut self, topic: &str) {
        self.request(5, &DeleteTopicsRequest { topic_names: vec![topic.into()], ..Default::default() });
    }

    fn produce(&mut self, topic: &str, acks: i16, pid: i64, seq: i32) {
        let mut builder = Builder::new(Codec::None, None);
        builder.push(self.now, None, Some(b"hello"), &[]);
        if pid >= 0 {
            builder.set_producer(pid, 0, seq);
        }
        let records = Some(Records::Bytes(builder.finish().into()));
        let topic = TopicProduceData {
            name: topic.into(),
            partition_data: vec![PartitionProduceData { index: 0, records }],
            ..Default::default()
        };
        let request = ProduceRequest { acks, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
        self.request(8, &request);
    }

    /// Epoch -1 is a fetch without a session, 0 opens one, more goes on with it; `-` for a topic names none.
    fn fetch(&mut self, topic: &str, from: Offset, wait: i32, epoch: i32) {
        let partition = FetchPartition { fetch_offset: from, partition_max_bytes: 1000, ..Default::default() };
        let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() };
        let topics = if topic.topic == "-" { Vec::new() } else { vec![topic] };
        let (session_id, session_epoch) = (if epoch > 0 { self.session } else { 0 }, epoch);
        let request =
            FetchRequest { max_wait_ms: wait, min_bytes: 1, session_id, session_epoch, topics, ..Default::default() };
        self.request(11, &request);
    }

    fn locate(&mut self, bytes: u32) {
        let (token, question) = self.question.take().expect("nothing was asked");
        let Question::Locate(reads) = question else { panic!("asked {question:?}") };
        let found = reads
            .iter()
            .map(|read| Ok(Some(FileRange { log: read.log, segment: 0, position: read.offset as u64, len: bytes })));
        self.step(Input::Answer { token, answer: Answer::Located(found.collect()) });
    }

    fn complete(&mut self, verb: &str, topic: &str, end: Offset) {
        let (&log, told) = self.logs.iter().find(|(_, told)| told.name == format!("{topic}-0")).expect("no such log");
        let (generation, known_end) = (told.generation, told.end);
        let fault = StorageFault { code: ErrorCode::KafkaStorageError, message: "no luck".to_owned() };
        match verb {
            "appended" => {
                let result = Ok(Appended { end: known_end, rolled: false });
                self.step(Input::Appended { log, generation, result });
            }
            "append-failed" => self.step(Input::Appended { log, generation, result: Err(fault) }),
            "synced" => self.step(Input::Synced { log, generation, result: Ok(known_end) }),
            "sync-failed" => self.step(Input::Synced { log, generation, result: Err(fault) }),
            "opened" => {
                self.logs.get_mut(&log).unwrap().end = end;
                self.step(Input::Opened {
                    log,
                    generation,
                    result: Ok(Opened { end, synced: end, ..Default::default() }),
                });
            }
            _ => panic!("{verb} is no line of a story"),
        }
    }

    /// Writes down what the node wants; plays the disk for the metadata log and for logs opened for the first time.
    fn perform(&mut self, effects: Vec<Effect<'_>>) {
        for effect in effects {
            match effect {
                Effect::Open { log, generation, name, .. } => {
                    let again = self.logs.contains_key(&log);
                    let name = name.dir_name();
                    writeln!(self.out, "open {name}{}", if again { " anew" } else { "" }).unwrap();
                    self.logs.insert(log, Told { name, generation, end: 0 });
                    if log == LogId(0) {
                        let content = self.metadata.clone();
                        let last = kq::record::batch::batches(&content).last().and_then(Result::ok);
                        let end = last.map_or(0, |(header, _)| header.next_offset());
                        self.step(Input::Opened {
                            log,
                            generation,
                            result: Ok(Opened { end, content, ..Default::default() }),
                        });
                    } else if !again {
                        self.step(Input::Opened { log, generation, result: Ok(Opened::default()) });
                    }
                }
                Effect::Append { log, generation, base_offset, batch, .. } => {
                    let header = kq::record::batch::BatchHeader::peek(&batch).expect("a batch");
                    let told = self.logs.get_mut(&log).expect("an open log");
                    told.end = base_offset + i64::from(header.last_offset_delta) + 1;
                    let end = told.end;
                    writeln!(self.out, "append {} at {base_offset}", told.name).unwrap();
                    if log == LogId(0) && std::mem::take(&mut self.metadata_is_full) {
                        let fault = StorageFault { code: ErrorCode::KafkaStorageError, message: "no space".to_owned() };
                        self.step(Input::Appended { log, generation, result: Err(fault) });
                    } else if log == LogId(0) {
                        let mut batch = batch.into_owned();
                        kq::record::batch::patch(&mut batch, base_offset, 0);
                        self.metadata.extend(batch);
                        self.step(Input::Appended { log, generation, result: Ok(Appended { end, rolled: false }) });
                    }
                }
                Effect::Sync { log, generation } => {
                    let told = &self.logs[&log];
                    let end = told.end;
                    writeln!(self.out, "sync {}", told.name).unwrap();
                    if log == LogId(0) {
                        self.step(Input::Synced { log, generation, result: Ok(end) });
                    }
                }
                Effect::Reply { slot, chunks, .. } => {
                    let text = self.reply(slot, &chunks);
                    writeln!(self.out, "reply {slot}: {text}").unwrap();
                }
                Effect::Ask { token, question } => {
                    writeln!(self.out, "ask {}", ask(&question, &self.logs)).unwrap();
                    self.question = Some((token, question));
                }
                Effect::SaveEpochs { log, epochs, .. } => {
                    writeln!(self.out, "epochs {} {epochs:?}", self.logs[&log].name).unwrap();
                }
                Effect::Delete { log } => writeln!(self.out, "delete {}", self.logs[&log].name).unwrap(),
                Effect::Close { reason, .. } => writeln!(self.out, "close: {reason}").unwrap(),
                Effect::Note { level, message } => writeln!(self.out, "{level:?}: {message}").unwrap(),
                Effect::Configure { log, .. } => writeln!(self.out, "configure {}", self.logs[&log].name).unwrap(),
                other => writeln!(self.out, "{other:?}").unwrap(),
            }
        }
    }

    fn reply(&mut self, slot: u64, chunks: &[Chunk]) -> String {
        let (key, version) = self.asked[&slot];
        let Some(Chunk::Bytes(first)) = chunks.first() else { return "nothing".to_owned() };
        let ranges: Vec<String> = chunks
            .iter()
            .filter_map(|chunk| match chunk {
                Chunk::Range(range) => Some(format!(" with {} bytes of {}", range.len, self.logs[&range.log].name)),
                Chunk::Bytes(_) => None,
            })
            .collect();
        // A reply with file ranges has no single body: its bytes are checked by the codec's own tests.
        if !ranges.is_empty() {
            return format!("fetched{}", ranges.concat());
        }
        let mut reader = Reader::new(first);
        decode_response(&mut reader, key, false).expect("a header");
        let code = |code: i16| match ErrorCode::from_code(code) {
            ErrorCode::None => "ok".to_owned(),
            code => code.to_string(),
        };
        let body = &first[if key == 19 && version >= 5 { 5 } else { reader.position() }..];
        match key {
            0 => {
                let response = ProduceResponse::read(body, version).expect("a produce response");
                let topic = &response.responses[0];
                let part = &topic.partition_responses[0];
                match part.error_code {
                    0 => format!("{}-0 at {}", topic.name, part.base_offset),
                    error => format!("{}-0 {}", topic.name, code(error)),
                }
            }
            1 => {
                let response = FetchResponse::read(body, version).expect("a fetch response");
                let session = if response.session_id != 0 { " in a session" } else { "" };
                if response.session_id != 0 {
                    self.session = response.session_id;
                }
                let part = response.responses.first().map(|topic| &topic.partitions[0]);
                match part {
                    None => format!("fetched nothing to tell{session}, {}", code(response.error_code)),
                    Some(part) => {
                        let error = code(part.error_code);
                        format!("fetched nothing{session}, {error}, high watermark {}", part.high_watermark)
                    }
                }
            }
            19 => {
                let response = CreateTopicsResponse::read(body, version).expect("a create response");
                format!("{} {}", response.topics[0].name, code(response.topics[0].error_code))
            }
            _ => {
                let body = &first[5..];
                let response = DeleteTopicsResponse::read(body, version).expect("a delete response");
                format!("deleted, {}", code(response.responses[0].error_code))
            }
        }
    }
}

fn ask(question: &Question, logs: &BTreeMap<LogId, Told>) -> String {
    match question {
        Question::Locate(reads) => {
            let reads =
                reads.iter().map(|read| format!("{} from {} below {}", logs[&read.log].name, read.offset, read.upto));
            format!("where is {}", reads.collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}
