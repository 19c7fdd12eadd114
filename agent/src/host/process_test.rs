use std::process::{Child, Command, Stdio};

use super::*;

/// A shell that starts a child of its own, and both end with this value.
struct Family(Child);

impl Family {
    fn start() -> Self {
        let mut command = Command::new("/bin/sh");
        let script = "sleep 60 & echo ready; wait";
        let mut child = command.args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    fn id(&self) -> ProcessId {
        ProcessId::of(self.0.id()).unwrap()
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if let Ok(id) = ProcessId::of(self.0.id()) {
            for process in Snapshot::take().unwrap_or_default().tree(id) {
                let _ = process.signal(Signal::Kill);
            }
        }
        let _ = self.0.wait();
    }
}

#[test]
fn a_command_may_be_called_anything() {
    let line = b"12 (a) R 1 (\xff) S 7 1 1 0 -1 0 1 2 3 4 50 60 7 8 20 0 3 0 999 1000 42 18446744073709551615 1\n";
    let stat = Stat::parse(line).unwrap();
    assert_eq!((stat.id, stat.parent, stat.state), (ProcessId { pid: 12, start: 999 }, 7, 'S'));
    assert_eq!((stat.cpu_ticks, stat.threads, stat.resident_pages), (110, 3, 42));
    for bad in [&b""[..], b"12", b"12 (a", b"12 (a)", b"12 (a) S 1", b"x (a) S 7 1 1"] {
        assert_eq!(Stat::parse(bad), None);
    }
}

#[test]
fn this_very_process() {
    let id = ProcessId::of(std::process::id()).unwrap();
    let memory = id.memory().unwrap();
    assert!(memory.exact && memory.proportional > 0 && memory.proportional <= memory.resident, "{memory:?}");
    let estimate = id.resident(&mut Vec::new()).unwrap();
    assert!(!estimate.exact && estimate.proportional < estimate.resident, "{estimate:?}");
    assert!(id.is_alive().unwrap());
    assert!(matches!(id.signal(Signal::Term), Err(ProcessError::Protected(_))));
    assert!(matches!(ProcessId::of(1).unwrap().signal(Signal::Hup), Err(ProcessError::Protected(1))));
}

#[test]
fn a_tree_is_a_process_with_what_it_started() {
    let family = Family::start();
    let tree = Snapshot::take().unwrap().tree(family.id());
    assert_eq!((tree.len(), tree[0]), (2, family.id()), "{tree:?}");
    let stranger = ProcessId { start: family.id().start + 1, ..family.id() };
    assert_eq!(Snapshot::take().unwrap().tree(stranger), []);
}

#[tokio::test]
async fn an_end_is_seen_and_a_number_is_no_process() {
    let mut family = Family::start();
    let id = family.id();
    let watch = id.watch().unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), watch.exited()).await;
    assert!(early.is_err(), "{early:?}");
    let successor = ProcessId { start: id.start + 1, ..id };
    assert!(matches!(successor.signal(Signal::Kill), Err(ProcessError::Gone(_))));
    assert!(matches!(successor.watch(), Err(ProcessError::Gone(_))));
    let children = Snapshot::take().unwrap().tree(id);
    for process in &children {
        process.signal(Signal::Kill).unwrap();
    }
    tokio::time::timeout(Duration::from_secs(5), watch.exited()).await.unwrap().unwrap();
    watch.exited().await.unwrap();
    assert!(!id.is_alive().unwrap(), "a zombie is not alive");
    family.0.wait().unwrap();
    assert!(!id.is_alive().unwrap());
    assert!(matches!(id.memory(), Err(ProcessError::Gone(_))));
    assert!(matches!(ProcessId { pid: 0, start: 0 }.watch(), Err(ProcessError::NoProcess(0))));
}

#[test]
fn pid_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.pid");
    let family = Family::start();
    fs::write(&path, format!("{}\n", family.0.id())).unwrap();
    let file = ProcessId::from_pid_file(&path).unwrap();
    assert_eq!(file, PidFile { process: family.id(), started_later: false });
    let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    assert!(ProcessId::from_pid_file(&path).unwrap().started_later);
    for text in ["", "shop", "-1", "99999999999"] {
        fs::write(&path, text).unwrap();
        let result = ProcessId::from_pid_file(&path);
        assert!(matches!(result, Err(ProcessError::File(FileError::Malformed { .. }))), "{text}: {result:?}");
    }
}

#[test]
fn figures_of_memory() {
    let rollup = "559f-7fff ---p 00000000 00:00 0    [rollup]\nRss:    1712 kB\nPss:     229 kB\nPss_Dirty:  116 kB\n";
    let expected = Memory { resident: 1712 * 1024, proportional: 229 * 1024, exact: true };
    assert_eq!(parse_rollup(rollup), Some(expected));
    assert_eq!(parse_rollup("Rss: 1 kB\n"), None);
    let expected = Memory { resident: 8192, proportional: 4096, exact: false };
    assert_eq!(parse_statm("100 2 1 0 0 0 0\n", 4096), Some(expected));
    assert_eq!(parse_statm("100 18446744073709551615 1", 4096), None);
}
