//! A test host that runs: QEMU without acceleration, and a shell on a serial port.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::image::Image;
use super::packages::QEMU;
use crate::clock::Started;
use crate::error::XtaskError;
use crate::steps::{cannot_run, succeed};

/// The machine. A state that was kept fits this one alone.
pub(super) const HARDWARE: [&str; 15] = [
    "-machine",
    "q35,usb=off,smbus=off,sata=off",
    "-accel",
    "tcg,thread=multi",
    "-cpu",
    "max",
    "-smp",
    "2",
    "-m",
    "1024",
    "-nodefaults",
    "-no-user-config",
    "-display",
    "none",
    "-no-reboot",
];
const KERNEL: &str =
    "console=ttyS0 loglevel=4 panic=-1 mitigations=off systemd.show_status=false net.ifnames=0 audit=0";
/// The drive by which files come in has this size always: the guest knows it from before.
const PAYLOAD: u64 = 256 << 20;
/// An emulator that does not open its sockets is not going to.
const OPENS: Duration = Duration::from_mins(1);
/// The whole memory is written to a file.
const KEEPS: Duration = Duration::from_mins(2);

/// How a machine begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With its kernel; it writes to the image itself.
    Cold,
    /// As it was kept; what it writes is gone with it.
    Kept,
}

/// A machine that is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Machine {
    emulator: Child,
    shell: UnixStream,
    monitor: PathBuf,
    folder: TempDir,
    marks: u32,
}

/// What a script printed, both outputs in one, and how it ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) text: String,
    pub(super) status: i32,
}

impl Machine {
    /// Starts one. `payload` is a tar archive; the guest has it as its second disk.
    pub(super) fn start(image: &Image, start: Start, payload: Option<&Path>) -> Result<Self, XtaskError> {
        // A socket's path has at most 107 bytes, so it is below the system's folder for such things.
        let folder = tempfile::Builder::new()
            .prefix("healstack-host-")
            .tempdir()
            .map_err(XtaskError::io("create", std::env::temp_dir()))?;
        let payload = padded(payload, folder.path())?;
        let disk = match start {
            Start::Cold => image.disk(),
            Start::Kept => overlay(image, folder.path())?,
        };
        let [shell, monitor] = ["shell", "monitor"].map(|name| folder.path().join(name));
        let drive = |id: &str, file: &Path, format: &str, more: &str| {
            [
                "-drive".to_owned(),
                format!("file={},if=none,id={id},cache=unsafe,format={format}{more}", file.display()),
                "-device".to_owned(),
                format!("virtio-blk-pci,drive={id}"),
            ]
        };
        let mut command = Command::new(QEMU);
        command
            .args(HARDWARE)
            .arg("-kernel")
            .arg(image.kernel())
            .arg("-initrd")
            .arg(image.initrd())
            .args(["-append", KERNEL, "-serial"])
            .arg(format!("file:{}", folder.path().join("console").display()))
            .arg("-monitor")
            .arg(format!("unix:{},server=on,wait=off", monitor.display()))
            .args(drive("disk", &disk, "qcow2", ""))
            .args(drive("payload", &payload, "raw", ",readonly=on"))
            .args(["-device", "virtio-serial-pci", "-chardev"])
            // Who speaks to the shell is there before the machine runs: the guest would not notice one that comes while its
            // state is read.
            .arg(format!("socket,id=shell,path={},server=on,wait=on", shell.display()))
            .args(["-device", "virtserialport,chardev=shell,name=shell"])
            .args(["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="]);
        if start == Start::Kept {
            command.arg("-incoming").arg(format!("file:{}", image.state().display()));
        }
        let log = File::create(folder.path().join("emulator")).map_err(XtaskError::io("write", folder.path()))?;
        let errors = log.try_clone().map_err(XtaskError::io("write", folder.path()))?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let mut emulator = command.spawn().map_err(|source| cannot_run(&command, source))?;
        match connect(&shell, &mut emulator) {
            Ok(shell) => Ok(Self { emulator, shell, monitor, folder, marks: 0 }),
            Err(error) => {
                let _ = emulator.kill();
                let _ = emulator.wait();
                let said = std::fs::read_to_string(folder.path().join("emulator")).unwrap_or_default();
                Err(XtaskError::Host { what: format!("{error}: {}", said.trim()) })
            }
        }
    }

