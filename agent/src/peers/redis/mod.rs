//! Redis: its figures, and the few commands that mend a cache.
//!
//! **Invariant:** nothing here empties a database or lists all of its keys at once; no such command is ever written.
//! A walk by prefix takes one bounded batch at a time, and its owner paces it.

mod info;
mod keys;
mod reply;

use std::time::Duration;

use tokio::io::AsyncWriteExt;

pub use self::info::{Info, Keyspace};
pub use self::keys::{KeyPrefix, KeyPrefixError, Ttl, TtlBounds, TtlChange, TtlError, Walk};
pub use self::reply::{Replies, Reply, ReplyError};
use crate::bounds::Bounds;
use crate::endpoint::Endpoint;
use crate::secret::Secret;
use crate::wire::{Stream, WireError, within};

/// The most keys that Redis is asked to look at in one `SCAN`: some 0.2 ms of its one thread.
const LARGEST_BATCH: u16 = 1000;

/// What a command can come to instead of an answer.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The connection.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Bytes that are not Redis's protocol.
    #[error("what the peer sent is not a reply of Redis: {0}")]
    Protocol(&'static str),
    /// Redis's own error.
    #[error("Redis refused {command}: {code} {message}")]
    Refused {
        /// The command.
        command: &'static str,
        /// `NOAUTH`, `WRONGPASS`, `READONLY`, `LOADING`, `MOVED`, `OOM`, `ERR` and others.
        code: String,
        /// Redis's words.
        message: String,
    },
    /// A reply of another kind than the command has.
    #[error("the reply to {0} is of another kind than it should be")]
    Unexpected(&'static str),
    /// A lifetime out of bounds.
    #[error(transparent)]
    Ttl(#[from] TtlError),
}

impl From<ReplyError> for RedisError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::Wire(error) => Self::Wire(error),
            ReplyError::Protocol(what) => Self::Protocol(what),
        }
    }
}

/// How to log in.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// The user of an access control list (Redis 6 and later); without one, `default`.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The database's number; without one, 0.
    pub database: Option<u16>,
}

/// What a batch of a walk did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// Keys that were found.
    pub found: usize,
    /// Keys that were there and are no longer.
    pub removed: u64,
}

/// Whether a key was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was.
    Written,
    /// It is there already, and stays as it is.
    Present,
}

/// A connection. After an error other than [`RedisError::Refused`] or [`RedisError::Ttl`] it is of no more use.
#[derive(Debug)]
pub struct Redis {
    stream: Stream,
    replies: Replies,
    bounds: Bounds,
    broken: bool,
}

impl Redis {
    /// Connects, logs in and selects the database.
    pub async fn connect(endpoint: &Endpoint, login: &Login, bounds: Bounds) -> Result<Self, RedisError> {
        let stream = within(bounds.deadline, Stream::connect(endpoint)).await?;
        let mut redis = Self { stream, replies: Replies::new(bounds.bytes), bounds, broken: false };
        if let Some(password) = &login.password {
            let password = password.reveal().as_bytes();
            let reply = match &login.user {
                None => redis.call("AUTH", &[password]).await?,
                Some(user) => redis.call("AUTH", &[user.as_bytes(), password]).await?,
            };
            ok("AUTH", &reply)?;
        }
        if let Some(database) = login.database {
            let reply = redis.call("SELECT", &[database.to_string().as_bytes()]).await?;
            ok("SELECT", &reply)?;
        }
        Ok(redis)
    }

    /// Whether an exchange failed, after which every other one would read its leavings.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// `INFO`, or one section of it.
    pub async fn info(&mut self, section: Option<&str>) -> Result<Info, RedisError> {
        let section = section.map(str::as_bytes);
        match self.call("INFO", section.as_slice()).await? {
            Reply::Bulk(Some(bytes)) => {
                String::from_utf8(bytes).map(Info::new).map_err(|_| RedisError::Unexpected("INFO"))
            }
            _ => Err(RedisError::Unexpected("INFO")),
        }
    }

    /// Takes the next batch of a walk: the keys with its prefix among about `count` (1 to 1,000) that Redis looks at. It
    /// can be empty long before the walk is done.
    pub async fn scan(&mut self, walk: &mut Walk, count: u16) -> Result<Vec<Vec<u8>>, RedisError> {
        if walk.done {
            return Ok(Vec::new());
        }
        let count = count.clamp(1, LARGEST_BATCH).to_string();
        let (cursor, pattern) = (walk.cursor.to_string(), walk.prefix.pattern());
        let arguments = [cursor.as_bytes(), b"MATCH", &pattern, b"COUNT", count.as_bytes()];
        let unexpected = || RedisError::Unexpected("SCAN");
        let Reply::Array(Some(parts)) = self.call("SCAN", &arguments).await? else { return Err(unexpected()) };
        let [Reply::Bulk(Some(cursor)), Reply::Array(Some(found))] = parts.as_slice() else {
            return Err(unexpected());
        };
        let cursor = std::str::from_utf8(cursor).ok().and_then(|cursor| cursor.parse().ok()).ok_or_else(unexpected)?;
        let mut keys = Vec::with_capacity(found.len());
        for key in found {
            let Reply::Bulk(Some(key)) = key else { return Err(unexpected()) };
            // Redis matched it; that it did is not taken on trust, since what follows deletes.
            if walk.prefix.matches(key) {
                keys.push(key.clone());
            }
        }
        walk.cursor = cursor;
        walk.done = cursor == 0;
        Ok(keys)
    }

