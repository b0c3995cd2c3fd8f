//! TLS with client certificates between the processes: its settings, and what servers and channels make of them.
//!
//! A certificate of the installation's own authority lets a process in, as server and as client. It also names the
//! process (`trellis-org` among its DNS names), and a service token is believed only from the process that it names.

mod material;

use std::{error::Error, fmt, io, path::PathBuf, sync::Arc, time::Duration};

use http::{Extensions, Uri};
use rustls::{
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName},
    server::ParsedCertificate,
};
use tonic::transport::{
    Certificate, ClientTlsConfig, Identity, ServerTlsConfig,
    server::{TcpConnectInfo, TlsConnectInfo},
};
use trellis_settings::Settings;

use crate::Endpoints;
use material::Material;

const CERTIFICATE: &str = "TRELLIS_TLS_CERTIFICATE";
const KEY: &str = "TRELLIS_TLS_KEY";
const AUTHORITY: &str = "TRELLIS_TLS_AUTHORITY";

/// For a handshake. Whoever connects and then says nothing is let go.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a process speaks to the others: in plain HTTP/2 (the default), or by TLS with certificates on both sides.
#[derive(Clone, Default)]
pub struct Tls(Setting);

#[derive(Clone, Default)]
enum Setting {
    #[default]
    Off,
    On(Arc<Material>),
    /// Something is wrong with it, which is told already; what follows from it need not be.
    Refused,
}

impl Tls {
    /// Declares the three variables and reads them. What is wrong is told by `settings.finish()`. `process` is the
    /// name that the certificate must carry: `org`.
    pub fn read(settings: &mut Settings, process: &str) -> Self {
        let files: [(&'static str, Option<PathBuf>); 3] = [
            (
                CERTIFICATE,
                settings.optional(
                    CERTIFICATE,
                    "A file with this process's certificate in PEM, and those between it and the authority; with it, processes speak TLS to each other and let in nobody without one",
                ),
            ),
            (KEY, settings.optional(KEY, "A file with the certificate's private key in PEM")),
            (
                AUTHORITY,
                settings.optional(
                    AUTHORITY,
                    "A file with the certificates in PEM of the authority whose word is taken, of two while one follows the other",
                ),
            ),
        ];
        match &files {
            [(_, None), (_, None), (_, None)] => Self(Setting::Off),
            [(_, Some(certificate)), (_, Some(key)), (_, Some(authority))] => {
                match Material::open(process, certificate, key, authority) {
                    Ok(material) => Self(Setting::On(Arc::new(material))),
                    Err((name, why)) => {
                        settings.refuse(name, why);
                        Self(Setting::Refused)
                    }
                }
            }
            some => {
                for (name, _) in some.iter().filter(|(_, file)| file.is_none()) {
                    settings.refuse(name, format!("is not set: {CERTIFICATE}, {KEY} and {AUTHORITY} go together"));
                }
                Self(Setting::Refused)
            }
        }
    }

    /// Declares and reads where another process is reached: `https://` exactly where TLS is set.
    pub fn endpoints(
        &self,
        settings: &mut Settings,
        name: &'static str,
        default: &str,
        help: &'static str,
    ) -> Endpoints {
        let endpoints: Endpoints = settings.or(name, default.parse().expect("the default is a URL"), help);
        match self.protect(endpoints.clone()) {
            Ok(endpoints) => endpoints,
            Err(why) => {
                settings.refuse(name, why);
                endpoints
            }
        }
    }

    /// The same endpoints, spoken to in this way.
    pub fn protect(&self, endpoints: Endpoints) -> Result<Endpoints, String> {
        let scheme = match self.0 {
            Setting::Off => "http",
            Setting::On(_) => "https",
            Setting::Refused => return Ok(endpoints),
        };
        if let Some(other) = endpoints.uris().find(|uri| uri.scheme_str() != Some(scheme)) {
            return Err(format!(
                "must begin with {scheme}://, {} ({CERTIFICATE}): {other}",
                if scheme == "https" { "since TLS is set" } else { "where TLS is not set" },
            ));
        }
        if let Some(nameless) = endpoints.uris().find(|uri| server_name(uri).is_none()) {
            return Err(format!("names no host that a certificate could be for: {nameless}"));
        }
        Ok(endpoints.over(self.clone()))
    }

    pub(crate) fn server(&self) -> Option<ServerTlsConfig> {
        let material = self.material()?;
        Some(
            ServerTlsConfig::new()
                .identity(Identity::from_pem(&material.certificate, &material.key))
                .client_ca_root(Certificate::from_pem(&material.authority))
                .timeout(PATIENCE),
        )
    }

    /// Takes only the authority's word; the certificate must be for the endpoint's host.
    pub(crate) fn client(&self) -> Option<ClientTlsConfig> {
        let material = self.material()?;
        Some(
            ClientTlsConfig::new()
                .identity(Identity::from_pem(&material.certificate, &material.key))
                .ca_certificate(Certificate::from_pem(&material.authority))
                .timeout(PATIENCE),
        )
    }

    /// For a process that asks itself, at whichever address.
    pub(crate) fn client_to_itself(&self) -> Option<ClientTlsConfig> {
        Some(self.client()?.domain_name(&self.material()?.name))
    }

    fn material(&self) -> Option<&Material> {
        match &self.0 {
            Setting::On(material) => Some(material),
            // The process does not start with settings that are refused.
            Setting::Off | Setting::Refused => None,
        }
    }
}

/// Shows no key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Setting::Off => "Tls(off)",
            Setting::On(_) => "Tls(on)",
            Setting::Refused => "Tls(refused)",
        })
    }
}

/// Whether the one at the other end of a request's connection may speak for this process: where there is TLS, his
/// certificate says so. `extensions` are the request's, as tonic's server makes them.
pub fn speaks_for(extensions: &Extensions, process: &str) -> bool {
    let Some(connection) = extensions.get::<TlsConnectInfo<TcpConnectInfo>>() else {
        return true;
    };
    let certificates = connection.peer_certs().unwrap_or_default();
    certificates.first().is_some_and(|certificate| names(certificate, &name_of(process)))
}

/// What a certificate calls a process.
fn name_of(process: &str) -> String {
    format!("trellis-{process}")
}

fn names(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let (Ok(certificate), Ok(name)) = (ParsedCertificate::try_from(certificate), ServerName::try_from(name)) else {
        return false;
    };
    verify_server_name(&certificate, &name).is_ok()
}

/// Why TLS failed, where that is why.
pub(crate) fn failure<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // An I/O error's own source is that of the error inside it.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = error.downcast_ref().or_else(|| inner?.downcast_ref());
        if found.is_some() {
            return found;
        }
        cause = error.source();
    }
    None
}

fn server_name(uri: &Uri) -> Option<ServerName<'_>> {
    let host = uri.host()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare).ok()
}
