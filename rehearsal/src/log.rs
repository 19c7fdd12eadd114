//! What happened, in order: the one account of a run, from which timeline, verdicts and figures come.

use crate::Millis;
use serde_json::{Map, Value};

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Record {
    /// When.
    pub at: Millis,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// The scenario did something, in words.
    Scenario(String),
    /// An alarm, or one of its contributors, changed its state.
    Alarm {
        /// The alarm's name.
        name: String,
        /// The contributor's attributes; none for the alarm itself.
        contributor: Option<Map<String, Value>>,
        /// The state from now on.
        state: String,
        /// Why, as CloudWatch says it.
        reason: String,
    },
    /// An alarm's own action, `ec2:reboot`, on a resource.
    Native {
        /// The action.
        action: String,
        /// The resource's dimensions.
        resource: String,
    },
    /// An event came onto the bus that no alarm and no automation sent.
    Event {
        /// Its source.
        source: String,
        /// Its type.
        kind: String,
        /// What it says, shortened.
        detail: String,
    },
    /// A state machine began.
    Began {
        /// The machine's name.
        machine: String,
        /// The execution's number, the same at its end.
        execution: usize,
    },
    /// A state machine ended.
    Ended {
        /// The machine's name.
        machine: String,
        /// The execution's number.
        execution: usize,
        /// The rule that its input names; empty where it names none.
        about: String,
        /// `Succeeded`, or the error.
        status: String,
        /// What it gave, or the cause of its failure.
        output: Value,
    },
    /// A runbook began.
    RunBegan {
        /// The document.
        document: String,
        /// The automation's id.
        run: String,
        /// The resource it was given.
        resource: String,
        /// The healing's event.
        event: String,
    },
    /// A step of a runbook ended.
    Step {
        /// The automation's id.
        run: String,
        /// The step.
        name: String,
        /// Its status.
        status: String,
        /// Why it failed; empty where it did not.
        failure: String,
    },
    /// A runbook ended.
    RunEnded {
        /// The automation's id.
        run: String,
        /// Its status.
        status: String,
    },
    /// Healing called an API of the workload.
    Call {
        /// Who: a step, or a machine's state.
        by: String,
        /// `service:Api`.
        api: String,
        /// Whether it changes something: it is no Describe, Get or List.
        changes: bool,
        /// The error's code; empty where it was answered.
        error: String,
    },
    /// An event in the ledger, as it is now.
    Ledger(Map<String, Value>),
    /// People were told.
    Notified {
        /// What.
        text: String,
    },
    /// People were called: an OpsItem.
    People {
        /// Its title.
        title: String,
    },
    /// A delivery was given up and put into the queue for it.
    DeadLetter {
        /// The target.
        target: String,
    },
}

/// The records of a run.
#[derive(Debug, Clone, Default)]
pub struct Log {
    records: Vec<Record>,
    sparse: bool,
}

impl Log {
    /// A log that keeps no calls and no steps: for storms, whose detail nobody reads.
    #[must_use]
    pub const fn sparse() -> Self {
        Self { records: Vec::new(), sparse: true }
    }

    /// Adds what happened at a moment that is not before the last one.
    pub fn add(&mut self, at: Millis, what: What) {
        let is_detail = matches!(what, What::Call { .. } | What::Step { .. } | What::Notified { .. });
        if !(self.sparse && is_detail) {
            self.records.push(Record { at, what });
        }
    }

    /// Everything, oldest first.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }
}
