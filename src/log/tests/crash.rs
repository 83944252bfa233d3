//! Crashes: at every sync of a workload, with everything unsynced kept, lost, torn or reordered.

use super::*;
use crate::log::DiskErrorKind;
use crate::log::checkpoint::{LOG_STARTS, Offsets, RECOVERY_POINTS, read_offsets, write_offsets};
use crate::record::producer::Producers;

struct Workload {
    model: Model,
    chance: Chance,
    /// Everything below was said to be on disk.
    acked: Offset,
    /// The log's start as it was made durable.
    saved_start: Offset,
    producers: Producers,
    sequences: [i32; 3],
}

impl Workload {
    fn new(seed: u64) -> Workload {
        let mut chance = Chance(seed);
        let config = LogConfig {
            segment_bytes: 1000 + chance.below(3000) as u32,
            index_interval_bytes: 1 + chance.below(600) as u32,
            retention_bytes: 9000,
            file_delete_delay_ms: 5,
            preallocate: chance.below(4) == 0,
            ..LogConfig::default()
        };
        Workload {
            model: Model::new(config),
            chance,
            acked: 0,
            saved_start: 0,
            producers: Producers::new(),
            sequences: [0; 3],
        }
    }

    fn step(&mut self) -> DiskResult<()> {
        self.model.now += 1;
        match self.chance.below(20) {
            0..10 => self.append()?,
            10..15 => self.acked = self.model.sync()?,
            15 => {
                let (end, bytes) = (self.model.log.end(), self.producers.encode());
                self.model.log.save_producers(end, &bytes)?;
            }
            16 => self.model.log.save_epochs(vec![(7, 0)]),
            17 => {
                let point = self.model.log.recovery_point();
                let offsets = Offsets::from([(("topic".into(), 0), point)]);
                write_offsets(&self.model.disk, RECOVERY_POINTS, &offsets)?;
            }
            18 => {
                let upto = self.acked;
                if self.model.log.retain(self.model.now, upto)?.is_some() {
                    self.save_start()?;
                }
                self.model.log.sweep(self.model.now)?;
            }
            _ => {
                let start = self.model.log.start();
                let to = start + self.chance.below(3) as i64;
                self.model.log.trim(to.min(self.acked.max(start)));
                self.save_start()?;
            }
        }
        Ok(())
    }

    fn append(&mut self) -> DiskResult<()> {
        let mut run = Vec::new();
        let mut next = self.model.log.end();
        for _ in 0..=self.chance.below(3) {
            let id = self.chance.below(4) as usize;
            let mut builder = Builder::new(Codec::None, None);
            let records = 1 + self.chance.below(4);
            for _ in 0..records {
                let value = vec![b'v'; self.chance.below(150) as usize];
                builder.push(self.model.now, None, Some(&value), &[]);
            }
            if let Some(sequence) = self.sequences.get_mut(id) {
                builder.set_producer(id as i64, 0, *sequence);
                *sequence += records as i32;
            }
            run.push(builder.finish());
            let header = BatchHeader::peek(run.last().unwrap()).unwrap();
            self.producers.apply(&header, next, self.model.now);
            next += records as i64;
        }
        if self.model.log.epochs().entries.is_empty() {
            self.model.log.save_epochs(vec![(7, self.model.log.end())]);
        }
        self.model.append(&run).map(drop)
    }

    fn save_start(&mut self) -> DiskResult<()> {
        let start = self.model.log.start();
        write_offsets(&self.model.disk, LOG_STARTS, &Offsets::from([(("topic".into(), 0), start)]))?;
        self.saved_start = start;
        Ok(())
    }

    /// Opens the log after a crash and compares it with the model.
    fn recover(&mut self, disk: MemoryDisk) {
        let offset = |file| read_offsets(&disk, file).unwrap().get(&("topic".into(), 0)).copied().unwrap_or(0);
        let (recovery_point, log_start) = (offset(RECOVERY_POINTS), offset(LOG_STARTS));
        let found = self.model.reopen(disk, Opening { clean: false, recovery_point, log_start });
        assert!(found.end >= self.acked, "acknowledged up to {}, there up to {}", self.acked, found.end);
        assert!(found.start >= self.saved_start, "the start went back from {} to {}", self.saved_start, found.start);
        let epochs: Vec<_> = found.epochs.iter().map(|(epoch, _)| *epoch).collect();
        assert_eq!(epochs, if found.end > found.start { vec![7] } else { epochs.clone() });
        self.model.forget_above(found.end);
        self.model.check(&mut self.chance);
        self.acked = found.end;
        self.producers = Producers::new();
        self.sequences = [0; 3];
        for (base, bytes) in &self.model.batches {
            let header = BatchHeader::peek(bytes).unwrap();
            self.producers.apply(&header, *base, self.model.now);
            if let Some(sequence) = self.sequences.get_mut(header.producer_id as usize) {
                *sequence = header.last_sequence() + 1;
            }
        }
        let last = |producers: &Producers| -> Vec<_> {
            producers.iter().map(|p| (p.id, p.epoch, p.last_sequence(), p.last_offset())).collect()
        };
        // A producer whose batches are all below the start may or may not be known.
        let mut model = last(&self.producers);
        let there = last(&found.producers);
        model.retain(|p| p.3 >= found.start || there.contains(p));
        assert_eq!(there, model);
    }
}

