//! Where a peer listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The longest path of a Unix socket in bytes: `sun_path` of unix(7) without the byte that ends it.
const LONGEST_PATH: usize = 107;

/// Where a peer listens. Names are not resolved here: a resolver blocks, and the healer talks to addresses only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The absolute path of a Unix stream socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// Whether it can be reached without leaving the host.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(formatter, "{address}"),
            Self::Unix(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// Why a text names no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Neither an address with a port nor an absolute path.
    #[error("`{0}` is neither an IP address with a port, like 127.0.0.1:6379, nor the absolute path of a Unix socket")]
    Neither(String),
    /// The path does not fit into the kernel's address of a Unix socket.
    #[error("the path {0} is longer than the {LONGEST_PATH} bytes that a Unix socket's may have")]
    TooLong(PathBuf),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.strip_prefix("unix:").unwrap_or(text);
        if Path::new(path).is_absolute() {
            if path.len() > LONGEST_PATH {
                return Err(EndpointError::TooLong(path.into()));
            }
            return Ok(Self::Unix(path.into()));
        }
        text.parse().map(Self::Tcp).map_err(|_| EndpointError::Neither(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_paths() {
        assert_eq!("127.0.0.1:6379".parse(), Ok(Endpoint::Tcp(([127, 0, 0, 1], 6379).into())));
        assert_eq!("/run/redis.sock".parse(), Ok(Endpoint::Unix("/run/redis.sock".into())));
        assert_eq!("unix:/run/redis.sock".parse(), Ok(Endpoint::Unix("/run/redis.sock".into())));
        assert!("[::1]:80".parse::<Endpoint>().is_ok_and(|endpoint| endpoint.is_local()));
        assert!("10.0.0.1:80".parse::<Endpoint>().is_ok_and(|endpoint| !endpoint.is_local()));
    }

    #[test]
    fn what_names_nothing() {
        for text in ["", "localhost:6379", "127.0.0.1", "run/redis.sock", "unix:redis.sock"] {
            assert_eq!(text.parse::<Endpoint>(), Err(EndpointError::Neither(text.to_owned())));
        }
        let long = format!("/{}", "a".repeat(LONGEST_PATH));
        assert_eq!(long.parse::<Endpoint>(), Err(EndpointError::TooLong(long.into())));
    }
}
