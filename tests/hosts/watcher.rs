//! Somebody who asks every broker, again and again, who leads: never two in one epoch (I8).

use crate::history::History;
use crate::link::Link;
use crate::writer::{METADATA_VERSION, TOPIC};
use kq::api::metadata::{Metadata, MetadataRequest, MetadataRequestTopic};
use kq::client::Cluster;
use std::time::Duration;

/// What a broker says of a topic; `None` when it does not answer in time.
pub fn ask(link: &mut Link, topic: &str) -> Result<Cluster, String> {
    let topics = Some(vec![MetadataRequestTopic { name: Some(topic.into()), ..Default::default() }]);
    let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
    let answer = link.call::<Metadata>(&request, METADATA_VERSION)?;
    let mut cluster = Cluster::default();
    cluster.absorb(&answer.read().map_err(|error| error.to_string())?);
    Ok(cluster)
}

/// Asks one broker until it is over.
pub fn watch(broker: i32, history: &History) {
    let mut link = None;
    while !history.is_over() {
        std::thread::sleep(Duration::from_millis(100));
        if link.is_none() {
            link = Link::open(broker, Duration::from_secs(1)).ok();
        }
        let Some(open) = &mut link else { continue };
        let Ok(cluster) = ask(open, TOPIC) else {
            link = None;
            continue;
        };
        for partition in cluster.topics.get(TOPIC).map_or(&[][..], |topic| &topic.partitions) {
            if let Some(leader) = partition.leader {
                history.led(partition.index, partition.leader_epoch, leader);
            }
        }
    }
}
