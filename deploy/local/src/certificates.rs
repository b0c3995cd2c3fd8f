//! An authority of one's own and a certificate for each process: for clusters whose processes speak TLS.

use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    ops::Range,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};

use crate::{
    environment::{PROCESSES, kind_of},
    secrets::write_secret,
};

const LIFETIME: Duration = Duration::from_hours(365 * 24);

/// Signs certificates, and is forgotten with this value: its key is in no file.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, in PEM.
    pub certificate: String,
}

/// Both in PEM.
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Trellis, this machine's own");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let valid = now();
        (params.not_before, params.not_after) = (valid.start.into(), valid.end.into());
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// For a process on loopback.
    pub fn issue(&self, process: &str) -> anyhow::Result<Issued> {
        self.issue_for(process, &now())
    }

    /// The same, good for this time alone.
    pub fn issue_for(&self, process: &str, valid: &Range<SystemTime>) -> anyhow::Result<Issued> {
        let name = format!("trellis-{process}");
        let mut params = CertificateParams::new(vec![name.clone(), "localhost".to_owned()])?;
        params.subject_alt_names.push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) = (valid.start.into(), valid.end.into());
        let key = KeyPair::generate()?;
        Ok(Issued { certificate: params.signed_by(&key, &self.issuer)?.pem(), key: key.serialize_pem() })
    }
}

/// The files of one cluster: `authority.pem`, and `org.pem` and `org.key` for each process.
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// All anew.
    pub fn make(folder: &Path) -> anyhow::Result<Self> {
        Self::of(&Authority::new()?, folder)
    }

    /// Of this authority.
    pub fn of(authority: &Authority, folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let certificates = Self { folder: folder.to_owned() };
        write(&certificates.authority(), &authority.certificate)?;
        for process in PROCESSES {
            let issued = authority.issue(process)?;
            write(&certificates.certificate(process), &issued.certificate)?;
            write(&certificates.key(process), &issued.key)?;
        }
        Ok(certificates)
    }

    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    pub fn certificate(&self, process: &str) -> PathBuf {
        self.folder.join(format!("{process}.pem"))
    }

    pub fn key(&self, process: &str) -> PathBuf {
        self.folder.join(format!("{process}.key"))
    }

    /// Changes what a process is told, so that it speaks TLS to the others. Replicas have one certificate together.
    pub fn apply(&self, name: &str, environment: &mut BTreeMap<String, String>) {
        let (process, _) = kind_of(name);
        for (_, urls) in environment.iter_mut().filter(|(name, _)| name.ends_with("_URL")) {
            *urls = urls.replace("http://", "https://");
        }
        for (name, file) in [
            ("TRELLIS_TLS_CERTIFICATE", self.certificate(process)),
            ("TRELLIS_TLS_KEY", self.key(process)),
            ("TRELLIS_TLS_AUTHORITY", self.authority()),
        ] {
            environment.insert(name.to_owned(), file.display().to_string());
        }
    }
}

/// From a little ago: clocks differ.
fn now() -> Range<SystemTime> {
    let now = SystemTime::now();
    now - Duration::from_hours(1)..now + LIFETIME
}

/// In place of what was there.
fn write(file: &Path, pem: &str) -> anyhow::Result<()> {
    fs::remove_file(file).ok();
    write_secret(file, pem)
}
