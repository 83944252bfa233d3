//! `Places`: where the latest reads of a log ended. Who reads on finds the next batch without the index.

use crate::types::Offset;

/// Readers of one log that are remembered: more of them still find their batches, through the index.
const PLACES_MAX: usize = 8;

/// A batch's beginning: the first batch that ends at or after `offset` stands at `position` of the segment `base`.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: Offset,
    base: Offset,
    position: u32,
}

/// The latest places, in a ring. Appends leave them true; whatever else changes a segment must clear them.
#[derive(Debug, Default)]
pub(super) struct Places {
    ring: Vec<Place>,
    next: usize,
}

impl Places {
    /// Where a read of `offset` in the segment `base` begins, if a read ended there. Its own entry is free then: the
    /// reader moves on.
    pub(super) fn take(&mut self, base: Offset, offset: Offset) -> Option<u32> {
        let at = self.ring.iter().position(|place| place.offset == offset && place.base == base)?;
        self.next = at;
        Some(self.ring[at].position)
    }

    /// Remembers where a read ended.
    pub(super) fn note(&mut self, base: Offset, offset: Offset, position: u32) {
        let place = Place { offset, base, position };
        if self.ring.len() < PLACES_MAX && self.next >= self.ring.len() {
            self.ring.push(place);
        } else {
            let at = self.next % self.ring.len();
            self.ring[at] = place;
        }
        // A reader whose entry was just taken over comes round again last.
        self.next = if self.ring.len() < PLACES_MAX { self.ring.len() } else { (self.next + 1) % PLACES_MAX };
    }

    /// Forgets all: segments were replaced.
    pub(super) fn clear(&mut self) {
        self.ring.clear();
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_keeps_one_entry_and_the_oldest_goes() {
        let mut places = Places::default();
        assert_eq!(places.take(0, 7), None);
        for i in 0..8 {
            places.note(0, i * 100, i as u32);
        }
        // One reader goes on and on: the others stay known.
        for i in 0..20 {
            assert_eq!(places.take(0, 300 + i), Some(3 + i as u32));
            places.note(0, 301 + i, 4 + i as u32);
        }
        assert_eq!(places.take(9, 100), None, "another segment");
        let known = |places: &mut Places| (0..8).filter(|i| places.take(0, i * 100).is_some()).count();
        assert_eq!(known(&mut places), 7);
        places.clear();
        assert_eq!(known(&mut places), 0);
    }
}