    /// Runs a script in the guest's bash, as root, without input.
    pub(super) fn run(&mut self, script: &str, limit: Duration) -> Result<Ran, XtaskError> {
        self.marks += 1;
        let mark = format!("--healstack-{}-{}--", std::process::id(), self.marks);
        let failed = |what: &str, so_far: &[u8]| XtaskError::Host {
            what: format!("{what}; it said: {}", String::from_utf8_lossy(so_far).trim()),
        };
        let text = format!(
            "cat > /run/script <<'{mark}'\n{script}\n{mark}\nbash /run/script </dev/null 2>&1; echo \"{mark} $?\"\n"
        );
        self.shell.write_all(text.as_bytes()).map_err(|error| failed(&format!("the guest's shell: {error}"), b""))?;
        let started = Started::now();
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let left = limit.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(failed(&format!("the guest's script took over {} s", limit.as_secs()), &said));
            }
            self.shell.set_read_timeout(Some(left)).map_err(|error| failed(&error.to_string(), &said))?;
            match self.shell.read(&mut buffer) {
                Ok(0) => return Err(failed("the test host has ended", &said)),
                Ok(count) => said.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                }
                Err(error) => return Err(failed(&error.to_string(), &said)),
            }
            if let Some(ran) = ended(&said, &mark) {
                return Ok(ran);
            }
        }
    }

    /// Writes the machine's state to a file, and ends it. The shell's connection is part of the state.
    pub(super) fn keep(mut self, file: &Path) -> Result<(), XtaskError> {
        let part = file.with_extension("part");
        let failed =
            |what: String| XtaskError::Host { what: format!("the state of the test host could not be kept: {what}") };
        let mut monitor = UnixStream::connect(&self.monitor).map_err(|error| failed(error.to_string()))?;
        monitor.set_read_timeout(Some(KEEPS)).map_err(|error| failed(error.to_string()))?;
        // The prompt comes when a command is done, and the monitor takes one at a time.
        for command in [
            String::new(),
            format!("migrate file:{}\n", part.display()),
            "info migrate\n".to_owned(),
            "quit\n".to_owned(),
        ] {
            monitor.write_all(command.as_bytes()).map_err(|error| failed(error.to_string()))?;
            let said = if command.starts_with("quit") {
                String::new()
            } else {
                until_prompt(&mut monitor).map_err(|error| failed(error.to_string()))?
            };
            if command.starts_with("info") && !said.contains("completed") {
                return Err(failed(said));
            }
        }
        self.emulator.wait().map_err(|error| failed(error.to_string()))?;
        std::fs::rename(&part, file).map_err(XtaskError::io("write", file))
    }

    /// What the guest's kernel and its systemd printed.
    pub(super) fn console(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("console")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}

/// The script's output and status, once its mark is there.
fn ended(said: &[u8], mark: &str) -> Option<Ran> {
    let text = String::from_utf8_lossy(said);
    let (before, rest) = text.split_once(&format!("{mark} "))?;
    let (status, _) = rest.split_once('\n')?;
    Some(Ran { text: before.to_owned(), status: status.trim().parse().unwrap_or(-1) })
}

fn until_prompt(monitor: &mut UnixStream) -> std::io::Result<String> {
    let mut said = Vec::new();
    let mut buffer = [0; 1024];
    while !said.ends_with(b"(qemu) ") {
        let count = monitor.read(&mut buffer)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        said.extend_from_slice(&buffer[..count]);
    }
    Ok(String::from_utf8_lossy(&said).into_owned())
}

fn connect(shell: &Path, emulator: &mut Child) -> Result<UnixStream, String> {
    let started = Started::now();
    loop {
        match UnixStream::connect(shell) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                if let Ok(Some(status)) = emulator.try_wait() {
                    return Err(format!("the emulator ended ({status})"));
                }
                if started.elapsed() > OPENS {
                    return Err(format!("the emulator's socket: {error}"));
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// A disk that reads the image's and writes to itself.
fn overlay(image: &Image, folder: &Path) -> Result<PathBuf, XtaskError> {
    let disk = folder.join("disk.qcow2");
    succeed(
        Command::new("qemu-img")
            .args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"])
            .arg(image.disk())
            .arg(&disk),
    )?;
    Ok(disk)
}

/// The archive with the size that the guest knows; empty space costs nothing.
fn padded(payload: Option<&Path>, folder: &Path) -> Result<PathBuf, XtaskError> {
    let path = folder.join("payload");
    let io = |action| XtaskError::io(action, path.clone());
    match payload {
        Some(from) => drop(std::fs::copy(from, &path).map_err(XtaskError::io("copy", from))?),
        None => drop(File::create(&path).map_err(io("write"))?),
    }
    let file = File::options().write(true).open(&path).map_err(io("open"))?;
    let length = file.metadata().map_err(io("read"))?.len();
    if length > PAYLOAD {
        return Err(XtaskError::Host {
            what: format!("the test host takes {} MiB, and {} come", PAYLOAD >> 20, length >> 20),
        });
    }
    file.set_len(PAYLOAD).map_err(io("write"))?;
    Ok(path)
}
