//! A unit's cgroup, version 2 (Documentation/admin-guide/cgroup-v2.rst of the kernel).
//!
//! Version 1 counts memory in other files, by other rules, and tells nobody when it changes. A host whose memory
//! controller is there is reported as having none: what is watched is then the processes themselves.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::file::{FileError, field, read, read_text};
use super::psi::Pressure;
use super::ready;

/// The most processes that are listed; `TasksMax=` of systemd is far below it by default.
const MOST_PROCESSES: usize = 16 * 1024;

/// What a cgroup can lack.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// No version 2 is mounted.
    #[error("this host has no cgroup version 2")]
    NoVersion2,
    /// Version 2 is mounted, and memory is counted by version 1 or by nobody.
    #[error("cgroup version 2 does not count memory here")]
    NoMemoryController,
    /// A path that would leave the hierarchy.
    #[error("`{0}` is not the path of a cgroup")]
    BadPath(String),
    /// The cgroup is gone: its unit stopped.
    #[error("the cgroup {} is gone", .0.display())]
    Gone(PathBuf),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Where cgroups are mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    root: PathBuf,
}

/// `memory.events`: how often each happened since the cgroup was made, descendants included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryEvents {
    /// Throttled at `memory.high`.
    pub high: u64,
    /// At `memory.max`, where the kernel reclaims first.
    pub max: u64,
    /// Reclaiming did not help.
    pub oom: u64,
    /// A process was killed.
    pub oom_kill: u64,
}

/// A cgroup's memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What it uses, page cache included.
    pub current: u64,
    /// Its limit; `None` is none.
    pub max: Option<u64>,
    /// Where it is throttled; `None` is nowhere.
    pub high: Option<u64>,
    /// What happened.
    pub events: MemoryEvents,
}

/// A cgroup. Nothing is held open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    folder: PathBuf,
}

impl Mount {
    /// Finds version 2 on this host.
    pub fn find() -> Result<Self, CgroupError> {
        let path = Path::new("/proc/self/mountinfo");
        let mut buffer = Vec::new();
        Self::parse(read_text(path, &mut buffer)?).ok_or(CgroupError::NoVersion2)
    }

    /// Finds version 2 in the text of `/proc/self/mountinfo`.
    #[must_use]
    pub fn parse(mountinfo: &str) -> Option<Self> {
        mountinfo.lines().find_map(|line| {
            let (mount, kind) = line.split_once(" - ")?;
            if kind.split(' ').next() != Some("cgroup2") {
                return None;
            }
            // proc(5): the fifth field, with spaces as \040. No distribution mounts it where one is needed.
            let root = mount.split(' ').nth(4).filter(|root| !root.contains('\\'))?;
            Some(Self { root: root.into() })
        })
    }

    /// The cgroup that systemd calls `ControlGroup`, like `/system.slice/shop.service`.
    pub fn cgroup(&self, control_group: &str) -> Result<Cgroup, CgroupError> {
        let bad = || CgroupError::BadPath(control_group.to_owned());
        let relative = control_group.strip_prefix('/').ok_or_else(bad)?;
        if relative.split('/').any(|part| matches!(part, "." | "..") || part.contains('\0')) {
            return Err(bad());
        }
        Ok(Cgroup { folder: self.root.join(relative) })
    }
}

impl Cgroup {
    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its memory. Four small files.
    pub fn memory(&self) -> Result<Memory, CgroupError> {
        let mut buffer = Vec::new();
        let current = match self.limit("memory.current", &mut buffer) {
            Err(CgroupError::File(error)) if error.is_gone() && self.folder.is_dir() => {
                return Err(CgroupError::NoMemoryController);
            }
            result => self.or_gone(result)?,
        };
        let malformed = || FileError::malformed(&self.folder.join("memory.current"), "a number");
        Ok(Memory {
            current: current.ok_or_else(malformed)?,
            max: self.or_gone(self.limit("memory.max", &mut buffer))?,
            high: self.or_gone(self.limit("memory.high", &mut buffer))?,
            events: self.or_gone(self.memory_events())?,
        })
    }

    /// `memory.events`.
    pub fn memory_events(&self) -> Result<MemoryEvents, CgroupError> {
        let mut buffer = Vec::new();
        Ok(parse_memory_events(read_text(&self.folder.join("memory.events"), &mut buffer)?))
    }

    /// `memory.pressure`. Where memory is not counted the kernel still counts who waits for it.
    pub fn memory_pressure(&self) -> Result<Pressure, CgroupError> {
        self.or_gone(Pressure::read(&self.pressure_file()).map_err(CgroupError::from))
    }

