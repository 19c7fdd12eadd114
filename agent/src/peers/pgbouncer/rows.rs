//! The console's views as values.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::ConsoleError;
use super::answer::Row;

/// A row of `SHOW POOLS`: one database and user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The database as clients name it.
    pub database: String,
    /// The user.
    pub user: String,
    /// Clients that are linked to a server, or idle without a query.
    pub cl_active: u64,
    /// Clients that have sent a query and wait for a server.
    pub cl_waiting: u64,
    /// Servers that are linked to a client.
    pub sv_active: u64,
    /// Servers that can be used at once.
    pub sv_idle: u64,
    /// Servers idle for so long that they are checked before they are used.
    pub sv_used: u64,
    /// Servers that run a reset or check query.
    pub sv_tested: u64,
    /// Servers that are logging in.
    pub sv_login: u64,
    /// How long the first client in the queue has waited.
    pub max_wait: Duration,
    /// `session`, `transaction` or `statement`.
    pub pool_mode: Option<String>,
}

impl Pool {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, ConsoleError> {
        Ok(Self {
            database: row.text("database")?.to_owned(),
            user: row.text("user")?.to_owned(),
            cl_active: row.number("cl_active")?,
            cl_waiting: row.number("cl_waiting")?,
            sv_active: row.number("sv_active")?,
            sv_idle: row.number("sv_idle")?,
            sv_used: row.number("sv_used")?,
            sv_tested: row.number("sv_tested")?,
            sv_login: row.number("sv_login")?,
            max_wait: split_seconds(row, "maxwait", "maxwait_us")?,
            pool_mode: row.get("pool_mode").map(str::to_owned),
        })
    }

    /// All connections to the server, whatever they do.
    #[must_use]
    pub fn servers(&self) -> u64 {
        [self.sv_active, self.sv_idle, self.sv_used, self.sv_tested, self.sv_login]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

/// A row of `SHOW CLIENTS` or `SHOW SERVERS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The user.
    pub user: String,
    /// The database.
    pub database: String,
    /// `active`, `waiting`, `idle` and others; the names are PgBouncer's.
    pub state: String,
    /// The other end: an address, or `unix`.
    pub addr: String,
    /// The other end's port; for a Unix socket PgBouncer's own.
    pub port: u16,
    /// PgBouncer's end.
    pub local_addr: String,
    /// PgBouncer's port.
    pub local_port: u16,
    /// When it was made, in seconds of PgBouncer's own local time: only differences mean something.
    pub connect_time: Option<i64>,
    /// When the last request came, in the same seconds.
    pub request_time: Option<i64>,
    /// How long it has waited for a server.
    pub wait: Duration,
    /// A server that is closed as soon as it is released (`RECONNECT`).
    pub close_needed: bool,
    /// PgBouncer's own address of this connection, in hexadecimal.
    pub ptr: String,
    /// The `ptr` of the connection that it is linked to; `None` where it is linked to none.
    pub link: Option<String>,
    /// The process at the other end, where the system tells it: Unix sockets.
    pub remote_pid: Option<u64>,
    /// What `KILL_CLIENT` takes, in versions that have it.
    pub id: Option<u64>,
}

impl Connection {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, ConsoleError> {
        Ok(Self {
            user: row.text("user")?.to_owned(),
            database: row.text("database")?.to_owned(),
            state: row.text("state")?.to_owned(),
            addr: row.text("addr")?.to_owned(),
            port: port(row, "port")?,
            local_addr: row.text("local_addr")?.to_owned(),
            local_port: port(row, "local_port")?,
            connect_time: time(row, "connect_time")?,
            request_time: time(row, "request_time")?,
            wait: split_seconds(row, "wait", "wait_us")?,
            close_needed: row.number_if_any("close_needed")?.is_some_and(|value| value != 0),
            ptr: row.text("ptr")?.to_owned(),
            link: row.get("link").filter(|link| !link.is_empty()).map(str::to_owned),
            remote_pid: row.number_if_any("remote_pid")?.filter(|&pid| pid != 0),
            id: row.number_if_any("id")?,
        })
    }

    /// Its two ends, PgBouncer's first, as the kernel's list of sockets has them; `None` for a Unix socket.
    #[must_use]
    pub fn tcp(&self) -> Option<(SocketAddr, SocketAddr)> {
        let remote: IpAddr = self.addr.parse().ok()?;
        let local: IpAddr = self.local_addr.parse().ok()?;
        Some((SocketAddr::new(local, self.local_port), SocketAddr::new(remote, self.port)))
    }
}

/// Rows of `SHOW CLIENTS` or `SHOW SERVERS` from one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// Those that were asked for.
    pub rows: Vec<Connection>,
    /// The latest request of all rows. In `SHOW CLIENTS` that is this very question, hence PgBouncer's "now".
    pub latest: Option<i64>,
}

impl Connections {
    /// How long ago a client's last request came: PgBouncer prints local times without saying which, so they are
    /// compared with one another and not with a clock. `None` where PgBouncer gives no time.
    #[must_use]
    pub fn silent_for(&self, connection: &Connection) -> Option<Duration> {
        let seconds = self.latest?.checked_sub(connection.request_time?)?;
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }
}

