//! What is under way for a resource, from the lease to the end.

use super::{Agent, Bound, LeaseAnswer, Output, WatchId};
use crate::agent::event::{Reason, clipped};
use crate::agent::plan::{Answer, Command, Plan, Step};
use crate::agent::samples::Level;
use crate::agent::state::{End, Record, Running};
use crate::agent::time::{MINUTE, Moment, SECOND, Span};
use crate::ledger::Status;
use std::collections::VecDeque;

/// How long a sensor may take for a look, in milliseconds.
const LOOK_WITHIN: Span = 10 * SECOND;
/// How long one look at a verification may take, in milliseconds.
const VERIFY_WITHIN: Span = 30 * SECOND;
/// How long a step that takes something back may take, in milliseconds, and how often it is tried.
const UNDO_WITHIN: Span = 10 * SECOND;
const UNDO_TRIES: u8 = 3;
/// After how long a sensor is asked again that could not tell, in milliseconds.
const BLIND_AGAIN: Span = 30 * SECOND;
/// After how long something is put back that could not be, in milliseconds.
const PUT_BACK_AGAIN: Span = MINUTE;
/// Steps of putting back are numbered from here: those of the healing are below.
const PUT_BACK_STEPS: u32 = 1 << 16;

/// Something under way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) event_id: String,
    /// The watch; `None` where the configuration has none any more.
    pub(super) watch: Option<WatchId>,
    pub(super) rule: String,
    pub(super) resource: String,
    pub(super) stage: Stage,
    pub(super) step: u32,
    /// Whether a lease was asked for and not refused.
    pub(super) leased: bool,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum Stage {
    /// Waits for the ledger.
    Leasing { until: Moment },
    /// Waits for its wave.
    Wave { until: Moment },
    /// Looks once more.
    Looking { request: u64, until: Moment },
    /// Has begun.
    Running { plan: Box<Plan>, wait: Wait },
    /// Takes back what was changed, then ends so; after a crash it looks before it ends.
    Undoing { commands: VecDeque<Command>, tries: u8, until: Moment, end: Ending },
    /// Was interrupted, and looks what came of it.
    Recovering { look: Look },
    /// Puts back what a healing has changed for a while.
    PuttingBack { commands: VecDeque<Command>, until: Moment },
}

/// What a plan waits for.
#[derive(Debug)]
pub(super) enum Wait {
    Answer { until: Moment },
    Time { until: Moment },
    Verify(Look),
}

/// A verification under way.
#[derive(Debug)]
pub(super) struct Look {
    hold: Span,
    deadline: Moment,
    good: u8,
    since: Option<Moment>,
    /// Until when a look is waited for; `None`: the next is due at `next`.
    asked: Option<Moment>,
    next: Moment,
}

/// How something that is taken back ends.
#[derive(Debug)]
pub(super) enum Ending {
    Failed(Reason, String),
    Interrupted,
}

impl Job {
    pub(super) const fn new(
        event_id: String,
        watch: Option<WatchId>,
        rule: String,
        resource: String,
        stage: Stage,
    ) -> Self {
        Self { event_id, watch, rule, resource, stage, step: 0, leased: false }
    }

    /// When it goes on without an input.
    pub(super) fn due(&self) -> Moment {
        match &self.stage {
            Stage::Leasing { until }
            | Stage::Wave { until }
            | Stage::Looking { until, .. }
            | Stage::Undoing { until, .. }
            | Stage::PuttingBack { until, .. }
            | Stage::Running { wait: Wait::Answer { until } | Wait::Time { until }, .. } => *until,
            Stage::Running { wait: Wait::Verify(look), .. } | Stage::Recovering { look } => {
                look.deadline.min(look.asked.unwrap_or(look.next))
            }
        }
    }
}

impl Look {
    const fn new(now: Moment, hold: Span, within: Span) -> Self {
        Self { hold, deadline: now.after(within), good: 0, since: None, asked: None, next: now }
    }

    /// Takes one look in; `Some` when the verification is over.
    fn take(&mut self, now: Moment, well: Option<bool>, successes: u8, again: Span) -> Option<bool> {
        self.asked = None;
        self.next = now.after(again);
        match well {
            Some(true) => {
                self.good = self.good.saturating_add(1);
                let since = *self.since.get_or_insert(now);
                if self.good >= successes && now.since(since) >= self.hold {
                    return Some(true);
                }
            }
            // A step that is watched has failed at once; what is to become well may need time.
            Some(false) if self.hold > 0 => return Some(false),
            Some(false) | None => (self.good, self.since) = (0, None),
        }
        (now >= self.deadline).then_some(false)
    }
}

