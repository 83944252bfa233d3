//! The protocol's keys: one file per key, both directions, and the one table of what is served.
//!
//! A key is served when it stands in the table; a key whose declarations differ from its row does not compile.

use crate::broker::{Broker, GroupResult};
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::group::Reply;
use crate::wire::{Message, WireError};

pub mod allocate_producer_ids;
pub mod alter_configs;
pub mod alter_partition;
pub mod alter_partition_reassignments;
pub mod api_versions;
pub mod broker_heartbeat;
pub mod broker_registration;
pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_quorum;
pub mod describe_topic_partitions;
mod dispatch;
pub mod elect_leaders;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_config_resources;
pub mod list_groups;
pub mod list_offsets;
pub mod list_partition_reassignments;
pub mod metadata;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod peer;
pub mod produce;
pub mod quorum_message;
pub mod sync_group;
pub mod unregister_broker;

pub use dispatch::{Context, Frame, dispatch};

/// What everybody may do with a group, as bits (KIP-430): READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS.
const GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

/// The code of a group's result, where it is not an answer of its own kind.
fn code_of(result: &GroupResult) -> ErrorCode {
    match result {
        Ok(Reply::Refused(refusal)) => refusal.code,
        Ok(_) => ErrorCode::None,
        Err(code) => *code,
    }
}

/// Who answers a key, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Every broker, on clients' listeners.
    Anywhere,
    /// The active controller. Clients may send it to any broker: a broker that is not the controller passes it on.
    Controller,
    /// Nodes among each other, on the controller's listeners: never told to clients, nor answered to them.
    Internal,
}

/// One key of the protocol.
pub trait Api {
    /// The number.
    const KEY: i16;
    /// Kafka's name, for instance `Produce`.
    const NAME: &'static str;
    /// The first and last version that are answered.
    const SERVED: (i16, i16);
    /// The lowest version that ApiVersions tells; lower than what is served only where clients need the lie.
    const ADVERTISED_MIN: i16 = Self::SERVED.0;
    /// Who answers it, and to whom.
    const AT: At = At::Anywhere;
    /// What clients send.
    type Request<'a>: Message<'a>;
    /// What we answer.
    type Response<'a>: Message<'a>;
}

/// Keys that controllers' listeners answer as well as clients': ApiVersions and DescribeCluster.
const FOR_EVERYBODY: [i16; 2] = [api_versions::ApiVersions::KEY, describe_cluster::DescribeCluster::KEY];

/// A key's row in [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number.
    pub key: i16,
    /// Kafka's name.
    pub name: &'static str,
    /// The first and last version that are answered.
    pub served: (i16, i16),
    /// The lowest version that ApiVersions tells.
    pub advertised_min: i16,
    /// The first flexible version (KIP-482), or `i16::MAX`.
    pub flexible_from: i16,
    /// Who answers it, and to whom.
    pub at: At,
}

impl Row {
    /// Whether `version` is answered.
    pub fn serves(&self, version: i16) -> bool {
        self.served.0 <= version && version <= self.served.1
    }

    /// Whether it is answered on clients' listeners.
    pub fn is_for_clients(&self) -> bool {
        self.at != At::Internal
    }

    /// Whether it is answered on controllers' listeners.
    pub fn is_for_nodes(&self) -> bool {
        self.at != At::Anywhere || FOR_EVERYBODY.contains(&self.key)
    }
}

/// Something to do with a key that is only known at run time.
pub trait Visitor {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<A: Api>(self) -> Self::Output;
}

/// The row of a key; does not compile when the two messages are not that key's, or lack a served version.
const fn row<A: Api>() -> Row {
    const {
        let request = <A::Request<'static> as Message<'static>>::VERSIONS;
        let response = <A::Response<'static> as Message<'static>>::VERSIONS;
        assert!(<A::Request<'static> as Message<'static>>::KEY == A::KEY, "the request is another key's");
        assert!(<A::Response<'static> as Message<'static>>::KEY == A::KEY, "the response is another key's");
        assert!(request.0 <= A::SERVED.0 && A::SERVED.1 <= request.1, "the request lacks a served version");
        assert!(response.0 <= A::SERVED.0 && A::SERVED.1 <= response.1, "the response lacks a served version");
        assert!(A::ADVERTISED_MIN <= A::SERVED.0 && A::SERVED.0 <= A::SERVED.1, "the range is upside down");
        assert!(
            <A::Request<'static> as Message<'static>>::FLEXIBLE_FROM
                == <A::Response<'static> as Message<'static>>::FLEXIBLE_FROM,
            "request and response become flexible together"
        );
    }
    Row {
        key: A::KEY,
        name: A::NAME,
        served: A::SERVED,
        advertised_min: A::ADVERTISED_MIN,
        flexible_from: <A::Request<'static> as Message<'static>>::FLEXIBLE_FROM,
        at: A::AT,
    }
}

