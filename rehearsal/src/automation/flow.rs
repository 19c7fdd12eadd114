//! How a run goes from step to step.

use super::output::{Output, compared};
use super::record::Status;
use super::run::{Action, Current, News, Run, Token, Waiting};
use super::selector::Selector;
use super::step::{OnFailure, Property, Work};
use super::{text, variable};
use crate::aws::ErrorKind;
use crate::{AwsError, Millis, Random, time};
use serde_json::{Map, Value, json};

/// How long what `onCancel` asks for may take (Automation actions reference, `onCancel`).
const CANCELLATION: Millis = 2 * time::MINUTE;
/// Before the second attempt, and at most before a later one.
const FIRST_RETRY: Millis = time::SECOND;
const LAST_RETRY: Millis = 8 * time::SECOND;
/// Before the second look, and at most before a later one.
const FIRST_LOOK: Millis = 2 * time::SECOND;
const LAST_LOOK: Millis = 15 * time::SECOND;

/// What every part of a turn needs.
pub(super) struct Turn<'run> {
    now: Millis,
    random: &'run mut Random,
    actions: &'run mut Vec<Action>,
}

/// How an attempt ended: its outputs and where a branch leads, or why it failed.
type Attempt = Result<(Map<String, Value>, Option<usize>), (Status, String)>;

impl Run {
    pub(super) fn go_on(&mut self, now: Millis, random: &mut Random, actions: &mut Vec<Action>) {
        let mut turn = Turn { now, random, actions };
        if self.status == Status::Cancelling && self.cancellation.is_none() {
            self.cancellation = Some(self.timer(now + CANCELLATION, &mut turn));
        }
        self.begin_due(&mut turn);
        for news in std::mem::take(&mut self.news) {
            self.take(news, &mut turn);
            self.begin_due(&mut turn);
        }
    }

    /// Begins steps until one has to wait for something, or the automation ends.
    fn begin_due(&mut self, turn: &mut Turn) {
        while let Some(index) = self.due.take() {
            let record = &mut self.records[index];
            record.status = Status::InProgress;
            record.start = Some(turn.now);
            self.attempt(index, 0, turn);
        }
    }

    fn take(&mut self, news: News, turn: &mut Turn) {
        if let News::Fire(token) = news
            && self.cancellation == Some(token)
        {
            return self.cut_off(turn.now);
        }
        let Some(current) = self.current else { return };
        match news {
            News::Answer(token, answer) if current.waiting == Waiting::Answer(token) => {
                self.answered(current, answer, turn);
            }
            News::Fire(token) if current.waiting == Waiting::Pause(token) => {
                match self.document.steps[current.index].work {
                    Work::Sleep(_) => self.attempted(current.index, current.failed, Ok((Map::new(), None)), turn),
                    // Within an attempt its limit goes on; without one the next attempt begins.
                    Work::Wait(..) if current.limit.is_some() => self.look(current, turn),
                    _ => self.attempt(current.index, current.failed, turn),
                }
            }
            News::Fire(token) if current.limit == Some(token) => {
                let message = format!("Step timed out: {}", self.document.steps[current.index].action);
                self.attempted(current.index, current.failed, Err((Status::TimedOut, message)), turn);
            }
            _ => {}
        }
    }

    /// Begins an attempt at a step.
    fn attempt(&mut self, index: usize, failed: u64, turn: &mut Turn) {
        let step = &self.document.steps[index];
        let (work, limit) = (step.work.clone(), step.limit);
        if let Work::Branch { choices, default } = &work {
            let lookup = |name: &str| self.variable(name, turn.now);
            let chosen = choices.iter().find(|(condition, _)| condition.holds(&lookup)).map(|(_, to)| *to);
            return self.attempted(index, failed, Ok((Map::new(), chosen.or(*default))), turn);
        }
        let token = match self.ask(&work, turn) {
            Ok(token) => token,
            Err(message) => return self.fails(index, (Status::Failed, message), turn),
        };
        if matches!(work, Work::Approve(_)) {
            self.records[index].status = Status::Waiting;
            self.wait_or_run(Status::Waiting);
        }
        let waiting = if matches!(work, Work::Sleep(_)) { Waiting::Pause(token) } else { Waiting::Answer(token) };
        let limit = limit.map(|limit| self.timer(turn.now + limit, turn));
        self.current = Some(Current { index, failed, looks: 1, waiting, limit });
    }

    /// Looks again at what is waited for.
    fn look(&mut self, current: Current, turn: &mut Turn) {
        match self.ask(&self.document.steps[current.index].work.clone(), turn) {
            Ok(token) => {
                let looks = current.looks.saturating_add(1);
                self.current = Some(Current { waiting: Waiting::Answer(token), looks, ..current });
            }
            Err(message) => self.fails(current.index, (Status::Failed, message), turn),
        }
    }

