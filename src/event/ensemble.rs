//! What is asked of a ZooKeeper ensemble, and what is heard of it.
//!
//! All that is asked in one session is done in the order of asking, and a session's reads show all its own writes before
//! them: that much ZooKeeper promises, and the shell must keep it.

/// A question or a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Keep up a session from here on: another one when one is over.
    Begin,
    /// The data of a node. Answered by [`Found::Node`] or [`Found::Nothing`].
    Read {
        /// Names the question.
        id: u64,
        /// The node.
        path: String,
    },
    /// As [`Ask::Read`], and [`Heard::Changed`] when the node is made, changed or removed after that, once. It takes the
    /// place of an earlier one for the same node.
    Watch {
        /// Names the question.
        id: u64,
        /// The node.
        path: String,
    },
    /// The names of a node's children. Answered by [`Found::Names`].
    List {
        /// Names the question.
        id: u64,
        /// The node.
        path: String,
    },
    /// Do all of this, or nothing. Answered by [`Found::Written`].
    Write {
        /// Names the wish.
        id: u64,
        /// What, in this order.
        changes: Vec<Change>,
    },
}

/// One change of an ensemble's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Go on only where the node has this version.
    Check {
        /// The node.
        path: String,
        /// How often its data was changed.
        version: i32,
    },
    /// Make a node that is not there.
    Make {
        /// The node.
        path: String,
        /// What it holds.
        data: Vec<u8>,
        /// How long it stays.
        life: Life,
    },
    /// Replace a node's data, which has this version.
    Set {
        /// The node.
        path: String,
        /// What it holds from here on.
        data: Vec<u8>,
        /// The version before; -1 is any.
        version: i32,
    },
    /// Remove a node without children.
    Remove {
        /// The node.
        path: String,
    },
}

/// How long a node stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Until somebody removes it.
    Lasting,
    /// No longer than the session that made it (an ephemeral node).
    Session,
}

/// What is heard of an ensemble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It can be asked: a new session, or one that goes on after a silence.
    Session {
        /// The session's number.
        id: i64,
    },
    /// No server of it answers: what was asked may be done or not. The session may go on, or be over already.
    Silence,
    /// The session is over, and what was made for it is gone.
    Expired,
    /// An answer.
    Answer {
        /// The question's name.
        id: u64,
        /// The answer.
        result: Result<Found, EnsembleFault>,
    },
    /// A watched node was made, changed or removed.
    Changed {
        /// The node.
        path: String,
    },
}

/// What an ensemble answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no such node.
    Nothing,
    /// A node.
    Node {
        /// What it holds.
        data: Vec<u8>,
        /// How often that was changed.
        version: i32,
        /// The session that it belongs to; 0 where it is lasting.
        owner: i64,
    },
    /// The names of children, in any order.
    Names(Vec<String>),
    /// All of it is done.
    Written,
}

/// Why an ensemble did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnsembleFault {
    /// A node that has to be there is not.
    Missing,
    /// A node that is to be made is there.
    Exists,
    /// A node has another version.
    Version,
    /// Nobody knows whether it is done: the connection broke.
    Lost,
    /// Something else: what it says.
    Other(String),
}
