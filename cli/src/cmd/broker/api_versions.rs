//! `kq broker api-versions`.

use crate::args::CommonArgs;
use crate::cmd::Ctx;
use crate::failure::Failure;
use crate::kafka::To;
use crate::ui::{Column, Ui};
use kq::client::Version;
use serde_json::json;

/// Kafka's names of the keys that kq does not speak itself, by number.
const OTHER_NAMES: &[(i16, &str)] = &[
    (4, "LeaderAndIsr"),
    (5, "StopReplica"),
    (6, "UpdateMetadata"),
    (7, "ControlledShutdown"),
    (8, "OffsetCommit"),
    (9, "OffsetFetch"),
    (11, "JoinGroup"),
    (12, "Heartbeat"),
    (13, "LeaveGroup"),
    (14, "SyncGroup"),
    (15, "DescribeGroups"),
    (16, "ListGroups"),
    (17, "SaslHandshake"),
    (24, "AddPartitionsToTxn"),
    (25, "AddOffsetsToTxn"),
    (26, "EndTxn"),
    (27, "WriteTxnMarkers"),
    (28, "TxnOffsetCommit"),
    (29, "DescribeAcls"),
    (30, "CreateAcls"),
    (31, "DeleteAcls"),
    (34, "AlterReplicaLogDirs"),
    (36, "SaslAuthenticate"),
    (38, "CreateDelegationToken"),
    (39, "RenewDelegationToken"),
    (40, "ExpireDelegationToken"),
    (41, "DescribeDelegationToken"),
    (42, "DeleteGroups"),
    (43, "ElectLeaders"),
    (45, "AlterPartitionReassignments"),
    (46, "ListPartitionReassignments"),
    (47, "OffsetDelete"),
    (48, "DescribeClientQuotas"),
    (49, "AlterClientQuotas"),
    (50, "DescribeUserScramCredentials"),
    (51, "AlterUserScramCredentials"),
    (52, "Vote"),
    (53, "BeginQuorumEpoch"),
    (54, "EndQuorumEpoch"),
    (55, "DescribeQuorum"),
    (56, "AlterPartition"),
    (57, "UpdateFeatures"),
    (58, "Envelope"),
    (59, "FetchSnapshot"),
    (62, "BrokerRegistration"),
    (63, "BrokerHeartbeat"),
    (64, "UnregisterBroker"),
    (65, "DescribeTransactions"),
    (66, "ListTransactions"),
    (67, "AllocateProducerIds"),
    (68, "ConsumerGroupHeartbeat"),
    (69, "ConsumerGroupDescribe"),
    (70, "ControllerRegistration"),
    (71, "GetTelemetrySubscriptions"),
    (72, "PushTelemetry"),
    (73, "AssignReplicasToDirs"),
    (76, "ShareGroupHeartbeat"),
    (77, "ShareGroupDescribe"),
    (78, "ShareFetch"),
    (79, "ShareAcknowledge"),
    (80, "AddRaftVoter"),
    (81, "RemoveRaftVoter"),
    (82, "UpdateRaftVoter"),
    (83, "InitializeShareGroupState"),
    (84, "ReadShareGroupState"),
    (85, "WriteShareGroupState"),
    (86, "DeleteShareGroupState"),
    (87, "ReadShareGroupStateSummary"),
    (88, "StreamsGroupHeartbeat"),
    (89, "StreamsGroupDescribe"),
    (90, "DescribeShareGroupOffsets"),
    (91, "AlterShareGroupOffsets"),
    (92, "DeleteShareGroupOffsets"),
];

/// Show which requests a broker takes, in which versions
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  kq broker api-versions 1")]
pub struct Args {
    /// Its id [default: whoever answers]
    #[arg(value_name = "ID")]
    id: Option<i32>,
    #[command(flatten)]
    pub common: CommonArgs,
}

struct Row {
    key: i16,
    theirs: Version,
}

impl Row {
    fn ours(&self) -> Option<Version> {
        kq::api::find(self.key).map(|row| row.served)
    }
}

fn name_of(key: i16) -> Option<&'static str> {
    let ours = kq::api::find(key).map(|row| row.name);
    ours.or_else(|| OTHER_NAMES.iter().find(|(other, _)| *other == key).map(|(_, name)| *name))
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("key", "integer: the API key", |r| json!(r.key)),
    Column::new("api", "string or null: Kafka's name of it", |r| json!(name_of(r.key))),
    Column::new("min", "integer: the broker's first version", |r| json!(r.theirs.0)),
    Column::new("max", "integer: the broker's last version", |r| json!(r.theirs.1)),
    Column::wide("kq_max", "integer or null: the last version that kq speaks", |r| json!(r.ours().map(|ours| ours.1))),
];

pub fn run(ui: &mut Ui, ctx: &Ctx, args: &Args) -> Result<(), Failure> {
    if ui.wants_schema() {
        return ui.rows(COLUMNS, &[]);
    }
    let mut kafka = ctx.kafka(ui, &args.common.connect, args.common.timeout.get())?;
    let to = match args.id {
        Some(id) => {
            kafka.refresh::<&str>(&[])?;
            To::Broker(id)
        }
        None => To::Any,
    };
    let versions = kafka.link(to)?.connection().versions().cloned().unwrap_or_default();
    ui.rows(COLUMNS, &versions.into_iter().map(|(key, theirs)| Row { key, theirs }).collect::<Vec<_>>())
}
