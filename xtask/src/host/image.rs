//! The test host's disk, kernel and running state, made once and kept for all clones of a user.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::machine::{Machine, Start};
use super::packages::mirror;
use crate::error::XtaskError;
use crate::steps::{cannot_run, describe, say};
use crate::workspace::{Workspace, write_file};

/// What is installed in the guest: systemd with polkit, and the peers of the agent.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,iproute2,procps,kmod,haproxy,redis-server,pgbouncer,postgresql-15,\
    postgresql-client-15,socat,python3-minimal,ca-certificates,curl,polkitd";
const RELEASE: &str = "bookworm";
const CUSTOMIZE: &str = include_str!("../../../tests/host/customize.sh");
const INIT: &str = include_str!("../../../tests/host/init.sh");
/// Drivers of the disk, in the order that their symbols need.
const MODULES: [&str; 7] = [
    "virtio_ring",
    "virtio",
    "virtio_mmio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
];
/// Room for packages, and half as much again for what tests write.
const DISK: &str = "1400M";
/// Counted up when this file makes another image of the same packages and scripts.
const VERSION: u32 = 1;
/// A boot takes 13 s on an idle machine, and has been seen to take 80 s on a busy one.
const BOOT: Duration = Duration::from_mins(5);

/// A machine that has booted and waits.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// Its folder.
    folder: PathBuf,
}

impl Image {
    /// The disk that machines write over.
    pub(super) fn disk(&self) -> PathBuf {
        self.folder.join("disk.qcow2")
    }

    pub(super) fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    pub(super) fn initrd(&self) -> PathBuf {
        self.folder.join("initrd")
    }

    /// Memory and devices of the machine that has booted.
    pub(super) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The image of these packages and scripts, made where it is missing.
    pub(super) fn ensure() -> Result<Self, XtaskError> {
        let of = format!(
            "{VERSION}\n{PACKAGES}\n{RELEASE}\n{DISK}\n{CUSTOMIZE}\n{INIT}\n{}",
            super::machine::HARDWARE.join(" ")
        );
        let hosts = Workspace::tools_dir()?.join("hosts");
        let image = Self { folder: hosts.join(format!("{:016x}", fnv(of.as_bytes()))) };
        if image.state().exists() {
            return Ok(image);
        }
        say(&format!("making the test host in {}: two or three minutes, once", image.folder.display()));
        // Other images are of older versions of this file, half a gigabyte each.
        let _ = fs::remove_dir_all(&hosts);
        fs::create_dir_all(&image.folder).map_err(XtaskError::io("create", &image.folder))?;
        image.make()?;
        Ok(image)
    }

    fn make(&self) -> Result<(), XtaskError> {
        let root = self.folder.join("root");
        let customize = self.folder.join("customize.sh");
        write_file(&customize, CUSTOMIZE)?;
        executable(&customize)?;
        quietly(
            Command::new("mmdebstrap")
                .args(["--variant=apt", "--format=directory", "--dpkgopt=force-unsafe-io"])
                .args(["doc", "man", "locale"].map(|name| format!("--dpkgopt=path-exclude=/usr/share/{name}/*")))
                .arg(format!("--include={PACKAGES}"))
                .arg(format!("--customize-hook={} \"$1\"", customize.display()))
                .arg(RELEASE)
                .arg(&root)
                .arg(format!("deb {} {RELEASE} main", mirror())),
        )?;
        self.make_initrd(&root)?;
        let raw = self.folder.join("disk.ext4");
        quietly(
            Command::new("mke2fs")
                .args(["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d"])
                .arg(&root)
                .arg(&raw)
                .arg(DISK),
        )?;
        quietly(Command::new("qemu-img").args(["convert", "-O", "qcow2"]).arg(&raw).arg(self.disk()))?;
        for made in [&raw, &root] {
            let removed = if made.is_dir() { fs::remove_dir_all(made) } else { fs::remove_file(made) };
            removed.map_err(XtaskError::io("remove", made))?;
        }
        let mut machine = Machine::start(self, Start::Cold, None)?;
        let booted = machine.run("systemctl is-system-running --wait; systemctl --failed --no-legend; sync", BOOT)?;
        if booted.text.trim() != "running" {
            return Err(XtaskError::Host { what: format!("the test host did not boot: {}", booted.text.trim()) });
        }
        machine.keep(&self.state())
    }

    /// The kernel, and what it needs to find its disk.
    fn make_initrd(&self, root: &Path) -> Result<(), XtaskError> {
        let folder = self.folder.join("first");
        for name in ["bin", "dev", "root"] {
            fs::create_dir_all(folder.join(name)).map_err(XtaskError::io("create", &folder))?;
        }
        let copy = |from: &Path, to: &Path| fs::copy(from, to).map(drop).map_err(XtaskError::io("copy", from));
        copy(Path::new("/bin/busybox"), &folder.join("bin/busybox"))?;
        let kernel = only(&root.join("boot"), "vmlinuz-")?;
        copy(&kernel, &self.kernel())?;
        let version = only(&root.join("lib/modules"), "")?;
        for module in MODULES {
            let file = find(&version.join("kernel/drivers"), &format!("{module}.ko"))?;
            let file =
                file.ok_or_else(|| XtaskError::Host { what: format!("the guest's kernel has no module {module}") })?;
            copy(&file, &folder.join(format!("{module}.ko")))?;
        }
        write_file(&folder.join("modules"), MODULES.join("\n"))?;
        write_file(&folder.join("init"), INIT)?;
        executable(&folder.join("init"))?;
        let pack = format!("find . | /bin/busybox cpio -o -H newc 2>/dev/null | gzip > {}", self.initrd().display());
        quietly(Command::new("sh").args(["-c", &pack]).current_dir(&folder))?;
        fs::remove_dir_all(&folder).map_err(XtaskError::io("remove", &folder))
    }
}

fn executable(file: &Path) -> Result<(), XtaskError> {
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).map_err(XtaskError::io("change", file))
}

/// The one entry of a folder that begins so.
fn only(folder: &Path, begin: &str) -> Result<PathBuf, XtaskError> {
    let entries = folder.read_dir().map_err(XtaskError::io("read", folder))?;
    let found = entries.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with(begin));
    found.map(|entry| entry.path()).ok_or_else(|| XtaskError::Host { what: format!("nothing in {}", folder.display()) })
}

/// A file of this name somewhere below a folder.
fn find(folder: &Path, name: &str) -> Result<Option<PathBuf>, XtaskError> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().map_err(XtaskError::io("read", &folder))? {
            let path = entry.map_err(XtaskError::io("read", &folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|found| found == name) {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

/// Runs a program that says much; what it said is shown when it fails.
fn quietly(command: &mut Command) -> Result<(), XtaskError> {
    let output = command.stdin(Stdio::null()).output().map_err(|source| cannot_run(command, source))?;
    if output.status.success() {
        return Ok(());
    }
    say(&String::from_utf8_lossy(&output.stdout));
    say(&String::from_utf8_lossy(&output.stderr));
    Err(XtaskError::Failed { program: describe(command), status: output.status })
}

/// FNV-1a: the name of a folder, no secret. The standard library's hash differs between releases.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
