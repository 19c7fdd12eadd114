//! Looking at and ending one process by its id.

use std::fs;
use std::io;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

/// A process's command line, arguments separated by spaces; `None` when there is no such process, or it has ended and
/// its parent has not noticed yet.
pub(super) fn command_line(pid: u32) -> Option<String> {
    // Linux, where `ps` may not be installed.
    if let Ok(bytes) = fs::read(format!("/proc/{pid}/cmdline")) {
        let text = String::from_utf8_lossy(&bytes).replace('\0', " ").trim().to_owned();
        return (!text.is_empty()).then_some(text);
    }
    if fs::exists("/proc/self").unwrap_or(false) {
        return None;
    }
    // macOS and the BSDs have no /proc.
    let output = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty() && !text.contains("<defunct>")).then_some(text)
}

/// Asks a process to end (SIGTERM).
pub(super) fn terminate(pid: u32) -> io::Result<()> {
    send(pid, Signal::TERM)
}

/// Ends a process without asking (SIGKILL).
pub(super) fn kill(pid: u32) -> io::Result<()> {
    send(pid, Signal::KILL)
}

/// Sends a signal to exactly one process: an id of 0 or below, which would mean a group, is refused.
fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    match kill_process(pid, signal) {
        // It has ended by itself in between.
        Err(rustix::io::Errno::SRCH) => Ok(()),
        other => other.map_err(io::Error::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_and_ends_a_child() {
        let mut child = Command::new("sleep").arg("61.25").spawn().unwrap();
        // Until exec is through, the child has its parent's command line or none.
        while command_line(child.id()).is_none_or(|line| line != "sleep 61.25") {
            std::thread::yield_now();
        }
        terminate(child.id()).unwrap();
        child.wait().unwrap();
        assert_eq!(command_line(child.id()), None);
    }

    #[test]
    fn never_signals_a_group() {
        assert_eq!(send(0, Signal::TERM).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(send(u32::MAX, Signal::TERM).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
