//! The secrets of one local cluster: made at the first start, kept readable by their owner alone.

use std::{collections::BTreeMap, fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

/// The processes that sign service tokens, by the names that their tokens carry.
pub const SIGNERS: [&str; 4] = ["gateway", "identity", "org", "project"];

#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// Of PostgreSQL's superuser.
    pub postgres_password: String,
    /// By role name.
    pub role_passwords: BTreeMap<String, String>,
    pub token_secret: String,
    pub invitation_secret: String,
    /// Ed25519 seeds in base64, by process.
    pub service_keys: BTreeMap<String, String>,
}

impl Secrets {
    pub fn generate() -> Self {
        let roles = ["identity", "org", "project"]
            .into_iter()
            .flat_map(|service| [format!("trellis_{service}"), format!("trellis_{service}_owner")]);
        Self {
            postgres_password: random(),
            role_passwords: roles.map(|role| (role, random())).collect(),
            token_secret: random(),
            invitation_secret: random(),
            service_keys: SIGNERS
                .into_iter()
                .map(|name| (name.to_owned(), BASE64_STANDARD.encode(rand::random::<[u8; 32]>())))
                .collect(),
        }
    }

    /// What the file holds, or new ones that go into it.
    pub fn load_or_generate(file: &Path) -> anyhow::Result<Self> {
        if let Ok(text) = fs::read_to_string(file) {
            return serde_json::from_str(&text)
                .with_context(|| format!("{} is damaged; `make reset` begins anew", file.display()));
        }
        let secrets = Self::generate();
        write_secret(file, &serde_json::to_string_pretty(&secrets)?)?;
        Ok(secrets)
    }

    /// `gateway=<public key>,identity=…`: whose service tokens a process believes.
    pub fn peer_keys(&self) -> anyhow::Result<String> {
        let keys = self.service_keys.iter().map(|(name, seed)| {
            let seed: [u8; 32] = BASE64_STANDARD
                .decode(seed)?
                .try_into()
                .map_err(|_| anyhow::anyhow!("the service key of {name} has not 32 bytes"))?;
            let public = SigningKey::from_bytes(&seed).verifying_key();
            Ok(format!("{name}={}", BASE64_STANDARD.encode(public.as_bytes())))
        });
        Ok(keys.collect::<anyhow::Result<Vec<_>>>()?.join(","))
    }
}

/// A new file that its owner alone can read.
pub(crate) fn write_secret(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut out = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(out.write_all(text.as_bytes())?)
}

/// 256 random bits, in characters that need no escaping in a URL.
fn random() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}
