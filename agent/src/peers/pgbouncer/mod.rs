//! PgBouncer's admin console: what its pools, clients and servers are doing, and the commands that mend a pool.
//!
//! The console speaks PostgreSQL's protocol, simple queries only. What was measured on 1.18 and shapes this module:
//!
//! - `RELOAD` reverts what `SET` changed, so there is no reload here.
//! - After `KILL` clients hang until `RESUME`, and it drops healthy clients too: it is absent.
//! - `RESUME` of a database that is not paused is an error, so [`Console::resume`] looks first.
//! - `PAUSE` waits for every server connection of the database, for ever where a client sits in a transaction. When its
//!   deadline passes the database **stays half paused**: resume it over a new connection.
//! - A client can be killed by its id only where the version has `KILL_CLIENT`. Elsewhere its TCP socket is
//!   destroyed ([`crate::host::sockets`]) by the addresses that [`Connection::tcp`] gives.

mod answer;
mod rows;

use std::fmt;

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tokio::io::AsyncWriteExt;

pub use self::answer::{Answer, Row};
pub use self::rows::{Connection, Connections, Database, Pool, Setting};
use crate::bounds::Bounds;
use crate::endpoint::Endpoint;
use crate::secret::Secret;
use crate::wire::{Stream, WireError, within};

/// The first version that is asked to `KILL_CLIENT`: 1.18 has it not, and where exactly it came is to be confirmed against
/// the changelog. A console that refuses the command is recognised by its answer as well.
const KILL_CLIENT_SINCE: Version = Version { major: 1, minor: 24 };

/// The first version with `RECONNECT` (PgBouncer's changelog, 1.9.0).
const RECONNECT_SINCE: Version = Version { major: 1, minor: 9 };

/// How many rounds of key derivation a server may ask for. PostgreSQL asks for 4,096 unless `scram_iterations` says
/// otherwise; sixteen times that costs some 30 ms of the loop, and a peer that asks for a billion would stop it.
const MOST_SCRAM_ITERATIONS: u32 = 65_536;

/// What the console can answer instead of rows.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The connection.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Bytes that are not PostgreSQL's protocol, or not at this place.
    #[error("what the peer sent is not an answer of PgBouncer: {0}")]
    Protocol(String),
    /// The console's own error.
    #[error("PgBouncer refused: {message} ({code})")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// PgBouncer's words.
        message: String,
    },
    /// It asks for a password in a way that is not supported, or for one that is not configured.
    #[error("PgBouncer asks for {0}")]
    Authentication(&'static str),
    /// The version has no such command.
    #[error("PgBouncer {version} has no {command}")]
    Unsupported {
        /// The command.
        command: &'static str,
        /// The version.
        version: Version,
    },
    /// The answer lacks a column that every supported version has.
    #[error("the answer to {view} has no column {column}")]
    NoColumn {
        /// `SHOW POOLS` or another.
        view: &'static str,
        /// The column's name.
        column: &'static str,
    },
    /// A column holds something else than it should.
    #[error("{view}: the column {column} holds `{value}`")]
    BadValue {
        /// `SHOW POOLS` or another.
        view: &'static str,
        /// The column's name.
        column: &'static str,
        /// What it holds.
        value: String,
    },
    /// The wanted pool size is outside its bounds.
    #[error("a pool size of {wanted} is outside of 1 to {most}")]
    PoolSize {
        /// What was wanted.
        wanted: u32,
        /// The most that is allowed.
        most: u32,
    },
    /// No such database is configured.
    #[error("PgBouncer has no database {0}")]
    NoDatabase(String),
}

/// A version of PgBouncer. What comes after the second number changes no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 1, so far.
    pub major: u16,
    /// The release.
    pub minor: u16,
}

