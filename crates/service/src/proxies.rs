//! `TRUSTED_PROXIES`: whose word counts on where a request came from.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// A text that names no networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxiesError {
    /// Not a network.
    #[error(
        "TRUSTED_PROXIES has {0:?}, which is no network: write 10.0.0.0/8 or 2001:db8::/32, commas between several"
    )]
    Malformed(String),
    /// A network that holds every address.
    #[error("TRUSTED_PROXIES has {0:?}: then anybody could name any address; write the proxies' own network")]
    Everybody(String),
}

/// Networks of proxies in front, whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// The networks.
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }

    /// Where a request came from, by the hops that `X-Forwarded-For` names in the order of their way: the last one that
    /// is no trusted proxy. What stands before it, its sender could have made up.
    pub fn client<'a>(&self, hops: impl DoubleEndedIterator<Item = &'a str>) -> Option<IpAddr> {
        let mut nearest = None;
        for hop in hops.rev() {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            let address = address.to_canonical();
            nearest = Some(address);
            if !self.0.iter().any(|network| network.contains(&address)) {
                break;
            }
        }
        nearest
    }
}

impl FromStr for TrustedProxies {
    type Err = ProxiesError;

    fn from_str(text: &str) -> Result<Self, ProxiesError> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let networks = names.map(|name| {
            let network = name.parse::<IpNet>().or_else(|_| name.parse::<IpAddr>().map(IpNet::from));
            match network {
                Ok(network) if network.prefix_len() == 0 => Err(ProxiesError::Everybody(name.to_owned())),
                Ok(network) => Ok(network.trunc()),
                Err(_) => Err(ProxiesError::Malformed(name.to_owned())),
            }
        });
        networks.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, hops: &[&str]) -> Option<String> {
        let trusted: TrustedProxies = trusted.parse().expect("networks");
        trusted.client(hops.iter().copied()).map(|address| address.to_string())
    }

    #[test]
    fn the_nearest_hop_that_is_no_trusted_proxy_is_the_client() {
        let known = |trusted: &str, hops: &[&str], expected: &str| {
            assert_eq!(client(trusted, hops).as_deref(), Some(expected), "{trusted:?} {hops:?}");
        };
        known("", &["6.6.6.6", "192.0.2.7"], "192.0.2.7");
        known("10.0.0.0/8", &["6.6.6.6", "192.0.2.7"], "192.0.2.7");
        known("10.0.0.0/8", &["6.6.6.6", "192.0.2.7", "10.1.2.3"], "192.0.2.7");
        known("10.0.0.0/8, 198.51.100.4", &["6.6.6.6", "192.0.2.7", "198.51.100.4", "10.1.2.3"], "192.0.2.7");
        known("10.0.0.0/8", &["10.0.0.1", "10.0.0.2"], "10.0.0.1");
        known("10.0.0.0/8", &["nonsense", "10.0.0.2"], "10.0.0.2");
        known("10.0.0.0/8", &["192.0.2.7", "::ffff:10.0.0.2"], "192.0.2.7");
        known("2001:db8::/32", &["192.0.2.7", "2001:db8::1"], "192.0.2.7");
        assert_eq!(client("10.0.0.0/8", &["nonsense"]), None);
        assert_eq!(client("", &[]), None);
    }

    #[test]
    fn what_is_no_network_is_told_by_its_name() {
        for bad in ["10.0.0.0/33", "10.0.0", "proxy.example", "10.0.0.0/8;2001:db8::/32"] {
            let error = bad.parse::<TrustedProxies>().expect_err(bad).to_string();
            assert!(error.contains("TRUSTED_PROXIES") && error.contains(bad), "{error}");
        }
        for everybody in ["0.0.0.0/0", "10.0.0.0/8, ::/0"] {
            assert!(matches!(everybody.parse::<TrustedProxies>(), Err(ProxiesError::Everybody(_))), "{everybody}");
        }
        let networks: TrustedProxies = " 10.9.9.9/8 ,, 192.0.2.7".parse().expect("networks");
        assert_eq!(
            networks.networks().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10.0.0.0/8", "192.0.2.7/32"]
        );
    }
}