    /// Asks the outside what a step needs; the error is why it cannot be asked.
    fn ask(&mut self, work: &Work, turn: &mut Turn) -> Result<Token, String> {
        let filled = |value: &Value| {
            variable::substitute(value, &|name| self.variable(name, turn.now)).map_err(|name| unresolved(&name))
        };
        let action = match work {
            Work::Api(call) | Work::Wait(call, _) | Work::Assert(call, _) => {
                let request = filled(&call.request)?;
                let token = self.token();
                Action::Call { token, service: call.service.clone(), api: call.api.clone(), request }
            }
            Work::Script { script, handler, payload } => {
                let script = variable::inside(script, &|name| self.variable(name, turn.now));
                let (script, payload) = (script.map_err(|name| unresolved(&name))?, filled(payload)?);
                Action::Script { token: self.token(), script, handler: handler.clone(), payload }
            }
            Work::Command(request) => {
                let request = filled(request)?;
                Action::Command { token: self.token(), request }
            }
            Work::Approve(request) => {
                let request = filled(request)?;
                Action::Approval { token: self.token(), request }
            }
            Work::Sleep(duration) => return Ok(self.timer(turn.now + duration, turn)),
            // Answered where it begins.
            Work::Branch { .. } => return Ok(self.token()),
        };
        turn.actions.push(action);
        Ok(Token(self.last_token))
    }

    fn answered(&mut self, current: Current, answer: Result<Value, AwsError>, turn: &mut Turn) {
        let step = &self.document.steps[current.index];
        let failed = |message: String| Err((Status::Failed, message));
        let attempt = match (&step.work, answer) {
            (Work::Wait(_, property), answer) => {
                let seen = match answer {
                    Err(error) if error.kind == ErrorKind::Client => Some(failed(error.to_string())),
                    Err(_) => None,
                    Ok(answer) => match self.property(property, &answer, turn.now) {
                        Err(message) => Some(failed(message)),
                        Ok(property) => property.is_desired.then(|| Ok((Map::new(), None))),
                    },
                };
                let Some(seen) = seen else { return self.pause(current, turn) };
                seen
            }
            (_, Err(error)) => failed(error.to_string()),
            (Work::Assert(_, property), Ok(answer)) => match self.property(property, &answer, turn.now) {
                Ok(property) if property.is_desired => Ok((Map::new(), None)),
                Ok(property) => failed(format!("{} is {}", property.selector, property.found)),
                Err(message) => failed(message),
            },
            (Work::Api(_), Ok(answer)) => taken(&step.outputs, &answer),
            (Work::Script { .. }, Ok(payload)) => taken(&step.outputs, &json!({"Payload": payload})),
            (Work::Command(_), Ok(answer)) => match answer["Status"].as_str() {
                Some("Success") => Ok((own(&answer, &["CommandId", "Status"]), None)),
                status => failed(format!("The command ended as {}", status.unwrap_or("unknown"))),
            },
            (Work::Approve(_), Ok(answer)) => match answer["ApprovalStatus"].as_str() {
                Some("Approved") => Ok((own(&answer, &["ApprovalStatus"]), None)),
                status => failed(format!("The step was {}", status.unwrap_or("not decided"))),
            },
            (Work::Sleep(_) | Work::Branch { .. }, Ok(_)) => return,
        };
        self.attempted(current.index, current.failed, attempt, turn);
    }

    /// Waits for the next look.
    fn pause(&mut self, current: Current, turn: &mut Turn) {
        let delay = doubled(FIRST_LOOK, LAST_LOOK, u64::from(current.looks) - 1);
        let jitter = Millis::try_from(turn.random.below(1000)).unwrap_or(0);
        let token = self.timer(turn.now + delay + jitter, turn);
        self.current = Some(Current { waiting: Waiting::Pause(token), ..current });
    }

    /// An attempt has ended: the step with it, unless there is another.
    fn attempted(&mut self, index: usize, failed: u64, attempt: Attempt, turn: &mut Turn) {
        let step = &self.document.steps[index];
        match attempt {
            Ok((outputs, branch)) => {
                let next = branch.or(step.next).filter(|_| branch.is_some() || !step.is_end);
                let record = &mut self.records[index];
                (record.status, record.end, record.outputs) = (Status::Success, Some(turn.now), outputs);
                self.go_to(next, turn.now);
            }
            Err(_) if failed + 1 < step.attempts => {
                let token = self.timer(turn.now + doubled(FIRST_RETRY, LAST_RETRY, failed), turn);
                let waiting = Waiting::Pause(token);
                self.current = Some(Current { index, failed: failed + 1, looks: 0, waiting, limit: None });
            }
            Err(why) => self.fails(index, why, turn),
        }
    }

    /// A step has failed for good.
    fn fails(&mut self, index: usize, (status, message): (Status, String), turn: &mut Turn) {
        let step = &self.document.steps[index];
        let record = &mut self.records[index];
        (record.status, record.end, record.failure) = (status, Some(turn.now), Some(message.clone()));
        if step.is_critical {
            self.failure.get_or_insert_with(|| format!("Step {}: {message}", step.name));
            // One that failed outweighs one that took too long; which of both AWS reports is not documented.
            if self.worst != Status::Failed {
                self.worst = status;
            }
        }
        let next = match step.on_failure {
            _ if step.is_end => None,
            OnFailure::Abort => None,
            OnFailure::Continue => step.next,
            OnFailure::Step(to) => Some(to),
        };
        self.go_to(next, turn.now);
    }

