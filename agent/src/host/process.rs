//! Processes: what they are, what they use, and when they end (proc(5), `pidfd_open(2)`).

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::file::{FileError, field, read, read_text};
use super::ready;

/// The most processes of a host that are looked at. Three times the kernel's own default limit of process ids.
const MOST_PROCESSES: usize = 100_000;

/// A process, and not the one that gets its number after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since the host's boot.
    pub start: u64,
}

/// What can be wrong with a process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It has ended, or its number belongs to another one now.
    #[error("process {0} is gone")]
    Gone(u32),
    /// No process has this number, now or ever: 0 or beyond what the kernel counts in.
    #[error("{0} is no process")]
    NoProcess(u32),
    /// PID 1 and the agent itself.
    #[error("process {0} is never touched")]
    Protected(u32),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The kernel refused.
    #[error("process {pid}: {source}")]
    Kernel {
        /// Which one.
        pid: u32,
        /// Why.
        source: std::io::Error,
    },
}

/// `/proc/<pid>/stat`, as far as healing looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The process.
    pub id: ProcessId,
    /// Its parent's number.
    pub parent: u32,
    /// `R`, `S`, `D`, `Z` and others.
    pub state: char,
    /// CPU time that it used, in clock ticks, without its children.
    pub cpu_ticks: u64,
    /// Threads.
    pub threads: u64,
    /// Resident pages.
    pub resident_pages: u64,
}

/// A process's memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident.
    pub resident: u64,
    /// Its share of what is resident.
    pub proportional: u64,
    /// Whether the share is the kernel's own figure. Where another user's may not be read it is what is resident and
    /// not backed by files: shared memory is missing from it.
    pub exact: bool,
}

impl Stat {
    /// Reads the stat of a process.
    pub fn read(pid: u32) -> Result<Self, ProcessError> {
        Self::read_into(pid, &mut Vec::new())
    }

    fn read_into(pid: u32, buffer: &mut Vec<u8>) -> Result<Self, ProcessError> {
        let path = proc_file(pid, "stat");
        let bytes = read(&path, buffer).map_err(|error| gone_or(pid, error))?;
        Ok(Self::parse(bytes).ok_or_else(|| FileError::malformed(&path, "the fields of proc(5)"))?)
    }

    /// Reads the text of such a file. The command in parentheses may hold anything, parentheses and bytes included.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().rposition(|&byte| byte == b')')?;
        let (head, tail) = bytes.split_at(end);
        let pid = std::str::from_utf8(head.split(|&byte| byte == b' ').next()?).ok()?.parse().ok()?;
        let fields = std::str::from_utf8(tail.get(1..)?).ok()?;
        // Numbered as in proc(5), where the state is the third.
        let field = |number: usize| fields.split_ascii_whitespace().nth(number - 3);
        let number = |at| field(at)?.parse::<u64>().ok();
        Some(Self {
            id: ProcessId { pid, start: number(22)? },
            parent: field(4)?.parse().ok()?,
            state: field(3)?.chars().next()?,
            cpu_ticks: number(14)?.checked_add(number(15)?)?,
            threads: number(20)?,
            resident_pages: number(24)?,
        })
    }

    /// CPU time that it used.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        Duration::from_millis(self.cpu_ticks.saturating_mul(1000) / ticks)
    }
}

/// All processes of the host at one moment: one reading serves every tree that is watched.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Sorted by number.
    processes: Vec<(ProcessId, u32)>,
}

impl Snapshot {
    /// Reads `/proc`. A process that ends meanwhile is left out.
    pub fn take() -> Result<Self, ProcessError> {
        let root = Path::new("/proc");
        let mut buffer = Vec::with_capacity(512);
        let mut processes = Vec::new();
        for entry in fs::read_dir(root).map_err(|error| FileError::io(root, error))? {
            let name = entry.map_err(|error| FileError::io(root, error))?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            match Stat::read_into(pid, &mut buffer) {
                Ok(stat) => processes.push((stat.id, stat.parent)),
                Err(ProcessError::Gone(_)) => {}
                Err(error) => return Err(error),
            }
            if processes.len() == MOST_PROCESSES {
                break;
            }
        }
        processes.sort_unstable();
        Ok(Self { processes })
    }

