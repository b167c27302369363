//! Where a server listens: a TCP address or a unix socket.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// `ADDRESS:PORT` or `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some("") => Err("unix: is followed by the socket's path".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => {
                let address = text.parse().map_err(|_| "say ADDRESS:PORT, such as 127.0.0.1:8081, or unix:/path");
                Ok(Self::Tcp(address?))
            }
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read_as_they_are_written() {
        for text in ["127.0.0.1:80", "[::1]:8081", "unix:/run/clipset/api.sock"] {
            assert_eq!(text.parse::<Listen>().expect(text).to_string(), text);
        }
        for text in ["", "unix:", "8081", "localhost"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
