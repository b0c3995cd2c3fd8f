//! Faults for the simulation to find: wrong variants of what the relay relies on.

/// What is wrong on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planted {
    Nothing,
    /// The outbox is read behind the highest number that was seen.
    PastACursor,
    /// Rows of one scope are published side by side.
    Unordered,
    /// An acknowledgement is taken for given before the event is stored.
    EarlyAck,
    /// The stream is always taken for what it was.
    NoLook,
    /// A new connection is taken for the one before.
    NoReconnect,
    /// A new connection is noticed only a moment later.
    LateReconnect,
    /// What is queued again are only events that are not the last ones.
    RequeueSome,
    /// Who leads next does not know what is still to be queued again.
    ForgetsAgain,
    /// Everybody leads.
    NoLock,
}

impl Planted {
    pub(super) const ALL: [Self; 9] = [
        Self::PastACursor,
        Self::Unordered,
        Self::EarlyAck,
        Self::NoLook,
        Self::NoReconnect,
        Self::LateReconnect,
        Self::RequeueSome,
        Self::ForgetsAgain,
        Self::NoLock,
    ];
}