    /// A process and everything that it started; empty where it is gone.
    #[must_use]
    pub fn tree(&self, root: ProcessId) -> Vec<ProcessId> {
        let mut tree: Vec<ProcessId> = self.processes.iter().map(|(id, _)| *id).filter(|id| *id == root).collect();
        let mut next = 0;
        while let Some(&parent) = tree.get(next) {
            next += 1;
            // A child cannot be older than its parent: what looks like one was the child of a former bearer.
            let children = self.processes.iter().filter(|(id, of)| *of == parent.pid && id.start >= parent.start);
            tree.extend(children.map(|(id, _)| *id));
        }
        tree
    }
}

impl ProcessId {
    /// The process that has this number now.
    pub fn of(pid: u32) -> Result<Self, ProcessError> {
        Stat::read(pid).map(|stat| stat.id)
    }

    /// The process whose number a file holds.
    pub fn from_pid_file(path: &Path) -> Result<PidFile, ProcessError> {
        let mut buffer = Vec::new();
        let malformed = || FileError::malformed(path, "the number of a process");
        let pid = read_text(path, &mut buffer)?.trim().parse().map_err(|_| malformed())?;
        let written = fs::metadata(path).and_then(|metadata| metadata.modified());
        let written = written.map_err(|error| FileError::io(path, error))?;
        let process = Self::of(pid)?;
        let started = boot_time()? + process.since_boot();
        let written = written.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        // The boot's time is in whole seconds, and shifts by one with rounding.
        Ok(PidFile { process, started_later: started > written + Duration::from_secs(2) })
    }

    /// How long after the host's boot it started.
    #[must_use]
    pub fn since_boot(self) -> Duration {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        Duration::from_millis(self.start.saturating_mul(1000) / ticks)
    }

    /// Whether it is still there. A zombie is not.
    pub fn is_alive(self) -> Result<bool, ProcessError> {
        match Stat::read(self.pid) {
            Ok(stat) => Ok(stat.id == self && !matches!(stat.state, 'Z' | 'X')),
            Err(ProcessError::Gone(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Its memory. The kernel walks the process's pages for it and holds up its page faults meanwhile, some
    /// milliseconds for gigabytes: a cgroup's figure is cheaper where there is one.
    pub fn memory(self) -> Result<Memory, ProcessError> {
        let mut buffer = Vec::with_capacity(1024);
        let path = proc_file(self.pid, "smaps_rollup");
        let memory = match read_text(&path, &mut buffer) {
            Ok(text) => parse_rollup(text).ok_or_else(|| FileError::malformed(&path, "Rss and Pss"))?,
            Err(error) if error.kind() == Some(std::io::ErrorKind::PermissionDenied) => self.resident(&mut buffer)?,
            // Kernels before 4.14 have no such file; a process that is gone has no other either.
            Err(error) if error.is_gone() => self.resident(&mut buffer)?,
            Err(error) => return Err(error.into()),
        };
        // Read after, so that the figures are of this process if it is still there.
        if Self::of(self.pid)? == self { Ok(memory) } else { Err(ProcessError::Gone(self.pid)) }
    }

    fn resident(self, buffer: &mut Vec<u8>) -> Result<Memory, ProcessError> {
        let path = proc_file(self.pid, "statm");
        let text = read_text(&path, buffer).map_err(|error| gone_or(self.pid, error))?;
        let memory = parse_statm(text, u64::try_from(rustix::param::page_size()).unwrap_or(4096));
        Ok(memory.ok_or_else(|| FileError::malformed(&path, "the fields of proc(5)"))?)
    }

    /// Sends a signal to this process and no other.
    pub fn signal(self, signal: Signal) -> Result<(), ProcessError> {
        if self.pid == 1 || self.pid == std::process::id() {
            return Err(ProcessError::Protected(self.pid));
        }
        let fd = self.open()?;
        pidfd_send_signal(&fd, signal.into()).map_err(|error| self.kernel(error))
    }

    /// Watches for its end.
    pub fn watch(self) -> Result<Watch, ProcessError> {
        let fd = self.open()?;
        let kernel = |source| ProcessError::Kernel { pid: self.pid, source };
        Ok(Watch { fd: ready::watch(fd, Interest::READABLE).map_err(kernel)?, id: self })
    }

    /// A handle that stays with the process, checked against a reuse of its number.
    fn open(self) -> Result<OwnedFd, ProcessError> {
        let number = i32::try_from(self.pid).ok().and_then(Pid::from_raw).ok_or(ProcessError::NoProcess(self.pid))?;
        let fd = pidfd_open(number, PidfdFlags::NONBLOCK).map_err(|error| self.kernel(error))?;
        if Self::of(self.pid)? == self { Ok(fd) } else { Err(ProcessError::Gone(self.pid)) }
    }

    fn kernel(self, error: rustix::io::Errno) -> ProcessError {
        if error == rustix::io::Errno::SRCH {
            return ProcessError::Gone(self.pid);
        }
        ProcessError::Kernel { pid: self.pid, source: error.into() }
    }
}

/// What a pid file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PidFile {
    /// The process that has its number.
    pub process: ProcessId,
    /// Whether that process started after the file was written, as one does that only got the number of the one that
    /// wrote it. A wall clock that was set forward in between looks the same.
    pub started_later: bool,
}

/// A signal that healing may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Read the configuration again.
    Hup,
    /// Stop.
    Term,
    /// Stop; a JVM writes its threads instead and goes on.
    Quit,
    /// The program's own.
    Usr1,
    /// The program's own.
    Usr2,
    /// Stop at once.
    Kill,
}

impl From<Signal> for rustix::process::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Hup => Self::HUP,
            Signal::Term => Self::TERM,
            Signal::Quit => Self::QUIT,
            Signal::Usr1 => Self::USR1,
            Signal::Usr2 => Self::USR2,
            Signal::Kill => Self::KILL,
        }
    }
}

