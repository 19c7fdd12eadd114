//! Runs a document with a function that answers, in virtual time.

use healstack_rehearsal::automation::{Action, Document, Run, Status, Token};
use healstack_rehearsal::{AwsError, Millis, Random};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the outside does: an answer after a time, or none at all.
pub(crate) type Reply = Option<(Millis, Result<Value, AwsError>)>;

/// What still is to happen: a timer or an answer.
type Queue = BTreeMap<(Millis, u64), (Token, Option<Result<Value, AwsError>>)>;

pub(crate) const BEGIN: Millis = 1_767_614_400_000;

pub(crate) struct Drive {
    pub(crate) run: Run,
    pub(crate) now: Millis,
    pub(crate) asked: Vec<Action>,
    queue: Queue,
    count: u64,
    random: Random,
}

impl Drive {
    pub(crate) fn new(content: &Value, parameters: &Value, seed: u64) -> Self {
        let document = Arc::new(Document::load("heal--test", content).unwrap());
        Self::of(document, parameters.as_object().unwrap(), seed)
    }

    pub(crate) fn of(document: Arc<Document>, parameters: &Map<String, Value>, seed: u64) -> Self {
        let run = Run::start(document, "0-1-2".to_owned(), parameters, BEGIN).unwrap();
        Self { run, now: BEGIN, asked: Vec::new(), queue: Queue::new(), count: 0, random: Random::new(seed) }
    }

    fn advance(&mut self, reply: &mut dyn FnMut(&Run, &Action) -> Reply) {
        for action in self.run.advance(self.now, &mut self.random) {
            self.count += 1;
            let event = match &action {
                Action::Timer { token, at } => Some((*at, (*token, None))),
                Action::Call { token, .. }
                | Action::Script { token, .. }
                | Action::Command { token, .. }
                | Action::Approval { token, .. } => {
                    reply(&self.run, &action).map(|(after, answer)| (self.now + after, (*token, Some(answer))))
                }
            };
            if let Some((at, event)) = event {
                self.queue.insert((at, self.count), event);
            }
            self.asked.push(action);
        }
    }

    /// Runs until the automation ends, or until a moment.
    pub(crate) fn until(&mut self, end: Millis, reply: &mut dyn FnMut(&Run, &Action) -> Reply) {
        self.advance(reply);
        while !self.run.status().is_final() {
            let Some(((at, count), _)) = self.queue.first_key_value().map(|(key, event)| (*key, event)) else {
                panic!("{:?} waits for nothing", self.run.status());
            };
            if at > end {
                self.now = end;
                return;
            }
            let (token, answer) = self.queue.remove(&(at, count)).unwrap();
            self.now = at;
            match answer {
                None => self.run.fire(token),
                Some(answer) => self.run.answer(token, answer),
            }
            self.advance(reply);
        }
    }

    /// Runs to the end.
    pub(crate) fn end(&mut self, reply: &mut dyn FnMut(&Run, &Action) -> Reply) -> Status {
        self.until(Millis::MAX, reply);
        self.run.status()
    }

    /// The steps that were reached, with how they stand, in the order of their beginnings.
    pub(crate) fn reached(&self) -> Vec<(&str, Status)> {
        let mut reached: Vec<_> = self.run.steps().iter().filter(|step| step.start.is_some()).collect();
        reached.sort_by_key(|step| step.start);
        reached.into_iter().map(|step| (step.name.as_str(), step.status)).collect()
    }

    /// The seconds that it took.
    pub(crate) fn seconds(&self) -> Millis {
        (self.run.ended().unwrap() - BEGIN) / 1000
    }
}

/// An answer at once.
pub(crate) fn now(answer: Value) -> Reply {
    Some((0, Ok(answer)))
}

/// A refusal at once.
pub(crate) fn refused(code: &str) -> Reply {
    Some((0, Err(AwsError::client(code, "no"))))
}

/// A document of these steps.
pub(crate) fn document(steps: Value) -> Value {
    json!({
        "schemaVersion": "0.3",
        "parameters": {
            "Id": {"type": "String", "allowedPattern": "^i-[0-9]+$"},
            "Flag": {"type": "Boolean", "default": true},
            "Count": {"type": "Integer", "default": 3},
            "Names": {"type": "StringList", "default": ["a", "b"]},
        },
        "mainSteps": steps,
    })
}
