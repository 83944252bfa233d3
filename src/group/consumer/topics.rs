//! A checksum of a group's topics that tells when they changed.

use crate::group::Topics;

/// A checksum of the topics among `names` that exist: it differs when one of them is made, deleted or gets partitions.
///
/// CRC-64 of id, name and partition count, where Apache Kafka takes XXH3 (KIP-1101): a group that moves from one to
/// the other is balanced once more and no harm is done. `names` must be sorted; 0 when none of them exists.
pub fn metadata_hash<'n>(names: impl Iterator<Item = &'n str>, topics: &dyn Topics) -> i64 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
    let mut any = false;
    for name in names {
        if let (Some(id), Some(partitions)) = (topics.id_of(name), topics.partitions_of(name)) {
            any = true;
            digest.update(&id.0);
            digest.update(&partitions.to_be_bytes());
            digest.update(&(name.len() as u32).to_be_bytes());
            digest.update(name.as_bytes());
        }
    }
    if any { digest.finalize() as i64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::consumer::tests::TopicTable;
    use crate::types::Uuid;

    #[test]
    fn the_hash_sees_what_matters() {
        let mut topics = TopicTable::default();
        topics.put("a", Uuid([1; 16]), 3);
        topics.put("b", Uuid([2; 16]), 3);
        let hash = |topics: &TopicTable, names: &[&str]| metadata_hash(names.iter().copied(), topics);
        let both = hash(&topics, &["a", "b"]);
        assert_eq!(both, hash(&topics, &["a", "b", "missing"]));
        assert_ne!(both, hash(&topics, &["a"]));
        assert_eq!(0, hash(&topics, &["missing"]));
        topics.put("b", Uuid([2; 16]), 4);
        assert_ne!(both, hash(&topics, &["a", "b"]));
        topics.put("b", Uuid([3; 16]), 3);
        assert_ne!(both, hash(&topics, &["a", "b"]));
    }
}
