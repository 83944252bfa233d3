//! DescribeLogDirs (35), v1–v5. Tells the log directories and the size of each replica in them (KIP-113).
//!
//! Total and usable bytes since 4 (KIP-827), whether a directory is cordoned since 5 (KIP-1066).

use super::{Api, Context};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::event::{Answer, DirUse, Effect, Question};
use crate::message;
use crate::wire::Str;

/// DescribeLogDirs's place in the table.
pub enum DescribeLogDirs {}

impl Api for DescribeLogDirs {
    const KEY: i16 = 35;
    const NAME: &'static str = "DescribeLogDirs";
    const SERVED: (i16, i16) = (1, 5);
    type Request<'a> = DescribeLogDirsRequest<'a>;
    type Response<'a> = DescribeLogDirsResponse<'a>;
}

message! {
    DescribeLogDirsRequest<'a>: key 35, versions 1..=5, flexible 2;
    struct DescribeLogDirsRequest<'a> {
        topics: Option<Vec<DescribableLogDirTopic<'a>>> [0.., null 0.., default Some(Vec::new())],
    }
    struct DescribableLogDirTopic<'a> {
        topic: Str<'a> [0..],
        partitions: Vec<i32> [0..],
    }
}

message! {
    DescribeLogDirsResponse<'a>: key 35, versions 1..=5, flexible 2;
    struct DescribeLogDirsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: i16 [3..],
        results: Vec<DescribeLogDirsResult<'a>> [0..],
    }
    struct DescribeLogDirsResult<'a> {
        error_code: i16 [0..],
        log_dir: Str<'a> [0..],
        topics: Vec<DescribeLogDirsTopic<'a>> [0..],
        total_bytes: i64 [4.., default -1],
        usable_bytes: i64 [4.., default -1],
        is_cordoned: bool [5..],
    }
    struct DescribeLogDirsTopic<'a> {
        name: Str<'a> [0..],
        partitions: Vec<DescribeLogDirsPartition> [0..],
    }
    struct DescribeLogDirsPartition {
        partition_index: i32 [0..],
        partition_size: i64 [0..],
        offset_lag: i64 [0..],
        is_future_key: bool [0..],
    }
}

/// Which partitions the client asked for; `None` is all of them.
type Wanted = Option<Vec<(String, Vec<i32>)>>;

pub(super) fn handle(
    broker: &mut Broker,
    cx: Context<'_>,
    request: DescribeLogDirsRequest<'_>,
    out: &mut Vec<Effect<'_>>,
) {
    let wanted: Wanted =
        request.topics.map(|topics| topics.into_iter().map(|t| (t.topic.into_owned(), t.partitions)).collect());
    let to = cx.to;
    let then = move |broker: &mut Broker, answer: Answer, out: &mut Vec<Effect<'_>>| {
        let response = match answer {
            Answer::Dirs(dirs) => DescribeLogDirsResponse {
                results: dirs.into_iter().map(|dir| describe(broker, dir, &wanted)).collect(),
                ..Default::default()
            },
            _ => DescribeLogDirsResponse { error_code: ErrorCode::UnknownServerError.code(), ..Default::default() },
        };
        broker.reply(to, &response, out);
    };
    broker.ask(Question::Dirs, Box::new(then), out);
}

fn describe(broker: &Broker, dir: DirUse, wanted: &Wanted) -> DescribeLogDirsResult<'static> {
    if !dir.online {
        let error_code = ErrorCode::KafkaStorageError.code();
        return DescribeLogDirsResult { error_code, log_dir: dir.path.into(), ..Default::default() };
    }
    let mut topics: Vec<DescribeLogDirsTopic<'static>> = Vec::new();
    for (log, size) in dir.logs {
        let Some(hosted) = broker.hosted(log) else { continue };
        let name = &hosted.name;
        let asked = wanted.as_ref().is_none_or(|wanted| {
            wanted.iter().any(|(topic, partitions)| *topic == name.topic && partitions.contains(&name.partition))
        });
        if !asked {
            continue;
        }
        let partition = DescribeLogDirsPartition {
            partition_index: name.partition,
            partition_size: size,
            offset_lag: 0,
            is_future_key: false,
        };
        match topics.iter_mut().find(|topic| topic.name == name.topic.as_str()) {
            Some(topic) => topic.partitions.push(partition),
            None => {
                topics.push(DescribeLogDirsTopic { name: name.topic.clone().into(), partitions: vec![partition] });
            }
        }
    }
    DescribeLogDirsResult {
        error_code: 0,
        log_dir: dir.path.into(),
        topics,
        total_bytes: dir.total_bytes,
        usable_bytes: dir.usable_bytes,
        is_cordoned: false,
    }
}
