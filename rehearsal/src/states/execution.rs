//! One execution of a machine, seen from outside.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use jsonata_core::value::JValue;
use serde_json::Value;

use super::errors;
use super::failure::{TIMEOUT, TaskError};
use super::functions::Host;
use super::inspect::Seen;
use super::machine::{Kind, Machine};
use super::thread::{Action, Entered, Status, Thread, ThreadId, Token, Wait, Work};
use crate::{AwsError, Millis, Random};

/// The thread of the machine's own states.
pub(super) const ROOT: ThreadId = 0;

/// A running or ended execution. Cloning one is cheap: values are shared.
#[derive(Debug, Clone)]
pub struct Execution {
    pub(super) machine: Arc<Machine>,
    arn: String,
    name: String,
    started: Millis,
    ended: Option<Millis>,
    pub(super) status: Status,
    pub(super) entered: Vec<Entered>,
    /// `Execution` and `StateMachine` of the context object.
    pub(super) constants: [JValue; 2],
    pub(super) threads: BTreeMap<ThreadId, Thread>,
    pub(super) last_thread: ThreadId,
    waits: BTreeMap<Token, Wait>,
    last_token: u64,
    /// What came since the last call of `advance`.
    news: Vec<News>,
    begun: bool,
    /// Events that the history on AWS would have.
    pub(super) events: usize,
    pub(super) seen: Option<Vec<Seen>>,
}

#[derive(Debug, Clone)]
enum News {
    Answer(Token, Result<Value, TaskError>),
    Fire(Token),
}

/// One call of [`Execution::advance`].
pub(super) struct Turn {
    pub(super) host: Rc<Host>,
    pub(super) now: Millis,
    pub(super) actions: Vec<Action>,
    pub(super) ready: VecDeque<(ThreadId, Work)>,
}

impl Execution {
    /// An execution that has not begun: the first [`Self::advance`] runs it. `started` is the moment that its machine's
    /// `TimeoutSeconds` are counted from.
    #[must_use]
    pub fn new(machine: Arc<Machine>, execution_arn: String, name: String, input: Value, started: Millis) -> Self {
        let input = JValue::from(input);
        let constants = Self::constants(&execution_arn, &name, machine.arn(), started, &input);
        let start = machine.branches.first().map_or(0, |branch| branch.start);
        let root = Thread::new(0, start, input);
        Self {
            machine,
            arn: execution_arn,
            name,
            started,
            ended: None,
            status: Status::Running,
            entered: Vec::new(),
            constants,
            threads: BTreeMap::from([(ROOT, root)]),
            last_thread: ROOT,
            waits: BTreeMap::new(),
            last_token: 0,
            news: Vec::new(),
            begun: false,
            events: 1,
            seen: None,
        }
    }

    /// Runs every thread as far as it goes without the outside, and returns what it now asks for, in a fixed order.
    /// `now` is the moment that all its expressions see; `random` serves `$random`, `$uuid` and the jitter of retries.
    pub fn advance(&mut self, now: Millis, random: &mut Random) -> Vec<Action> {
        if self.status != Status::Running {
            return Vec::new();
        }
        let host = Rc::new(Host { now, random: RefCell::new(random.clone()) });
        let mut turn = Turn { host, now, actions: Vec::new(), ready: VecDeque::new() };
        if !self.begun {
            self.begun = true;
            if let Some(timeout) = self.machine.timeout {
                let token = self.token(Wait::Deadline);
                turn.actions.push(Action::Timer { token, at: self.started + timeout });
            }
            turn.ready.push_back((ROOT, Work::Enter));
            self.run(&mut turn);
        }
        for news in std::mem::take(&mut self.news) {
            self.take(news, &mut turn);
            self.run(&mut turn);
        }
        *random = turn.host.random.borrow().clone();
        if self.status != Status::Running {
            self.ended = Some(now);
            self.forget();
            // What it asked for before it ended in the same call is not asked for any more.
            turn.actions.retain(|action| matches!(action, Action::Task { .. }));
        }
        turn.actions
    }

