//! TCP sockets of the host, through the kernel's `sock_diag(7)`: whose they are, where they lead, what they do, and the
//! end of one of them.
//!
//! The kernel filters by state and remote port, and what it sends is read from one buffer that is kept: a host with a
//! hundred thousand connections costs no more memory than one with ten.

mod message;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub use self::message::parse;
use self::message::{Family, Filter, Reading};
use super::file::FileError;
use super::process::ProcessId;
use super::ready;
use crate::wire::{WireError, within};

/// What the kernel is read with. It sends no more at once than it is read with, and at least a page.
const BUFFER: usize = 16 * 1024;

/// The most sockets of a process group that are known by their number.
const MOST_SOCKETS: usize = 64 * 1024;

/// A TCP state (`include/net/tcp_states.h` of the kernel).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpState {
    /// Connected.
    Established,
    /// Connecting.
    SynSent,
    /// Being connected to.
    SynReceived,
    /// Closed here, and the other end has not answered.
    FinWait1,
    /// Closed here, and the other end has not closed.
    FinWait2,
    /// Closed, kept for stragglers; belongs to no process.
    TimeWait,
    /// Closed.
    Close,
    /// Closed by the other end, and not here: a program that forgot it.
    CloseWait,
    /// Closed by the other end first, then here.
    LastAck,
    /// Waits for connections.
    Listen,
    /// Closed by both at once.
    Closing,
}

/// A TCP socket at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// This end. IPv4 in IPv6 is written as IPv4.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Its state.
    pub state: TcpState,
    /// Its number among the files of its process; 0 where it belongs to none.
    pub inode: u32,
    /// The user of its process.
    pub uid: u32,
    /// Bytes that came and were not read.
    pub unread: u32,
    /// Bytes that were sent and not confirmed.
    pub unsent: u32,
    /// How long nothing was sent or came. The kernel keeps no time of birth: for a connection that never carried
    /// anything, this is its age. `None` where the kernel gives no figures.
    pub idle: Option<Duration>,
    /// How the kernel knows it from another with the same ends.
    identity: message::Identity,
}

/// Which sockets are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Which {
    /// Those to this port; all without.
    pub remote_port: Option<u16>,
}

