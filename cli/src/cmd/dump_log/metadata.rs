//! Records of the cluster's metadata as JSON, read by their declarations: names, types and versions come from there.

use crate::cmd::console::base64;
use kq::meta::quorum::JournalRecord;
use kq::meta::record::{
    BrokerRegistrationChangeRecord, ClearElrRecord, ConfigRecord, PartitionChangeRecord, PartitionRecord,
    ProducerIdsRecord, RegisterBrokerRecord, RemoveTopicRecord, TopicRecord, UnregisterBrokerRecord,
};
use kq::record::{batch, records};
use kq::types::Uuid;
use kq::wire::{Field, FieldInfo, Message, Reader, StructInfo, WireError};
use serde_json::{Map, Value, json};

/// A batch of metadata records holds no more than so many bytes once decoded.
const BATCH_BYTES_MAX: usize = 256 << 20;

/// Name, type number and fields of a record.
struct Known(&'static str, i16, &'static StructInfo);

fn known<M: Message<'static> + Field<'static>>() -> Option<Known> {
    Some(Known(M::NAME, M::KEY, M::INNER?))
}

/// A record as JSON: those of the quorum's journal have a key and hold more records. What is not known is shown in base64.
pub fn to_json(key: Option<&[u8]>, value: &[u8]) -> Value {
    let shown = match key {
        Some(&[key]) => of_journal(key, value),
        _ => parse(value).map_err(|error| error.to_string()),
    };
    shown.unwrap_or_else(|error| json!({ "error": error, "data": base64_of(value) }))
}

fn of_journal(key: u8, value: &[u8]) -> Result<Value, String> {
    Ok(match JournalRecord::read(key, value).map_err(|error| error.to_string())? {
        JournalRecord::Entry { index, term, data } => {
            json!({ "type": "ENTRY", "index": index, "term": term, "records": within(data)? })
        }
        JournalRecord::Snapshot { index, term, data } => {
            json!({ "type": "SNAPSHOT", "index": index, "term": term, "records": within(data)? })
        }
        JournalRecord::Promises { term, vote, commit, voters } => {
            json!({ "type": "PROMISES", "term": term, "vote": vote, "commit": commit, "voters": voters })
        }
    })
}

/// All records of some batches.
fn within(batches: &[u8]) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for batch in batch::batches(batches) {
        let (_, bytes) = batch.map_err(|error| error.to_string())?;
        let decoded = records::decode(bytes, BATCH_BYTES_MAX).map_err(|error| error.to_string())?;
        for record in &decoded {
            let value = record.map_err(|error| error.to_string())?.value.unwrap_or_default();
            all.push(to_json(None, value));
        }
    }
    Ok(all)
}

fn base64_of(bytes: &[u8]) -> Value {
    let mut text = Vec::new();
    base64::encode(bytes, &mut text);
    json!({ "base64": String::from_utf8_lossy(&text) })
}

fn parse(value: &[u8]) -> Result<Value, WireError> {
    let mut r = Reader::new(value);
    let (_frame, kind, version) = (r.uvarint()?, r.uvarint()?, r.uvarint()?);
    let all = [
        known::<TopicRecord<'static>>(),
        known::<PartitionRecord>(),
        known::<ConfigRecord<'static>>(),
        known::<PartitionChangeRecord>(),
        known::<RemoveTopicRecord>(),
        known::<ProducerIdsRecord>(),
        known::<RegisterBrokerRecord<'static>>(),
        known::<UnregisterBrokerRecord>(),
        known::<BrokerRegistrationChangeRecord>(),
        known::<ClearElrRecord<'static>>(),
    ];
    let version = version as i16;
    let found = all.into_iter().flatten().find(|known| i32::from(known.1) == kind as i32);
    let Some(Known(name, _, info)) = found else {
        let data = base64_of(r.take(r.remaining())?);
        return Ok(json!({ "type": kind, "version": version, "data": data }));
    };
    Ok(json!({ "type": capitals(name), "version": version, "data": fields(&mut r, info, version)? }))
}

/// `TopicRecord` as `TOPIC_RECORD`.
fn capitals(name: &str) -> String {
    let mut text = String::new();
    for (index, c) in name.chars().enumerate() {
        if c.is_uppercase() && index > 0 {
            text.push('_');
        }
        text.extend(c.to_uppercase());
    }
    text
}

/// `topic_id` as `topicId`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut text = words.next().unwrap_or_default().to_string();
    for word in words {
        let mut chars = word.chars();
        text.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        text.push_str(chars.as_str());
    }
    text
}

/// The fields of a struct in a flexible version: plain ones in order, then tagged ones.
fn fields(r: &mut Reader<'_>, info: &StructInfo, version: i16) -> Result<Value, WireError> {
    let fields = (info.fields)();
    let has = |field: &FieldInfo| field.versions.0 <= version && version <= field.versions.1;
    let mut object = Map::new();
    for field in fields.iter().filter(|field| field.tag.is_none() && has(field)) {
        object.insert(camel(field.name), value_of(r, field.ty, field.inner, version)?);
    }
    for _ in 0..r.uvarint()? {
        let (tag, length) = (r.uvarint()?, r.uvarint()? as usize);
        let mut inside = Reader::new(r.take(length)?);
        if let Some(field) = fields.iter().find(|field| field.tag == Some(tag) && has(field)) {
            object.insert(camel(field.name), value_of(&mut inside, field.ty, field.inner, version)?);
        }
    }
    Ok(Value::Object(object))
}

