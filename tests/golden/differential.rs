//! Our codec beside the `kafka-protocol` crate's, which others wrote from the same schemas.
//!
//! That crate believes the array lengths that a frame claims, so it is only fed what our codec has read and written.

use crate::damage::{Dice, damage};
use crate::lines::{Kind, Line, lines, recode};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};

/// What the crate makes of a message; `None` where it does not have it.
fn theirs(line: &Line, bytes: &[u8]) -> Option<Result<Vec<u8>, String>> {
    let key = ApiKey::try_from(line.key).ok()?;
    let versions = key.valid_versions();
    if line.version < versions.min || versions.max < line.version {
        return None;
    }
    let mut input = Bytes::copy_from_slice(bytes);
    let mut output = BytesMut::new();
    let recoded = match line.kind {
        Kind::Request => RequestKind::decode(key, &mut input, line.version)
            .and_then(|message| message.encode(&mut output, line.version)),
        Kind::Response => ResponseKind::decode(key, &mut input, line.version)
            .and_then(|message| message.encode(&mut output, line.version)),
        Kind::Record | Kind::Header | Kind::Protocol | Kind::OffsetsKey | Kind::OffsetsValue => return None,
    };
    Some(match recoded {
        // The crate's range of a key is request's and response's taken together; each has its own beside that.
        Err(error) if format!("{error:#}").contains("specified version not supported by this message type") => {
            return None;
        }
        Ok(()) if !input.is_empty() => Err(format!("{} bytes left over", input.len())),
        Ok(()) => Ok(output.to_vec()),
        Err(error) => Err(format!("{error:#}")),
    })
}

#[test]
fn the_crate_reads_and_writes_the_golden_lines_as_we_do() {
    let mut compared = 0;
    for line in lines() {
        let Some(theirs) = theirs(&line, &line.bytes) else { continue };
        assert_eq!(
            theirs.as_ref(),
            Ok(&line.bytes),
            "key {} v{} {:?} {}",
            line.key,
            line.version,
            line.kind,
            line.instance
        );
        compared += 1;
    }
    assert!(compared > 1000, "only {compared} lines could be compared");
}

#[test]
fn what_we_read_from_damaged_frames_the_crate_reads_too() {
    let lines = lines();
    let mut dice = Dice::new(0x6b71);
    let mut compared = 0;
    for round in 0..100_000 {
        let line = &lines[dice.below(lines.len())];
        let mut bytes = line.bytes.clone();
        let other = &lines[dice.below(lines.len())];
        damage(&mut dice, &mut bytes, &other.bytes);
        let Some(Ok(ours)) = recode(line.kind, line.key, line.version, &bytes) else { continue };
        let Some(theirs) = theirs(line, &ours) else { continue };
        assert_eq!(theirs.as_ref(), Ok(&ours), "round {round}: key {} v{} {:?}", line.key, line.version, line.kind);
        compared += 1;
    }
    assert!(compared > 5_000, "only {compared} damaged frames were readable");
}
