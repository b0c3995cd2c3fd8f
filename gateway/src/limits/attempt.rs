//! What was taken, until it is known whether it stays taken.

use std::sync::Arc;

use tonic::Status;
use trellis_rpc::{Code, Problem};

use super::{cell::Cell, table::Table};

/// One that was taken; `None` where the limit is off. It stays taken where this is dropped: whoever hangs up in the
/// middle of a guess has guessed.
#[must_use]
pub struct Taken(Option<(Arc<Table>, Arc<Cell>)>);

impl Taken {
    pub(super) fn nothing() -> Self {
        Self(None)
    }

    pub(super) fn one(table: Arc<Table>, cell: Arc<Cell>) -> Self {
        Self(Some((table, cell)))
    }

    pub(super) fn give_back(self) {
        if let Some((table, cell)) = self.0 {
            cell.give_back(table.pace);
        }
    }

    /// It stays taken, whatever comes.
    pub(super) fn spent(self) {
        drop(self);
    }
}

/// A password that is shown. Settle it with the answer.
#[must_use]
pub struct Attempt {
    /// At the account.
    pub(super) guess: Taken,
    /// Of the address.
    pub(super) sign_in: Taken,
}

impl Attempt {
    /// A right password is no guess, but it was hashed. Where nobody looked, nothing was learnt and nothing hashed.
    pub fn settle<T>(self, answer: &Result<T, Status>) {
        match answer {
            Ok(_) => {
                self.guess.give_back();
                self.sign_in.spent();
            }
            Err(status) if nobody_looked(status) => {
                self.guess.give_back();
                self.sign_in.give_back();
            }
            Err(_) => {
                self.guess.spent();
                self.sign_in.spent();
            }
        }
    }
}

/// Something that is to be made. Settle it with the answer.
#[must_use]
pub struct Creation {
    pub(super) thing: Taken,
    /// Of the address, where a password is hashed for it.
    pub(super) sign_in: Taken,
}

impl Creation {
    /// What was not made costs nothing, but that somebody hashed for it.
    pub fn settle<T>(self, answer: &Result<T, Status>) {
        match answer {
            Ok(_) => {
                self.thing.spent();
                self.sign_in.spent();
            }
            Err(status) => {
                self.thing.give_back();
                if nobody_looked(status) { self.sign_in.give_back() } else { self.sign_in.spent() }
            }
        }
    }
}

/// There was no place in the queue, or nobody there at all.
fn nobody_looked(status: &Status) -> bool {
    matches!(Problem::from(status).code, Code::Unavailable | Code::Internal)
}
