//! HAProxy through its stats socket: what its servers are doing, and how much traffic each gets.
//!
//! The socket takes one command and closes. What was measured on 2.6 and shapes this module:
//!
//! - Success prints an empty line, an error its text.
//! - `set server … weight 150%` is accepted: a [`Weight`] ends at 100 %.
//! - After `set server … agent down` neither `disable agent` nor a weight of 100 % brings the server back. No such
//!   command is here, [`StatsSocket::agent_up`] undoes what somebody else did.
//! - A share of a weight is rounded down to a whole one: 10 % of the default weight, 1, is none at all. That is an error
//!   here ([`HaproxyError::NoShare`]), not a server that looks healthy and gets nothing.
//! - Setting a weight goes on while the server's agent check speaks; the next of its words overrides it.

mod stat;

use std::fmt;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub use self::stat::{Admin, Operational, Record, ServerStat, ServerState, Stat, StateTable};
use crate::bounds::Bounds;
use crate::endpoint::Endpoint;
use crate::lines::{LineTooLong, Lines};
use crate::wire::{Stream, WireError, within};

/// The longest line of `show servers state`: some 20 short columns and two names.
const LONGEST_STATE_LINE: usize = 4 * 1024;

/// The longest answer to a command that changes something; more is not worth reading.
const LONGEST_WORDS: usize = 1024;

/// What HAProxy can answer.
#[derive(Debug, thiserror::Error)]
pub enum HaproxyError {
    /// The connection.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Not the table that was asked for.
    #[error("the answer to `{0}` is not what HAProxy writes")]
    Malformed(&'static str),
    /// The socket's level does not allow it; it needs `level admin`.
    #[error("HAProxy: permission denied; the stats socket needs `level admin`")]
    PermissionDenied,
    /// There is no such backend.
    #[error("HAProxy has no such backend")]
    NoSuchBackend,
    /// There is no such server.
    #[error("HAProxy has no such server")]
    NoSuchServer,
    /// The balancing algorithm knows no weights between.
    #[error("the backend's balancing algorithm takes only 0 % and 100 %")]
    StaticWeight,
    /// The share of the configured weight would be rounded down to nothing.
    #[error("{percent} % of the server's configured weight, {initial}, is no whole weight: configure at least {}", 100_u32.div_ceil((*.percent).max(1)))]
    NoShare {
        /// The weight in HAProxy's configuration.
        initial: u32,
        /// The share.
        percent: u32,
    },
    /// Another of HAProxy's errors.
    #[error("HAProxy refused: {0}")]
    Refused(String),
}

impl HaproxyError {
    /// The error that these words are.
    fn from_answer(words: &str) -> Self {
        let words = words.trim();
        let has = |part: &str| words.to_ascii_lowercase().contains(part);
        if has("permission denied") {
            Self::PermissionDenied
        } else if has("no such backend") || has("can't find backend") {
            Self::NoSuchBackend
        } else if has("no such server") {
            Self::NoSuchServer
        } else if has("static lb algorithm") {
            Self::StaticWeight
        } else {
            Self::Refused(words.chars().take(200).collect())
        }
    }
}

impl From<LineTooLong> for HaproxyError {
    fn from(_: LineTooLong) -> Self {
        Self::Malformed("show servers state")
    }
}

/// A server of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerName {
    backend: String,
    server: String,
}

/// A text that names no server or backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of HAProxy: letters, digits, `-`, `_`, `.` and `:` are allowed")]
pub struct BadName(String);

impl ServerName {
    /// Takes names as HAProxy allows them ("proxies" of its configuration manual), hence nothing that could end a
    /// command and begin another.
    pub fn try_new(backend: &str, server: &str) -> Result<Self, BadName> {
        for name in [backend, server] {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)) {
                return Err(BadName(name.to_owned()));
            }
        }
        Ok(Self { backend: backend.to_owned(), server: server.to_owned() })
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.backend, self.server)
    }
}

/// A share of a server's configured weight, 0 to 100 percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u8);

impl Weight {
    /// All of it.
    pub const FULL: Self = Self(100);

    /// A share in percent; `None` beyond 100.
    #[must_use]
    pub fn percent(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }
}

/// What a server can be told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerMode {
    /// Take traffic.
    Ready,
    /// Take only traffic that is bound to it.
    Drain,
    /// Take none; its checks stop too.
    Maint,
}

/// The stats socket. Each call is a connection of its own.
#[derive(Debug, Clone)]
pub struct StatsSocket {
    endpoint: Endpoint,
    bounds: Bounds,
}

impl StatsSocket {
    /// A socket; nothing is connected yet.
    #[must_use]
    pub fn new(endpoint: Endpoint, bounds: Bounds) -> Self {
        Self { endpoint, bounds }
    }

