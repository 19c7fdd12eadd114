//! Envoy's admin interface: the hosts of its clusters, its own health, and its runtime values.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::http::{HttpClient, HttpError};
use super::spring::escape;
use crate::lines::{LineTooLong, Lines};
use crate::wire::WireError;

/// The longest line of `/clusters`: names and a value.
const LONGEST_LINE: usize = 2 * 1024;

/// A host of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// What keeps traffic from it, like `failed_outlier_check` or `failed_active_hc`; empty where it is healthy.
    pub failures: Vec<String>,
    /// Connections now.
    pub connections: u64,
    /// Requests now.
    pub requests: u64,
    /// Requests that failed since Envoy's start.
    pub errors: u64,
}

impl Host {
    /// Whether outlier detection has ejected it.
    #[must_use]
    pub fn is_ejected(&self) -> bool {
        self.failures.iter().any(|failure| failure == "failed_outlier_check")
    }
}

/// One figure of one host in the text of `/clusters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterLine<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// The host.
    pub host: SocketAddr,
    /// `health_flags`, `cx_active` and others.
    pub name: &'a str,
    /// Its value.
    pub value: &'a str,
}

impl<'a> ClusterLine<'a> {
    /// Reads `cluster::127.0.0.1:8080::cx_active::1`; `None` for a figure of the cluster itself, or no such line.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        // From the end, since an IPv6 address may hold `::` itself.
        let mut parts = line.rsplitn(3, "::");
        let (value, name, rest) = (parts.next()?, parts.next()?, parts.next()?);
        // The name of a cluster may hold it too, an address begins at the first that leaves one.
        let (cluster, host) = rest.match_indices("::").find_map(|(at, _)| {
            let host = rest.get(at + 2..)?.parse().ok()?;
            Some((rest.get(..at)?, host))
        })?;
        Some(Self { cluster, host, name, value })
    }
}

/// What can go wrong with Envoy's answers.
#[derive(Debug, thiserror::Error)]
pub enum EnvoyError {
    /// The request.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The list of clusters is none.
    #[error(transparent)]
    Line(#[from] LineTooLong),
}

impl From<WireError> for EnvoyError {
    fn from(error: WireError) -> Self {
        Self::Http(error.into())
    }
}

/// The admin interface.
#[derive(Debug, Clone)]
pub struct Admin {
    client: HttpClient,
}

impl Admin {
    /// Of a server.
    #[must_use]
    pub fn new(client: HttpClient) -> Self {
        Self { client }
    }

    /// The hosts of one cluster, from `/clusters`, of which one line is held at a time.
    pub async fn hosts(&self, cluster: &str) -> Result<BTreeMap<SocketAddr, Host>, EnvoyError> {
        let mut hosts = BTreeMap::new();
        let mut lines = Lines::new(LONGEST_LINE);
        let mut each = |line: &[u8]| {
            if let Some(line) = ClusterLine::parse(line).filter(|line| line.cluster == cluster) {
                note(hosts.entry(line.host).or_default(), line);
            }
            Ok::<_, EnvoyError>(())
        };
        self.client.stream("/clusters", |chunk| lines.push(chunk, &mut each)).await?;
        lines.finish(&mut each)?;
        Ok(hosts)
    }

    /// `/ready`: whether Envoy takes traffic.
    pub async fn is_ready(&self) -> Result<bool, HttpError> {
        let response = self.client.get("/ready").await?;
        match response.status {
            200 => Ok(true),
            503 => Ok(false),
            status => Err(HttpError::Status(status)),
        }
    }

    /// `/healthcheck/fail` or `/healthcheck/ok`: what Envoy answers to those who check its health.
    pub async fn set_healthy(&self, healthy: bool) -> Result<(), HttpError> {
        let path = if healthy { "/healthcheck/ok" } else { "/healthcheck/fail" };
        self.client.post(path, None).await?.into_success().map(|_| ())
    }

    /// `/runtime_modify`: sets one value of the admin layer, or takes it out again with `None`.
    /// `outlier_detection.max_ejection_percent` and the like.
    pub async fn set_runtime(&self, key: &str, value: Option<&str>) -> Result<(), HttpError> {
        let path = format!("/runtime_modify?{}={}", escape(key), escape(value.unwrap_or_default()));
        self.client.post(&path, None).await?.into_success().map(|_| ())
    }
}

fn note(host: &mut Host, line: ClusterLine<'_>) {
    let number = || line.value.parse().unwrap_or(0);
    match line.name {
        // `/failed_outlier_check/failed_active_hc`, or `healthy`.
        "health_flags" => {
            let flags = line.value.split('/').filter(|flag| !flag.is_empty() && *flag != "healthy");
            host.failures = flags.map(str::to_owned).collect();
        }
        "cx_active" => host.connections = number(),
        "rq_active" => host.requests = number(),
        "rq_error" => host.errors = number(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_clusters() {
        let line = ClusterLine::parse(b"shop::10.0.0.1:80::cx_active::3").unwrap();
        assert_eq!((line.cluster, line.name, line.value), ("shop", "cx_active", "3"));
        let line = ClusterLine::parse(b"a::b::[::1]:80::health_flags::/failed_outlier_check").unwrap();
        assert_eq!((line.cluster, line.host), ("a::b", "[::1]:80".parse().unwrap()));
        let mut host = Host::default();
        note(&mut host, line);
        assert!(host.is_ejected());
        note(&mut host, ClusterLine { value: "healthy", ..line });
        assert_eq!(host, Host::default());
        for other in ["shop::default_priority::max_connections::1024", "shop::added_via_api::false", "", "::::"] {
            assert_eq!(ClusterLine::parse(other.as_bytes()), None, "{other}");
        }
    }
}