impl Version {
    /// Reads `1.18.0/bouncer`, the console's `server_version`.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(['.', '/']).map_while(|part| part.parse().ok());
        Some(Self { major: numbers.next()?, minor: numbers.next()? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// Whether [`Console::resume`] had anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It was paused and is no longer.
    Resumed,
    /// It was not paused: nothing was sent.
    WasNotPaused,
}

/// A connection to the admin console. After an error other than [`ConsoleError::Refused`] it is of no more use.
#[derive(Debug)]
pub struct Console {
    stream: Stream,
    version: Version,
    bounds: Bounds,
    broken: bool,
}

impl Console {
    /// Connects to the database `pgbouncer` as a user of `admin_users` (or `stats_users`, for reading). With `trust`,
    /// and with `peer` over a Unix socket, no password is needed; MD5 and SCRAM-SHA-256 are spoken. A password is never
    /// sent in clear.
    pub async fn connect(
        endpoint: &Endpoint,
        user: &str,
        password: Option<&Secret>,
        bounds: Bounds,
    ) -> Result<Self, ConsoleError> {
        within(bounds.deadline, async {
            let mut stream = Stream::connect(endpoint).await?;
            let version = log_in(&mut stream, user, password, bounds.bytes).await?;
            Ok(Self { stream, version, bounds, broken: false })
        })
        .await
    }

    /// What the console says it is.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether an exchange failed, after which every other one would read its leavings.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// `SHOW POOLS`.
    pub async fn pools(&mut self) -> Result<Vec<Pool>, ConsoleError> {
        let mut pools = Vec::new();
        self.query("SHOW POOLS", self.bounds, &mut |row| {
            pools.push(Pool::from_row(row)?);
            Ok(())
        })
        .await?;
        Ok(pools)
    }

    /// `SHOW CLIENTS`: those that `keep` asks for.
    pub async fn clients(&mut self, keep: impl FnMut(&Connection) -> bool) -> Result<Connections, ConsoleError> {
        self.connections("SHOW CLIENTS", keep).await
    }

    /// `SHOW SERVERS`: those that `keep` asks for.
    pub async fn servers(&mut self, keep: impl FnMut(&Connection) -> bool) -> Result<Connections, ConsoleError> {
        self.connections("SHOW SERVERS", keep).await
    }

    /// `SHOW DATABASES`.
    pub async fn databases(&mut self) -> Result<Vec<Database>, ConsoleError> {
        let mut databases = Vec::new();
        self.query("SHOW DATABASES", self.bounds, &mut |row| {
            databases.push(Database::from_row(row)?);
            Ok(())
        })
        .await?;
        Ok(databases)
    }

    /// `SHOW CONFIG`: those settings that `keep` asks for.
    pub async fn settings(&mut self, mut keep: impl FnMut(&Setting) -> bool) -> Result<Vec<Setting>, ConsoleError> {
        let mut settings = Vec::new();
        self.query("SHOW CONFIG", self.bounds, &mut |row| {
            let setting = Setting::from_row(row)?;
            if keep(&setting) {
                settings.push(setting);
            }
            Ok(())
        })
        .await?;
        Ok(settings)
    }

    /// `default_pool_size` as it is now.
    pub async fn default_pool_size(&mut self) -> Result<u32, ConsoleError> {
        let (view, column) = ("SHOW CONFIG", "default_pool_size");
        let found = self.settings(|setting| setting.key == column).await?;
        let setting = found.first().ok_or(ConsoleError::NoColumn { view, column })?;
        setting.value.parse().map_err(|_| ConsoleError::BadValue { view, column, value: setting.value.clone() })
    }

    /// `SET default_pool_size`, between 1 and `most`. It holds until a reload or restart of PgBouncer; a database with a
    /// `pool_size` of its own does not follow it.
    pub async fn set_default_pool_size(&mut self, wanted: u32, most: u32) -> Result<(), ConsoleError> {
        // 0 would mean no limit at all.
        if wanted == 0 || wanted > most {
            return Err(ConsoleError::PoolSize { wanted, most });
        }
        self.command(&format!("SET default_pool_size = '{wanted}'"), self.bounds).await
    }

    /// `RECONNECT`: each server connection of the database is closed as soon as it is released, and opened anew.
    /// Clients notice nothing. `None` is all databases.
    pub async fn reconnect(&mut self, database: Option<&str>) -> Result<(), ConsoleError> {
        self.require("RECONNECT", RECONNECT_SINCE)?;
        match database {
            None => self.command("RECONNECT", self.bounds).await,
            Some(database) => self.command(&format!("RECONNECT {}", identifier(database)), self.bounds).await,
        }
    }

    /// `PAUSE` of one database. Returns once all its server connections are released; `bounds.deadline` bounds the
    /// wait. After an error the database may be paused all the same: [`Console::resume`] it over a new connection.
    pub async fn pause(&mut self, database: &str, bounds: Bounds) -> Result<(), ConsoleError> {
        self.command(&format!("PAUSE {}", identifier(database)), bounds).await
    }

    /// `RESUME` of one database where it is paused.
    pub async fn resume(&mut self, database: &str) -> Result<Resumed, ConsoleError> {
        let databases = self.databases().await?;
        let found = databases.into_iter().find(|candidate| candidate.name == database);
        if !found.ok_or_else(|| ConsoleError::NoDatabase(database.to_owned()))?.paused {
            return Ok(Resumed::WasNotPaused);
        }
        self.command(&format!("RESUME {}", identifier(database)), self.bounds).await?;
        Ok(Resumed::Resumed)
    }

    /// `KILL_CLIENT`: drops one client by the id of `SHOW CLIENTS`, with its server connection.
    pub async fn kill_client(&mut self, id: u64) -> Result<(), ConsoleError> {
        const COMMAND: &str = "KILL_CLIENT";
        self.require(COMMAND, KILL_CLIENT_SINCE)?;
        match self.command(&format!("{COMMAND} {id}"), self.bounds).await {
            Err(ConsoleError::Refused { message, .. }) if message.starts_with("invalid command") => {
                Err(ConsoleError::Unsupported { command: COMMAND, version: self.version })
            }
            result => result,
        }
    }

    fn require(&self, command: &'static str, since: Version) -> Result<(), ConsoleError> {
        if self.version < since {
            return Err(ConsoleError::Unsupported { command, version: self.version });
        }
        Ok(())
    }

    async fn connections(
        &mut self,
        view: &'static str,
        mut keep: impl FnMut(&Connection) -> bool,
    ) -> Result<Connections, ConsoleError> {
        let mut connections = Connections::default();
        self.query(view, self.bounds, &mut |row| {
            let connection = Connection::from_row(row)?;
            connections.latest = connections.latest.max(connection.request_time);
            if keep(&connection) {
                connections.rows.push(connection);
            }
            Ok(())
        })
        .await?;
        Ok(connections)
    }

    async fn command(&mut self, command: &str, bounds: Bounds) -> Result<(), ConsoleError> {
        self.exchange("a command", command, bounds, &mut |_| Ok(())).await
    }

    async fn query(
        &mut self,
        view: &'static str,
        bounds: Bounds,
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), ConsoleError>,
    ) -> Result<(), ConsoleError> {
        self.exchange(view, view, bounds, each).await
    }

    async fn exchange(
        &mut self,
        view: &'static str,
        query: &str,
        bounds: Bounds,
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), ConsoleError>,
    ) -> Result<(), ConsoleError> {
        if self.broken {
            return Err(WireError::Broken.into());
        }
        // Broken until proven whole: this future may be dropped half-way.
        self.broken = true;
        let stream = &mut self.stream;
        let result = within(bounds.deadline, async {
            let mut message = BytesMut::with_capacity(query.len() + 6);
            frontend::query(query, &mut message).map_err(protocol)?;
            stream.write_all(&message).await.map_err(WireError::from)?;
            let mut answer = Answer::new(view, bounds.bytes);
            while !answer.advance(each)? {
                receive(stream, &mut answer).await?;
            }
            Ok(())
        })
        .await;
        self.broken = !matches!(result, Ok(()) | Err(ConsoleError::Refused { .. }));
        result
    }
}

