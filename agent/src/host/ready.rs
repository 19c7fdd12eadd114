//! Descriptors whose readiness the runtime watches.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches a descriptor.
///
/// tokio deprecates its safe constructor because of types whose `as_raw_fd` could change or close the descriptor behind
/// its back, and its replacement is `unsafe`, which this workspace forbids. An `OwnedFd` keeps one descriptor open until
/// it is dropped, and nothing else passes through here.
#[expect(deprecated, reason = "sound for an `OwnedFd`, see above")]
pub(super) fn watch(fd: impl Into<OwnedFd>, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd.into(), interest)
}