/// A process that is watched for its end.
#[derive(Debug)]
pub struct Watch {
    fd: AsyncFd<OwnedFd>,
    id: ProcessId,
}

impl Watch {
    /// The process.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// Waits until it has ended. Safe to drop and to call again.
    pub async fn exited(&self) -> Result<(), ProcessError> {
        // Readiness is kept: a process ends once.
        let ready = self.fd.readable().await;
        ready.map(|mut guard| guard.retain_ready()).map_err(|source| ProcessError::Kernel { pid: self.id.pid, source })
    }
}

/// Reads the text of `smaps_rollup`.
#[must_use]
pub fn parse_rollup(text: &str) -> Option<Memory> {
    let bytes = |name| field(text, name)?.checked_mul(1024);
    Some(Memory { resident: bytes("Rss:")?, proportional: bytes("Pss:")?, exact: true })
}

/// Reads the text of `statm`: pages in all, resident, and resident of files.
#[must_use]
pub fn parse_statm(text: &str, page: u64) -> Option<Memory> {
    let mut fields = text.split_ascii_whitespace().skip(1).map(|field| field.parse::<u64>().ok());
    let (resident, shared) = (fields.next()??, fields.next()??);
    let bytes = |pages: u64| pages.checked_mul(page);
    Some(Memory { resident: bytes(resident)?, proportional: bytes(resident.saturating_sub(shared))?, exact: false })
}

/// When the host booted, since 1970: `btime` of `/proc/stat`, whose many other lines are passed over.
fn boot_time() -> Result<Duration, FileError> {
    use std::io::{BufRead, BufReader};
    let path = Path::new("/proc/stat");
    let file = fs::File::open(path).map_err(|error| FileError::io(path, error))?;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| FileError::io(path, error))?;
        if let Some(seconds) = field(&line, "btime ") {
            return Ok(Duration::from_secs(seconds));
        }
    }
    Err(FileError::malformed(path, "btime"))
}

fn proc_file(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

fn gone_or(pid: u32, error: FileError) -> ProcessError {
    if error.is_gone() { ProcessError::Gone(pid) } else { error.into() }
}

#[cfg(test)]
#[path = "process_test.rs"]
mod tests;