impl Agent {
    /// Takes up what a crash has interrupted: it is taken back where it can be, looked at, ended and reported. Nothing is done twice, and
    /// the attempt stays counted.
    pub(super) fn take_up(&mut self) {
        let running: Vec<(String, Running)> =
            self.state.running.iter().map(|(id, one)| (id.clone(), one.clone())).collect();
        let now = self.clock.moment;
        if self.allows(Bound::Recovery, false) {
            for (event_id, _) in running {
                self.record(Record::Ended { event_id, end: End::Left(Reason::Interrupted), put_back: None });
            }
            return;
        }
        for (event_id, one) in running {
            let key = crate::agent::state::watch_key(&one.rule, &one.resource);
            let watch = self.watches.iter().find(|watch| watch.key == key).map(|watch| watch.id);
            let stage = Stage::Undoing { commands: one.undo.into(), tries: 0, until: now, end: Ending::Interrupted };
            let mut job = Job::new(event_id, watch, one.rule, one.resource, stage);
            // Whatever of the interrupted steps is still under way answers to lower numbers.
            job.step = PUT_BACK_STEPS / 2;
            job.leased = true;
            self.jobs.push(job);
            let place = self.jobs.len() - 1;
            self.undo(place);
        }
    }

    /// Moves on what time has passed for.
    pub(super) fn pass_time(&mut self) {
        let now = self.clock.moment;
        // From the last to the first: one that ends leaves the list.
        for place in (0..self.jobs.len()).rev() {
            if self.jobs.get(place).is_some_and(|job| job.due() <= now) {
                self.due(place);
            }
        }
        let due: Vec<String> =
            self.state.put_backs.iter().filter(|(_, put_back)| put_back.due <= now).map(|(id, _)| id.clone()).collect();
        for event_id in due {
            self.put_back(event_id);
        }
    }

    fn due(&mut self, place: usize) {
        let now = self.clock.moment;
        let Some(job) = self.jobs.get_mut(place) else { return };
        let (event_id, step) = (job.event_id.clone(), job.step);
        match &mut job.stage {
            // No answer is none: the cloud is away.
            Stage::Leasing { .. } | Stage::Wave { .. } => self.wait_for_wave(place),
            Stage::Looking { .. } => self.looked_at(place, None),
            Stage::Running { wait, .. } => match wait {
                Wait::Answer { .. } => {
                    self.out.push(Output::Cancel { event_id, step });
                    self.advance(place, Some(Answer::TimedOut));
                }
                Wait::Time { .. } => self.advance(place, None),
                Wait::Verify(look) if now >= look.deadline || look.asked.is_some() => self.take_look(place, None),
                Wait::Verify(_) => self.ask_look(place),
            },
            Stage::Undoing { .. } => {
                self.out.push(Output::Cancel { event_id, step });
                self.undone(place, &Answer::TimedOut);
            }
            Stage::Recovering { look } if now >= look.deadline || look.asked.is_some() => self.take_look(place, None),
            Stage::Recovering { .. } => self.ask_look(place),
            Stage::PuttingBack { .. } => {
                self.out.push(Output::Cancel { event_id, step });
                self.put_back_later(place);
            }
        }
    }

    pub(super) fn leased(&mut self, event_id: String, answer: LeaseAnswer) {
        let found = self.jobs.iter().position(|job| {
            job.event_id == event_id && matches!(job.stage, Stage::Leasing { .. } | Stage::Wave { .. })
        });
        let Some(place) = found else {
            // Nobody waits for it any more; what has begun holds its lease.
            let held = self.jobs.iter().any(|job| job.event_id == event_id);
            if answer == LeaseAnswer::Granted && !held {
                self.out.push(Output::ReleaseLease { event_id });
            }
            return;
        };
        match answer {
            LeaseAnswer::Granted => {
                let job = &mut self.jobs[place];
                job.leased = true;
                if let Some(watch) = job.watch.and_then(|id| self.watches.get_mut(id.0 as usize)) {
                    watch.refused = 0;
                }
                self.look(place);
            }
            LeaseAnswer::Unreachable => {
                if matches!(self.jobs[place].stage, Stage::Leasing { .. }) {
                    self.wait_for_wave(place);
                }
            }
            LeaseAnswer::Refused { retry_after } => {
                let job = self.jobs.remove(place);
                let now = self.clock.moment;
                let Some(id) = job.watch else { return };
                let Some(watch) = self.watches.get(id.0 as usize) else { return };
                let wait = retry_after.unwrap_or_else(|| self.lease_again(watch, &job.event_id));
                if let Some(watch) = self.watches.get_mut(id.0 as usize) {
                    watch.refused = watch.refused.saturating_add(1);
                    watch.retry_at = now.after(wait);
                }
            }
        }
    }

