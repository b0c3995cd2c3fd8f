//! Generates the gRPC code without a `protoc` binary: protox parses, tonic generates.

use std::{env, fs, path::PathBuf};

use prost::Message as _;

const PROTOS: [&str; 5] = [
    "trellis/error/v1/error.proto",
    "trellis/event/v1/event.proto",
    "trellis/identity/v1/identity.proto",
    "trellis/org/v1/org.proto",
    "trellis/project/v1/project.proto",
];

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script its directory by a variable")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=trellis");
    let descriptors = protox::compile(PROTOS, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // Reflection serves this file; it is also what `grpcurl` users see.
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut config = tonic_prost_build::Config::new();
    // Every message knows its package: by it a service token is made for the service that is called.
    config.enable_type_names();
    tonic_prost_build::configure().compile_fds_with_config(descriptors, config)?;
    Ok(())
}
