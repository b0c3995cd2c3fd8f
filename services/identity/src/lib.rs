//! Users, passwords, sessions and signing keys.
