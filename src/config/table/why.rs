//! Why a known setting has no effect: the words that the log uses.

pub(super) const BUFFER: &str = "kq keeps no buffer between two writes of a coordinator";

pub(super) const CONNECT: &str = "an attempt to connect has two seconds, and is made again";

pub(super) const JAVA: &str = "kq cannot load Java classes";

pub(super) const LINGER: &str = "kq writes at once, and what comes meanwhile goes together";

pub(super) const LOOP: &str = "the one loop that serves everything serves this too";

pub(super) const METADATA_LOG: &str = "the metadata log is trimmed behind its own snapshots";

pub(super) const METRICS: &str = "metrics are read over HTTP, see http.listener";

pub(super) const PURGATORY: &str = "kq has no purgatory: a waiting request is dropped when it ends";

pub(super) const QUORUM: &str = "one time rules the quorum: controller.quorum.fetch.timeout.ms";

pub(super) const QUORUM_SENDS: &str = "kq's quorum does not fetch: its leader sends";

pub(super) const QUOTAS: &str = "quotas are not built yet";

pub(super) const RETIRED: &str = "Kafka 4 has retired it";

pub(super) const SECURITY: &str = "TLS and SASL are not built yet; listeners that ask for them are refused";

pub(super) const SHARE: &str = "share groups are not built yet";

pub(super) const STREAMS: &str = "streams groups are not built yet";

pub(super) const TIERED: &str = "tiered storage is not built";

pub(super) const TRANSACTIONS: &str = "transactions are not built yet";

pub(super) const ZOOKEEPER: &str = "kq keeps its metadata itself, without ZooKeeper";