    /// Brings a task's answer. Call [`Self::advance`] afterwards. An answer for a token that is no longer waited for is
    /// ignored: the task has timed out, or its Map has failed.
    pub fn answer(&mut self, token: Token, answer: Result<Value, TaskError>) {
        if self.waits.contains_key(&token) {
            self.news.push(News::Answer(token, answer));
        }
    }

    /// Brings a call's answer, and names its error as the task's integration does.
    pub fn answer_call(&mut self, token: Token, answer: Result<Value, AwsError>) {
        let named = answer.map_err(|error| match self.integration(token) {
            Some(Kind::Task { integration, .. }) => errors::named(integration, &error),
            _ => TaskError { error: error.code, cause: error.message },
        });
        self.answer(token, named);
    }

    fn integration(&self, token: Token) -> Option<&Kind> {
        let Some(Wait::Call(id)) = self.waits.get(&token) else { return None };
        let thread = self.threads.get(id)?;
        Some(&self.machine.state(thread.branch, thread.state).kind)
    }

    /// Brings a timer that came due. Call [`Self::advance`] afterwards.
    pub fn fire(&mut self, token: Token) {
        if self.waits.contains_key(&token) {
            self.news.push(News::Fire(token));
        }
    }

    /// Ends it from outside (`StopExecution`): nothing runs on. An execution that has ended stays as it is.
    pub fn abort(&mut self, now: Millis) {
        if self.status == Status::Running {
            self.status = Status::Aborted;
            self.ended = Some(now);
            self.forget();
        }
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The states that it has entered, in order.
    #[must_use]
    pub fn entered(&self) -> &[Entered] {
        &self.entered
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The machine that it runs.
    #[must_use]
    pub fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }

    /// When it started.
    #[must_use]
    pub fn started(&self) -> Millis {
        self.started
    }

    /// When it ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<Millis> {
        self.ended
    }

    /// Whether anything is still waited for under this token.
    #[must_use]
    pub fn waits_for(&self, token: Token) -> bool {
        self.waits.contains_key(&token)
    }

    fn forget(&mut self) {
        self.threads.clear();
        self.waits.clear();
        self.news.clear();
    }

    pub(super) fn token(&mut self, wait: Wait) -> Token {
        self.last_token += 1;
        let token = Token(self.last_token);
        self.waits.insert(token, wait);
        token
    }

    /// Waits for something on behalf of a thread.
    pub(super) fn wait(&mut self, id: ThreadId, wait: Wait) -> Token {
        let token = self.token(wait);
        if let Some(thread) = self.threads.get_mut(&id) {
            thread.waits.push(token);
        }
        token
    }

    /// A thread waits for nothing any more.
    pub(super) fn wake(&mut self, id: ThreadId) {
        if let Some(thread) = self.threads.get_mut(&id) {
            for token in thread.waits.drain(..) {
                self.waits.remove(&token);
            }
        }
    }

    /// Turns what came into work for a thread.
    fn take(&mut self, news: News, turn: &mut Turn) {
        let (token, answer) = match news {
            News::Answer(token, answer) => (token, Some(answer)),
            News::Fire(token) => (token, None),
        };
        let (id, work) = match (self.waits.get(&token).copied(), answer) {
            (Some(Wait::Call(id)), Some(Ok(answer))) => (id, Work::Result(self.result(id, answer))),
            (Some(Wait::Call(id)), Some(Err(error))) => (id, Work::Failed(error)),
            (Some(Wait::Timeout(id)), None) => (id, Work::Failed(TaskError::new(TIMEOUT, ""))),
            (Some(Wait::Sleep(id)), None) => (id, Work::Slept),
            (Some(Wait::Retry(id)), None) => (id, Work::Attempt),
            (Some(Wait::Deadline), None) => {
                self.status = Status::TimedOut;
                return;
            }
            // No longer waited for, or a timer answered.
            _ => return,
        };
        self.wake(id);
        turn.ready.push_back((id, work));
    }

    fn result(&self, id: ThreadId, answer: Value) -> JValue {
        let state = self.threads.get(&id).map(|thread| self.machine.state(thread.branch, thread.state));
        match state.map(|state| &state.kind) {
            Some(Kind::Task { integration, .. }) => integration.result(answer),
            _ => JValue::from(answer),
        }
    }
}
