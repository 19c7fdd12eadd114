//! What stops a command over the ledger as a whole.

use crate::deploy::{AwsFailure, DeployError};

/// Why a command could not run. What fails after something was done is part of a report, see [`super::Undone`].
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum OperateError {
    /// A call to AWS failed, or the user stopped it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Aws(#[from] DeployError),

    /// The table is not there.
    #[error("there is no ledger `{table}` in {region}")]
    #[diagnostic(help("the core stack makes it: run `healstack deploy`, or choose another environment with `--env`"))]
    NoLedger {
        /// The table.
        table: String,
        /// The region.
        region: String,
    },

    /// The table is there without an index that a later version of the core stack brings.
    #[error("the ledger `{table}` has no index `{index}`")]
    #[diagnostic(help("the deployed core stack is older than this command: run `healstack deploy`"))]
    OldLedger {
        /// The table.
        table: String,
        /// The index.
        index: String,
    },

    /// An item is not what this version reads.
    #[error("the ledger's item {key} cannot be read: {reason}")]
    #[diagnostic(help("a newer healstack may have written it: use that version"))]
    Unreadable {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },

    /// An override is not what this version reads, so it is neither lifted nor written over.
    #[error("the switch {key} cannot be read: {reason}")]
    UnreadableSwitch {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
        /// How to be rid of it.
        #[help]
        advice: String,
    },

    /// An item changed between the look and the write.
    #[error("{what} changed in the meantime; nothing was done")]
    #[diagnostic(help("look at what it is now: run the command again"))]
    Changed {
        /// What changed.
        what: String,
    },

    /// A resource's id alone does not say which resource it is.
    #[error("`{id}` is in no healing that has not ended, so its key is not known")]
    NoKey {
        /// The id.
        id: String,
        /// The key that it may be.
        #[help]
        advice: String,
    },

    /// More events are open than are searched for an id.
    #[error("`{id}` was searched for in {pages} pages of events that have not ended, and there are more")]
    NotSearched {
        /// The id.
        id: String,
        /// How many pages were read.
        pages: usize,
        /// The key that it may be.
        #[help]
        advice: String,
    },

    /// Several resources have that id.
    #[error("several resources are called `{id}`: {}", keys.join(", "))]
    #[diagnostic(help("name one by its key: `healstack unlock {} …`", keys.first().map(String::as_str).unwrap_or_default()))]
    SeveralKeys {
        /// The id.
        id: String,
        /// Their keys.
        keys: Vec<String>,
    },
}

impl OperateError {
    /// Whether the user stopped it.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Aws(DeployError::Interrupted))
    }

    /// Whether a condition of a write did not hold.
    pub(super) fn is_condition(&self) -> bool {
        self.failure().is_some_and(|failure| failure.code.as_deref() == Some("ConditionalCheckFailedException"))
    }

    /// The failed call behind it.
    pub(super) fn failure(&self) -> Option<&AwsFailure> {
        match self {
            Self::Aws(DeployError::Aws { failure, .. }) => Some(failure),
            _ => None,
        }
    }
}
