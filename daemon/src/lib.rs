//! kqd, the shell around the core: it owns the sockets, the files, the threads and the clock, and decides nothing.

pub mod clock;
pub mod disk;
pub mod flusher;
pub mod helpers;
pub mod histogram;
pub mod http;
pub mod inbound;
pub mod links;
pub mod listen;
pub mod mailbox;
pub mod metrics;
pub mod note;
pub mod outbound;
pub mod store;
pub mod timers;