    /// The file that a [`super::psi::Trigger`] is set in.
    #[must_use]
    pub fn pressure_file(&self) -> PathBuf {
        self.folder.join("memory.pressure")
    }

    /// CPU time that it used, in microseconds: `usage_usec` of `cpu.stat`.
    pub fn cpu_usage(&self) -> Result<u64, CgroupError> {
        let path = self.folder.join("cpu.stat");
        let mut buffer = Vec::new();
        let text = self.or_gone(read_text(&path, &mut buffer).map_err(CgroupError::from))?;
        Ok(field(text, "usage_usec ").ok_or_else(|| FileError::malformed(&path, "usage_usec"))?)
    }

    /// Whether any process lives in it or below it.
    pub fn is_populated(&self) -> Result<bool, CgroupError> {
        let path = self.folder.join("cgroup.events");
        let mut buffer = Vec::new();
        let text = self.or_gone(read_text(&path, &mut buffer).map_err(CgroupError::from))?;
        Ok(field(text, "populated ").ok_or_else(|| FileError::malformed(&path, "populated"))? != 0)
    }

    /// The processes in it, not those below it.
    pub fn processes(&self) -> Result<Vec<u32>, CgroupError> {
        let path = self.folder.join("cgroup.procs");
        let mut buffer = Vec::new();
        let text = self.or_gone(read_text(&path, &mut buffer).map_err(CgroupError::from))?;
        let mut processes = Vec::new();
        for line in text.lines().take(MOST_PROCESSES) {
            processes.push(line.parse().map_err(|_| FileError::malformed(&path, "a process a line"))?);
        }
        Ok(processes)
    }

    /// Wakes when `memory.events` changes.
    pub fn watch_memory(&self) -> Result<Watch, CgroupError> {
        self.or_gone(Watch::open(self.folder.join("memory.events")))
    }

    /// Wakes when `cgroup.events` changes: when the last process is gone, or the first is there.
    pub fn watch_population(&self) -> Result<Watch, CgroupError> {
        self.or_gone(Watch::open(self.folder.join("cgroup.events")))
    }

    /// `memory.max` and the like: `max`, or bytes.
    fn limit(&self, name: &str, buffer: &mut Vec<u8>) -> Result<Option<u64>, CgroupError> {
        let path = self.folder.join(name);
        let text = read_text(&path, buffer)?;
        parse_limit(text).ok_or_else(|| FileError::malformed(&path, "`max`, or a number of bytes").into())
    }

    fn or_gone<T>(&self, result: Result<T, CgroupError>) -> Result<T, CgroupError> {
        match result {
            Err(CgroupError::File(error)) if error.is_gone() => Err(CgroupError::Gone(self.folder.clone())),
            result => result,
        }
    }
}

