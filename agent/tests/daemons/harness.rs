//! Daemons as plain processes.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use healstack_agent::bounds::Bounds;
use healstack_agent::endpoint::Endpoint;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Long enough for a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Bounds of the tests: a busy machine is no failure.
pub(crate) const BOUNDS: Bounds = Bounds::LOCAL.within(Duration::from_secs(10));

/// A process that ends with this value.
pub(crate) struct Daemon(Child);

impl Daemon {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Waits until something listens, and the daemon is still there.
    pub(crate) fn wait_for(&mut self, mut is_ready: impl FnMut() -> bool) {
        for _ in 0..PATIENCE.as_millis() / 20 {
            if is_ready() {
                return;
            }
            if let Some(status) = self.0.try_wait().unwrap() {
                panic!("the daemon ended with {status}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the daemon is not ready after {PATIENCE:?}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // PostgreSQL's fast shutdown, which takes its children with it; the others end by it too.
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::INT));
        for _ in 0..250 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program, or a failure that says where it comes from.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"].map(PathBuf::from);
    let postgres = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let postgres = postgres.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let found = folders.into_iter().chain(postgres).map(|folder| folder.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!("{name} is not installed: `apt-get install {package}`, or `cargo xtask test` as root, which does it")
    })
}

/// A folder that everybody may enter, since some daemons run as another user.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("heal").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

pub(crate) fn local(port: u16) -> Endpoint {
    Endpoint::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Who the tests run as.
pub(crate) fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Makes a command run as `postgres` where this is root: neither PostgreSQL nor PgBouncer do.
pub(crate) fn unprivileged<'c>(command: &'c mut Command, folder: &Path) -> &'c mut Command {
    if !rustix::process::geteuid().is_root() {
        return command;
    }
    let id = |option| {
        let output = Command::new("id").args([option, "postgres"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().expect("there is a user `postgres`")
    };
    let (uid, gid) = (id("-u"), id("-g"));
    chown(folder, Some(uid), Some(gid)).unwrap();
    command.uid(uid).gid(gid)
}

/// Asks until the answer pleases.
pub(crate) async fn eventually<T, F: Future<Output = T>>(mut ask: impl FnMut() -> F, good: impl Fn(&T) -> bool) -> T
where
    T: std::fmt::Debug,
{
    let mut last = None;
    for _ in 0..PATIENCE.as_millis() / 50 {
        let answer = ask().await;
        if good(&answer) {
            return answer;
        }
        last = Some(answer);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("after {PATIENCE:?} the answer is still {last:?}");
}
