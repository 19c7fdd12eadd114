//! The answers of `show stat` and `show servers state`.

use csv_core::{ReadRecordResult, Reader};

use super::HaproxyError;

/// The longest record in bytes, without its separators. One of HAProxy 3.0 has some 130 columns and 600 bytes.
const LONGEST_RECORD: usize = 8 * 1024;

/// The most columns.
const MOST_COLUMNS: usize = 512;

/// One row of `show stat`, by the names of its columns.
#[derive(Debug)]
pub struct Record<'a> {
    names: &'a [String],
    text: &'a [u8],
    ends: &'a [usize],
}

impl Record<'_> {
    /// The value of a column; `None` where there is no such column or it is empty, as HAProxy leaves what does not
    /// apply to a row.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&str> {
        let index = self.names.iter().position(|name| name == column)?;
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        std::str::from_utf8(self.text.get(start..end)?).ok().filter(|value| !value.is_empty())
    }

    /// A whole number; `None` where there is none.
    #[must_use]
    pub fn number(&self, column: &str) -> Option<u64> {
        self.get(column)?.parse().ok()
    }
}

/// Reads `show stat` as it comes: it holds one record, never the whole answer.
#[derive(Debug)]
pub struct Stat {
    reader: Reader,
    text: Vec<u8>,
    text_length: usize,
    ends: Vec<usize>,
    ends_length: usize,
    names: Vec<String>,
}

impl Default for Stat {
    fn default() -> Self {
        Self {
            reader: Reader::new(),
            text: vec![0; LONGEST_RECORD],
            text_length: 0,
            ends: vec![0; MOST_COLUMNS],
            ends_length: 0,
            names: Vec::new(),
        }
    }
}

impl Stat {
    /// Takes bytes as they come, nothing at the end of the answer, and gives each record to `each`.
    pub fn push(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), HaproxyError> {
        loop {
            let (text, ends) = (&mut self.text[self.text_length..], &mut self.ends[self.ends_length..]);
            let (result, read, text_added, ends_added) = self.reader.read_record(bytes, text, ends);
            let at_end = bytes.is_empty();
            bytes = &bytes[read..];
            self.text_length += text_added;
            self.ends_length += ends_added;
            match result {
                ReadRecordResult::Record => self.record(each)?,
                ReadRecordResult::InputEmpty if !at_end => return Ok(()),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(HaproxyError::Malformed("show stat"));
                }
                ReadRecordResult::End => return Ok(()),
            }
            if bytes.is_empty() && !at_end {
                return Ok(());
            }
        }
    }

    /// Whether the heading was there: without it the answer is an error's text.
    #[must_use]
    pub fn has_heading(&self) -> bool {
        !self.names.is_empty()
    }

    fn record(&mut self, each: &mut dyn FnMut(&Record<'_>)) -> Result<(), HaproxyError> {
        let text = self.text.get(..self.text_length).unwrap_or_default();
        let ends = self.ends.get(..self.ends_length).unwrap_or_default();
        (self.text_length, self.ends_length) = (0, 0);
        if !self.names.is_empty() {
            each(&Record { names: &self.names, text, ends });
            return Ok(());
        }
        let line = std::str::from_utf8(text).map_err(|_| HaproxyError::Malformed("show stat"))?;
        // Whatever it is, it is no table: the caller has HAProxy's words.
        let Some(_) = line.strip_prefix("# ") else { return Err(HaproxyError::from_answer(line)) };
        let mut start = 0;
        for &end in ends {
            let name = line.get(start..end).ok_or(HaproxyError::Malformed("show stat"))?;
            self.names.push(name.trim_start_matches("# ").to_owned());
            start = end;
        }
        Ok(())
    }
}

