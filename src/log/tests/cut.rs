//! A follower's log is cut and begun anew, with a power cut at any moment: what comes back is what was there before, or a
//! first part of it that holds everything below the cut, and never anything that was cut and then written over.

use super::*;
use crate::log::Cut;
use crate::log::checkpoint::{Offsets, RECOVERY_POINTS, read_offsets, write_offsets};
use crate::record::producer::Producers;
use crate::types::Epoch;

/// A log that only a follower writes: batches of growing epochs, of which some are cut off again.
struct Story {
    model: Model,
    chance: Chance,
    epoch: Epoch,
    /// Everything below was said to be on disk.
    safe: Offset,
    /// The cut that is under way goes no deeper.
    cutting: Option<Offset>,
}

impl Story {
    fn new(seed: u64) -> Story {
        let mut chance = Chance(seed);
        let config = LogConfig {
            segment_bytes: 600 + chance.below(1500) as u32,
            index_interval_bytes: 1 + chance.below(300) as u32,
            ..LogConfig::default()
        };
        Story { model: Model::new(config), chance, epoch: 1, safe: 0, cutting: None }
    }

    fn step(&mut self) -> DiskResult<()> {
        self.model.now += 1;
        match self.chance.below(20) {
            0..9 => self.append()?,
            9..14 => {
                let end = self.model.sync()?;
                self.safe = end;
            }
            14 => {
                let producers = self.producers();
                self.model.log.save_producers(self.model.log.end(), &producers.encode())?;
            }
            15 => self.checkpoint(self.model.log.recovery_point())?,
            16 => self.epoch += 1,
            _ => self.cut()?,
        }
        Ok(())
    }

    fn producers(&self) -> Producers {
        let mut producers = Producers::new();
        for (base, bytes) in &self.model.batches {
            producers.apply(&BatchHeader::peek(bytes).unwrap(), *base, 0);
        }
        producers
    }

    fn checkpoint(&self, point: Offset) -> DiskResult<()> {
        write_offsets(&self.model.disk, RECOVERY_POINTS, &Offsets::from([(("topic".into(), 0), point)]))
    }

    /// As a follower does: the epochs first, then the batches as they stand in the leader's log.
    fn append(&mut self) -> DiskResult<()> {
        let base = self.model.log.end();
        let mut builder = Builder::new(Codec::None, None);
        for _ in 0..=self.chance.below(4) {
            let value = vec![b'v'; self.chance.below(150) as usize];
            builder.push(self.model.now, None, Some(&value), &[]);
        }
        // The sequence says which batch it is: no two are the same.
        builder.set_producer(self.chance.below(3) as i64, 0, self.model.now as i32);
        builder.set_position(base, self.epoch);
        let bytes = builder.finish();
        let mut epochs = self.model.log.epochs().entries.clone();
        if epochs.last().is_none_or(|(epoch, _)| *epoch < self.epoch) {
            epochs.push((self.epoch, base));
            self.model.log.save_epochs(epochs);
        }
        self.model.batches.push((base, bytes.clone()));
        let batch = AppendBatch { base_offset: base, epoch: self.epoch, bytes: &bytes };
        self.model.log.append(self.model.now, &[batch]).map(drop)
    }

    fn cut(&mut self) -> DiskResult<()> {
        let (start, end) = (self.model.log.start(), self.model.log.end());
        let all = self.chance.below(12) == 0;
        let to = start + self.chance.below((end - start + 1) as u64) as i64;
        let cut = if all { Cut::All(end + self.chance.below(50) as i64 - 10.min(end)) } else { Cut::From(to) };
        self.cutting = Some(if all { 0 } else { to });
        // Nothing is believed of it until the next checkpoint.
        self.checkpoint(0)?;
        self.model.log.cut(cut, self.model.now)?;
        self.cutting = None;
        self.model.batches.retain(|(_, bytes)| !all && BatchHeader::peek(bytes).unwrap().next_offset() <= to);
        let model_end = self.model.batches.last().map(|(_, bytes)| BatchHeader::peek(bytes).unwrap().next_offset());
        let expected = if let Cut::All(start) = cut { start } else { model_end.unwrap_or(start).max(start).min(end) };
        assert_eq!(self.model.log.end(), expected);
        self.safe = expected;
        let found = self.model.log.stand(self.model.now)?;
        self.same_producers(&found.producers);
        self.same_epochs(&found.epochs);
        self.epoch += 1;
        Ok(())
    }

