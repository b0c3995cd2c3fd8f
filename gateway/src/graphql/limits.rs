//! How much one request may ask for. Everything here is judged before any work is done, in time linear in the request.

use std::fmt;

/// More errors than these help nobody.
pub const MOST_ERRORS: usize = 20;

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Of the document.
    Bytes,
    /// One in the other, of any kind.
    Brackets,
    Aliases,
    Directives,
    /// The characters of one.
    Name,
    /// Of the document.
    Tokens,
    /// Fields one in the other, those of introspection apart.
    Depth,
    /// Fields and fragments, where each fragment counts wherever it is spread.
    Selections,
    /// Bytes of arguments, where each variable counts wherever it is used.
    Values,
    /// Fields that try a password or make a user.
    Logins,
    /// Lists one in the other, of introspection.
    IntrospectionLists,
    /// Fields, where those within a list count as often as it is long.
    Complexity,
}

impl Limit {
    pub const fn most(self) -> usize {
        match self {
            Self::Bytes => 64 * 1024,
            Self::Brackets => 50,
            Self::Aliases => 30,
            Self::Directives => 20,
            Self::Name => 200,
            Self::Tokens => 5000,
            Self::Depth => 12,
            Self::Selections | Self::Complexity => 2000,
            Self::Values => 1024 * 1024,
            Self::Logins => 3,
            Self::IntrospectionLists => 2,
        }
    }

    pub fn check(self, found: usize) -> Result<(), Exceeded> {
        if found <= self.most() { Ok(()) } else { Err(Exceeded { limit: self, found }) }
    }
}

/// A limit that does not hold; what was found is where counting ended, where it could go on for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    pub limit: Limit,
    pub found: usize,
}

impl fmt::Display for Exceeded {
    /// The limit, what was found, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, found } = self;
        let most = limit.most();
        match limit {
            Limit::Bytes => {
                write!(f, "The document has {found} bytes; at most {most} are taken. Send values as variables.")
            }
            Limit::Brackets => {
                write!(f, "The document is nested {found} brackets deep; at most {most} are taken. Nest less.")
            }
            Limit::Aliases => {
                write!(f, "The document has {found} aliases; at most {most} are taken. Ask in several requests.")
            }
            Limit::Directives => {
                write!(f, "The document has {found} directives; at most {most} are taken. Use fewer.")
            }
            Limit::Name => {
                write!(f, "The document has a name of {found} characters; at most {most} are taken. Shorten it.")
            }
            Limit::Tokens => write!(
                f,
                "The document has {found} names and signs; at most {most} are taken. Ask in several requests, and \
                 send values as variables."
            ),
            Limit::Depth => write!(
                f,
                "The query is {found} fields deep; at most {most} are taken. Begin further down, for example at \
                 `project` or `task`."
            ),
            Limit::Selections => write!(
                f,
                "The query has {found} fields or more, with every fragment where it is spread; at most {most} are \
                 taken. Ask for fewer, or in several requests."
            ),
            Limit::Values => write!(
                f,
                "The arguments have {found} bytes or more, with every variable where it is used; at most {most} are \
                 taken. Use large variables once."
            ),
            Limit::Logins => write!(
                f,
                "The request has {found} fields that log in, register or change a password; at most {most} are taken. \
                 Send them one by one."
            ),
            Limit::IntrospectionLists => write!(
                f,
                "The introspection nests {found} lists of members; at most {most} are taken. Ask for types by \
                 `__type`, one after the other."
            ),
            Limit::Complexity => write!(
                f,
                "The query has a complexity of {found}; at most {most} is taken. Each field counts 1, within a list as \
                 often as `first` or `last` says: ask for shorter pages or fewer fields."
            ),
        }
    }
}