    /// `show stat`, row by row. One record is held at a time.
    pub async fn stat(&self, mut each: impl FnMut(&Record<'_>)) -> Result<(), HaproxyError> {
        let mut stat = Stat::default();
        self.ask("show stat", |chunk| stat.push(chunk, &mut each)).await?;
        stat.push(&[], &mut each)?;
        if stat.has_heading() { Ok(()) } else { Err(HaproxyError::Malformed("show stat")) }
    }

    /// The servers that `keep` asks for.
    pub async fn servers(&self, mut keep: impl FnMut(&ServerStat) -> bool) -> Result<Vec<ServerStat>, HaproxyError> {
        let mut servers = Vec::new();
        self.stat(|record| servers.extend(ServerStat::from_record(record).filter(&mut keep))).await?;
        Ok(servers)
    }

    /// `show servers state` of one backend.
    pub async fn servers_state(&self, backend: &str) -> Result<Vec<ServerState>, HaproxyError> {
        let name = ServerName::try_new(backend, "any").map_err(|error| HaproxyError::Refused(error.to_string()))?;
        let mut states = Vec::new();
        let mut table = StateTable::default();
        let mut lines = Lines::new(LONGEST_STATE_LINE);
        let mut each = |line: &[u8]| {
            states.extend(table.line(line)?);
            Ok::<_, HaproxyError>(())
        };
        self.ask(&format!("show servers state {}", name.backend), |chunk| lines.push(chunk, &mut each)).await?;
        lines.finish(&mut each)?;
        Ok(states)
    }

    /// `set server … weight`, after a look at the weight that it is a share of.
    pub async fn set_weight(&self, server: &ServerName, weight: Weight) -> Result<(), HaproxyError> {
        let states = self.servers_state(&server.backend).await?;
        let state = states.iter().find(|state| state.server == server.server).ok_or(HaproxyError::NoSuchServer)?;
        let (initial, percent) = (state.initial_weight, u32::from(weight.0));
        if initial > 0 && percent > 0 && initial.saturating_mul(percent) < 100 {
            return Err(HaproxyError::NoShare { initial, percent });
        }
        self.tell(&format!("set server {server} weight {}%", weight.0)).await
    }

    /// `set server … state`.
    pub async fn set_mode(&self, server: &ServerName, mode: ServerMode) -> Result<(), HaproxyError> {
        let mode = match mode {
            ServerMode::Ready => "ready",
            ServerMode::Drain => "drain",
            ServerMode::Maint => "maint",
        };
        self.tell(&format!("set server {server} state {mode}")).await
    }

    /// `set server … agent up`: takes back a "down" of the agent. It is an error where the server has no agent check.
    pub async fn agent_up(&self, server: &ServerName) -> Result<(), HaproxyError> {
        self.tell(&format!("set server {server} agent up")).await
    }

    /// `enable agent`, or `disable agent`, so that its words do not override a weight that is set here.
    pub async fn set_agent_check(&self, server: &ServerName, enabled: bool) -> Result<(), HaproxyError> {
        self.tell(&format!("{} agent {server}", if enabled { "enable" } else { "disable" })).await
    }

    /// Sends a command that answers nothing where it succeeds.
    async fn tell(&self, command: &str) -> Result<(), HaproxyError> {
        let mut words = Vec::new();
        self.ask(command, |chunk| {
            words.extend(chunk.iter().take(LONGEST_WORDS.saturating_sub(words.len())));
            Ok(())
        })
        .await?;
        let words = String::from_utf8_lossy(&words);
        if words.trim().is_empty() { Ok(()) } else { Err(HaproxyError::from_answer(&words)) }
    }

    /// Sends a command, and gives the answer to `each` as it comes.
    async fn ask(
        &self,
        command: &str,
        mut each: impl FnMut(&[u8]) -> Result<(), HaproxyError>,
    ) -> Result<(), HaproxyError> {
        within(self.bounds.deadline, async {
            let mut stream = Stream::connect(&self.endpoint).await?;
            stream.write_all(format!("{command}\n").as_bytes()).await.map_err(WireError::from)?;
            let mut chunk = [0; 4096];
            let mut left = self.bounds.bytes;
            loop {
                let count = stream.read(&mut chunk).await.map_err(WireError::from)?;
                if count == 0 {
                    return Ok(());
                }
                left = left.checked_sub(count).ok_or(WireError::TooLong(self.bounds.bytes))?;
                each(&chunk[..count])?;
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_end_a_command() {
        assert!(ServerName::try_new("app_1", "a-1.b:2").is_ok());
        for name in ["", "a b", "a;shutdown", "a\nb", "a/b", "é"] {
            assert_eq!(ServerName::try_new(name, "a"), Err(BadName(name.to_owned())));
            assert_eq!(ServerName::try_new("a", name), Err(BadName(name.to_owned())));
        }
    }

    #[test]
    fn weights_end_at_all_of_it() {
        assert_eq!(Weight::percent(100), Some(Weight::FULL));
        assert_eq!(Weight::percent(101), None);
    }

    #[test]
    fn words_of_haproxy() {
        // From HAProxy 2.6's own answers.
        assert!(matches!(HaproxyError::from_answer("No such backend.\n\n"), HaproxyError::NoSuchBackend));
        assert!(matches!(HaproxyError::from_answer("No such server.\n\n"), HaproxyError::NoSuchServer));
        assert!(matches!(HaproxyError::from_answer("Permission denied\n"), HaproxyError::PermissionDenied));
        let fixed = "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n";
        assert!(matches!(HaproxyError::from_answer(fixed), HaproxyError::StaticWeight));
        assert!(matches!(HaproxyError::from_answer("Nope."), HaproxyError::Refused(words) if words == "Nope."));
    }
}
