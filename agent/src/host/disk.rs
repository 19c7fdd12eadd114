//! Free space of a file system.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::JoinError;

/// Space in bytes and inodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The whole file system.
    pub size: u64,
    /// What a process without privileges may still write.
    pub available: u64,
    /// Files that may still be made; 0 where the file system does not count them.
    pub inodes_available: u64,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The kernel's reason.
    #[error("{path}: {source}")]
    Io {
        /// Of which path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file system does not answer: a network's whose server is gone.
    #[error("{} does not answer", .0.display())]
    Deadline(PathBuf),
    /// The question was lost.
    #[error(transparent)]
    Lost(#[from] JoinError),
}

/// The space of the file system that `path` is on. The one question here that can hang, so a thread of the runtime's
/// pool asks it. One that hangs keeps its thread until the kernel lets go: ask no second time while the first is open.
pub async fn space(path: &Path, deadline: Duration) -> Result<Space, DiskError> {
    let owned = path.to_owned();
    let question = tokio::task::spawn_blocking(move || match rustix::fs::statvfs(&owned) {
        Ok(answer) => Ok(Space {
            size: answer.f_blocks.saturating_mul(answer.f_frsize),
            available: answer.f_bavail.saturating_mul(answer.f_frsize),
            inodes_available: answer.f_favail,
            read_only: answer.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        }),
        Err(error) => Err(DiskError::Io { path: owned, source: error.into() }),
    });
    match tokio::time::timeout(deadline, question).await {
        Ok(answer) => answer?,
        Err(_) => Err(DiskError::Deadline(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn space_of_a_real_file_system() {
        let folder = tempfile::tempdir().unwrap();
        let space = space(folder.path(), SECOND).await.unwrap();
        assert!(space.available > 0 && space.available <= space.size && !space.read_only, "{space:?}");
    }

    #[tokio::test]
    async fn a_path_that_is_none() {
        let result = space(Path::new("/nowhere/at/all"), SECOND).await;
        assert!(matches!(result, Err(DiskError::Io { .. })), "{result:?}");
    }
}
