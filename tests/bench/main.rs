//! Microbenchmarks of what every request goes through: codec, batch check, `Node::step`, index lookup.
//! `cargo bench --bench micro`, or `cargo bench --bench micro -- codec` for some.

#![allow(clippy::disallowed_methods, reason = "divan reads the clock")]

mod batch;
mod codec;
mod log;
mod node;

use kq::record::{Builder, Codec};

fn main() {
    divan::main();
}

/// A batch of so many records of so many bytes.
fn filled(records: usize, bytes: usize) -> Vec<u8> {
    let mut builder = Builder::new(Codec::None, None);
    let value = vec![0x5a; bytes];
    (0..records).for_each(|_| builder.push(1, None, Some(&value), &[]));
    builder.finish()
}

/// Records and bytes of each: a tiny request, a default batch, a large one.
const SIZES: [(usize, usize); 3] = [(1, 100), (16, 1024), (1000, 1024)];