    pub(super) fn wait_for_wave(&mut self, place: usize) {
        let Some(job) = self.jobs.get(place) else { return };
        match self.until_wave(&job.rule) {
            0 => self.look(place),
            span => self.stage(place, Stage::Wave { until: self.clock.moment.after(span) }),
        }
    }

    /// Reads the sensor once more, right before the action.
    pub(super) fn look(&mut self, place: usize) {
        let until = self.clock.moment.after(LOOK_WITHIN);
        self.requests += 1;
        let request = self.requests;
        self.stage(place, Stage::Looking { request, until });
        if let Some(watch) = self.jobs.get(place).and_then(|job| job.watch) {
            self.out.push(Output::Sense { watch, request });
        }
    }

    /// A sensor has answered a request.
    pub(super) fn looked(&mut self, id: WatchId, request: u64) {
        let waits = |job: &Job| {
            job.watch == Some(id) && matches!(job.stage, Stage::Looking { request: asked, .. } if asked == request)
        };
        if let Some(place) = self.jobs.iter().position(waits) {
            let level = self.watches.get(id.0 as usize).map(|watch| watch.judged.level);
            self.looked_at(place, level);
        }
    }

    fn looked_at(&mut self, place: usize, level: Option<Level>) {
        let now = self.clock.moment;
        let Some(id) = self.jobs.get(place).and_then(|job| job.watch) else { return };
        let Some(watch) = self.watches.get(id.0 as usize) else { return };
        let refusal = self.refusal(watch);
        let ill = watch.condition(now).is_ill();
        let reason = match level {
            None | Some(Level::Unknown) => Some(Reason::SensorBlind),
            _ if refusal.is_some() => refusal,
            Some(Level::Healthy) => Some(Reason::Recovered),
            Some(_) if !ill => Some(Reason::Recovered),
            Some(_) => None,
        };
        if let Some(reason) = reason.filter(|_| !self.allows(Bound::Look, false)) {
            let job = self.jobs.remove(place);
            self.release(&job);
            if let Some(watch) = self.watches.get_mut(id.0 as usize) {
                match reason {
                    Reason::Recovered => watch.forget(),
                    _ => watch.retry_at = now.after(BLIND_AGAIN),
                }
            }
            self.tell(id.0 as usize, reason);
            return;
        }
        self.begin(place, id);
    }

    /// From here on it has begun: an attempt, whatever comes of it.
    fn begin(&mut self, place: usize, id: WatchId) {
        let Some(watch) = self.watches.get(id.0 as usize) else { return };
        let Some(job) = self.jobs.get(place) else { return };
        let rule = self.rule(watch);
        let plan = watch.plan(rule, &self.config, self.may_grow(&watch.resource));
        let mut event = self.event(watch, job.event_id.clone());
        event.status = Status::InProgress;
        event.attempt_count += 1;
        let running = Running {
            rule: job.rule.clone(),
            resource: job.resource.clone(),
            began: self.clock.moment,
            event: event.clone(),
            undo: Vec::new(),
            // As long as anything is asked of it: a breaker's back-off reaches an hour beyond its cooldown.
            keep: rule.window.max(rule.cooldown.max(crate::agent::time::HOUR)),
        };
        self.record(Record::Begun(Box::new(running)));
        self.record(Record::Event(Box::new(event)));
        if let Some(watch) = self.watches.get_mut(id.0 as usize) {
            // What is told next is news.
            watch.told = None;
        }
        self.stage(place, Stage::Running { plan: Box::new(plan), wait: Wait::Time { until: self.clock.moment } });
        self.advance(place, None);
    }