    fn same_producers(&self, found: &Producers) {
        let last = |producers: &Producers| -> Vec<_> {
            producers.iter().map(|p| (p.id, p.last_sequence(), p.last_offset())).collect()
        };
        assert_eq!(last(found), last(&self.producers()));
    }

    fn same_epochs(&self, found: &[(Epoch, Offset)]) {
        let mut epochs: Vec<(Epoch, Offset)> = Vec::new();
        for (base, bytes) in &self.model.batches {
            let epoch = BatchHeader::peek(bytes).unwrap().leader_epoch;
            if epochs.last().is_none_or(|(last, _)| *last < epoch) {
                epochs.push((epoch, *base));
            }
        }
        assert_eq!(found, epochs);
    }

    /// False when a new beginning was cut short: whatever is left of the old log goes anyhow.
    fn recover(&mut self, disk: MemoryDisk) -> bool {
        let points = read_offsets(&disk, RECOVERY_POINTS).unwrap();
        let recovery_point = points.get(&("topic".into(), 0)).copied().unwrap_or(0);
        let found = self.model.reopen(disk, Opening { clean: false, recovery_point, log_start: 0 });
        let cutting = self.cutting.take();
        let kept = cutting.unwrap_or(i64::MAX).min(self.safe);
        // A batch that reaches over the cut goes with it.
        let whole = self.model.batches.iter().map(|(_, bytes)| BatchHeader::peek(bytes).unwrap().next_offset());
        let kept = whole.filter(|next| *next <= kept).max().unwrap_or(0);
        let (start, end) = (found.start, found.end);
        self.model.batches.retain(|(base, _)| *base >= start && *base < end);
        self.model.check(&mut self.chance);
        if cutting == Some(0) {
            return false;
        }
        assert!(end >= kept, "up to {kept} was safe, there up to {end}");
        self.same_producers(&found.producers);
        self.same_epochs(&found.epochs);
        self.safe = end;
        self.epoch += 1;
        true
    }
}

#[test]
fn a_power_cut_at_any_change_leaves_a_first_part_of_what_was_there() {
    for seed in 0..300 {
        let mut story = Story::new(seed);
        for _ in 0..5 {
            let n = 1 + story.chance.below(80);
            story.model.disk.freeze_at_change(n);
            while story.step().is_ok() {}
            let disk = story.model.disk.clone();
            let disk = match story.chance.below(3) {
                0 => disk.kill(),
                1 => disk.power_cut_all_lost(),
                _ => disk.power_cut(&mut || story.chance.next()),
            };
            if !story.recover(disk) {
                break;
            }
        }
    }
}

#[test]
fn what_is_cut_stays_cut_after_a_clean_stop() {
    for seed in 0..100 {
        let mut story = Story::new(seed);
        for _ in 0..200 {
            story.step().unwrap();
        }
        let found = story.model.restart();
        story.same_producers(&found.producers);
        story.same_epochs(&found.epochs);
        story.model.check(&mut story.chance);
    }
}

#[test]
fn a_cut_within_a_batch_takes_the_whole_batch() {
    let mut model = Model::new(small());
    let three = batch_of(&[(1, None, Some("a")), (2, None, Some("b")), (3, None, Some("c"))]);
    model.append(&[three.clone(), three]).unwrap();
    model.log.cut(Cut::From(4), 0).unwrap();
    assert_eq!((model.log.end(), model.log.recovery_point()), (3, 3));
    model.forget_above(3);
    model.check(&mut Chance(1));
    model.log.cut(Cut::All(77), 0).unwrap();
    assert_eq!((model.log.start(), model.log.end(), model.log.segments().count()), (77, 77, 1));
}
