//! Small text files of the kernel.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest file that is read. The kernel's are below a page or two; what is longer is something else.
const LONGEST: u64 = 64 * 1024;

/// What can be wrong with a file of the kernel.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what the kernel's documentation says.
    #[error("{path} does not hold what it should: {what}")]
    Malformed {
        /// Which one.
        path: PathBuf,
        /// What is missing or wrong.
        what: &'static str,
    },
}

impl FileError {
    /// What the kernel said.
    #[must_use]
    pub fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            Self::Malformed { .. } => None,
        }
    }

    /// Whether the file, or the process that it is about, is not there.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        // A process that ends while its file is open reads as ESRCH.
        matches!(self, Self::Io { source, .. }
            if source.kind() == io::ErrorKind::NotFound || source.raw_os_error() == Some(ESRCH))
    }

    pub(crate) fn io(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { path: path.to_owned(), source: source.into() }
    }

    pub(crate) fn malformed(path: &Path, what: &'static str) -> Self {
        Self::Malformed { path: path.to_owned(), what }
    }
}

/// errno(3).
const ESRCH: i32 = 3;

/// Reads a file into `buffer`, whose memory is kept for the next.
pub(crate) fn read<'b>(path: &Path, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], FileError> {
    buffer.clear();
    let file = File::open(path).map_err(|error| FileError::io(path, error))?;
    let count = file.take(LONGEST + 1).read_to_end(buffer).map_err(|error| FileError::io(path, error))?;
    if u64::try_from(count).is_ok_and(|count| count <= LONGEST) {
        Ok(buffer)
    } else {
        Err(FileError::malformed(path, "at most 64 KiB"))
    }
}

/// Reads a file of text.
pub(crate) fn read_text<'b>(path: &Path, buffer: &'b mut Vec<u8>) -> Result<&'b str, FileError> {
    std::str::from_utf8(read(path, buffer)?).map_err(|_| FileError::malformed(path, "UTF-8"))
}

/// The number after a name at the beginning of a line: `Pss: 12 kB`, `oom_kill 3`.
#[must_use]
pub fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next()?.parse().ok())
}
