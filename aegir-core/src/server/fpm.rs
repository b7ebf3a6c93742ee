//! Where a PHP-FPM takes connections: a socket, or a port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use camino::Utf8PathBuf;

use super::facts::one_run;

/// Where a PHP-FPM takes connections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Fpm {
    /// A Unix socket.
    Socket(Utf8PathBuf),
    /// An address on the machine itself.
    Tcp(SocketAddr),
}

impl Fpm {
    /// Reads the value of `listen` in a pool's file: a path, a port, or an address and a port. All addresses means also
    /// the one that only the machine itself can reach.
    pub(super) fn read(value: &str) -> Option<Self> {
        if value.starts_with('/') {
            return Some(Self::Socket(one_run(value)));
        }
        let here = |address: SocketAddr| match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
            IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())),
            _ => address,
        };
        let any = value.strip_prefix("*:").or_else(|| value.strip_prefix("localhost:")).unwrap_or(value);
        match any.parse::<u16>() {
            Ok(port) => Some(Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))),
            Err(_) => any.parse().ok().map(here).map(Self::Tcp),
        }
    }
}

impl fmt::Display for Fpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

impl From<&str> for Fpm {
    fn from(text: &str) -> Self {
        Self::read(text).unwrap_or_else(|| Self::Socket(text.into()))
    }
}

impl From<String> for Fpm {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<Fpm> for String {
    fn from(fpm: Fpm) -> Self {
        fpm.to_string()
    }
}
