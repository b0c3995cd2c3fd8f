//! The three files: read and checked at the start, since what is wrong with them would else only be seen as calls that
//! fail, at other processes.

use std::{fs, path::Path, sync::Arc};

use rustls::{
    Error, InconsistentKeys, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::{ParsedCertificate, WebPkiClientVerifier},
    sign::CertifiedKey,
};

use super::{AUTHORITY, CERTIFICATE, KEY, name_of, names};

/// All of it in PEM, as tonic takes it.
pub(super) struct Material {
    /// The DNS name that the certificate calls this process by.
    pub(super) name: String,
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) authority: String,
}

/// The variable, and why its value is refused.
type Refusal = (&'static str, String);

impl Material {
    pub(super) fn open(process: &str, certificate: &Path, key: &Path, authority: &Path) -> Result<Self, Refusal> {
        let material = Self {
            name: name_of(process),
            certificate: text(CERTIFICATE, certificate)?,
            key: text(KEY, key)?,
            authority: text(AUTHORITY, authority)?,
        };
        material.check()?;
        Ok(material)
    }

    fn check(&self) -> Result<(), Refusal> {
        let provider = ring::default_provider();
        let chain = certificates(CERTIFICATE, &self.certificate)?;
        let own = &chain[0];

        let no_key = || (KEY, "the file holds no private key in PEM that can be used".to_owned());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())
            .ok()
            .and_then(|key| provider.key_provider.load_private_key(key).ok())
            .ok_or_else(no_key)?;
        if let Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) =
            CertifiedKey::new(chain.clone(), key).keys_match()
        {
            return Err((KEY, format!("is not the key of the certificate of {CERTIFICATE}")));
        }

        let mut roots = RootCertStore::empty();
        for certificate in certificates(AUTHORITY, &self.authority)? {
            roots
                .add(certificate)
                .map_err(|error| (AUTHORITY, format!("is no certificate of an authority: {error}")))?;
        }

        if !names(own, &self.name) {
            return Err((CERTIFICATE, format!("must name this process: \"{}\" among its DNS names", self.name)));
        }
        let useless = |error| (CERTIFICATE, format!("nobody would take it who trusts {AUTHORITY}: {error}"));
        let (between, now) = (&chain[1..], UnixTime::now());
        let algorithms = provider.signature_verification_algorithms.all;
        let parsed = ParsedCertificate::try_from(own).map_err(useless)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, between, now, algorithms).map_err(useless)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider))
            .build()
            .map_err(|error| (AUTHORITY, error.to_string()))?;
        verifier.verify_client_cert(own, between, now).map_err(useless)?;
        Ok(())
    }
}

fn text(name: &'static str, file: &Path) -> Result<String, Refusal> {
    fs::read_to_string(file).map_err(|error| (name, format!("cannot read {}: {error}", file.display())))
}

/// At least one.
fn certificates(name: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Refusal> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err((name, "the file holds no certificate in PEM".to_owned())),
    }
}
