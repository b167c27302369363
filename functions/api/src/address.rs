//! The address that browsers use, and whether a request comes from a page of ours.

use clipset_service::Problem;
use http::{HeaderMap, HeaderName, header};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// `PUBLIC_URL` in parts.
pub(crate) struct PublicAddress<'a> {
    scheme: &'a str,
    authority: &'a str,
}

impl<'a> PublicAddress<'a> {
    /// Of `PUBLIC_URL`, which the configuration has checked.
    pub(crate) fn new(public_url: &'a str) -> Self {
        let (scheme, rest) = public_url.split_once("://").unwrap_or(("http", public_url));
        let authority = rest.split('/').next().unwrap_or_default();
        Self { scheme, authority }
    }

    /// Browsers speak TLS to it.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("https")
    }

    /// The port, written or not.
    pub(crate) fn port(&self) -> u16 {
        let written = self.authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        written.unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    fn is_origin(&self, origin: &str) -> bool {
        let other = PublicAddress::new(origin);
        let host = |address: &PublicAddress<'_>| {
            let written = address.authority.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
            written.map_or(address.authority, |(host, _)| host).to_ascii_lowercase()
        };
        origin.contains("://")
            && self.is_https() == other.is_https()
            && self.port() == other.port()
            && host(self) == host(&other)
    }
}

/// Refuses a request that a page of another origin made a browser send with our cookie.
///
/// Browsers name the page's origin on every request that could change anything, and say of newer
/// requests whether it is the same (`Sec-Fetch-Site`, Fetch Metadata). A request with neither is not
/// from another origin's page. The machine may have other names than `PUBLIC_URL` (`localhost`, its
/// address in a home network): an origin equal to `Host` is ours too.
///
/// # Errors
/// [`Problem`] 403.
pub(crate) fn require_same_origin(headers: &HeaderMap, public_url: &str) -> Result<(), Problem> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
    let ours = match (text(&header::ORIGIN), text(&SEC_FETCH_SITE)) {
        (Some(origin), _) if PublicAddress::new(public_url).is_origin(origin) => true,
        (_, Some(site)) => matches!(site, "same-origin" | "none"),
        (Some(origin), None) => {
            let host = origin.split_once("://").map(|(_, authority)| authority);
            host.is_some() && host == text(&header::HOST)
        }
        (None, None) => true,
    };
    if ours { Ok(()) } else { Err(Problem::forbidden("This request came from another site; use Clipset's own pages.")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(public_url: &str, sent: &[(&'static str, &str)]) -> bool {
        let headers =
            sent.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header value")));
        require_same_origin(&headers.collect(), public_url).is_ok()
    }

    #[test]
    fn the_port_is_known_even_if_it_is_not_written() {
        for (url, port) in [
            ("http://127.0.0.1:8080", 8080),
            ("https://clips.example", 443),
            ("http://clips.example/base", 80),
            ("http://[::1]:81", 81),
            ("http://[::1]", 80),
        ] {
            assert_eq!(PublicAddress::new(url).port(), port, "{url}");
        }
    }

    #[test]
    fn our_own_pages_are_recognised_by_any_name_of_this_machine() {
        let url = "http://127.0.0.1:8080";
        assert!(allowed(url, &[]));
        assert!(allowed(url, &[("origin", "http://127.0.0.1:8080")]));
        assert!(allowed(url, &[("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")]));
        assert!(allowed(url, &[("origin", "http://192.168.1.5:8080"), ("host", "192.168.1.5:8080")]));
        assert!(allowed("https://clips.example:443", &[("origin", "https://Clips.example")]));
    }

    #[test]
    fn other_origins_are_refused() {
        let url = "http://127.0.0.1:8080";
        for sent in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1:8081"), ("host", "127.0.0.1:8080")],
            &[("origin", "http://127.0.0.1:8081"), ("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("origin", "https://127.0.0.1:8080"), ("host", "other")],
        ] {
            assert!(!allowed(url, sent), "{sent:?}");
        }
    }
}
