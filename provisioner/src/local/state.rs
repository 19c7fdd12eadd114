//! `local.json`: which server runs. Written as soon as it has a process, removed when it was stopped.
//!
//! ```json
//! {"pid": 4711, "port": 4566, "endpoint": "http://127.0.0.1:4566", "launcher": "<SHA-256 of the Python files>"}
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::LocalError;

/// A server that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// `http://127.0.0.1:<port>`, what `AWS_ENDPOINT_URL` wants.
    pub endpoint: String,
    /// Its TCP port on 127.0.0.1.
    pub port: u16,
    /// Its process.
    pub pid: u32,
    /// It was running before it was asked for.
    pub reused: bool,
}

impl Running {
    /// The environment variables that point AWS SDKs and the AWS CLI at it. The region is the caller's choice.
    ///
    /// The account is ministack's own, 000000000000.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 3] {
        self.environment_of_account("test")
    }

    /// The same, in an account of its own: ministack takes an access key of 12 digits for the account's number, and
    /// keeps accounts apart.
    #[must_use]
    pub fn environment_of_account(&self, account: &str) -> [(&'static str, String); 3] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", account.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ]
    }
}

/// A server that was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// The process it was.
    pub pid: u32,
    /// The port that is free now.
    pub port: u16,
}

/// The content of `local.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) pid: u32,
    pub(super) port: u16,
    pub(super) endpoint: String,
    pub(super) launcher: String,
}

impl Record {
    pub(super) fn new(pid: u32, port: u16, launcher: String) -> Self {
        Self { pid, port, endpoint: format!("http://127.0.0.1:{port}"), launcher }
    }

    /// What the file says; `None` without a file. One that is no such record (written half, by another version) counts
    /// as stale and is removed.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, LocalError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LocalError::io("read", path)(error)),
        };
        if let Ok(record) = serde_json::from_str(&text) {
            return Ok(Some(record));
        }
        Self::remove(path)?;
        Ok(None)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), LocalError> {
        // A plain structure of strings and numbers always serializes; the error is mapped all the same.
        let text = serde_json::to_string_pretty(self).map_err(|error| LocalError::io("write", path)(error.into()))?;
        fs::write(path, text + "\n").map_err(LocalError::io("write", path))
    }

    /// Removes the file; it may be gone.
    pub(super) fn remove(path: &Path) -> Result<(), LocalError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(LocalError::io("remove", path)(error)),
            _ => Ok(()),
        }
    }

    pub(super) fn running(&self, reused: bool) -> Running {
        Running { endpoint: self.endpoint.clone(), port: self.port, pid: self.pid, reused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_half_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local.json");
        assert_eq!(Record::read(&path).unwrap(), None);
        let record = Record::new(7, 4566, "digest".to_owned());
        record.write(&path).unwrap();
        assert_eq!(Record::read(&path).unwrap(), Some(record));
        fs::write(&path, "{\"pid\": 7").unwrap();
        assert_eq!(Record::read(&path).unwrap(), None);
        assert!(!path.exists());
    }

    #[test]
    fn account_is_the_access_key() {
        let running = Record::new(7, 4566, String::new()).running(false);
        assert_eq!(running.environment()[0], ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566".to_owned()));
        assert_eq!(running.environment_of_account("111122223333")[1].1, "111122223333");
    }
}
