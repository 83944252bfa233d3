//! kqd: the shell around the core.
