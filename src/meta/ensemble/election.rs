//! Who is the controller: taking `/controller` when it is free, holding it, noticing that it is lost.

use super::text;
use super::{Claim, Ensemble, Found, Level, NodeId, Purpose, Standing, Term, term_of};
use crate::event::{Change, Life};

impl Ensemble {
    /// Who decides, as far as this node knows.
    pub fn leader(&self) -> Option<NodeId> {
        match self.claim {
            Some(claim) if claim.sure => self.session.map(|_| self.config.node),
            // It may be this node or nobody.
            Some(_) => None,
            None => self.controller,
        }
    }

    /// The term in which this node may decide: it is the controller, and everything decided before was handed out.
    pub fn active(&self) -> Option<Term> {
        self.session?;
        let claim = self.claim.filter(|claim| claim.sure && self.standing != Standing::Leaving)?;
        claim.caught_up.filter(|end| self.handed >= *end).map(|_| term_of(claim.term))
    }

    /// This node wants to be the controller, whenever nobody is.
    pub fn stand(&mut self) {
        if self.standing == Standing::NotYet {
            self.standing = Standing::Yes;
            if self.session.is_some() {
                self.look_at_controller();
            }
        }
    }

    /// Another one may be the controller: this node is about to stop.
    pub fn hand_over(&mut self) {
        self.standing = Standing::Leaving;
        if let Some(claim) = self.claim.filter(|claim| claim.sure) {
            self.stop_writing();
            let check = Change::Check { path: text::EPOCH.to_owned(), version: claim.version };
            let gone = Change::Remove { path: text::CONTROLLER.to_owned() };
            self.write(Purpose::Resign, vec![check, gone]);
        }
    }

    /// These brokers serve, as the controller here knows: it wants to hear when one of their nodes goes.
    pub fn watch_brokers(&mut self, ids: impl Iterator<Item = NodeId>) {
        if self.active().is_none() {
            return;
        }
        for id in ids.filter(|id| *id != self.config.node).collect::<Vec<_>>() {
            if self.watched.insert(id) {
                self.watch(Purpose::Broker(id), text::broker_path(id));
            }
        }
    }

    /// Brokers whose node was not there, since the last call.
    pub fn take_gone(&mut self) -> Vec<NodeId> {
        std::mem::take(&mut self.gone)
    }

    /// Another node has become the controller.
    pub(super) fn fenced(&mut self) {
        self.note(Level::Warn, "another node has raised /controller_epoch: this node is the controller no more");
        self.step_down();
        self.look_at_controller();
    }

    pub(super) fn step_down(&mut self) {
        self.claim = None;
        self.watched.clear();
        self.gone.clear();
        self.stop_writing();
        self.look_at_log();
    }

    pub(super) fn look_at_controller(&mut self) {
        if !self.is_asked(&[Purpose::Controller, Purpose::EpochToStand, Purpose::Stand, Purpose::EpochOfClaim]) {
            self.watch(Purpose::Controller, text::CONTROLLER.to_owned());
        }
    }

    pub(super) fn controller_seen(&mut self, found: Found) {
        let (data, owner) = match found {
            Found::Node { data, owner, .. } => (data, owner),
            _ => {
                self.controller = None;
                if self.claim.is_some() {
                    self.step_down();
                }
                if self.standing == Standing::Yes && self.loaded {
                    self.read(Purpose::EpochToStand, text::EPOCH.to_owned());
                }
                return;
            }
        };
        let holder = text::number(&data, "brokerid").and_then(|id| NodeId::try_from(id).ok());
        match self.claim {
            _ if Some(owner) != self.session => {
                if self.claim.is_some() {
                    self.step_down();
                }
                self.controller = holder;
            }
            Some(claim) if claim.sure => {}
            Some(_) => self.read(Purpose::EpochOfClaim, text::EPOCH.to_owned()),
            // It was taken for a claim that does not hold: nobody else can have it before it is given up.
            None => {
                self.controller = None;
                self.write(Purpose::Resign, vec![Change::Remove { path: text::CONTROLLER.to_owned() }]);
            }
        }
    }

    pub(super) fn stand_with(&mut self, epoch: &[u8], version: i32) {
        let Some(session) = self.session else { return };
        let before = std::str::from_utf8(epoch).ok().and_then(|text| text.trim().parse::<i32>().ok());
        let Some(term) = before.and_then(|before| before.checked_add(1)) else {
            self.note(Level::Error, &format!("{} in ZooKeeper holds no number: nobody can be controller", text::EPOCH));
            return self.look_again_later();
        };
        let version_after = version.wrapping_add(1);
        self.claim = Some(Claim { session, term, version: version_after, sure: false, caught_up: None });
        let data = text::controller(self.config.node, self.now);
        let take = Change::Make { path: text::CONTROLLER.to_owned(), data, life: Life::Session };
        let raise = Change::Set { path: text::EPOCH.to_owned(), data: term.to_string().into_bytes(), version };
        self.write(Purpose::Stand, vec![take, raise]);
    }

    /// `/controller` belongs to this session. That somebody else raised the epoch since is possible only where an operator
    /// removed `/controller`.
    pub(super) fn verify_claim(&mut self, version: i32) {
        match self.claim {
            Some(claim) if claim.version == version => self.elected(),
            _ => {
                self.claim = None;
                self.look_at_controller();
            }
        }
    }

    pub(super) fn elected(&mut self) {
        let Some(claim) = &mut self.claim else { return };
        (claim.sure, claim.caught_up) = (true, None);
        let term = claim.term;
        self.controller = Some(self.config.node);
        self.note(Level::Info, &format!("this node is the controller, epoch {term} in ZooKeeper"));
        self.look_at_controller();
        // What others appended before is all there from here on, and nothing more comes of them.
        self.look_at_log();
        if self.standing == Standing::Leaving {
            self.hand_over();
        }
    }
}