/// A server in `show stat`, as far as healing looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStat {
    /// The backend, `pxname`.
    pub backend: String,
    /// The server, `svname`.
    pub server: String,
    /// `UP`, `DOWN`, `MAINT`, `DRAIN`, `NOLB`, `no check`, with additions like `UP 1/3`.
    pub status: String,
    /// Its effective weight.
    pub weight: u64,
    /// Sessions now.
    pub sessions: u64,
    /// Requests waiting for it.
    pub queued: u64,
    /// Sessions since HAProxy's start.
    pub sessions_total: u64,
    /// Answers with 5xx since the start; `None` where it is no HTTP proxy.
    pub http_5xx: Option<u64>,
    /// Requests or connections that failed since the start.
    pub errors: u64,
    /// The last check's outcome, like `L4OK` or `L7STS`; `None` without checks.
    pub check_status: Option<String>,
    /// The agent's last word, like `L7OK`; `None` without an agent.
    pub agent_status: Option<String>,
    /// Seconds since its status last changed.
    pub last_change: Option<u64>,
}

impl ServerStat {
    /// Reads a row; `None` for those of frontends, backends and listeners.
    #[must_use]
    pub fn from_record(record: &Record<'_>) -> Option<Self> {
        // `type` of the management guide, 9.1: 2 is a server.
        if record.number("type")? != 2 {
            return None;
        }
        let text = |column| record.get(column).map(str::to_owned);
        let number = |column| record.number(column).unwrap_or(0);
        Some(Self {
            backend: text("pxname")?,
            server: text("svname")?,
            status: text("status")?,
            weight: number("weight"),
            sessions: number("scur"),
            queued: number("qcur"),
            sessions_total: number("stot"),
            http_5xx: record.number("hrsp_5xx"),
            errors: number("econ").saturating_add(number("eresp")),
            // One that is under way is marked with a star before the last outcome.
            check_status: record.get("check_status").map(without_star),
            agent_status: record.get("agent_status").map(without_star),
            last_change: record.number("lastchg"),
        })
    }

    /// Whether it gets traffic by its status; its weight may still be 0.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.status.starts_with("UP") || self.status == "no check"
    }
}

fn without_star(status: &str) -> String {
    status.trim_start_matches("* ").to_owned()
}

/// A server in `show servers state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// The backend.
    pub backend: String,
    /// The server.
    pub server: String,
    /// Its address, without its port.
    pub address: String,
    /// What it is doing.
    pub operational: Operational,
    /// What it was told to do.
    pub admin: Admin,
    /// Its weight as it is.
    pub user_weight: u32,
    /// Its weight in HAProxy's configuration.
    pub initial_weight: u32,
}

/// `srv_op_state` (management guide, "show servers state").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operational {
    /// 0: no traffic.
    Stopped,
    /// 1: warming up.
    Starting,
    /// 2: full traffic.
    Running,
    /// 3: only traffic that is bound to it.
    Stopping,
}

/// `srv_admin_state`, a set of bits (management guide, "show servers state").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admin(u32);

impl Admin {
    /// In maintenance: by a command (0x01), a server it tracks (0x02), its configuration (0x04), or for want of an
    /// address (0x20, 0x40).
    #[must_use]
    pub fn is_maintenance(self) -> bool {
        self.0 & 0x67 != 0
    }

    /// Told to drain, by a command or its agent (0x08), or a server it tracks (0x10).
    #[must_use]
    pub fn is_draining(self) -> bool {
        self.0 & 0x18 != 0
    }
}

/// Reads `show servers state` line by line.
#[derive(Debug, Default)]
pub struct StateTable {
    names: Vec<String>,
    version_seen: bool,
}