async fn receive(stream: &mut Stream, answer: &mut Answer) -> Result<(), ConsoleError> {
    let mut chunk = Vec::new();
    if !stream.read_more(&mut chunk).await.map_err(WireError::from)? {
        return Err(WireError::Closed.into());
    }
    Ok(answer.feed(&chunk)?)
}

/// The startup of a connection, up to the first "ready for query".
async fn log_in(
    stream: &mut Stream,
    user: &str,
    password: Option<&Secret>,
    bytes: usize,
) -> Result<Version, ConsoleError> {
    let mut out = BytesMut::new();
    frontend::startup_message([("user", user), ("database", "pgbouncer")], &mut out).map_err(protocol)?;
    let mut answer = Answer::new("the startup", bytes);
    let mut scram: Option<ScramSha256> = None;
    let mut version = None;
    let wanted = || password.ok_or(ConsoleError::Authentication("a password, and none is configured"));
    loop {
        if !out.is_empty() {
            stream.write_all(&out).await.map_err(WireError::from)?;
            out.clear();
        }
        let Some(message) = answer.message()? else {
            receive(stream, &mut answer).await?;
            continue;
        };
        match message {
            Message::AuthenticationMd5Password(body) => {
                let hash = md5_hash(user.as_bytes(), wanted()?.reveal().as_bytes(), body.salt());
                frontend::password_message(hash.as_bytes(), &mut out).map_err(protocol)?;
            }
            Message::AuthenticationSasl(body) => {
                if !answer::any_mechanism(&body, SCRAM_SHA_256)? {
                    return Err(ConsoleError::Authentication("a SASL mechanism other than SCRAM-SHA-256"));
                }
                // The healer speaks no TLS, so there is no channel to bind to.
                let exchange = ScramSha256::new(wanted()?.reveal().as_bytes(), ChannelBinding::unsupported());
                frontend::sasl_initial_response(SCRAM_SHA_256, exchange.message(), &mut out).map_err(protocol)?;
                scram = Some(exchange);
            }
            Message::AuthenticationSaslContinue(body) => {
                let exchange = scram.as_mut().ok_or_else(|| unexpected("a SASL challenge"))?;
                if answer::scram_iterations(body.data()).is_none_or(|count| count > MOST_SCRAM_ITERATIONS) {
                    return Err(ConsoleError::Authentication("too many rounds of key derivation"));
                }
                exchange.update(body.data()).map_err(protocol)?;
                frontend::sasl_response(exchange.message(), &mut out).map_err(protocol)?;
            }
            Message::AuthenticationSaslFinal(body) => {
                // Proves that the peer knows the password as well.
                let exchange = scram.as_mut().ok_or_else(|| unexpected("a SASL outcome"))?;
                exchange.finish(body.data()).map_err(protocol)?;
            }
            Message::AuthenticationCleartextPassword => {
                return Err(ConsoleError::Authentication("the password in clear"));
            }
            Message::ParameterStatus(body) if body.name().map_err(protocol)? == "server_version" => {
                version = Version::parse(body.value().map_err(protocol)?);
            }
            Message::ErrorResponse(body) => return Err(answer::refusal(&body)),
            Message::ReadyForQuery(_) => {
                return version.ok_or_else(|| ConsoleError::Protocol("no version of PgBouncer".to_owned()));
            }
            Message::AuthenticationOk
            | Message::ParameterStatus(_)
            | Message::BackendKeyData(_)
            | Message::NoticeResponse(_) => {}
            _ => return Err(unexpected("a message that belongs to no startup")),
        }
    }
}

fn unexpected(what: &str) -> ConsoleError {
    ConsoleError::Protocol(format!("{what} out of turn"))
}

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn protocol(error: std::io::Error) -> ConsoleError {
    ConsoleError::Protocol(error.to_string())
}

/// A database's name as the console reads it, whatever is in it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(Version::parse("1.18.0/bouncer"), Some(Version { major: 1, minor: 18 }));
        assert_eq!(Version::parse("1.24/bouncer"), Some(KILL_CLIENT_SINCE));
        assert_eq!(Version::parse("bouncer"), None);
        assert!(Version { major: 1, minor: 8 } < RECONNECT_SINCE);
    }

    #[test]
    fn a_name_stays_one_word() {
        assert_eq!(identifier("shop\"; KILL \"x"), "\"shop\"\"; KILL \"\"x\"");
    }
}
