//! What the service is about: parsed types and the rules that need no database. No SQL, no gRPC, no protobuf.

mod audit;
mod invitation;
mod join;
mod member;
mod organization;

pub use audit::{Action, Actor, AuditEntry, Changed, Noted};
pub use invitation::{Invitation, InvitationKey, InvitationToken, LIFETIME, NewInvitation};
pub use join::{Decision, Invited, Target, decide};
pub use member::{Change, Member, Role, Roll};
pub use organization::{Edit, JoinPolicy, NewOrganization, Organization, UNCLAIMED, Unique};
pub use trellis_pages::{BadPage, Cursor, LONGEST, Listed, PageRequest, Window};
pub use trellis_text::{Email, Name, Refusal, Slug, is_slug};