macro_rules! table {
    ($($module:ident::$api:ident),* $(,)?) => {
        /// Every key that is served, by number.
        pub static TABLE: &[Row] = &[$(row::<$module::$api>()),*];

        /// Does `visitor`'s work for `key`; `None` when the key is not in the table.
        pub fn visit<V: Visitor>(key: i16, visitor: V) -> Option<V::Output> {
            match key {
                $(<$module::$api as Api>::KEY => Some(visitor.visit::<$module::$api>()),)*
                _ => None,
            }
        }

        /// Reads a request's body and runs its key's handler; `None` when the key is not in the table.
        fn handle<'a>(
            key: i16,
            broker: &mut Broker,
            cx: Context<'_>,
            body: &'a [u8],
            out: &mut Vec<Effect<'a>>,
        ) -> Option<Result<(), WireError>> {
            match key {
                $(<$module::$api as Api>::KEY => {
                    let request = <$module::$api as Api>::Request::<'a>::read(body, cx.to.version);
                    Some(request.map(|request| $module::handle(broker, cx, request, out)))
                })*
                _ => None,
            }
        }
    };
}

table! {
    produce::Produce,
    fetch::Fetch,
    list_offsets::ListOffsets,
    metadata::Metadata,
    offset_commit::OffsetCommit,
    offset_fetch::OffsetFetch,
    find_coordinator::FindCoordinator,
    join_group::JoinGroup,
    heartbeat::Heartbeat,
    leave_group::LeaveGroup,
    sync_group::SyncGroup,
    describe_groups::DescribeGroups,
    list_groups::ListGroups,
    api_versions::ApiVersions,
    create_topics::CreateTopics,
    delete_topics::DeleteTopics,
    delete_records::DeleteRecords,
    init_producer_id::InitProducerId,
    offset_for_leader_epoch::OffsetForLeaderEpoch,
    describe_configs::DescribeConfigs,
    alter_configs::AlterConfigs,
    describe_log_dirs::DescribeLogDirs,
    create_partitions::CreatePartitions,
    delete_groups::DeleteGroups,
    elect_leaders::ElectLeaders,
    incremental_alter_configs::IncrementalAlterConfigs,
    alter_partition_reassignments::AlterPartitionReassignments,
    list_partition_reassignments::ListPartitionReassignments,
    offset_delete::OffsetDelete,
    describe_quorum::DescribeQuorum,
    alter_partition::AlterPartition,
    describe_cluster::DescribeCluster,
    describe_producers::DescribeProducers,
    broker_registration::BrokerRegistration,
    broker_heartbeat::BrokerHeartbeat,
    unregister_broker::UnregisterBroker,
    allocate_producer_ids::AllocateProducerIds,
    consumer_group_heartbeat::ConsumerGroupHeartbeat,
    consumer_group_describe::ConsumerGroupDescribe,
    list_config_resources::ListConfigResources,
    describe_topic_partitions::DescribeTopicPartitions,
}

/// The row of `key`, if it is served.
pub fn find(key: i16) -> Option<&'static Row> {
    TABLE.binary_search_by_key(&key, |row| row.key).ok().map(|at| &TABLE[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_finds_its_keys() {
        assert!(TABLE.is_sorted_by(|a, b| a.key < b.key));
        for row in TABLE {
            assert_eq!(find(row.key), Some(row));
            assert!(row.serves(row.served.0) && row.serves(row.served.1) && !row.serves(row.served.1 + 1));
        }
        assert_eq!(find(-1), None);
        assert_eq!(find(i16::MAX), None);
    }

    #[test]
    fn keys_of_nodes_among_each_other_are_not_for_clients() {
        let at = |key: i16| find(key).map(|row| (row.is_for_clients(), row.is_for_nodes()));
        for everybody in [18, 60, 19, 44] {
            assert_eq!(at(everybody), Some((true, true)), "{everybody}");
        }
        for clients in [0, 1, 3, 10] {
            assert_eq!(at(clients), Some((true, false)), "{clients}");
        }
        for nodes in [56, 62, 63] {
            assert_eq!(at(nodes), Some((false, true)), "{nodes}");
        }
    }

    #[test]
    fn visit_goes_to_the_key() {
        struct Name;
        impl Visitor for Name {
            type Output = &'static str;
            fn visit<A: Api>(self) -> &'static str {
                A::NAME
            }
        }
        for row in TABLE {
            assert_eq!(visit(row.key, Name), Some(row.name));
        }
        assert_eq!(visit(-1, Name), None);
    }

    #[test]
    fn produce_advertises_what_it_refuses() {
        let row = find(0).unwrap();
        assert_eq!((row.advertised_min, row.served), (0, (3, 13)));
    }
}
