//! The auditor: asks what the coordinator knows of every group, so that two answers can be compared.

use crate::client::{Client, Cx, read};
use crate::member::{Protocol, told};
use kq::api::consumer_group_describe::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
use kq::api::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
use kq::api::list_groups::{ListGroupsRequest, ListGroupsResponse};
use kq::api::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use kq::error::ErrorCode;
use std::collections::{BTreeMap, VecDeque};

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
    /// Questions that are to be asked, and those that are.
    next: Vec<Asked>,
    asked: VecDeque<Asked>,
    /// What was answered, by question.
    found: BTreeMap<String, String>,
    /// How many groups, members and offsets that is.
    counted: Counted,
}

/// How much there is, by what clients are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Groups.
    pub groups: usize,
    /// Members of all groups.
    pub members: usize,
    /// Committed offsets.
    pub offsets: usize,
}

impl Auditor {
    /// One who asks for these groups.
    pub fn of(groups: Vec<(String, Protocol)>) -> Auditor {
        Auditor { groups, ..Auditor::default() }
    }

    /// Begins to ask.
    pub fn begin(&mut self) {
        self.next = vec![Asked::List];
        for (group, protocol) in &self.groups {
            // Whoever may be of either protocol is asked for as both.
            if *protocol == Protocol::Consumer {
                self.next.push(Asked::DescribeConsumer(group.clone()));
            }
            // One that only commits is in the log by its offsets alone: once they are gone, compaction takes it away.
            if *protocol != Protocol::None {
                self.next.push(Asked::Describe(group.clone()));
            }
            self.next.push(Asked::Offsets(group.clone()));
        }
        self.asked.clear();
        self.found.clear();
        self.counted = Counted::default();
    }

    /// How much there is.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// All answers, once they are here.
    pub fn found(&self) -> Option<&BTreeMap<String, String>> {
        (self.next.is_empty() && self.asked.is_empty() && !self.found.is_empty()).then_some(&self.found)
    }

    fn ask(&mut self, cx: &mut Cx<'_>) {
        for asked in std::mem::take(&mut self.next) {
            match &asked {
                Asked::List => cx.send(LIST_VERSION, &ListGroupsRequest::default()),
                Asked::DescribeConsumer(group) => {
                    let group_ids = vec![group.clone().into()];
                    let request = ConsumerGroupDescribeRequest { group_ids, ..Default::default() };
                    cx.send(CONSUMER_DESCRIBE_VERSION, &request);
                }
                Asked::Describe(group) => {
                    let groups = vec![group.clone().into()];
                    cx.send(DESCRIBE_VERSION, &DescribeGroupsRequest { groups, ..Default::default() });
                }
                Asked::Offsets(group) => {
                    let group_id = group.clone().into();
                    let one = OffsetFetchRequestGroup { group_id, topics: None, ..Default::default() };
                    cx.send(FETCH_VERSION, &OffsetFetchRequest { groups: vec![one], ..Default::default() });
                }
            }
            self.asked.push_back(asked);
        }
    }
}

impl Client for Auditor {
    fn act(&mut self, cx: &mut Cx<'_>) {
        self.ask(cx);
    }

    fn reply(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let asked = self.asked.pop_front().expect("a reply to nothing");
        let (code, question, answer) = match &asked {
            Asked::List => {
                let response: ListGroupsResponse<'_> = read(bytes, LIST_VERSION);
                self.counted.groups = response.groups.len();
                let lasting: Vec<_> = response.groups.iter().filter(|group| !group.protocol_type.is_empty()).collect();
                (response.error_code, "all groups".to_owned(), format!("{lasting:?}"))
            }
            Asked::Describe(group) => {
                let response: DescribeGroupsResponse<'_> = read(bytes, DESCRIBE_VERSION);
                let code = response.groups[0].error_code;
                // A group that nobody has ever asked for is not there, before and after.
                let absent = ErrorCode::from_code(code) == ErrorCode::GroupIdNotFound;
                self.counted.members += response.groups[0].members.len();
                let question = format!("{group}, a classic group");
                (if absent { 0 } else { code }, question, format!("{:?}", response.groups[0]))
            }
            Asked::DescribeConsumer(group) => {
                let response: ConsumerGroupDescribeResponse<'_> = read(bytes, CONSUMER_DESCRIBE_VERSION);
                let code = response.groups[0].error_code;
                let absent = ErrorCode::from_code(code) == ErrorCode::GroupIdNotFound;
                self.counted.members += response.groups[0].members.len();
                (if absent { 0 } else { code }, group.clone(), format!("{:?}", response.groups[0]))
            }
            Asked::Offsets(group) => {
                let (code, told) = told(cx, FETCH_VERSION, bytes);
                if code.is_none() {
                    self.counted.offsets += told.len();
                    let known = cx.oracle.group(group);
                    let mut results: Vec<Result<(), String>> = Vec::new();
                    for (part, floor) in known.floors() {
                        results.push(match told.get(&part) {
                            Some(Ok(at)) => known.read(cx.now, &part, floor, *at),
                            Some(Err(what)) => Err(what.clone()),
                            None => known.read(cx.now, &part, floor, None),
                        });
                    }
                    for result in results {
                        cx.oracle.judge(group, result);
                    }
                }
                (code.code(), format!("offsets of {group}"), format!("{told:?}"))
            }
        };
        if code == 0 {
            self.found.insert(question, answer);
            return;
        }
        match ErrorCode::from_code(code) {
            ErrorCode::CoordinatorLoadInProgress | ErrorCode::NotCoordinator => {
                self.next.push(asked);
                cx.wake_in = Some(AGAIN_MS);
            }
            code => cx.oracle.violated(format!("the auditor asked for {question} and was told {code}")),
        }
    }

    fn disconnected(&mut self) {
        self.asked.clear();
    }

    fn is_idle(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        "the auditor".to_owned()
    }
}
