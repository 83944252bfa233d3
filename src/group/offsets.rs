//! Committed offsets: by group, topic and partition.