const STEPS: usize = 120;

#[test]
fn what_was_synced_survives_a_power_cut_at_every_sync() {
    for seed in 0..4 {
        let mut n = 1;
        loop {
            let mut workload = Workload::new(seed);
            workload.model.disk.freeze_at_sync(n);
            let frozen = (0..STEPS).any(|_| workload.step().is_err());
            for cut in 0..3 {
                let mut chance = Chance(seed << 32 | n << 8 | cut);
                let disk = workload.model.disk.power_cut(&mut || chance.next());
                workload.recover(disk);
                for _ in 0..20 {
                    workload.step().unwrap();
                }
            }
            if !frozen {
                break;
            }
            n += 1;
        }
        assert!(n > 50, "the workload has only {n} syncs");
    }
}

#[test]
fn crashes_at_any_moment_again_and_again() {
    for seed in 0..200 {
        let mut workload = Workload::new(seed);
        for _ in 0..6 {
            let n = 1 + workload.chance.below(100);
            workload.model.disk.freeze_at_change(n);
            while workload.step().is_ok() {}
            let disk = workload.model.disk.clone();
            let disk = match workload.chance.below(3) {
                0 => disk.kill(),
                1 => disk.power_cut_all_lost(),
                _ => disk.power_cut(&mut || workload.chance.next()),
            };
            workload.recover(disk);
        }
    }
}

#[test]
fn a_kill_loses_nothing() {
    for seed in 0..50 {
        let mut workload = Workload::new(seed);
        for _ in 0..STEPS {
            workload.step().unwrap();
        }
        let end = workload.model.log.end();
        let disk = workload.model.disk.kill();
        workload.recover(disk);
        assert_eq!(workload.model.log.end(), end);
    }
}

#[test]
fn a_crash_while_recovering_changes_nothing() {
    for seed in 0..20 {
        let mut workload = Workload::new(seed);
        for _ in 0..STEPS {
            workload.step().unwrap();
        }
        let mut disk = workload.model.disk.power_cut(&mut || workload.chance.next());
        for n in 1..12 {
            disk.freeze_at_change(n);
            let how = Opening { clean: false, recovery_point: 0, log_start: workload.saved_start };
            let opened = Log::open(disk.clone(), &name(), workload.model.config.clone(), how, 0);
            let opened = opened.is_ok();
            disk = disk.power_cut(&mut || workload.chance.next());
            if opened {
                break;
            }
        }
        workload.recover(disk);
    }
}

#[test]
fn a_failed_sync_is_not_made_good_by_a_later_one() {
    let mut model = Model::new(small());
    model.append(&[batch_of(&[(1, None, Some("kept"))])]).unwrap();
    model.sync().unwrap();
    model.append(&[batch_of(&[(1, None, Some("lost"))])]).unwrap();
    model.disk.fail_sync(1);
    assert_eq!(model.sync().unwrap_err().kind, DiskErrorKind::Io);
    assert_eq!(model.log.recovery_point(), 1, "a failed sync must not count");
    model.sync().unwrap();
    let found = model.reopen(model.disk.power_cut_all_lost(), Opening::default());
    assert_eq!(found.end, 1, "this disk does not behave as Linux does");
}

#[test]
fn a_full_disk_stops_appends_and_nothing_else() {
    let mut model = Model::new(small());
    let value = "x".repeat(300);
    let batch = batch_of(&[(1, None, Some(&value))]);
    for _ in 0..2 {
        model.append(std::slice::from_ref(&batch)).unwrap();
    }
    model.sync().unwrap();
    let used: usize = model.disk.image().values().map(Vec::len).sum();
    model.disk.set_capacity(Some(used as u64 + 500));
    assert_eq!(model.append(&[batch.clone(), batch.clone()]).unwrap_err().kind, DiskErrorKind::Full);
    model.forget_above(model.log.end());
    model.check(&mut Chance(1));
    model.disk.set_capacity(None);
    model.append(&[batch]).unwrap();
    model.check(&mut Chance(1));
    let found = model.reopen(model.disk.kill(), Opening::default());
    assert_eq!((found.end, found.truncated_bytes), (3, 0));
    model.disk.set_capacity(Some(0));
    assert!(model.append(&vec![batch_of(&[(1, None, Some(&value))]); 5]).is_err());
    model.forget_above(model.log.end());
    model.disk.set_capacity(None);
    model.append(&[batch_of(&[(1, None, None)])]).unwrap();
    model.check(&mut Chance(2));
}

#[test]
fn a_clean_stop_does_not_rely_on_a_sync_under_way() {
    let mut model = Model::new(small());
    for i in 0..40 {
        model.append(&[batch_of(&[(i, None, Some("some value of some length"))])]).unwrap();
    }
    // A flusher has taken it, and will never come to it.
    drop(model.log.take_dirty());
    let end = model.log.end();
    let other = Log::create(MemoryDisk::new(), &name(), model.config.clone(), 0).unwrap();
    std::mem::replace(&mut model.log, other).close().unwrap();
    let how = Opening { clean: true, recovery_point: end, log_start: 0 };
    let found = model.reopen(model.disk.power_cut_all_lost(), how);
    assert_eq!((found.end, found.scanned), (end, false));
    model.check(&mut Chance(1));
}