/// Reads the text of `memory.max`: the outer `None` where it is neither.
#[must_use]
pub fn parse_limit(text: &str) -> Option<Option<u64>> {
    match text.trim_end() {
        "max" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

/// Reads the text of `memory.events`. A kernel that does not count something has none of it.
#[must_use]
pub fn parse_memory_events(text: &str) -> MemoryEvents {
    let count = |name| field(text, name).unwrap_or(0);
    MemoryEvents { high: count("high "), max: count("max "), oom: count("oom "), oom_kill: count("oom_kill ") }
}

/// A file of a cgroup whose changes the kernel announces.
#[derive(Debug)]
pub struct Watch {
    file: AsyncFd<OwnedFd>,
    path: PathBuf,
}

impl Watch {
    fn open(path: PathBuf) -> Result<Self, CgroupError> {
        let file = File::open(&path).map_err(|error| FileError::io(&path, error))?;
        let file = ready::watch(file, Interest::PRIORITY).map_err(|error| FileError::io(&path, error))?;
        let watch = Self { file, path };
        // The kernel announces what changed since the last reading.
        watch.settle()?;
        Ok(watch)
    }

    /// Waits for the next change. What changed is read by [`Cgroup::memory_events`] or [`Cgroup::is_populated`]. Changes
    /// in quick succession are one. Safe to drop and to call again.
    pub async fn changed(&self) -> Result<(), CgroupError> {
        let ready = self.file.ready(Interest::PRIORITY).await;
        let mut guard = ready.map_err(|error| FileError::io(&self.path, error))?;
        guard.clear_ready();
        self.settle()
    }

    fn settle(&self) -> Result<(), CgroupError> {
        let mut page = [0; 4096];
        match rustix::io::pread(self.file.get_ref(), &mut page, 0) {
            Ok(_) => Ok(()),
            Err(rustix::io::Errno::NODEV) => Err(CgroupError::Gone(self.path.clone())),
            Err(error) => Err(FileError::io(&self.path, error).into()),
        }
    }
}

/// Reads which cgroup of version 2 a process is in, from `/proc/<pid>/cgroup`.
pub fn of_process(pid: u32) -> Result<Option<String>, FileError> {
    let path = PathBuf::from(format!("/proc/{pid}/cgroup"));
    let mut buffer = Vec::new();
    let text = String::from_utf8_lossy(read(&path, &mut buffer)?);
    Ok(text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn mounts_of_all_shapes() {
        let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(Mount::parse(unified), Some(Mount { root: "/sys/fs/cgroup".into() }));
        let hybrid = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      33 31 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(Mount::parse(hybrid), Some(Mount { root: "/sys/fs/cgroup/unified".into() }));
        assert_eq!(Mount::parse(hybrid.lines().next().unwrap()), None);
        assert_eq!(Mount::parse("no mount at all\n - \n"), None);
    }

    #[test]
    fn paths_stay_inside() {
        let mount = Mount { root: "/sys/fs/cgroup".into() };
        assert!(mount.cgroup("/system.slice/shop.service").is_ok());
        assert!(mount.cgroup("/").is_ok());
        for path in ["", "system.slice", "/../../etc", "/a/./b", "/a\0b"] {
            assert!(matches!(mount.cgroup(path), Err(CgroupError::BadPath(_))), "{path}");
        }
    }

    #[test]
    fn memory_in_files_as_the_kernel_writes_them() {
        let folder = tempfile::tempdir().unwrap();
        let mount = Mount { root: folder.path().into() };
        let cgroup = mount.cgroup("/shop.service").unwrap();
        assert!(matches!(cgroup.memory(), Err(CgroupError::Gone(_))));
        fs::create_dir(cgroup.folder()).unwrap();
        assert!(matches!(cgroup.memory(), Err(CgroupError::NoMemoryController)));
        let write = |name: &str, text: &str| fs::write(cgroup.folder().join(name), text).unwrap();
        write("memory.current", "1048576\n");
        write("memory.max", "max\n");
        write("memory.high", "2097152\n");
        write("memory.events", "low 0\nhigh 5\nmax 4\noom 2\noom_kill 1\noom_group_kill 9\n");
        let events = MemoryEvents { high: 5, max: 4, oom: 2, oom_kill: 1 };
        let expected = Memory { current: 1_048_576, max: None, high: Some(2_097_152), events };
        assert_eq!(cgroup.memory().unwrap(), expected);
        write("memory.max", "much\n");
        assert!(matches!(cgroup.memory(), Err(CgroupError::File(FileError::Malformed { .. }))));
    }

    /// On the real hierarchy, where this may make a cgroup in it: as root, and not in a container that has it read-only.
    #[tokio::test]
    async fn a_real_cgroup_tells_when_it_is_empty() {
        let second = std::time::Duration::from_secs(1);
        let mount = Mount::find().unwrap();
        let cgroup = mount.cgroup(&format!("/healstack-test-{}", std::process::id())).unwrap();
        if let Err(error) = fs::create_dir(cgroup.folder()) {
            use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
            assert!(matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem), "{error}");
            return;
        }
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let watch = cgroup.watch_population().unwrap();
        assert!(!cgroup.is_populated().unwrap());
        assert!(tokio::time::timeout(second / 10, watch.changed()).await.is_err(), "nothing changed yet");
        fs::write(cgroup.folder().join("cgroup.procs"), child.id().to_string()).unwrap();
        tokio::time::timeout(second, watch.changed()).await.unwrap().unwrap();
        assert!(cgroup.is_populated().unwrap());
        assert_eq!(cgroup.processes().unwrap(), [child.id()]);
        assert_eq!(of_process(child.id()).unwrap().map(|path| mount.cgroup(&path).unwrap()), Some(cgroup.clone()));
        assert!(cgroup.memory_pressure().is_ok() && cgroup.cpu_usage().is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        tokio::time::timeout(second, watch.changed()).await.unwrap().unwrap();
        assert!(!cgroup.is_populated().unwrap());
        fs::remove_dir(cgroup.folder()).unwrap();
        assert!(matches!(cgroup.is_populated(), Err(CgroupError::Gone(_))));
    }
}