    /// Asks the plan for its next step, and does it.
    fn advance(&mut self, place: usize, answer: Option<Answer>) {
        let now = self.clock.moment;
        let Some(job) = self.jobs.get_mut(place) else { return };
        let Stage::Running { plan, wait } = &mut job.stage else { return };
        match plan.next(now, answer) {
            Step::Act { command, within } => {
                let undo = plan.undo();
                let event_id = job.event_id.clone();
                *wait = Wait::Answer { until: now.after(within) };
                job.step += 1;
                let (rule, resource) = (job.rule.clone(), job.resource.clone());
                let act = Output::Act { event_id: event_id.clone(), step: job.step, rule, resource, command, within };
                if self.state.running.get(&event_id).is_some_and(|running| running.undo != undo) {
                    self.record(Record::Undo { event_id, commands: undo });
                }
                self.out.push(act);
            }
            Step::Wait(until) => *wait = Wait::Time { until },
            Step::Verify { hold, within } => {
                *wait = Wait::Verify(Look::new(now, hold, within));
                self.ask_look(place);
            }
            Step::Healed => {
                let put_back = plan.put_back_after().map(|after| (plan.undo(), after));
                self.end(place, End::Healed, None, put_back);
            }
            Step::Leave(reason) => self.end(place, End::Left(reason), None, None),
            Step::Fail(reason, error) => {
                let commands = plan.undo().into();
                self.stage(
                    place,
                    Stage::Undoing { commands, tries: 0, until: now, end: Ending::Failed(reason, error) },
                );
                self.undo(place);
            }
        }
    }

    pub(super) fn answered(&mut self, event_id: &str, step: u32, answer: Answer) {
        let Some(place) = self.jobs.iter().position(|job| job.event_id == event_id && job.step == step) else { return };
        // `Verified` is what a plan hears of a verification, and comes from no edge.
        if matches!(answer, Answer::Verified(_)) {
            return;
        }
        match &self.jobs[place].stage {
            Stage::Running { wait: Wait::Answer { .. }, .. } => self.advance(place, Some(answer)),
            Stage::Undoing { .. } => self.undone(place, &answer),
            Stage::PuttingBack { .. } => match answer {
                Answer::Done | Answer::Nothing => self.put_back_next(place),
                Answer::More | Answer::Busy | Answer::Failed(_) | Answer::TimedOut | Answer::Verified(_) => {
                    self.put_back_later(place);
                }
            },
            _ => {}
        }
    }

    pub(super) fn verified(&mut self, event_id: &str, step: u32, well: Option<bool>) {
        // An answer that comes twice is one.
        let waits = |job: &Job| match &job.stage {
            Stage::Running { wait: Wait::Verify(look), .. } | Stage::Recovering { look } => look.asked.is_some(),
            _ => false,
        };
        let found = self.jobs.iter().position(|job| job.event_id == event_id && job.step == step && waits(job));
        if let Some(place) = found {
            self.take_look(place, well);
        }
    }

    fn ask_look(&mut self, place: usize) {
        let now = self.clock.moment;
        let Some(job) = self.jobs.get_mut(place) else { return };
        let (Stage::Running { wait: Wait::Verify(look), .. } | Stage::Recovering { look }) = &mut job.stage else {
            return;
        };
        look.asked = Some(now.after(VERIFY_WITHIN));
        job.step += 1;
        let Some(watch) = job.watch else { return };
        let (event_id, resource) = (job.event_id.clone(), job.resource.clone());
        self.out.push(Output::Verify { event_id, step: job.step, watch, resource });
    }

    fn take_look(&mut self, place: usize, well: Option<bool>) {
        let now = self.clock.moment;
        let (successes, again) = (self.config.host().verify.successes, self.config.host().polling.fast);
        let Some(job) = self.jobs.get_mut(place) else { return };
        let (Stage::Running { wait: Wait::Verify(look), .. } | Stage::Recovering { look }) = &mut job.stage else {
            return;
        };
        let over = look.take(now, well, successes, again);
        match (over, &job.stage) {
            (None, _) => {}
            (Some(well), Stage::Recovering { .. }) => {
                let end = if well { End::Healed } else { End::Failed(Reason::Interrupted) };
                self.end(
                    place,
                    end,
                    Some((Reason::Interrupted, "the agent ended in the middle of it".to_owned())),
                    None,
                );
            }
            (Some(well), _) => self.advance(place, Some(Answer::Verified(well))),
        }
    }

