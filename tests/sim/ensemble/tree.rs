//! A ZooKeeper ensemble as one machine: a tree of nodes with versions, sessions with what belongs to them, watches. Every
//! question is answered at once and in one order; delay, loss and expiry are the world's affair.

use super::{Ask, Change, EnsembleFault, Found, Heard, Life};
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
#[derive(Default)]
pub struct Tree {
    /// All nodes, by path.
    pub nodes: BTreeMap<String, Node>,
    sessions: BTreeSet<i64>,
    last_session: i64,
    watches: BTreeMap<String, BTreeSet<i64>>,
    fired: Vec<(i64, String)>,
}

/// A node.
#[derive(Clone)]
pub struct Node {
    /// What it holds.
    pub data: Vec<u8>,
    version: i32,
    owner: i64,
}

impl Tree {
    /// A new session.
    pub fn open(&mut self) -> i64 {
        self.last_session += 1;
        self.sessions.insert(self.last_session);
        self.last_session
    }

    /// Whether a session lives.
    pub fn lives(&self, session: i64) -> bool {
        self.sessions.contains(&session)
    }

    /// A session is over.
    pub fn expire(&mut self, session: i64) {
        self.sessions.remove(&session);
        self.watches.values_mut().for_each(|sessions| {
            sessions.remove(&session);
        });
        let gone: Vec<String> =
            self.nodes.iter().filter(|(_, node)| node.owner == session).map(|(path, _)| path.clone()).collect();
        for path in gone {
            self.nodes.remove(&path);
            self.fire(&path);
        }
    }

    /// Answers a question of a session that lives.
    pub fn ask(&mut self, session: i64, ask: &Ask) -> Option<Heard> {
        assert!(self.lives(session), "a session that is over is not asked");
        let (id, result) = match ask {
            Ask::Begin => return None,
            Ask::Read { id, path } => (*id, Ok(self.found(path))),
            Ask::Watch { id, path } => {
                self.watches.entry(path.clone()).or_default().insert(session);
                (*id, Ok(self.found(path)))
            }
            Ask::List { id, path } => {
                let start = format!("{path}/");
                let below = self.nodes.range(start.clone()..).take_while(|(name, _)| name.starts_with(&start));
                let names = below.map(|(name, _)| name[start.len()..].to_owned());
                (*id, Ok(Found::Names(names.filter(|name| !name.contains('/')).collect())))
            }
            Ask::Write { id, changes } => (*id, self.write(session, changes).map(|()| Found::Written)),
        };
        Some(Heard::Answer { id, result })
    }

    /// Whose watches have fired, on what, since the last call.
    pub fn take_fired(&mut self) -> Vec<(i64, String)> {
        std::mem::take(&mut self.fired)
    }

    fn found(&self, path: &str) -> Found {
        match self.nodes.get(path) {
            Some(Node { data, version, owner }) => Found::Node { data: data.clone(), version: *version, owner: *owner },
            None => Found::Nothing,
        }
    }

    fn write(&mut self, session: i64, changes: &[Change]) -> Result<(), EnsembleFault> {
        let mut undo: Vec<(String, Option<Node>)> = Vec::new();
        for change in changes {
            let outcome = self.change(session, change, &mut undo);
            if outcome.is_err() {
                for (path, node) in undo.into_iter().rev() {
                    match node {
                        Some(node) => self.nodes.insert(path, node),
                        None => self.nodes.remove(&path),
                    };
                }
                return outcome;
            }
        }
        undo.iter().for_each(|(path, _)| self.fire(path));
        Ok(())
    }

    fn change(
        &mut self,
        session: i64,
        change: &Change,
        undo: &mut Vec<(String, Option<Node>)>,
    ) -> Result<(), EnsembleFault> {
        match change {
            Change::Check { path, version } => {
                let node = self.nodes.get(path).ok_or(EnsembleFault::Missing)?;
                if node.version == *version { Ok(()) } else { Err(EnsembleFault::Version) }
            }
            Change::Make { path, data, life } => {
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                if self.nodes.contains_key(path) {
                    return Err(EnsembleFault::Exists);
                }
                if !parent.is_empty() && !self.nodes.contains_key(parent) {
                    return Err(EnsembleFault::Missing);
                }
                let owner = if *life == Life::Session { session } else { 0 };
                undo.push((path.clone(), None));
                self.nodes.insert(path.clone(), Node { data: data.clone(), version: 0, owner });
                Ok(())
            }
            Change::Set { path, data, version } => {
                let node = self.nodes.get_mut(path).ok_or(EnsembleFault::Missing)?;
                if *version != -1 && node.version != *version {
                    return Err(EnsembleFault::Version);
                }
                undo.push((path.clone(), Some(node.clone())));
                (node.data, node.version) = (data.clone(), node.version + 1);
                Ok(())
            }
            Change::Remove { path } => {
                let start = format!("{path}/");
                if self.nodes.range(start.clone()..).next().is_some_and(|(name, _)| name.starts_with(&start)) {
                    return Err(EnsembleFault::Other("not empty".to_owned()));
                }
                let node = self.nodes.remove(path).ok_or(EnsembleFault::Missing)?;
                undo.push((path.clone(), Some(node)));
                Ok(())
            }
        }
    }

    fn fire(&mut self, path: &str) {
        let sessions = self.watches.remove(path).unwrap_or_default();
        self.fired.extend(sessions.into_iter().map(|session| (session, path.to_owned())));
    }
}
