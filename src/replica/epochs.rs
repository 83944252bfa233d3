//! Which leader epoch began at which offset (KIP-101, KIP-279).

use crate::types::{Epoch, Offset};

/// Leader epochs of one log, oldest first; both epochs and offsets only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    entries: Vec<(Epoch, Offset)>,
}

impl Epochs {
    /// Takes what the log's checkpoint says.
    pub fn new(entries: Vec<(Epoch, Offset)>) -> Self {
        Epochs { entries }
    }

    /// All of them.
    pub fn entries(&self) -> &[(Epoch, Offset)] {
        &self.entries
    }

    /// The newest epoch that has records; -1 before the first.
    pub fn latest(&self) -> Epoch {
        self.entries.last().map_or(-1, |(epoch, _)| *epoch)
    }

    /// Notes that `epoch` begins at `offset`; true when that is news.
    pub fn assign(&mut self, epoch: Epoch, offset: Offset) -> Assigned {
        if epoch <= self.latest() {
            return Assigned::Known;
        }
        // An epoch that wrote nothing leaves no trace.
        while self.entries.last().is_some_and(|(_, start)| *start >= offset) {
            self.entries.pop();
        }
        self.entries.push((epoch, offset));
        Assigned::New
    }

    /// Forgets what lies below the log's start, but for the epoch that the first record belongs to.
    pub fn trim_to(&mut self, start: Offset) {
        let below = self.entries.iter().take_while(|(_, offset)| *offset <= start).count();
        if below > 1 {
            self.entries.drain(..below - 1);
        }
        if let Some(first) = self.entries.first_mut() {
            first.1 = first.1.max(start);
        }
    }

    /// The largest epoch that is not above `requested`, and where it ends (KIP-279). `end` is the log's end.
    pub fn end_of(&self, requested: Epoch, end: Offset) -> Option<(Epoch, Offset)> {
        let index = self.entries.iter().rposition(|(epoch, _)| *epoch <= requested)?;
        let stop = self.entries.get(index + 1).map_or(end, |(_, offset)| *offset);
        Some((self.entries[index].0, stop))
    }

    /// The epoch of the record at `offset`; -1 when nobody knows.
    pub fn of(&self, offset: Offset) -> Epoch {
        self.entries.iter().rev().find(|(_, start)| *start <= offset).map_or(-1, |(epoch, _)| *epoch)
    }
}

/// Whether an epoch was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// It is to be saved.
    New,
    /// Nothing changed.
    Known,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_with_the_largest_epoch_not_above() {
        let mut epochs = Epochs::default();
        assert_eq!(epochs.end_of(3, 0), None);
        for (epoch, offset) in [(0, 0), (2, 10), (5, 20)] {
            assert_eq!(epochs.assign(epoch, offset), Assigned::New);
        }
        assert_eq!(epochs.assign(5, 30), Assigned::Known);
        assert_eq!(epochs.end_of(0, 35), Some((0, 10)));
        assert_eq!(epochs.end_of(1, 35), Some((0, 10)));
        assert_eq!(epochs.end_of(4, 35), Some((2, 20)));
        assert_eq!(epochs.end_of(9, 35), Some((5, 35)));
        assert_eq!((epochs.of(0), epochs.of(19), epochs.of(20)), (0, 2, 5));
    }

    #[test]
    fn an_epoch_without_records_is_forgotten() {
        let mut epochs = Epochs::new(vec![(0, 0), (1, 7)]);
        epochs.assign(2, 7);
        assert_eq!(epochs.entries(), [(0, 0), (2, 7)]);
    }

    #[test]
    fn the_start_keeps_its_epoch() {
        let mut epochs = Epochs::new(vec![(0, 0), (1, 7), (3, 9)]);
        epochs.trim_to(8);
        assert_eq!(epochs.entries(), [(1, 8), (3, 9)]);
    }
}