/// What the kernel can say.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// No answer in time.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The kernel refused.
    #[error("sock_diag: {0}")]
    Kernel(#[from] io::Error),
    /// The kernel's answer is not what it should be.
    #[error("sock_diag answered what it should not: {0}")]
    Malformed(&'static str),
    /// It needs `CAP_NET_ADMIN`.
    #[error("destroying a socket needs CAP_NET_ADMIN")]
    NeedsPrivilege,
    /// The kernel is built without `INET_DIAG_DESTROY`.
    #[error("this kernel destroys no sockets")]
    Unsupported,
    /// The socket is gone.
    #[error("the socket is gone")]
    Gone,
    /// One that waits for connections, or belongs to no process, is not destroyed.
    #[error("a socket in state {0:?} is not destroyed")]
    Refused(TcpState),
    /// A file of `/proc`.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A line to the kernel.
#[derive(Debug)]
pub struct SockDiag {
    fd: AsyncFd<OwnedFd>,
    buffer: Vec<u8>,
    sequence: u32,
}

impl SockDiag {
    /// Opens it; needs no privilege.
    pub fn open() -> Result<Self, SocketError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(SOCK_DIAG));
        let fd = ready::watch(fd.map_err(io::Error::from)?, Interest::READABLE)?;
        Ok(Self { fd, buffer: vec![0; BUFFER], sequence: 0 })
    }

    /// Gives each TCP socket that is meant to `each`; those that wait for connections are left out.
    pub async fn each(
        &mut self,
        which: Which,
        deadline: Duration,
        mut each: impl FnMut(&Socket),
    ) -> Result<(), SocketError> {
        within(deadline, async {
            for family in [Family::V4, Family::V6] {
                self.sequence = self.sequence.wrapping_add(1);
                let filter = Filter { family, remote_port: which.remote_port };
                let request = message::dump(self.sequence, &filter);
                match self.exchange(&request, &mut each).await {
                    // A kernel without IPv6.
                    Err(SocketError::Kernel(error)) if error.kind() == io::ErrorKind::NotFound => {}
                    result => result?,
                }
            }
            Ok(())
        })
        .await
    }

    /// Those that `keep` asks for.
    pub async fn sockets(
        &mut self,
        which: Which,
        deadline: Duration,
        mut keep: impl FnMut(&Socket) -> bool,
    ) -> Result<Vec<Socket>, SocketError> {
        let mut sockets = Vec::new();
        self.each(which, deadline, |socket| {
            if keep(socket) {
                sockets.push(*socket);
            }
        })
        .await?;
        Ok(sockets)
    }

    /// Destroys one socket, this very one: both ends see a reset. Its program gets an error at its next use.
    pub async fn destroy(&mut self, socket: &Socket, deadline: Duration) -> Result<(), SocketError> {
        if matches!(socket.state, TcpState::Listen | TcpState::TimeWait | TcpState::Close) {
            return Err(SocketError::Refused(socket.state));
        }
        within(deadline, async {
            self.sequence = self.sequence.wrapping_add(1);
            let request = message::destroy(self.sequence, &socket.identity);
            self.exchange(&request, &mut |_| {}).await.map_err(|error| match error {
                SocketError::Kernel(error) => match error.kind() {
                    io::ErrorKind::PermissionDenied => SocketError::NeedsPrivilege,
                    io::ErrorKind::NotFound => SocketError::Gone,
                    io::ErrorKind::Unsupported => SocketError::Unsupported,
                    _ => SocketError::Kernel(error),
                },
                error => error,
            })
        })
        .await
    }

    async fn exchange(&mut self, request: &[u8], each: &mut impl FnMut(&Socket)) -> Result<(), SocketError> {
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.fd, request, SendFlags::empty(), &kernel).map_err(io::Error::from)?;
        loop {
            let mut guard = self.fd.readable().await?;
            let buffer = self.buffer.as_mut_slice();
            let read = guard.try_io(|fd| Ok(recv(fd, &mut *buffer, RecvFlags::TRUNC)?));
            // Nothing there yet: wait on.
            let Ok(read) = read else { continue };
            let (_, length) = read?;
            let datagram = self.buffer.get(..length).ok_or(SocketError::Malformed("more than it was asked for"))?;
            if parse(datagram, self.sequence, each)? == Reading::Done {
                return Ok(());
            }
        }
    }
}

/// The sockets of some processes, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owned(Vec<u32>);

impl Owned {
    /// Reads the open files of processes. Those of another user need `CAP_SYS_PTRACE`; a process that has ended meanwhile
    /// has none.
    pub fn by(processes: &[ProcessId]) -> Result<Self, SocketError> {
        let mut inodes = Vec::new();
        for process in processes {
            let folder = format!("/proc/{}/fd", process.pid);
            let folder = Path::new(&folder);
            let entries = match fs::read_dir(folder) {
                Ok(entries) => entries,
                Err(error) => {
                    let error = FileError::io(folder, error);
                    if error.is_gone() {
                        continue;
                    }
                    return Err(error.into());
                }
            };
            // A file that is closed while they are listed is none.
            for target in entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()) {
                let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
                inodes.extend(inode.and_then(|inode| inode.parse::<u32>().ok()));
                if inodes.len() >= MOST_SOCKETS {
                    break;
                }
            }
        }
        inodes.sort_unstable();
        Ok(Self(inodes))
    }

    /// Whether a socket is one of theirs.
    #[must_use]
    pub fn contains(&self, socket: &Socket) -> bool {
        socket.inode != 0 && self.0.binary_search(&socket.inode).is_ok()
    }
}

#[cfg(test)]
#[path = "sockets_test.rs"]
mod tests;
