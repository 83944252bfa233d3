//! The observer: asks one node after the other what it knows of all topics, so that what they say can be compared.

use crate::client::{Client, Cx, read};
use kq::api::metadata::{MetadataRequest, MetadataResponse};
use kq::types::{Epoch, Millis, NodeId, TopicId};

const METADATA_VERSION: i16 = 12;

/// One partition, as a node described it.
pub struct Said {
    /// Its topic's name.
    pub topic: String,
    /// Its topic's identity.
    pub id: TopicId,
    /// Its index.
    pub partition: i32,
    /// Its leader, -1 for none.
    pub leader: NodeId,
    /// The leader's epoch.
    pub epoch: Epoch,
    /// All replicas, and those in sync.
    pub replicas: Vec<NodeId>,
    pub isr: Vec<NodeId>,
}

impl Said {
    /// Whether it has a leader, and all replicas are in sync.
    pub fn is_whole(&self) -> bool {
        self.leader >= 0 && self.isr.len() == self.replicas.len()
    }
}

/// Everything that a node said.
pub struct News {
    /// When it was asked.
    pub asked_at: Millis,
    /// Brokers that it knows.
    pub brokers: usize,
    /// By topic and partition.
    pub said: Vec<Said>,
}

/// See the module.
#[derive(Default)]
pub struct Observer {
    asked_at: Option<Millis>,
    news: Option<News>,
}

impl Observer {
    /// What was said since the last call.
    pub fn take_news(&mut self) -> Option<News> {
        self.news.take()
    }
}

/// Takes an answer apart.
pub fn news(response: &MetadataResponse<'_>, asked_at: Millis) -> News {
    let mut said = Vec::new();
    for topic in response.topics.iter().filter(|topic| topic.error_code == 0) {
        let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
        said.extend(topic.partitions.iter().map(|part| Said {
            topic: name.clone(),
            id: topic.topic_id,
            partition: part.partition_index,
            leader: part.leader_id,
            epoch: part.leader_epoch,
            replicas: part.replica_nodes.clone(),
            isr: part.isr_nodes.clone(),
        }));
    }
    News { asked_at, brokers: response.brokers.len(), said }
}

impl Client for Observer {
    fn act(&mut self, cx: &mut Cx<'_>) {
        if self.asked_at.is_none() {
            self.asked_at = Some(cx.now);
            cx.send(METADATA_VERSION, &MetadataRequest { topics: None, ..Default::default() });
        }
    }

    fn reply(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let asked_at = self.asked_at.take().unwrap_or(cx.now);
        let response: MetadataResponse<'_> = read(bytes, METADATA_VERSION);
        self.news = Some(news(&response, asked_at));
        cx.hang_up = Some(5 + cx.chance.below(40));
    }

    fn disconnected(&mut self) {
        self.asked_at = None;
    }

    fn is_idle(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        "the observer".to_owned()
    }
}
