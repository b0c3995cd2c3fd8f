//! Organizations, members, roles and invitations.
