//! What brokers leave on their disks: replicas of one partition are the same bytes (I7).

use kq::record::batch::batches;
use std::path::Path;

/// The batches of one replica, one after the other, as they are on disk.
pub fn batches_of(data: &Path, topic: &str, partition: i32) -> Result<Vec<u8>, String> {
    let dir = data.join(format!("{topic}-{partition}"));
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(&dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            segments.push(path);
        }
    }
    segments.sort();
    let mut all = Vec::new();
    for segment in segments {
        let bytes = std::fs::read(&segment).map_err(failed)?;
        let mut walk = batches(&bytes);
        for batch in walk.by_ref() {
            all.extend_from_slice(batch.map_err(|error| format!("{}: {error}", segment.display()))?.1);
        }
        if !walk.rest().is_empty() {
            return Err(format!("{}: {} bytes that are no batch", segment.display(), walk.rest().len()));
        }
    }
    Ok(all)
}

/// Compares the replicas of a partition on all disks; what is wrong.
pub fn compare(disks: &[&Path], topic: &str, partition: i32) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut first: Option<(&Path, Vec<u8>)> = None;
    for disk in disks {
        let own = match batches_of(disk, topic, partition) {
            Ok(own) => own,
            Err(why) => {
                wrong.push(format!("I7: {why}"));
                continue;
            }
        };
        wrong.extend(epochs_go_back(&own).map(|why| format!("I7: {} {topic}-{partition}: {why}", disk.display())));
        match &first {
            None => first = Some((disk, own)),
            Some((other, theirs)) if *theirs != own => {
                let at = theirs.iter().zip(&own).position(|(a, b)| a != b).unwrap_or(theirs.len().min(own.len()));
                wrong.push(format!(
                    "I7: {topic}-{partition} differs between {} ({} bytes) and {} ({} bytes), first at byte {at}, offset {}",
                    other.display(),
                    theirs.len(),
                    disk.display(),
                    own.len(),
                    offset_at(&own, at),
                ));
            }
            Some(_) => {}
        }
    }
    wrong
}

fn offset_at(bytes: &[u8], at: usize) -> i64 {
    let (mut position, mut offset) = (0, 0);
    for (header, batch) in batches(bytes).map_while(Result::ok) {
        offset = header.base_offset;
        position += batch.len();
        if position > at {
            break;
        }
    }
    offset
}

fn epochs_go_back(bytes: &[u8]) -> Option<String> {
    let mut last = (-1, 0);
    for (header, _) in batches(bytes).map_while(Result::ok) {
        if header.leader_epoch < last.0 || header.base_offset != last.1 {
            return Some(format!(
                "epoch {} at offset {} comes after epoch {} up to offset {}",
                header.leader_epoch, header.base_offset, last.0, last.1
            ));
        }
        last = (header.leader_epoch, header.next_offset());
    }
    None
}
