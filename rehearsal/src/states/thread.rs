//! What an execution is made of: threads, one for the machine and one for every running item of a Map.

use std::collections::HashMap;
use std::sync::Arc;

use jsonata_core::value::JValue;
use serde_json::Value;

use super::failure::TaskError;
use crate::Millis;

/// Names something that an execution waits for. Unique within one execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub(super) u64);

/// What an execution asks of the outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// An API call, to be answered with [`super::Execution::answer`].
    Task {
        /// What the answer is for.
        token: Token,
        /// boto3's name of the client: `dynamodb`, `ssm`, `cloudwatch`, `stepfunctions`, `sns`.
        service: String,
        /// The operation: `UpdateItem`.
        api: String,
        /// The request in the API's own member names.
        arguments: Value,
    },
    /// A moment at which [`super::Execution::fire`] is to be called. One that is no longer waited for does nothing
    /// then.
    Timer {
        /// What is to be fired.
        token: Token,
        /// When.
        at: Millis,
    },
}

/// How an execution stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// It waits, or has not begun.
    Running,
    /// It came to its end.
    Succeeded {
        /// The last state's output.
        output: Value,
    },
    /// A state failed and nothing caught it, or a Fail state was reached.
    Failed {
        /// The error's name: `Heal.Unroutable`, `States.Timeout`.
        error: String,
        /// What it says in words.
        cause: String,
    },
    /// The machine's `TimeoutSeconds` are over.
    TimedOut,
    /// It was stopped from outside.
    Aborted,
}

/// A state that was entered. Retries do not enter it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// The state's name.
    pub state: Arc<str>,
    /// When.
    pub at: Millis,
    /// The index of the Map's item that it was entered for, of the innermost Map.
    pub item: Option<usize>,
}

pub(super) type ThreadId = u64;

/// States one after the other.
#[derive(Debug, Clone)]
pub(super) struct Thread {
    /// The thread whose Map this is an item of.
    pub(super) parent: Option<ThreadId>,
    pub(super) item: Option<Item>,
    pub(super) branch: usize,
    pub(super) state: usize,
    pub(super) input: JValue,
    /// When the state was entered.
    pub(super) entered: Millis,
    /// Retries made, by retrier.
    pub(super) retries: Vec<u32>,
    /// The variables of this scope.
    pub(super) variables: HashMap<String, JValue>,
    /// What it waits for. The first that comes makes the others void.
    pub(super) waits: Vec<Token>,
    pub(super) mapping: Option<Mapping>,
}

/// Which item of a Map a thread runs.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) index: usize,
    pub(super) value: JValue,
}

/// A Map state that is running.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    pub(super) branch: usize,
    pub(super) items: Vec<JValue>,
    /// The first item that has not been started.
    pub(super) next: usize,
    pub(super) running: usize,
    pub(super) results: Vec<JValue>,
}

/// What a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// A task's answer.
    Call(ThreadId),
    /// The end of a task's `TimeoutSeconds`.
    Timeout(ThreadId),
    /// The end of a Wait state.
    Sleep(ThreadId),
    /// Another attempt.
    Retry(ThreadId),
    /// The end of the machine's `TimeoutSeconds`.
    Deadline,
}

/// What a thread is to do next.
#[derive(Debug)]
pub(super) enum Work {
    /// Enter its state.
    Enter,
    /// Try its state again.
    Attempt,
    /// Leave its Wait state.
    Slept,
    /// Leave its state with the result of its task or Map.
    Result(JValue),
    /// Its state failed.
    Failed(TaskError),
}

/// Where a thread goes from its state.
#[derive(Debug)]
pub(super) struct Move {
    /// `None` ends its branch.
    pub(super) next: Option<usize>,
    pub(super) output: JValue,
}

impl Thread {
    pub(super) fn new(branch: usize, start: usize, input: JValue) -> Self {
        Self {
            parent: None,
            item: None,
            branch,
            state: start,
            input,
            entered: 0,
            retries: Vec::new(),
            variables: HashMap::new(),
            waits: Vec::new(),
            mapping: None,
        }
    }
}
