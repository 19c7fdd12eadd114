//! Starting, finding and stopping the server.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::state::{Record, Running, Stopped};
use super::venv::Venv;
use super::{LocalError, Verified, VerifyOptions, files, health, process};

/// Between two looks at something that is awaited.
const POLL: Duration = Duration::from_millis(50);

/// How long a start may take; measured 0.7 s, on a slow disk a few.
const START_SECONDS: u64 = 30;

/// How long a server may take to end after SIGTERM. Its HTTP server gives open connections 3 s.
const STOP_SECONDS: u64 = 10;

/// How many lines of the log an error shows.
const TAIL_LINES: usize = 15;

/// Variables of the caller that the server sees. Everything else could change what ministack does, or how Python runs.
const PASSED_VARIABLES: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "LOG_LEVEL"];

/// The local AWS of one state directory.
#[derive(Debug, Clone)]
pub struct LocalAws {
    state_dir: PathBuf,
}

impl LocalAws {
    /// `state_dir` is `<project>/target/healstack`; it need not exist.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        let state_dir = state_dir.into();
        // The server has another working directory. Only an empty path cannot be made absolute.
        Self { state_dir: std::path::absolute(&state_dir).unwrap_or(state_dir) }
    }

    /// Starts the server, or finds the one that runs. Makes the virtual environment when it is missing or out of date,
    /// which takes network and about ten seconds. Each thing that takes time is told to `progress` as it begins.
    ///
    /// Without a port, a free one is taken. The server outlives this process, and Ctrl-C in its terminal.
    pub fn start(&self, port: Option<u16>, progress: &mut dyn FnMut(&str)) -> Result<Running, LocalError> {
        let _lock = self.lock(progress)?;
        let digest = files::digest();
        if let Some((record, answers)) = self.find()? {
            if answers && record.launcher == digest {
                return match port {
                    Some(asked) if asked != record.port => Err(LocalError::OtherPort { running: record.port, asked }),
                    _ => Ok(record.running(true)),
                };
            }
            let reason = if answers { "it was started by another version of healstack" } else { "it does not answer" };
            progress(&format!("restarting the local AWS: {reason}"));
            self.end(&record)?;
        }
        let venv = self.venv(progress)?;
        files::write_to(&self.files_dir())?;
        let port = usable_port(port)?;
        progress(&format!("starting the local AWS on 127.0.0.1:{port}"));
        let (child, record) = self.launch(&venv, port, digest)?;
        // Before it answers: after Ctrl-C in between, the next command finds it and stops it.
        let started = record.write(&self.record_path()).and_then(|()| self.await_answer(child, &record));
        if started.is_err() {
            Record::remove(&self.record_path())?;
        }
        started.map(|()| record.running(false))
    }

    /// Stops the server; `None` when there is none.
    pub fn stop(&self) -> Result<Option<Stopped>, LocalError> {
        if !self.state_dir.exists() {
            return Ok(None);
        }
        let _lock = self.lock(&mut |_| ())?;
        let Some((record, _answers)) = self.find()? else { return Ok(None) };
        self.end(&record)?;
        Ok(Some(Stopped { pid: record.pid, port: record.port }))
    }

    /// The server, if it runs. One that runs and does not answer is an error.
    pub fn status(&self) -> Result<Option<Running>, LocalError> {
        let mut found = self.find()?;
        if matches!(found, Some((_, false))) {
            // It may be on its way up: whoever starts it holds the lock until it answers.
            let _lock = self.lock(&mut |_| ())?;
            found = self.find()?;
        }
        match found {
            None => Ok(None),
            Some((record, true)) => Ok(Some(record.running(true))),
            Some((record, false)) => Err(self.no_answer(&record, 2)),
        }
    }

    /// Reads every resource back through its own service's API. What it finds it prints to standard output.
    pub fn verify(&self, options: &VerifyOptions) -> Result<Verified, LocalError> {
        let running = self.status()?.ok_or(LocalError::NotRunning)?;
        let venv = self.venv(&mut |_| ())?;
        files::write_to(&self.files_dir())?;
        let mut command = venv.python();
        command.arg("-B").arg(self.files_dir().join(files::VERIFY)).args(["--endpoint", &running.endpoint]);
        command.args(options.regions.iter().flat_map(|region| ["--region", region]));
        command.args(options.account.iter().flat_map(|account| ["--account", account]));
        command.args(["--output", if options.json { "json" } else { "text" }]);
        let program = venv.interpreter();
        let status = command.status().map_err(|source| LocalError::Spawn { program, source })?;
        match status.code() {
            Some(0) => Ok(Verified::Clean),
            Some(1) => Ok(Verified::Problems),
            _ => Err(LocalError::Verify { status, log: self.log_path() }),
        }
    }

    /// What the server prints.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.state_dir.join("local.log")
    }

    fn record_path(&self) -> PathBuf {
        self.state_dir.join("local.json")
    }

    fn files_dir(&self) -> PathBuf {
        self.state_dir.join("local")
    }

    fn venv(&self, progress: &mut dyn FnMut(&str)) -> Result<Venv, LocalError> {
        Ok(Venv::ensure(&self.state_dir.join("venv-ministack"), files::REQUIREMENTS, progress)?)
    }

    /// Held until dropped: two commands at once neither start two servers nor build the same environment.
    fn lock(&self, progress: &mut dyn FnMut(&str)) -> Result<File, LocalError> {
        fs::create_dir_all(&self.state_dir).map_err(LocalError::io("create", &self.state_dir))?;
        let path = self.state_dir.join("local.lock");
        let file = File::create(&path).map_err(LocalError::io("create", &path))?;
        if file.try_lock().is_err() {
            progress("waiting for another command that starts or stops the local AWS");
            file.lock().map_err(LocalError::io("lock", &path))?;
        }
        Ok(file)
    }

    /// The recorded server and whether it answers. A record whose server is gone, or whose process id belongs to
    /// something else by now, is removed.
    fn find(&self) -> Result<Option<(Record, bool)>, LocalError> {
        let path = self.record_path();
        let Some(record) = Record::read(&path)? else { return Ok(None) };
        if health::launcher_pid(record.port) == Some(record.pid) {
            return Ok(Some((record, true)));
        }
        if self.is_ours(&record) {
            return Ok(Some((record, false)));
        }
        Record::remove(&path)?;
        Ok(None)
    }

    /// Whether the recorded process is our launcher on the recorded port, by its command line.
    fn is_ours(&self, record: &Record) -> bool {
        let script = self.files_dir().join(files::LAUNCHER);
        let command = format!("{} --port {}", script.display(), record.port);
        process::command_line(record.pid).is_some_and(|line| line.ends_with(&command))
    }

    fn launch(&self, venv: &Venv, port: u16, digest: String) -> Result<(Child, Record), LocalError> {
        let log_path = self.log_path();
        let log = File::create(&log_path).map_err(LocalError::io("create", &log_path))?;
        let same_log = log.try_clone().map_err(LocalError::io("open", &log_path))?;
        // ministack leaves a file with its process id in the folder for temporary files.
        let temporary = self.state_dir.join("tmp");
        fs::create_dir_all(&temporary).map_err(LocalError::io("create", &temporary))?;
        let mut command = venv.python();
        command
            .arg("-B") // no byte code beside the scripts
            .arg(self.files_dir().join(files::LAUNCHER))
            .args(["--port", &port.to_string()])
            .current_dir(&self.state_dir)
            .env_clear()
            .envs(PASSED_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .env("TMPDIR", &temporary)
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(same_log)
            // A group of its own: Ctrl-C in the terminal goes to the foreground group only.
            .process_group(0);
        let child = command.spawn().map_err(|source| LocalError::Spawn { program: venv.interpreter(), source })?;
        let record = Record::new(child.id(), port, digest);
        Ok((child, record))
    }

    fn await_answer(&self, mut child: Child, record: &Record) -> Result<(), LocalError> {
        for _ in 0..polls(START_SECONDS) {
            if let Some(status) = child.try_wait().map_err(LocalError::io("wait for", self.log_path()))? {
                return Err(LocalError::Ended { status, tail: self.tail(), log: self.log_path() });
            }
            if health::launcher_pid(record.port) == Some(record.pid) {
                return Ok(());
            }
            sleep(POLL);
        }
        let error = self.no_answer(record, START_SECONDS);
        child.kill().and_then(|()| child.wait()).map_err(|source| LocalError::Signal { pid: record.pid, source })?;
        Err(error)
    }

    /// Ends the recorded server, which [`Self::find`] has just recognized, and removes its record.
    fn end(&self, record: &Record) -> Result<(), LocalError> {
        let pid = record.pid;
        let failed = |source: io::Error| LocalError::Signal { pid, source };
        // Not `is_ours`: a server that was started before its project's folder was moved has the old path in it.
        let command = process::command_line(pid);
        process::terminate(pid).map_err(failed)?;
        if !has_ended(pid, command.as_deref()) {
            process::kill(pid).map_err(failed)?;
            if !has_ended(pid, command.as_deref()) {
                return Err(LocalError::DoesNotEnd { pid, seconds: STOP_SECONDS });
            }
        }
        Record::remove(&self.record_path())
    }

    fn no_answer(&self, record: &Record, seconds: u64) -> LocalError {
        LocalError::NoAnswer {
            pid: record.pid,
            endpoint: record.endpoint.clone(),
            seconds,
            tail: self.tail(),
            log: self.log_path(),
        }
    }

    /// The last lines of the log; empty when it cannot be read.
    fn tail(&self) -> String {
        last_lines(&self.log_path(), TAIL_LINES)
    }
}

/// Whether the process with that command line is gone within [`STOP_SECONDS`].
fn has_ended(pid: u32, command: Option<&str>) -> bool {
    (0..polls(STOP_SECONDS)).any(|_| {
        let line = process::command_line(pid);
        let ended = line.is_none() || line.as_deref() != command;
        if !ended {
            sleep(POLL);
        }
        ended
    })
}

/// How often to look within so many seconds.
fn polls(seconds: u64) -> u128 {
    Duration::from_secs(seconds).as_millis() / POLL.as_millis()
}

/// The port asked for, if it can be listened on, or a free one.
fn usable_port(asked: Option<u16>) -> Result<u16, LocalError> {
    let port = asked.unwrap_or(0);
    let failed = |source| LocalError::Port { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}

fn last_lines(path: &Path, count: usize) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
#[path = "server_test.rs"]
mod tests;
