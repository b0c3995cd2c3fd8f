//! Where a service is reached, as settings say it.

use std::{fmt, str::FromStr};

use http::Uri;

use crate::Tls;

/// Where a service is reached: `http://host:port` or `https://host:port`, several separated by commas. For the latter
/// [`Tls::endpoints`] reads them; without its certificates no call gets through.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    uris: Vec<Uri>,
    tls: Tls,
}

impl Endpoints {
    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }

    pub(crate) fn uris(&self) -> impl Iterator<Item = &Uri> {
        self.uris.iter()
    }

    /// Whoever calls this has compared schemes and hosts with it.
    pub(crate) fn over(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }
}

impl FromStr for Endpoints {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uris = text
            .split(',')
            .map(|part| {
                part.trim()
                    .parse::<Uri>()
                    .ok()
                    .filter(|uri| {
                        matches!(uri.scheme_str(), Some("http" | "https"))
                            && uri.port().is_some()
                            && uri.path_and_query().is_none_or(|path| path == "/")
                            && !uri.authority().is_some_and(|host| host.as_str().contains('@'))
                    })
                    .ok_or("must be http://host:port or https://host:port, or several of these separated by commas")
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { uris, tls: Tls::default() })
    }
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, uri) in self.uris.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            let uri = uri.to_string();
            write!(f, "{separator}{}", uri.trim_end_matches('/'))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_parsed_and_shown() {
        for text in ["http://127.0.0.1:7001", "http://a:1,http://b:2", "http://[::1]:7001", "https://a:1"] {
            assert_eq!(text.parse::<Endpoints>().map(|parsed| parsed.to_string()).as_deref(), Ok(text));
        }
        let spaced = "http://a:1/, http://b:2".parse::<Endpoints>();
        assert_eq!(spaced.map(|parsed| parsed.to_string()).as_deref(), Ok("http://a:1,http://b:2"));
        for wrong in ["", ",", "a:1", "http://a", "ftp://a:1", "http://a:1/path", "http://a:1,", "http://u:p@a:1"] {
            assert!(wrong.parse::<Endpoints>().is_err(), "{wrong:?}");
        }
    }
}
