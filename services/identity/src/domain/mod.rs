//! What the service is about: parsed types and the rules that need no database. No SQL, no gRPC, no protobuf.

mod argon2id;
mod password;
mod refresh;
mod session;
mod signing;
mod user;

pub use password::{NewPassword, PASSWORD_CHARACTERS, Verified, dummy_hash, hash, verify};
pub use refresh::{RETRY, RefreshToken, TokenSecret, Verdict, judge};
pub use session::{Client, IDLE, LIFETIME, OpenSession, Revocation, Session};
pub use signing::{AHEAD, HANDED_OVER, PublicKey, SigningKey, current};
pub use trellis_pages::{BadPage, Cursor, Listed, PageRequest, Window};
pub use trellis_text::{Email, Name, Refusal, is_slug};
pub use user::{Credentials, User};
