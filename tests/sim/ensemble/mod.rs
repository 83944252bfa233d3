//! A ZooKeeper ensemble, as the unit tests of the machine that speaks to it have it, too.

use kq::event::{Ask, Change, EnsembleFault, Found, Heard, Life};

mod tree;

pub use tree::Tree;
