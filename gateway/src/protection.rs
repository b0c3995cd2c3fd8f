//! The headers that keep browsers from doing with an answer what nobody meant: after OWASP's lists for REST services and
//! secure headers. Where a handler serves a page it says itself what the page may load and keep.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What every answer says. The API has nothing to be framed, opened, sniffed, embedded or asked of a device.
const ALWAYS: [(HeaderName, HeaderValue); 8] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    // Of embedding alone: pages of origins that CORS allows read answers all the same.
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), HeaderValue::from_static("none")),
    (HeaderName::from_static("x-dns-prefetch-control"), HeaderValue::from_static("off")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), \
             geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), \
             publickey-credentials-get=(), screen-wake-lock=(), usb=(), web-share=(), xr-spatial-tracking=()",
        ),
    ),
];
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOTHING_ALLOWED: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
/// One year. Of this host alone: what stands on its subdomains is not ours to say.
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// `tls`: the client came by TLS, as a trusted proxy says. Browsers do not listen to it otherwise.
pub fn protect(headers: &mut HeaderMap, tls: bool) {
    headers.extend(ALWAYS);
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING_ALLOWED);
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TLS_ONLY);
    }
}
