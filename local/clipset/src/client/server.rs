//! Which server a command talks to.

use std::{env, fmt};

use anyhow::{Context as _, Result, bail};
use reqwest::Url;

use crate::data::DataDir;

/// A server's address: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    base: Url,
}

impl Server {
    /// Reads an address such as `https://clips.example.org`.
    ///
    /// # Errors
    /// A sentence if it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let base: Url = text.parse().with_context(|| format!("{text:?} is no address; say http://HOST:PORT"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            bail!("{text:?} is no address; say http://HOST:PORT");
        }
        Ok(Self { base })
    }

    /// The address of `path` (with its query) on this server.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str().trim_end_matches('/'))
    }

    /// Speaks TLS.
    pub fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Is this machine.
    pub fn is_loopback(&self) -> bool {
        match self.base.host_str() {
            Some("localhost") => true,
            Some(host) => host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
            None => false,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

/// The server that was named, else `PUBLIC_URL`, else the one that runs on the data folder, else this machine's port 8080.
///
/// # Errors
/// A sentence if what was named is no address.
pub fn find_server(named: Option<&str>, data: &DataDir) -> Result<Server> {
    if let Some(named) = named.filter(|text| !text.is_empty()) {
        return Server::parse(named);
    }
    if let Some(public) = env::var("PUBLIC_URL").ok().filter(|text| !text.is_empty()) {
        return Server::parse(&public).context("PUBLIC_URL");
    }
    match data.address() {
        Some(address) => Server::parse(&address.local_url),
        None => Server::parse("http://127.0.0.1:8080"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined_with_one_slash() {
        for base in ["http://127.0.0.1:8080", "http://127.0.0.1:8080/"] {
            assert_eq!(Server::parse(base).expect(base).join("/v/x"), "http://127.0.0.1:8080/v/x");
        }
        assert!(Server::parse("127.0.0.1:8080").is_err());
        assert!(Server::parse("ftp://x").is_err());
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (address, loopback) in [
            ("http://localhost:1", true),
            ("http://[::1]:1", true),
            ("http://127.0.0.2", true),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(Server::parse(address).expect(address).is_loopback(), loopback, "{address}");
        }
    }
}
