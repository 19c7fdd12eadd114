//! What goes wrong between the parts: calls that fail, events that are lost, late or doubled, executions that die.

use crate::scenario::CallFault;
use crate::time::SECOND;
use crate::{AwsError, Millis, Random};

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFate {
    /// It is answered.
    Answered,
    /// It is not done, and answered with this error.
    Refused(AwsError),
    /// It is done, or not, and no answer comes.
    Unanswered {
        /// Whether it is done.
        done: bool,
    },
    /// It is answered so much later.
    Late(Millis),
}

/// Decides what goes wrong. The default: nothing.
pub trait Faults {
    /// What becomes of a call of a state machine or a runbook.
    fn call(&mut self, now: Millis, random: &mut Random, service: &str, api: &str) -> CallFate {
        let _ = (now, random, service, api);
        CallFate::Answered
    }

    /// When the copies of an event come, in milliseconds from now; none if it is lost. EventBridge delivers at least once.
    fn delivery(&mut self, now: Millis, random: &mut Random) -> Vec<Millis> {
        let _ = now;
        vec![delay(random)]
    }

    /// Whether an execution dies between two of its states.
    fn dies(&mut self, now: Millis, random: &mut Random) -> bool {
        let _ = (now, random);
        false
    }
}

/// How long an event takes: EventBridge's typical latency is about half a second (EventBridge user guide, monitoring).
pub fn delay(random: &mut Random) -> Millis {
    300 + i64::try_from(random.below(500)).unwrap_or_default()
}

/// Nothing goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct None;

impl Faults for None {}

/// What a scenario says goes wrong.
#[derive(Debug, Clone, Default)]
pub struct Scripted {
    active: Vec<(CallFault, Option<Millis>)>,
}

impl Scripted {
    /// From now on, for as long as the fault says.
    pub fn begin(&mut self, now: Millis, fault: CallFault) {
        let end = fault.lasts.map(|lasts| now + lasts);
        self.active.push((fault, end));
    }
}

impl Faults for Scripted {
    fn call(&mut self, now: Millis, _: &mut Random, service: &str, api: &str) -> CallFate {
        self.active.retain(|(fault, end)| fault.times != Some(0) && end.is_none_or(|end| now < end));
        let Some((fault, _)) = self.active.iter_mut().find(|(fault, _)| fault.service == service && fault.api == api)
        else {
            return CallFate::Answered;
        };
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        match fault.error.as_str() {
            "timeout" => CallFate::Unanswered { done: true },
            "lost" => CallFate::Unanswered { done: false },
            code => CallFate::Refused(error(code)),
        }
    }
}

/// An error by its code; throttling and codes of a failing service are the service's fault.
#[must_use]
pub fn error(code: &str) -> AwsError {
    let is_server = ["Throttl", "Internal", "ServiceUnavailable", "RequestLimit", "Capacity", "TooManyRequests"]
        .iter()
        .any(|part| code.contains(part));
    let message = format!("The scenario lets it fail with {code}");
    if is_server { AwsError::server(code, message) } else { AwsError::client(code, message) }
}

/// How often each thing goes wrong, in percent. For property tests: everything at every boundary.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Calls that are refused: throttling, 5xx.
    pub refused: u64,
    /// Calls without an answer, half of them done.
    pub unanswered: u64,
    /// Calls whose answer comes late, up to 30 s.
    pub late: u64,
    /// Events that are lost.
    pub lost: u64,
    /// Events that come twice.
    pub doubled: u64,
    /// Events that come up to 20 min late, and so in another order.
    pub delayed: u64,
    /// State transitions after which the execution is gone.
    pub dies: u64,
    /// Until when, in milliseconds since 1970.
    pub until: Millis,
}

impl Faults for Rates {
    fn call(&mut self, now: Millis, random: &mut Random, _: &str, _: &str) -> CallFate {
        if now >= self.until {
            return CallFate::Answered;
        }
        if random.chance(self.refused) {
            let codes = ["ThrottlingException", "InternalServerError", "ServiceUnavailable"];
            let code = codes[usize::try_from(random.below(3)).unwrap_or_default()];
            return CallFate::Refused(AwsError::server(code, "Rate exceeded"));
        }
        if random.chance(self.unanswered) {
            return CallFate::Unanswered { done: random.chance(50) };
        }
        if random.chance(self.late) {
            return CallFate::Late(i64::try_from(random.below(30)).unwrap_or_default() * SECOND);
        }
        CallFate::Answered
    }

    fn delivery(&mut self, now: Millis, random: &mut Random) -> Vec<Millis> {
        if now >= self.until {
            return vec![delay(random)];
        }
        if random.chance(self.lost) {
            return Vec::new();
        }
        let copies = if random.chance(self.doubled) { 2 } else { 1 };
        (0..copies)
            .map(|_| {
                let late = if random.chance(self.delayed) { random.below(1200) } else { 0 };
                delay(random) + i64::try_from(late).unwrap_or_default() * SECOND
            })
            .collect()
    }

    fn dies(&mut self, now: Millis, random: &mut Random) -> bool {
        now < self.until && random.chance(self.dies)
    }
}
