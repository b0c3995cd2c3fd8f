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

/// An attempt that costs nothing where it was right.
#[must_use]
pub struct Attempt(pub(super) Taken);

impl Attempt {
    /// Gives it back where the answer is yes, and where nobody looked: no answer teaches nothing.
    pub fn settle<T>(self, answer: &Result<T, Status>) {
        let looked_and_refused = answer
            .as_ref()
            .err()
            .map(Problem::from)
            .is_some_and(|problem| !matches!(problem.code, Code::Unavailable | Code::Internal));
        if looked_and_refused { self.0.spent() } else { self.0.give_back() }
    }
}
