//! Replication as rules (`replication-rules.md`), one test a rule.

mod follower;
mod leader;

use super::*;
use crate::event::Opened;
use crate::record::batch::BatchHeader;
use crate::record::builder::Builder;
use crate::record::compress::Codec;
use crate::types::{Epoch, LogId, NodeId, Offset};

const LAG_MS: i64 = 1_000;

/// Node 1 leads; `isr` of `replicas` are in sync.
fn assignment(leader_epoch: Epoch, partition_epoch: Epoch, replicas: &[NodeId], isr: &[NodeId]) -> Assignment {
    Assignment { node: 1, leader_epoch, partition_epoch, replicas: replicas.to_vec(), isr: isr.to_vec(), min_isr: 1 }
}

fn opened(end: Offset, epochs: &[(Epoch, Offset)]) -> Opened {
    Opened { end, synced: end, epochs: epochs.to_vec(), ..Opened::default() }
}

/// A batch of records, as it stands in a log.
fn batch_at(base: Offset, epoch: Epoch, records: usize) -> Vec<u8> {
    let mut builder = Builder::new(Codec::None, None);
    (0..records).for_each(|_| builder.push(0, None, Some(b"v"), &[]));
    builder.set_position(base, epoch);
    builder.finish()
}

fn header(records: usize) -> BatchHeader {
    BatchHeader::peek(&batch_at(0, 0, records)).expect("a batch")
}

/// Appends and syncs, as the disk would do at once.
fn write(leader: &mut Leader, records: usize) -> Moved {
    leader.accept(0, &header(records)).expect("accepted");
    let end = leader.end();
    let appended = leader.appended_to(0, end);
    let synced = leader.synced_to(0, end);
    Moved { high_watermark: appended.high_watermark || synced.high_watermark, sync: false }
}

/// A leader of three replicas, all in sync, whose log ends at `end`.
fn leader_of_three(end: Offset) -> Leader {
    let log = opened(end, if end > 0 { &[(1, 0)] } else { &[] });
    Leader::new(0, LogId(1), 1, &assignment(3, 5, &[1, 2, 3], &[1, 2, 3]), log, 0, Durability::Disk)
}

fn everybody(_: NodeId, _: i64) -> bool {
    true
}

fn members(change: &IsrChange) -> Vec<NodeId> {
    change.isr.iter().map(|(node, _)| *node).collect()
}
