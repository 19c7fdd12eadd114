//! Commands that an administrator allowed: run with a deadline, ended with everything they started, and read within
//! bounds.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// How long the output of a command that has ended may still come: something that it left behind holds the pipe.
const AFTER_EXIT: Duration = Duration::from_millis(200);

/// How much of each output is kept in bytes: an event carries less.
const MOST_OUTPUT: usize = 4 * 1024;

/// The only variable of the environment that a command gets, unless it is given more.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a command did not run, or did not end by itself.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It is not on the list.
    #[error("{} is not on the list of allowed commands", .0.display())]
    NotAllowed(PathBuf),
    /// Only absolute paths without `.` and `..` are.
    #[error("`{}` is not an absolute path of a program", .0.display())]
    BadPath(PathBuf),
    /// Somebody but root could change what runs.
    #[error("{path} may be changed by others than root: {}", .at.display())]
    NotRoots {
        /// The program.
        path: PathBuf,
        /// The file or folder that they may change.
        at: PathBuf,
    },
    /// It could not be started.
    #[error("{path}: {source}")]
    Start {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was ended at its deadline.
    #[error("{path} was killed after {} ms", .after.as_millis())]
    Deadline {
        /// The program.
        path: PathBuf,
        /// Its deadline.
        after: Duration,
        /// What it wrote until then.
        output: Box<Output>,
    },
    /// Its output could not be read.
    #[error("{path}: {source}")]
    Output {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What a command wrote, the first 4 KiB of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// To its standard output.
    pub stdout: Vec<u8>,
    /// To its standard error.
    pub stderr: Vec<u8>,
    /// Whether it wrote more than that.
    pub truncated: bool,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its exit status, or the signal that ended it.
    pub status: ExitStatus,
    /// What it wrote.
    pub output: Output,
}

/// The programs that may be run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(BTreeSet<PathBuf>);

impl AllowList {
    /// Takes absolute paths.
    pub fn try_new(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, CommandError> {
        let mut list = BTreeSet::new();
        for path in paths {
            let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
            if !path.is_absolute() || !plain || path.parent().is_none() {
                return Err(CommandError::BadPath(path));
            }
            list.insert(path);
        }
        Ok(Self(list))
    }

    /// Runs a program of the list with exactly these arguments: no shell reads them. It gets an empty input, the root
    /// folder, and of the environment a search path and `environment`. At the deadline, or when this is dropped,
    /// it is killed with its process group.
    pub async fn run(
        &self,
        program: &Path,
        arguments: &[String],
        environment: &[(String, String)],
        deadline: Duration,
    ) -> Result<Finished, CommandError> {
        if !self.0.contains(program) {
            return Err(CommandError::NotAllowed(program.to_owned()));
        }
        let real = require_roots(program)?;
        let mut child = Command::new(real)
            .args(arguments)
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(io_error(program))?;
        let group = Group::of(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut output = Output::default();
        let status = {
            let Output { stdout: kept_out, stderr: kept_err, truncated } = &mut output;
            let (mut more_out, mut more_err) = (false, false);
            let result = {
                let reading = async {
                    tokio::try_join!(keep(stdout, kept_out, &mut more_out), keep(stderr, kept_err, &mut more_err))
                };
                tokio::time::timeout(deadline, wait(&mut child, reading)).await
            };
            *truncated = more_out || more_err;
            result
        };
        // Whatever it left behind ends with it, in time or not.
        group.kill();
        let Ok(status) = status else {
            // The kernel has the signal: this returns as soon as the process is taken off.
            child.wait().await.map_err(io_error(program))?;
            return Err(CommandError::Deadline { path: program.to_owned(), after: deadline, output: Box::new(output) });
        };
        let status = status.map_err(|source| CommandError::Output { path: program.to_owned(), source })?;
        Ok(Finished { status, output })
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> CommandError {
    move |source| CommandError::Start { path: path.to_owned(), source }
}

/// Waits for the end of a command while its output is read. After its end a little more may come.
async fn wait(child: &mut Child, reading: impl Future<Output = io::Result<((), ())>>) -> io::Result<ExitStatus> {
    let mut reading = std::pin::pin!(reading);
    tokio::select! {
        status = child.wait() => {
            let status = status?;
            if let Ok(read) = tokio::time::timeout(AFTER_EXIT, reading).await {
                read?;
            }
            Ok(status)
        }
        read = &mut reading => {
            read?;
            child.wait().await
        }
    }
}

/// Keeps the first bytes, and reads the rest so that the command does not wait for a reader.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, more: &mut bool) -> io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut chunk = [0; 1024];
    loop {
        let count = pipe.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        let room = MOST_OUTPUT - kept.len();
        *more |= count > room;
        kept.extend_from_slice(&chunk[..count.min(room)]);
    }
}

/// The process group of a command, killed when this is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(group) = self.0.take() {
            // An error says that nothing of it is left.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Follows links to the program itself, and asks that only root can change it or any folder above it.
fn require_roots(program: &Path) -> Result<PathBuf, CommandError> {
    let real = program.canonicalize().map_err(io_error(program))?;
    for at in real.ancestors() {
        let metadata = at.metadata().map_err(io_error(program))?;
        // Writing is allowed by 0o020 to the group and by 0o002 to all.
        let writable = metadata.mode() & 0o022 != 0;
        if metadata.uid() != 0 || writable || (at == real && !metadata.is_file()) {
            return Err(CommandError::NotRoots { path: program.to_owned(), at: at.to_owned() });
        }
    }
    Ok(real)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::host::process::{ProcessId, Snapshot};

    const SHELL: &str = "/bin/sh";
    const LONG: Duration = Duration::from_secs(20);

    async fn shell(script: &str, deadline: Duration) -> Result<Finished, CommandError> {
        let list = AllowList::try_new([SHELL.into()]).unwrap();
        let arguments = ["-c".to_owned(), script.to_owned(), "--".to_owned(), "a b; exit 9".to_owned()];
        list.run(Path::new(SHELL), &arguments, &[("UNIT".to_owned(), "shop".to_owned())], deadline).await
    }

    #[tokio::test]
    async fn a_command_gets_its_arguments_and_little_else() {
        let finished = shell(r#"cat; pwd; echo "$1"; echo $UNIT $HOME >&2; exit 3"#, LONG).await.unwrap();
        assert_eq!(finished.status.code(), Some(3));
        assert_eq!(finished.output.stdout, b"/\na b; exit 9\n");
        assert_eq!((finished.output.stderr.as_slice(), finished.output.truncated), (&b"shop\n"[..], false));
    }

    #[tokio::test]
    async fn output_is_bounded_and_the_command_goes_on() {
        let finished = shell("head -c 300000 /dev/zero; echo end >&2", LONG).await.unwrap();
        assert!(finished.status.success());
        assert_eq!((finished.output.stdout.len(), finished.output.truncated), (MOST_OUTPUT, true));
        assert_eq!(finished.output.stderr, b"end\n");
    }

    #[tokio::test]
    async fn at_its_deadline_it_ends_with_all_that_it_started() {
        let result = shell("sleep 50 & echo $!; trap '' TERM; wait", Duration::from_millis(300)).await;
        let Err(CommandError::Deadline { output, .. }) = result else { panic!("{result:?}") };
        let child: u32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        ended(child).await;
    }

    #[tokio::test]
    async fn what_it_leaves_behind_neither_lives_nor_holds_it_up() {
        let finished = tokio::time::timeout(LONG / 4, shell("sleep 50 & echo $!", LONG)).await.unwrap().unwrap();
        let child: u32 = String::from_utf8(finished.output.stdout).unwrap().trim().parse().unwrap();
        ended(child).await;
    }

    #[tokio::test]
    async fn dropped_it_ends() {
        let mark = "sleep 49.125";
        assert!(tokio::time::timeout(Duration::from_millis(300), shell(mark, LONG)).await.is_err());
        let this = ProcessId::of(std::process::id()).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        for process in Snapshot::take().unwrap().tree(this) {
            let command = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&command).contains("49.125"), "{process:?}");
        }
    }

    async fn ended(pid: u32) {
        for _ in 0..100 {
            let Ok(id) = ProcessId::of(pid) else { return };
            if !id.is_alive().unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{pid} is alive");
    }

    #[tokio::test]
    async fn only_what_is_listed_and_roots() {
        let list = AllowList::try_new([SHELL.into()]).unwrap();
        let result = list.run(Path::new("/bin/ls"), &[], &[], LONG).await;
        assert!(matches!(result, Err(CommandError::NotAllowed(_))), "{result:?}");
        for path in ["sh", "./sh", "/bin/../bin/sh", "/", ""] {
            assert!(matches!(AllowList::try_new([path.into()]), Err(CommandError::BadPath(_))), "{path}");
        }
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("heal");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let list = AllowList::try_new([script.clone()]).unwrap();
        let result = list.run(&script, &[], &[], LONG).await;
        assert!(matches!(result, Err(CommandError::NotRoots { .. })), "{result:?}");
    }
}
