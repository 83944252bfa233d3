//! What the sender holds: a lane for each partition, batches in it, and a wire to each leader.

use super::args::Compression;
use crate::kafka::Link;
use kq::record::batch::add_sequence;
use kq::record::{BatchHeader, Builder, decode};
use std::collections::VecDeque;
use std::time::Instant;

/// A sealed batch.
pub struct Batch {
    /// The batch as it is sent.
    pub bytes: Vec<u8>,
    /// Its place among all batches.
    pub order: u64,
    /// When it was sealed.
    pub made: Instant,
    /// How often the broker has refused it.
    pub tries: u64,
}

impl Batch {
    /// Its header.
    pub fn header(&self) -> BatchHeader {
        BatchHeader::peek(&self.bytes).expect("a sealed batch has a header")
    }

    /// How many records it holds.
    pub fn records(&self) -> u64 {
        self.header().count as u64
    }

    /// Two batches of half the records each, under the same sequence numbers; none where it does not unpack.
    pub fn halves(&self, compression: Compression) -> Vec<Batch> {
        let Ok(decoded) = decode(&self.bytes, usize::MAX) else { return Vec::new() };
        let header = decoded.header;
        let build = |from: i32, to: i32| {
            let mut builder = Builder::new(compression.codec, compression.level);
            for record in decoded.iter().flatten().skip(from as usize).take((to - from) as usize) {
                let headers: Vec<_> = record.headers.clone().collect();
                builder.push(record.timestamp, record.key, record.value, &headers);
            }
            if header.has_producer() {
                let sequence = add_sequence(header.base_sequence, from);
                builder.set_producer(header.producer_id, header.producer_epoch, sequence);
            }
            // The halves stand next to each other in the queue.
            Batch { bytes: builder.finish(), order: self.order, made: self.made, tries: 0 }
        };
        let half = header.count / 2;
        vec![build(0, half), build(half, header.count)]
    }
}

/// One partition.
pub struct Lane {
    /// The partition.
    pub index: i32,
    /// The batch that is being filled, and since when.
    pub open: Option<(Builder, Instant)>,
    /// Batches to be sent, in order.
    pub ready: VecDeque<Batch>,
    /// The sequence number of the next batch's first record.
    pub next_sequence: i32,
}

impl Lane {
    /// Nothing in it yet.
    pub fn new(index: i32) -> Lane {
        Lane { index, open: None, ready: VecDeque::new(), next_sequence: 0 }
    }
}

/// A connection, and what was sent on it and is not answered: for each request its lanes and batches.
pub struct Wire {
    /// The connection.
    pub link: Link,
    /// What is in flight, oldest request first.
    pub sent: VecDeque<Vec<(usize, Batch)>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use kq::record::{Codec, check_produced};

    #[test]
    fn halves_keep_records_and_sequence_numbers() {
        let mut builder = Builder::new(Codec::Gzip, None);
        (0..5).for_each(|i| builder.push(i, Some(b"k"), Some(&[i as u8]), &[(b"h", None)]));
        builder.set_producer(9, 2, i32::MAX - 1);
        let batch = Batch { bytes: builder.finish(), order: 3, made: Instant::now(), tries: 1 };
        let halves = batch.halves(Compression { codec: Codec::Zstd, level: None });
        let shown: Vec<_> = halves
            .iter()
            .map(|half| check_produced(&half.bytes).unwrap())
            .map(|h| (h.count, h.producer_id, h.base_sequence, h.last_sequence()))
            .collect();
        assert_eq!(shown, [(2, 9, i32::MAX - 1, i32::MAX), (3, 9, 0, 2)]);
        let values: Vec<u8> = halves
            .iter()
            .flat_map(|half| {
                decode(&half.bytes, 1000).unwrap().iter().map(|r| r.unwrap().value.unwrap()[0]).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(values, [0, 1, 2, 3, 4]);
    }
}