/// A row of `SHOW DATABASES`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// As clients name it.
    pub name: String,
    /// The server; `None` is a local Unix socket.
    pub host: Option<String>,
    /// The server's port.
    pub port: u64,
    /// Servers a pool may have.
    pub pool_size: u64,
    /// Connections that it may have over all pools; 0 is unlimited.
    pub max_connections: u64,
    /// Connections that it has.
    pub current_connections: u64,
    /// Whether `PAUSE` holds it.
    pub paused: bool,
    /// Whether new clients are refused.
    pub disabled: bool,
}

impl Database {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, ConsoleError> {
        Ok(Self {
            name: row.text("name")?.to_owned(),
            host: row.get("host").filter(|host| !host.is_empty()).map(str::to_owned),
            port: row.number("port")?,
            pool_size: row.number("pool_size")?,
            max_connections: row.number("max_connections")?,
            current_connections: row.number("current_connections")?,
            paused: row.number("paused")? != 0,
            disabled: row.number("disabled")? != 0,
        })
    }
}

/// A row of `SHOW CONFIG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value; empty where it is not set.
    pub value: String,
    /// Whether `SET` can change it.
    pub changeable: bool,
}

impl Setting {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, ConsoleError> {
        Ok(Self {
            key: row.text("key")?.to_owned(),
            value: row.get("value").unwrap_or_default().to_owned(),
            changeable: row.text("changeable")? == "yes",
        })
    }
}

/// Whole seconds and the microseconds beyond them.
fn split_seconds(row: &Row<'_>, seconds: &'static str, micros: &'static str) -> Result<Duration, ConsoleError> {
    let micros = row.number_if_any(micros)?.unwrap_or(0);
    Ok(Duration::from_secs(row.number(seconds)?).saturating_add(Duration::from_micros(micros)))
}

fn port(row: &Row<'_>, column: &'static str) -> Result<u16, ConsoleError> {
    let value = row.text(column)?;
    value.parse().map_err(|_| row.bad(column, value))
}

/// `2026-11-30 22:20:32 UTC` as seconds, whatever its zone. `None` where it is empty.
fn time(row: &Row<'_>, column: &'static str) -> Result<Option<i64>, ConsoleError> {
    match row.get(column) {
        None | Some("") => Ok(None),
        Some(value) => seconds(value).map(Some).ok_or_else(|| row.bad(column, value)),
    }
}

fn seconds(text: &str) -> Option<i64> {
    let mut words = text.split(' ');
    let mut date = words.next()?.splitn(3, '-').map(|part| part.parse::<i32>().ok());
    let mut clock = words.next()?.splitn(3, ':').map(|part| part.parse::<u8>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let days_before_month = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let before_month = days_before_month.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if !(1970..=9999).contains(&year) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Leap days up to and including this year's, where it has passed.
    let years = year - i32::from(month <= 2);
    let leap_days = years / 4 - years / 100 + years / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let days = i64::from((year - 1970) * 365 + before_month + day - 1 + leap_days);
    Some(((days * 24 + i64::from(hour)) * 60 + i64::from(minute)) * 60 + i64::from(second))
}

#[cfg(test)]
mod tests {
    use super::super::answer::tests::{read, table};
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        // From `date -u -d … +%s`.
        for (text, expected) in [
            ("1970-01-01 00:00:00 UTC", Some(0)),
            ("2000-02-29 12:00:00 UTC", Some(951_825_600)),
            ("2026-11-30 22:20:32 CET", Some(1_796_077_232)),
            ("2024-03-01 00:00:00 UTC", Some(1_709_251_200)),
            ("2026-13-01 00:00:00 UTC", None),
            ("2026-00-01 00:00:00 UTC", None),
            ("2026-11-30", None),
            ("yesterday", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_pool_of_a_later_version_has_more_columns_in_another_order() {
        let columns = [
            ("user", Some("web")),
            ("database", Some("shop")),
            ("cl_active", Some("1")),
            ("cl_active_cancel_req", Some("9")),
            ("cl_waiting", Some("2")),
            ("sv_active", Some("3")),
            ("sv_idle", Some("4")),
            ("sv_used", Some("5")),
            ("sv_tested", Some("6")),
            ("sv_login", Some("7")),
            ("maxwait", Some("8")),
            ("maxwait_us", Some("250000")),
            ("pool_mode", Some("session")),
            ("load_balance_hosts", None),
        ];
        let (rows, _) = read(&table(&columns), 50, Pool::from_row).unwrap();
        let pool = &rows[0];
        assert_eq!((pool.database.as_str(), pool.user.as_str(), pool.cl_waiting), ("shop", "web", 2));
        assert_eq!((pool.servers(), pool.max_wait), (25, Duration::from_millis(8250)));
        let without: Vec<_> = columns.into_iter().filter(|(name, _)| *name != "cl_waiting").collect();
        let result = read(&table(&without), 50, Pool::from_row);
        assert!(matches!(result, Err(ConsoleError::NoColumn { column: "cl_waiting", .. })), "{result:?}");
    }
}
