//! What can be done to a broker: loads, restarts, and the promise under which it is done.

/// When a record counts as written, the same for both brokers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// In the system's page cache: Kafka's default.
    PageCache,
    /// On disk: `log.flush.interval.messages=1`.
    Synced,
}

/// Pipelined requests of `kq bench produce`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Produce {
    /// Bytes of each value.
    pub record_bytes: u32,
    /// Records in a request.
    pub records_per_batch: u32,
    /// Connections.
    pub connections: u16,
    /// Requests ahead of their answers, on each connection.
    pub in_flight: u16,
    /// Partitions, written in turns.
    pub partitions: u32,
    /// Requests a second, all connections together (open loop); as many as will go without.
    pub rate: Option<u32>,
    /// As an idempotent producer on each connection.
    pub idempotent: bool,
}

/// What a row does in each run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Work {
    /// Pipelined requests.
    Produce(Produce, Promise),
    /// The same at a given rate, once for each promise.
    OpenLoop(Produce),
    /// One connection reads what is in the page cache, so many bytes at a time.
    Fetch(u32),
    /// Kafka's producer tool: records, bytes of each, partitions.
    ProducerTool(u32, u32, u32),
    /// Kafka's consumer tool: records, bytes of each.
    ConsumerTool(u32, u32),
    /// Resident memory, idle and after one load after the other.
    Memory,
    /// From process start to serving: empty, and with so many partitions of data after a clean stop.
    Start(u32),
    /// From process start to serving after kill -9, with so many partitions of data.
    Killed(u32),
    /// So many members join one group.
    GroupJoin(u32),
    /// So many groups commit so many offsets a second.
    GroupCommits(u32, u32),
    /// A coordinator loads the offsets of so many groups.
    GroupLoad(u32),
    /// The tool that lists topics, as a whole process.
    TopicList,
}

/// The limit of the machine that a row is held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// One thread answers small requests and does nothing else.
    Echo {
        /// Bytes of a request.
        request_bytes: u32,
        /// Bytes of an answer.
        answer_bytes: u32,
        /// Connections.
        connections: u16,
        /// Requests ahead of their answers, on each connection.
        in_flight: u16,
    },
    /// One thread sends so many bytes at a time over loopback, another writes them to a file.
    Copy(u32),
    /// One thread appends what waits, then syncs it.
    Sync {
        /// Bytes of a request.
        bytes: u32,
        /// Requests that wait.
        at_once: u32,
        /// Files that they go to in turns.
        files: u32,
    },
    /// One thread sends so many bytes of a cached file over loopback when asked.
    Send(u32),
}