    /// `UNLINK` of the next batch of a walk; the memory is given back by a thread of Redis's own.
    pub async fn unlink_batch(&mut self, walk: &mut Walk, count: u16) -> Result<Batch, RedisError> {
        let before = walk.clone();
        let keys = self.scan(walk, count).await?;
        if keys.is_empty() {
            return Ok(Batch::default());
        }
        let arguments: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        match self.call("UNLINK", &arguments).await {
            Ok(reply) => Ok(Batch { found: keys.len(), removed: count_of("UNLINK", &reply)? }),
            Err(error) => {
                // The keys are still there: the same batch comes again.
                *walk = before;
                Err(error)
            }
        }
    }

    /// `PTTL`.
    pub async fn ttl(&mut self, key: &[u8]) -> Result<Ttl, RedisError> {
        match self.call("PTTL", &[key]).await? {
            Reply::Integer(-2) => Ok(Ttl::Missing),
            Reply::Integer(-1) => Ok(Ttl::Persistent),
            Reply::Integer(left) => match u64::try_from(left) {
                Ok(left) => Ok(Ttl::Left(Duration::from_millis(left))),
                Err(_) => Err(RedisError::Unexpected("PTTL")),
            },
            _ => Err(RedisError::Unexpected("PTTL")),
        }
    }

    /// `PEXPIRE` of a key that expires already, to a lifetime within bounds. Redis before 7.0 cannot be asked to do
    /// both at once, so a key that is made persistent between the question and the change is not noticed.
    pub async fn set_ttl(&mut self, key: &[u8], wanted: Duration, bounds: TtlBounds) -> Result<TtlChange, RedisError> {
        bounds.admit(wanted)?;
        let from = match self.ttl(key).await? {
            Ttl::Missing => return Ok(TtlChange::Missing),
            Ttl::Persistent => return Ok(TtlChange::Persistent),
            Ttl::Left(from) => from,
        };
        let reply = self.call("PEXPIRE", &[key, wanted.as_millis().to_string().as_bytes()]).await?;
        if count_of("PEXPIRE", &reply)? == 0 { Ok(TtlChange::Missing) } else { Ok(TtlChange::Changed { from }) }
    }

    /// `GET`.
    pub async fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RedisError> {
        match self.call("GET", &[key]).await? {
            Reply::Bulk(value) => Ok(value),
            _ => Err(RedisError::Unexpected("GET")),
        }
    }

    /// `SET … PX … NX`: warms a key. One that is there is newer than what is written here, and stays.
    pub async fn warm(
        &mut self,
        key: &[u8],
        value: &[u8],
        ttl: Duration,
        bounds: TtlBounds,
    ) -> Result<Written, RedisError> {
        bounds.admit(ttl)?;
        let ttl = ttl.as_millis().to_string();
        match self.call("SET", &[key, value, b"PX", ttl.as_bytes(), b"NX"]).await? {
            Reply::Bulk(None) => Ok(Written::Present),
            reply => ok("SET", &reply).map(|()| Written::Written),
        }
    }

    async fn call(&mut self, command: &'static str, arguments: &[&[u8]]) -> Result<Reply, RedisError> {
        if self.broken {
            return Err(WireError::Broken.into());
        }
        // Broken until proven whole: this future may be dropped half-way.
        self.broken = true;
        let Self { stream, replies, bounds, .. } = self;
        let reply = within(bounds.deadline, async {
            stream.write_all(&encode(command, arguments)).await.map_err(WireError::from)?;
            let mut chunk = Vec::new();
            loop {
                if let Some(reply) = replies.next_reply()? {
                    break Ok::<_, RedisError>(reply);
                }
                chunk.clear();
                if !stream.read_more(&mut chunk).await.map_err(WireError::from)? {
                    break Err(WireError::Closed.into());
                }
                replies.feed(&chunk)?;
            }
        })
        .await?;
        if !replies.is_empty() {
            return Err(RedisError::Protocol("more than one reply to one command"));
        }
        self.broken = false;
        let Reply::Error(error) = reply else { return Ok(reply) };
        let (code, message) = error.split_once(' ').unwrap_or((&error, ""));
        Err(RedisError::Refused { command, code: code.to_owned(), message: message.to_owned() })
    }
}

/// A command as an array of strings, which no byte in an argument can leave.
fn encode(command: &str, arguments: &[&[u8]]) -> Vec<u8> {
    let size = arguments.iter().map(|argument| argument.len() + 16).sum::<usize>();
    let mut out = Vec::with_capacity(size + 32);
    out.extend_from_slice(format!("*{}\r\n", arguments.len() + 1).as_bytes());
    for part in std::iter::once(command.as_bytes()).chain(arguments.iter().copied()) {
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn ok(command: &'static str, reply: &Reply) -> Result<(), RedisError> {
    match reply {
        Reply::Status(status) if status == "OK" => Ok(()),
        _ => Err(RedisError::Unexpected(command)),
    }
}

fn count_of(command: &'static str, reply: &Reply) -> Result<u64, RedisError> {
    match reply {
        Reply::Integer(count) => u64::try_from(*count).map_err(|_| RedisError::Unexpected(command)),
        _ => Err(RedisError::Unexpected(command)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_stays_one() {
        assert_eq!(encode("GET", &[b"a\r\n*1"]), b"*2\r\n$3\r\nGET\r\n$5\r\na\r\n*1\r\n");
    }
}
