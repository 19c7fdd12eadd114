//! Pressure stall information: how long tasks waited for a resource, and triggers that wake when they wait too long
//! (Documentation/accounting/psi.rst of the kernel).

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::file::{FileError, read_text};
use super::ready;

/// The shortest and longest window that the kernel takes.
const WINDOWS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Without `CAP_SYS_RESOURCE` a window must be a multiple of this.
const UNPRIVILEGED_STEP: Duration = Duration::from_secs(2);

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stall {
    /// At least one task.
    Some,
    /// All tasks that are not idle.
    Full,
}

/// One line of a pressure file.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Averages {
    /// Percent of the last 10 s.
    pub avg10: f64,
    /// Percent of the last minute.
    pub avg60: f64,
    /// Percent of the last five minutes.
    pub avg300: f64,
    /// Microseconds in all.
    pub total: u64,
}

/// A pressure file.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pressure {
    /// At least one task waited.
    pub some: Averages,
    /// All waited; `None` where the kernel does not say (the machine's CPU, before 5.13).
    pub full: Option<Averages>,
}

impl Pressure {
    /// Reads `/proc/pressure/memory`, or a cgroup's `memory.pressure`.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let mut buffer = Vec::new();
        let text = read_text(path, &mut buffer)?;
        Self::parse(text).ok_or_else(|| FileError::malformed(path, "a line of `some`"))
    }

    /// Reads the text of such a file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = |kind| text.lines().find_map(|line| line.strip_prefix(kind)).and_then(averages);
        Some(Self { some: line("some ")?, full: line("full ") })
    }
}

fn averages(line: &str) -> Option<Averages> {
    let value = |name: &str| {
        line.split(' ').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, value)| value)
    };
    let percent = |name| value(name)?.parse().ok();
    Some(Averages {
        avg10: percent("avg10")?,
        avg60: percent("avg60")?,
        avg300: percent("avg300")?,
        total: value("total")?.parse().ok()?,
    })
}

/// When a trigger wakes: `stall` in all within any `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    who: Stall,
    stall: Duration,
    window: Duration,
}

/// Why a threshold, or a trigger with it, is refused.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// The kernel's limits.
    #[error("a window of {} ms is not between 500 ms and 10 s", .0.as_millis())]
    Window(Duration),
    /// A stall cannot be none, nor longer than its window.
    #[error("a stall of {} µs is not between 1 µs and its window", .0.as_micros())]
    Stall(Duration),
    /// The kernel refused the window: it needs `CAP_SYS_RESOURCE`.
    #[error("a window of {} ms needs CAP_SYS_RESOURCE; without it only multiples of 2 s are allowed", .0.as_millis())]
    NeedsPrivilege(Duration),
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The cgroup is gone.
    #[error("the cgroup of the trigger is gone")]
    Gone,
}

impl Threshold {
    /// A threshold within the kernel's limits.
    pub fn try_new(who: Stall, stall: Duration, window: Duration) -> Result<Self, TriggerError> {
        if window < WINDOWS.0 || window > WINDOWS.1 {
            return Err(TriggerError::Window(window));
        }
        if stall < Duration::from_micros(1) || stall > window {
            return Err(TriggerError::Stall(stall));
        }
        Ok(Self { who, stall, window })
    }

    /// Whether a process without `CAP_SYS_RESOURCE` may ask for it.
    #[must_use]
    pub fn is_unprivileged(&self) -> bool {
        self.window.as_micros().is_multiple_of(UNPRIVILEGED_STEP.as_micros())
    }
}

/// A trigger that is set. The kernel wakes it at most once in a window.
#[derive(Debug)]
pub struct Trigger {
    file: AsyncFd<OwnedFd>,
    path: PathBuf,
}

impl Trigger {
    /// Sets a trigger in a pressure file; it lasts as long as this value.
    pub fn set(path: &Path, threshold: &Threshold) -> Result<Self, TriggerError> {
        let failed = |error: io::Error| FileError::io(path, error);
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let who = if threshold.who == Stall::Some { "some" } else { "full" };
        // With its ending zero, in one write.
        let text = format!("{who} {} {}\0", threshold.stall.as_micros(), threshold.window.as_micros());
        match file.write(text.as_bytes()) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput && !threshold.is_unprivileged() => {
                return Err(TriggerError::NeedsPrivilege(threshold.window));
            }
            Err(error) => return Err(failed(error).into()),
        }
        let file = ready::watch(file, Interest::PRIORITY.add(Interest::ERROR)).map_err(failed)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Waits for the next time the threshold is passed. Safe to drop and to call again.
    pub async fn passed(&self) -> Result<(), TriggerError> {
        let ready = self.file.ready(Interest::PRIORITY.add(Interest::ERROR)).await;
        let mut guard = ready.map_err(|error| FileError::io(&self.path, error))?;
        // The kernel says "error" when the cgroup is removed under a trigger.
        let gone = guard.ready().is_error();
        guard.clear_ready();
        if gone { Err(TriggerError::Gone) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: &str = "/proc/pressure/memory";

    fn threshold(stall: u64, window: u64) -> Result<Threshold, TriggerError> {
        Threshold::try_new(Stall::Some, Duration::from_millis(stall), Duration::from_millis(window))
    }

    #[test]
    fn pressure_files() {
        let text = "some avg10=1.50 avg60=0.25 avg300=0.00 total=123\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=7\n";
        let pressure = Pressure::parse(text).unwrap();
        assert_eq!(pressure.some, Averages { avg10: 1.5, avg60: 0.25, avg300: 0.0, total: 123 });
        assert_eq!(pressure.full.map(|full| full.total), Some(7));
        assert_eq!(Pressure::parse(text.lines().next().unwrap()).unwrap().full, None);
        assert_eq!(Pressure::parse("some avg10=1.50 total=123"), None);
        assert!(Pressure::read(Path::new(MEMORY)).unwrap().full.is_some());
    }

    #[test]
    fn windows_within_the_kernels_limits() {
        assert!(matches!(threshold(1, 499), Err(TriggerError::Window(_))));
        assert!(matches!(threshold(1, 10_001), Err(TriggerError::Window(_))));
        assert!(matches!(threshold(0, 2000), Err(TriggerError::Stall(_))));
        assert!(matches!(threshold(2001, 2000), Err(TriggerError::Stall(_))));
        assert!(threshold(100, 4000).unwrap().is_unprivileged());
        assert!(!threshold(100, 3000).unwrap().is_unprivileged());
    }

    #[tokio::test]
    async fn the_kernel_takes_a_trigger_and_wakes_nobody_without_pressure() {
        let trigger = Trigger::set(Path::new(MEMORY), &threshold(1900, 2000).unwrap()).unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(200), trigger.passed()).await;
        assert!(waited.is_err(), "{waited:?}");
        let missing = Trigger::set(Path::new("/proc/pressure/none"), &threshold(1900, 2000).unwrap());
        assert!(matches!(missing, Err(TriggerError::File(error)) if error.is_gone()));
    }
}
