//! Takes what leaders here propose as their in-sync replicas to the controller, and its answers back to them
//! (AlterPartition, KIP-497). One request is under way at a time; what is proposed meanwhile goes with the next one.

use super::Broker;
use crate::error::ErrorCode;
use crate::event::Effect;
use crate::meta::{self, Command, Reply};
use crate::replica::IsrChange;
use crate::types::{LogId, Millis};

impl Broker {
    /// What is due after every step.
    pub(super) fn send_proposals(&mut self, now: Millis, out: &mut Vec<Effect<'_>>) {
        if self.proposing || self.has_left() || self.broker_epoch() < 0 {
            return;
        }
        let asked = self.isr_changes(now);
        if asked.is_empty() {
            return;
        }
        let (node, own_epoch) = (self.node, self.broker_epoch());
        let part = |(log, change): &(LogId, IsrChange)| {
            let name = &self.hosted(*log)?.name;
            // A leader does not know its own broker epoch.
            let member = |(id, epoch): &(_, _)| (*id, if *id == node { own_epoch } else { *epoch });
            Some(meta::IsrChange {
                topic: name.topic_id,
                partition: name.partition,
                leader_epoch: change.leader_epoch,
                partition_epoch: change.partition_epoch,
                isr: change.isr.iter().map(member).collect(),
                recovering: false,
            })
        };
        let parts = asked.iter().filter_map(part).collect();
        let command = Command::AlterPartition { broker: node, epoch: own_epoch, parts };
        self.proposing = true;
        let then = move |broker: &mut Broker, reply: Option<Reply>, out: &mut Vec<Effect<'_>>| {
            broker.proposals_answered(asked, reply, out);
        };
        self.ask_controller(now, command, Box::new(then), out);
    }

    fn proposals_answered(&mut self, asked: Vec<(LogId, IsrChange)>, reply: Option<Reply>, out: &mut Vec<Effect<'_>>) {
        self.proposing = false;
        let results = match reply {
            Some(Reply::Altered(results)) if results.len() == asked.len() => results,
            Some(Reply::Refused(refusal)) => vec![Err(refusal.code); asked.len()],
            // Nobody knows what became of it.
            _ => vec![Err(ErrorCode::RequestTimedOut); asked.len()],
        };
        for ((log, change), result) in asked.into_iter().zip(results) {
            let answer = result.map(|state| (state.leader_epoch, state.partition_epoch, state.isr));
            self.isr_answer(self.now, log, &change, answer, out);
        }
    }
}
