//! What all simulated clients share: frames out, replies in, and what they know of topics.

use crate::chance::Chance;
use crate::oracle::{Cleanup, Oracle, Place, Promise};
use kq::types::{Millis, TopicId};
use kq::wire::header::{RequestHeader, decode_response};
use kq::wire::{Message, Reader, Writer};

/// One topic of the run, by its current name's identity.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its identity, once it exists.
    pub id: Option<TopicId>,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas each of them has.
    pub replicas: i16,
    /// What its acks promise.
    pub promise: Promise,
    /// What happens to old records.
    pub cleanup: Cleanup,
}

/// What a client works with while it is called.
pub struct Cx<'a> {
    /// The time.
    pub now: Millis,
    /// Chance.
    pub chance: &'a mut Chance,
    /// What is promised and seen.
    pub oracle: &'a mut Oracle,
    /// The run's topics.
    pub topics: &'a mut Vec<Topic>,
    /// False when producers and the administrator should finish what they have begun, and begin nothing.
    pub busy: bool,
    /// Members do not commit.
    pub rests: bool,
    /// How many times slower than in most worlds members live.
    pub pace: Millis,
    /// Frames to send.
    pub frames: Vec<Vec<u8>>,
    /// When the client wants to be called again, in milliseconds from now.
    pub wake_in: Option<Millis>,
    /// The client breaks its connection, and makes the next one after so long, in milliseconds.
    pub hang_up: Option<Millis>,
    /// The client was told that it asks the wrong node: it looks for the right one before it goes on.
    pub elsewhere: bool,
    /// When the client asked last, another node led what this one believed to lead, and had written there.
    pub deposed: bool,
}

impl Cx<'_> {
    /// Sends a request.
    pub fn send<'m, M: Message<'m>>(&mut self, version: i16, request: &M) {
        let header =
            RequestHeader { api_key: M::KEY, api_version: version, correlation_id: 7, client_id: Some("sim".into()) };
        let mut writer = Writer::new();
        header.encode(&mut writer, version >= M::FLEXIBLE_FROM);
        request.write(&mut writer, version);
        self.frames.push(writer.into_bytes());
    }

    /// A partition, if its topic exists.
    pub fn place(&self, topic: usize, partition: i32) -> Option<Place> {
        self.topics[topic].id.map(|id| (id, partition))
    }
}

/// A client.
pub trait Client {
    /// Connected, or called back: do something.
    fn act(&mut self, cx: &mut Cx<'_>);
    /// The reply to the oldest request that has none.
    fn reply(&mut self, cx: &mut Cx<'_>, bytes: &[u8]);
    /// The connection broke: no reply will come.
    fn disconnected(&mut self);
    /// Whether it waits for nothing.
    fn is_idle(&self) -> bool;
    /// Who it is, for messages.
    fn name(&self) -> String;
}

/// Reads a reply.
pub fn read<'m, M: Message<'m>>(bytes: &'m [u8], version: i16) -> M {
    let mut reader = Reader::new(bytes);
    decode_response(&mut reader, M::KEY, version >= M::FLEXIBLE_FROM).expect("a reply's header");
    match M::read(&bytes[reader.position()..], version) {
        Ok(message) => message,
        Err(error) => panic!("a reply to key {} v{version} does not read: {error}", M::KEY),
    }
}