fn value_of(r: &mut Reader<'_>, ty: &str, inner: Option<&StructInfo>, version: i16) -> Result<Value, WireError> {
    let ty: String = ty.chars().filter(|c| !c.is_whitespace()).collect();
    let within = |outer: &str| ty.strip_prefix(outer).and_then(|ty| ty.strip_suffix('>')).map(str::to_string);
    if let Some(element) =
        within("Option<Vec<").map(|ty| ty.trim_end_matches('>').to_string()).or_else(|| within("Vec<"))
    {
        let Some(count) = r.uvarint()?.checked_sub(1) else { return Ok(Value::Null) };
        let mut items = Vec::with_capacity(r.reserve(count as usize, 32)?);
        for _ in 0..count {
            items.push(value_of(r, &element, inner, version)?);
        }
        return Ok(Value::Array(items));
    }
    let bytes = |r: &mut Reader<'_>| match r.uvarint()?.checked_sub(1) {
        Some(length) => r.take(length as usize).map(|bytes| Some(bytes.to_vec())),
        None => Ok(None),
    };
    let plain = within("Option<").unwrap_or(ty);
    Ok(match plain.as_str() {
        "i8" => json!(r.i8()?),
        "i16" => json!(r.i16()?),
        "u16" => json!(r.u16()?),
        "i32" => json!(r.i32()?),
        "u32" => json!(r.u32()?),
        "i64" => json!(r.i64()?),
        "f64" => json!(r.f64()?),
        "bool" => json!(r.i8()? != 0),
        "Uuid" => {
            let id = r.take(16)?.try_into().map(Uuid).unwrap_or_default();
            json!(id.to_text())
        }
        text if text.starts_with("Str") => {
            json!(bytes(r)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        }
        raw if raw.starts_with("Bytes") => bytes(r)?.map_or(Value::Null, |bytes| base64_of(&bytes)),
        _ => match inner {
            Some(info) => fields(r, info, version)?,
            None => Value::Null,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kq::meta::quorum::{Quorum, QuorumConfig};
    use kq::meta::record::Record;

    #[test]
    fn declared_records_by_name() {
        let id = Uuid::from_text("GWWRBfA4S5qG1yQbCgT5sg").unwrap();
        let text = |record: &Record| {
            let batch = kq::meta::record::encode_batch(0, std::slice::from_ref(record));
            let decoded = kq::record::decode(&batch, 1 << 20).unwrap();
            let found = decoded.iter().next().unwrap().unwrap();
            to_json(None, found.value.unwrap()).to_string()
        };
        assert_eq!(
            text(&Record::topic("orders", id)),
            r#"{"type":"TOPIC_RECORD","version":0,"data":{"name":"orders","topicId":"GWWRBfA4S5qG1yQbCgT5sg"}}"#
        );
        let partition = text(&Record::partition(id, 3, vec![1, 2]));
        assert!(partition.contains(r#""partitionId":3"#) && partition.contains(r#""replicas":[1,2]"#), "{partition}");
    }

    #[test]
    fn what_is_not_known_is_shown_as_bytes() {
        assert_eq!(to_json(None, &[1, 100, 0, 7]), json!({"type": 100, "version": 0, "data": {"base64": "Bw=="}}));
        assert!(to_json(None, &[1, 2]).get("error").is_some());
    }

    #[test]
    fn the_journal_of_a_quorum_shows_what_is_in_it() {
        let config = QuorumConfig { node: 4, voters: vec![4], election_ms: 100, heartbeat_ms: 20, seed: 1 };
        let (mut quorum, _) = Quorum::open(config, 0, &[]).unwrap();
        quorum.campaign();
        let record = Record::remove_topic(Uuid([0; 16]));
        quorum.propose(kq::meta::record::encode_batch(0, std::slice::from_ref(&record))).unwrap();
        let write = quorum.ready(0).unwrap().journal.unwrap().batch;
        let decoded = kq::record::decode(&write, 1 << 20).unwrap();
        let shown: Vec<Value> = decoded
            .iter()
            .map(|record| record.map(|record| to_json(record.key, record.value.unwrap())).unwrap())
            .collect();
        let topic = json!({ "topicId": "AAAAAAAAAAAAAAAAAAAAAA" });
        let removed = json!({ "type": "REMOVE_TOPIC_RECORD", "version": 0, "data": topic });
        let expected = [
            json!({ "type": "ENTRY", "index": 1, "term": 1, "records": [] }),
            json!({ "type": "ENTRY", "index": 2, "term": 1, "records": [removed] }),
            json!({ "type": "PROMISES", "term": 1, "vote": 4, "commit": 0, "voters": [4] }),
        ];
        assert_eq!(shown, expected);
    }
}
