//! The check that every produced batch goes through: its header, its checksum.

use crate::{SIZES, filled};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

#[divan::bench(args = SIZES, sample_size = 200)]
fn check_produced(bencher: Bencher<'_, '_>, (records, bytes): (usize, usize)) {
    let batch = filled(records, bytes);
    assert!(kq::record::check_produced(&batch).is_ok());
    bencher
        .counter(BytesCount::new(batch.len()))
        .bench_local(|| kq::record::check_produced(black_box(&batch)).map(|header| header.last_offset_delta));
}