    /// Takes back the next of what is to be taken back, or goes on to the end.
    fn undo(&mut self, place: usize) {
        let now = self.clock.moment;
        let Some(job) = self.jobs.get_mut(place) else { return };
        let Stage::Undoing { commands, until, end, .. } = &mut job.stage else { return };
        if let Some(command) = commands.front().cloned() {
            *until = now.after(UNDO_WITHIN);
            job.step += 1;
            let (event_id, rule, resource) = (job.event_id.clone(), job.rule.clone(), job.resource.clone());
            self.out.push(Output::Act { event_id, step: job.step, rule, resource, command, within: UNDO_WITHIN });
            return;
        }
        match end {
            Ending::Failed(reason, error) => {
                let (reason, error) = (*reason, std::mem::take(error));
                self.end(place, End::Failed(reason), Some((reason, error)), None);
            }
            Ending::Interrupted if job.watch.is_none() => {
                let error = "the agent ended in the middle of it, and its rule is gone".to_owned();
                self.end(place, End::Failed(Reason::Interrupted), Some((Reason::Interrupted, error)), None);
            }
            Ending::Interrupted => {
                let within = self.config.host().verify.timeout.get() * SECOND;
                self.stage(place, Stage::Recovering { look: Look::new(now, 0, within) });
                self.ask_look(place);
            }
        }
    }

    fn undone(&mut self, place: usize, answer: &Answer) {
        let Some(Stage::Undoing { commands, tries, end, .. }) = self.jobs.get_mut(place).map(|job| &mut job.stage)
        else {
            return;
        };
        let done = matches!(answer, Answer::Done | Answer::Nothing);
        *tries += 1;
        if done || *tries >= UNDO_TRIES {
            if let (Some(command), false, Ending::Failed(_, error)) = (commands.front(), done, &mut *end) {
                *error = format!("{error}; could not {command} afterwards");
            }
            commands.pop_front();
            *tries = 0;
        }
        self.undo(place);
    }

    /// Ends a healing: the cooldown begins.
    fn end(&mut self, place: usize, end: End, why: Option<(Reason, String)>, put_back: Option<(Vec<Command>, Span)>) {
        let job = self.jobs.remove(place);
        let event = self.state.running.get(&job.event_id).map(|running| running.event.clone());
        self.record(Record::Ended { event_id: job.event_id.clone(), end, put_back });
        if let Some(mut event) = event {
            event.status = match end {
                End::Healed => Status::Completed,
                End::Failed(_) => Status::Failed,
                End::Left(_) => Status::Skipped,
            };
            event.end_time = Some(self.now.rfc3339());
            event.reason = match (end, &why) {
                (End::Failed(reason) | End::Left(reason), _) => Some(reason),
                (End::Healed, why) => why.as_ref().map(|(reason, _)| *reason),
            };
            event.error_message = why.map(|(_, error)| clipped(&error)).filter(|_| end != End::Healed);
            self.record(Record::Event(Box::new(event)));
        }
        self.release(&job);
        for watch in self.watches.iter_mut().filter(|watch| watch.resource == job.resource) {
            watch.forget();
        }
    }

    fn release(&mut self, job: &Job) {
        if job.leased {
            self.out.push(Output::ReleaseLease { event_id: job.event_id.clone() });
        }
    }

    fn put_back(&mut self, event_id: String) {
        let Some(put_back) = self.state.put_backs.get(&event_id) else { return };
        if self.jobs.iter().any(|job| job.resource == put_back.resource) {
            return;
        }
        let stage = Stage::PuttingBack { commands: put_back.commands.clone().into(), until: self.clock.moment };
        let mut job = Job::new(event_id, None, String::new(), put_back.resource.clone(), stage);
        job.step = PUT_BACK_STEPS;
        self.jobs.push(job);
        self.put_back_step(self.jobs.len() - 1);
    }

    fn put_back_step(&mut self, place: usize) {
        let now = self.clock.moment;
        let Some(job) = self.jobs.get_mut(place) else { return };
        let Stage::PuttingBack { commands, until } = &mut job.stage else { return };
        let event_id = job.event_id.clone();
        let Some(command) = commands.front().cloned() else {
            self.jobs.remove(place);
            self.record(Record::PutBackDone { event_id });
            return;
        };
        *until = now.after(UNDO_WITHIN);
        job.step += 1;
        let (rule, resource) = (job.rule.clone(), job.resource.clone());
        self.out.push(Output::Act { event_id, step: job.step, rule, resource, command, within: UNDO_WITHIN });
    }

    fn put_back_next(&mut self, place: usize) {
        if let Some(Stage::PuttingBack { commands, .. }) = self.jobs.get_mut(place).map(|job| &mut job.stage) {
            commands.pop_front();
        }
        self.put_back_step(place);
    }

    fn put_back_later(&mut self, place: usize) {
        let job = self.jobs.remove(place);
        self.record(Record::PutBackLater { event_id: job.event_id, after: PUT_BACK_AGAIN });
    }
}
