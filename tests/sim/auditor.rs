//! The auditor: asks what the coordinator knows of every group, so that two answers can be compared.

use crate::client::{Client, Cx, read};
use crate::member::{Protocol, told};
use kq::api::consumer_group_describe::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
use kq::api::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
use kq::api::list_groups::{ListGroupsRequest, ListGroupsResponse};
use kq::api::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use kq::error::ErrorCode;
use std::collections::BTreeMap;

const DESCRIBE_VERSION: i16 = 6;
const LIST_VERSION: i16 = 5;
const FETCH_VERSION: i16 = 8;
const CONSUMER_DESCRIBE_VERSION: i16 = 1;
/// Between two tries, in milliseconds.
const AGAIN_MS: i64 = 3;

enum Asked {
    List,
    Describe(String),
    DescribeConsumer(String),
    Offsets(String),
}

/// See the module.
#[derive(Default)]
pub struct Auditor {
    /// Groups to be asked for.
    groups: Vec<(String, Protocol)>,
    next: Option<usize>,
    asked: Option<Asked>,
    /// What was answered, by question.
    found: BTreeMap<String, String>,
}

impl Auditor {
    /// One who asks for these groups.
    pub fn of(groups: Vec<(String, Protocol)>) -> Auditor {
        Auditor { groups, ..Auditor::default() }
    }

    /// Begins to ask.
    pub fn begin(&mut self) {
        (self.next, self.asked) = (Some(0), None);
        self.found.clear();
    }

    /// All answers, once they are here.
    pub fn found(&self) -> Option<&BTreeMap<String, String>> {
        (self.next == Some(1 + 2 * self.groups.len())).then_some(&self.found)
    }

    fn ask(&mut self, cx: &mut Cx<'_>) {
        let Some(next) = self.next.filter(|next| *next < 1 + 2 * self.groups.len()) else { return };
        if self.asked.is_some() {
            return;
        }
        if next == 0 {
            cx.send(LIST_VERSION, &ListGroupsRequest::default());
            self.asked = Some(Asked::List);
            return;
        }
        let (group, protocol) = self.groups[(next - 1) / 2].clone();
        self.asked = Some(match (next % 2, protocol) {
            (1, Protocol::Consumer) => {
                let group_ids = vec![group.clone().into()];
                let request = ConsumerGroupDescribeRequest { group_ids, ..Default::default() };
                cx.send(CONSUMER_DESCRIBE_VERSION, &request);
                Asked::DescribeConsumer(group)
            }
            (1, _) => {
                let groups = vec![group.clone().into()];
                cx.send(DESCRIBE_VERSION, &DescribeGroupsRequest { groups, ..Default::default() });
                Asked::Describe(group)
            }
            _ => {
                let one = OffsetFetchRequestGroup { group_id: group.clone().into(), topics: None, ..Default::default() };
                cx.send(FETCH_VERSION, &OffsetFetchRequest { groups: vec![one], ..Default::default() });
                Asked::Offsets(group)
            }
        });
    }
}

impl Client for Auditor {
    fn act(&mut self, cx: &mut Cx<'_>) {
        self.ask(cx);
    }

    fn reply(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let (code, question, answer) = match self.asked.take().expect("a reply to nothing") {
            Asked::List => {
                let response: ListGroupsResponse<'_> = read(bytes, LIST_VERSION);
                (response.error_code, "all groups".to_owned(), format!("{:?}", response.groups))
            }
            Asked::Describe(group) => {
                let response: DescribeGroupsResponse<'_> = read(bytes, DESCRIBE_VERSION);
                let code = response.groups[0].error_code;
                // A group that nobody has ever asked for is not there, before and after.
                let absent = ErrorCode::from_code(code) == ErrorCode::GroupIdNotFound;
                (if absent { 0 } else { code }, group, format!("{:?}", response.groups[0]))
            }
            Asked::DescribeConsumer(group) => {
                let response: ConsumerGroupDescribeResponse<'_> = read(bytes, CONSUMER_DESCRIBE_VERSION);
                let code = response.groups[0].error_code;
                let absent = ErrorCode::from_code(code) == ErrorCode::GroupIdNotFound;
                (if absent { 0 } else { code }, group, format!("{:?}", response.groups[0]))
            }
            Asked::Offsets(group) => {
                let (code, told) = told(cx, FETCH_VERSION, bytes);
                if code.is_none() {
                    let known = cx.oracle.group(&group);
                    let mut results: Vec<Result<(), String>> = Vec::new();
                    for (part, floor) in known.floors() {
                        results.push(match told.get(&part) {
                            Some(Ok(at)) => known.read(&part, floor, *at),
                            Some(Err(what)) => Err(what.clone()),
                            None => known.read(&part, floor, None),
                        });
                    }
                    for result in results {
                        cx.oracle.judge(&group, result);
                    }
                }
                (code.code(), format!("offsets of {group}"), format!("{told:?}"))
            }
        };
        if code == 0 {
            self.found.insert(question, answer);
            self.next = self.next.map(|next| next + 1);
            return self.ask(cx);
        }
        match ErrorCode::from_code(code) {
            ErrorCode::CoordinatorLoadInProgress | ErrorCode::NotCoordinator => cx.wake_in = Some(AGAIN_MS),
            code => cx.oracle.violated(format!("the auditor asked for {question} and was told {code}")),
        }
    }

    fn disconnected(&mut self) {
        self.asked = None;
    }

    fn is_idle(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        "the auditor".to_owned()
    }
}