    fn go_to(&mut self, next: Option<usize>, now: Millis) {
        self.current = None;
        self.due = next;
        self.wait_or_run(Status::InProgress);
        if next.is_none() {
            self.status = if self.status == Status::Cancelling { Status::Cancelled } else { self.worst };
            self.ended = Some(now);
        }
    }

    /// The automation waits for people, or does not, unless it is being cancelled.
    fn wait_or_run(&mut self, status: Status) {
        if self.status != Status::Cancelling {
            self.status = status;
        }
    }

    /// Stops the automation.
    pub(super) fn cancel(&mut self, now: Millis) {
        if self.status.is_final() || self.status == Status::Cancelling {
            return;
        }
        let stopped = self.current.take().map(|current| current.index);
        let on_cancel = stopped.and_then(|index| self.document.steps[index].on_cancel);
        if let Some(record) = stopped.and_then(|index| self.records.get_mut(index)) {
            (record.status, record.end) = (Status::Cancelled, Some(now));
        }
        self.due = on_cancel;
        self.status = if on_cancel.is_some() { Status::Cancelling } else { Status::Cancelled };
        self.ended = on_cancel.is_none().then_some(now);
    }

    /// What `onCancel` asked for has taken too long.
    fn cut_off(&mut self, now: Millis) {
        if self.status != Status::Cancelling {
            return;
        }
        if let Some(record) = self.current.take().and_then(|current| self.records.get_mut(current.index)) {
            (record.status, record.end) = (Status::Cancelled, Some(now));
        }
        (self.due, self.status, self.ended) = (None, Status::Cancelled, Some(now));
    }

    fn token(&mut self) -> Token {
        self.last_token += 1;
        Token(self.last_token)
    }

    fn timer(&mut self, at: Millis, turn: &mut Turn) -> Token {
        let token = self.token();
        turn.actions.push(Action::Timer { token, at });
        token
    }

    /// The value of a variable: a parameter, an output of a step that has it, or one of the system's.
    fn variable(&self, name: &str, now: Millis) -> Option<Value> {
        match name {
            "global:DATE" => return Some(json!(text::date(now))),
            "global:DATE_TIME" => return Some(json!(text::date_time(now))),
            "automation:EXECUTION_ID" => return Some(json!(self.id)),
            _ => {}
        }
        if let Some((step, output)) = name.split_once('.') {
            return self.records.iter().find(|record| record.name == step)?.outputs.get(output).cloned();
        }
        self.document.parameters.get(name)?.value(self.parameters.get(name)?)
    }

    /// What is seen of a property; the error is a variable without a value.
    fn property(&self, property: &Property, answer: &Value, now: Millis) -> Result<Seen, String> {
        let lookup = |name: &str| self.variable(name, now);
        let selector = variable::inside(&property.selector, &lookup).map_err(|name| unresolved(&name))?;
        let desired = variable::substitute(&property.desired, &lookup).map_err(|name| unresolved(&name))?;
        let parsed = Selector::parse(&selector).ok_or_else(|| format!("{selector} is no selector"))?;
        let found = parsed.find(answer).as_ref().and_then(compared);
        let mut wanted = desired.as_array().into_iter().flatten().filter_map(compared);
        let is_desired = found.as_ref().is_some_and(|found| wanted.any(|wanted| wanted == *found));
        Ok(Seen { selector, found: found.unwrap_or_else(|| "not there".to_owned()), is_desired })
    }
}

/// What a look at a property saw.
struct Seen {
    selector: String,
    found: String,
    is_desired: bool,
}

fn unresolved(name: &str) -> String {
    format!("Step fails when it is validating and resolving the step inputs. Failed to resolve input: {name}")
}

/// The outputs that an answer has.
fn taken(outputs: &[Output], answer: &Value) -> Attempt {
    let mut values = Map::new();
    for output in outputs {
        let Some(found) = output.selector.find(answer) else { continue };
        let value = output.kind.of(&found).ok_or_else(|| {
            (Status::Failed, format!("The output {} is {found}, which is no {:?}", output.name, output.kind))
        })?;
        values.insert(output.name.clone(), value);
    }
    Ok((values, None))
}

fn own(answer: &Value, names: &[&str]) -> Map<String, Value> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), answer.get(name)?.clone()))).collect()
}

/// A delay that doubles each time, up to the longest.
fn doubled(first: Millis, longest: Millis, times: u64) -> Millis {
    let times = u32::try_from(times).unwrap_or(u32::MAX);
    first
        .checked_mul(1_i64.checked_shl(times).unwrap_or(Millis::MAX))
        .map_or(longest, |delay| delay.min(longest).max(first))
}
