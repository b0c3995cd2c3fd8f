//! Protocol buffers and gRPC code of every Trellis service, generated from `trellis/*/v1/*.proto`.
//!
//! Nothing clever lives here: no conversions, no rules. Each package is one module.

#![allow(clippy::all, clippy::pedantic, unused_qualifications, reason = "generated code")]

/// `trellis.error.v1`: the details that a refused call carries.
pub mod error {
    pub mod v1 {
        tonic::include_proto!("trellis.error.v1");
    }
}

/// `trellis.event.v1`: one entry of an event log, and a place in it.
pub mod event {
    pub mod v1 {
        tonic::include_proto!("trellis.event.v1");
    }
}

/// `trellis.identity.v1`: users, passwords, sessions, signing keys.
pub mod identity {
    pub mod v1 {
        tonic::include_proto!("trellis.identity.v1");
    }
}

/// `trellis.org.v1`: organizations, members, roles, invitations.
pub mod org {
    pub mod v1 {
        tonic::include_proto!("trellis.org.v1");
    }
}

/// `trellis.project.v1`: projects, tasks, comments, activity.
pub mod project {
    pub mod v1 {
        tonic::include_proto!("trellis.project.v1");
    }
}

pub mod subject;

/// The descriptors of all packages, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
