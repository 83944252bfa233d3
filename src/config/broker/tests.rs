//! Settings by their effect.
