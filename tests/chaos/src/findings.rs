//! What was found to be wrong, by class.

use std::collections::BTreeMap;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Acknowledged, and not there.
    Lost,
    /// Refused, though it was right.
    Refused,
    /// There, and never asked for or refused.
    Phantom,
    /// One key, two rows or events.
    Double,
    /// The event log is not 1…n with one event for each change.
    Log,
    /// Task numbers are not 1…n.
    Numbering,
    /// Not heard by a socket to which it belongs.
    Missing,
    /// Heard again.
    Repeated,
    /// Heard in another order.
    Disordered,
    /// A socket was told what is not so.
    Socket,
    /// A notification too few, too many, or of another kind.
    Notification,
    /// A yes or an event after a removal or a logout took effect.
    Late,
    /// Published over NATS in another order.
    Publication,
    /// Left in a queue for good.
    Stuck,
    /// A component did what it should not, or did not recover.
    Component,
}

pub const CLASSES: [(Class, &str); 15] = [
    (Class::Lost, "lost"),
    (Class::Refused, "refused"),
    (Class::Phantom, "phantom"),
    (Class::Double, "double"),
    (Class::Log, "event log"),
    (Class::Numbering, "numbering"),
    (Class::Missing, "missing"),
    (Class::Repeated, "repeated"),
    (Class::Disordered, "disordered"),
    (Class::Socket, "told wrongly"),
    (Class::Notification, "notifications"),
    (Class::Late, "late"),
    (Class::Publication, "publication"),
    (Class::Stuck, "stuck"),
    (Class::Component, "components"),
];

#[derive(Debug, Default)]
pub struct Findings(pub BTreeMap<Class, Vec<String>>);

impl Findings {
    pub fn add(&mut self, class: Class, what: impl Into<String>) {
        self.0.entry(class).or_default().push(what.into());
    }

    pub fn count(&self, class: Class) -> usize {
        self.0.get(&class).map_or(0, Vec::len)
    }
}