impl StateTable {
    /// Reads a line; `None` where it holds no server.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<ServerState>, HaproxyError> {
        const VIEW: &str = "show servers state";
        let malformed = || HaproxyError::Malformed(VIEW);
        let line = std::str::from_utf8(line).map_err(|_| malformed())?.trim_end();
        if line.is_empty() {
            return Ok(None);
        }
        if !self.version_seen {
            // The format's version is 1 since there is one.
            if line != "1" {
                return Err(HaproxyError::from_answer(line));
            }
            self.version_seen = true;
            return Ok(None);
        }
        if let Some(names) = line.strip_prefix("# ") {
            self.names = names.split(' ').take(MOST_COLUMNS).map(str::to_owned).collect();
            return Ok(None);
        }
        let get = |column: &str| {
            let index = self.names.iter().position(|name| name == column)?;
            line.split(' ').nth(index)
        };
        let text = |column| get(column).map(str::to_owned).ok_or_else(malformed);
        let number = |column| get(column).and_then(|value| value.parse::<u32>().ok()).ok_or_else(malformed);
        Ok(Some(ServerState {
            backend: text("be_name")?,
            server: text("srv_name")?,
            address: text("srv_addr")?,
            operational: match number("srv_op_state")? {
                0 => Operational::Stopped,
                1 => Operational::Starting,
                2 => Operational::Running,
                3 => Operational::Stopping,
                _ => return Err(malformed()),
            },
            admin: Admin(number("srv_admin_state")?),
            user_weight: number("srv_uweight")?,
            initial_weight: number("srv_iweight")?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by hand after the columns of HAProxy 2.6, with a description that needs quotes.
    const STAT: &str = "# pxname,svname,qcur,scur,stot,econ,eresp,status,weight,lastchg,type,check_status,hrsp_5xx,\n\
        web,FRONTEND,,0,0,,,OPEN,,,0,,0,\n\
        app,\"a,\"\"1\n\",1,2,30,1,2,UP 1/3,25,60,2,L7OK,4,\n\
        app,b,0,0,0,0,0,DOWN,0,5,2,* L4CON,,\n\
        app,BACKEND,0,0,0,0,0,UP,25,60,1,,0,\n\n";

    fn servers(text: &str, chunk: usize) -> Result<Vec<ServerStat>, HaproxyError> {
        let mut servers = Vec::new();
        let mut stat = Stat::default();
        let mut each = |record: &Record<'_>| servers.extend(ServerStat::from_record(record));
        for chunk in text.as_bytes().chunks(chunk) {
            stat.push(chunk, &mut each)?;
        }
        stat.push(&[], &mut each)?;
        Ok(servers)
    }

    #[test]
    fn servers_come_however_the_table_is_cut() {
        for chunk in 1..STAT.len() {
            let servers = servers(STAT, chunk).unwrap();
            let [a, b] = servers.as_slice() else { panic!("{servers:?}") };
            assert_eq!((a.server.as_str(), a.sessions, a.queued, a.errors), ("a,\"1\n", 2, 1, 3));
            assert_eq!((a.is_up(), a.weight, a.http_5xx, a.last_change), (true, 25, Some(4), Some(60)));
            assert_eq!((b.is_up(), b.http_5xx, b.check_status.as_deref()), (false, None, Some("L4CON")));
        }
    }

    #[test]
    fn a_text_instead_of_a_table_is_an_error() {
        let result = servers("Permission denied\n", 100);
        assert!(matches!(result, Err(HaproxyError::PermissionDenied)), "{result:?}");
        let long = format!("# pxname\n{}\n", "x".repeat(LONGEST_RECORD + 1));
        assert!(matches!(servers(&long, 1000), Err(HaproxyError::Malformed(_))));
        assert!(matches!(servers(&format!("# {}", ",".repeat(MOST_COLUMNS)), 1000), Err(HaproxyError::Malformed(_))));
    }

    #[test]
    fn states_of_servers() {
        let mut table = StateTable::default();
        assert_eq!(table.line(b"1").unwrap(), None);
        let names = b"# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight";
        assert_eq!(table.line(names).unwrap(), None);
        let state = table.line(b"3 app 1 a 127.0.0.1 2 8 25 100").unwrap().unwrap();
        assert_eq!((state.backend.as_str(), state.server.as_str()), ("app", "a"));
        assert_eq!((state.operational, state.user_weight, state.initial_weight), (Operational::Running, 25, 100));
        assert!(state.admin.is_draining() && !state.admin.is_maintenance());
        assert!(matches!(table.line(b"3 app 1"), Err(HaproxyError::Malformed(_))));
        assert!(matches!(table.line(b"3 app 1 a 127.0.0.1 9 8 25 100"), Err(HaproxyError::Malformed(_))));
        let wrong = StateTable::default().line(b"Can't find backend.").unwrap_err();
        assert!(matches!(wrong, HaproxyError::NoSuchBackend), "{wrong:?}");
    }
}
