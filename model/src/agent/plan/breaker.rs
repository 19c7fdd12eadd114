//! A circuit breaker: the dependency first, then requests in steps, each watched for a while; out again when one fails.

use super::{Answer, CALL, Command, Moment, Span, Step};
use crate::agent::event::Reason;
use crate::agent::time::SECOND;
use std::fmt;

/// Percent of the requests in each step after the first, which is the rule's `test_requests_percentage`.
pub const STEPS: [u8; 3] = [25, 50, 100];
/// From one probe of the dependency to the next, in milliseconds (`probe_successes`: "one every second").
const PROBE_EVERY: Span = SECOND;
/// How long a step may stay without a clear answer beyond its hold, in milliseconds.
const SLACK: Span = 30 * SECOND;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// So many good answers of the dependency in a row.
    Probing(u8),
    Setting(u8),
    Holding(u8),
}

/// A breaker's recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerPlan {
    stage: Stage,
    successes: u8,
    first: u8,
    hold: Span,
    /// Whether the means take weights; else the breaker tests by itself once it is half open.
    weighted: bool,
    changed: bool,
}

impl BreakerPlan {
    /// A recovery after `successes` answers of the dependency in a row, with `first` percent of the requests in the first step, each step
    /// watched for `hold` milliseconds.
    #[must_use]
    pub const fn new(successes: u8, first: u8, hold: Span, weighted: bool) -> Self {
        Self { stage: Stage::Probing(0), successes, first, hold, weighted, changed: false }
    }

    pub(super) fn next(&mut self, now: Moment, answer: Option<Answer>) -> Step {
        match (self.stage, answer) {
            (Stage::Probing(_), None) => Step::Act { command: Command::Probe, within: CALL },
            (Stage::Probing(good), Some(Answer::Done)) if good + 1 < self.successes => {
                self.stage = Stage::Probing(good + 1);
                Step::Wait(now.after(PROBE_EVERY))
            }
            (Stage::Probing(_), Some(Answer::Done)) => self.set(self.first),
            (Stage::Probing(_), Some(_)) => Step::Leave(Reason::DependencyDown),
            (Stage::Setting(_), Some(Answer::Failed(error))) => Step::Fail(Reason::ActionFailed, error),
            (Stage::Setting(percent), Some(Answer::Done | Answer::More | Answer::Nothing)) => {
                self.stage = Stage::Holding(percent);
                Step::Verify { hold: self.hold, within: self.hold + SLACK }
            }
            (Stage::Setting(percent), _) => {
                Step::Fail(Reason::TimedOut, format!("no answer to {percent} % of the requests"))
            }
            (Stage::Holding(percent), Some(Answer::Verified(true))) => {
                match STEPS.into_iter().find(|step| *step > percent).filter(|_| self.weighted) {
                    Some(step) => self.set(step),
                    None => Step::Healed,
                }
            }
            (Stage::Holding(percent), _) => {
                let share = if self.weighted { format!(" at {percent} % of the requests") } else { String::new() };
                Step::Fail(Reason::VerifyFailed, format!("the dependency failed again{share}"))
            }
        }
    }

    fn set(&mut self, percent: u8) -> Step {
        self.stage = Stage::Setting(percent);
        self.changed = true;
        let command = if self.weighted { Command::Weight { percent } } else { Command::HalfOpen };
        Step::Act { command, within: CALL }
    }

    pub(super) fn undo(&self) -> Vec<Command> {
        if self.changed { vec![Command::Open] } else { Vec::new() }
    }

    pub(super) fn worst_case(&self) -> Span {
        let probes = Span::from(self.successes) * (CALL + PROBE_EVERY);
        let steps = if self.weighted { 1 + STEPS.len() as Span } else { 1 };
        probes + steps * (CALL + self.hold + SLACK) + CALL
    }
}

impl fmt::Display for BreakerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.weighted {
            return f.write_str("half-open the breaker after the dependency has answered");
        }
        write!(f, "let {}", self.first)?;
        for step in STEPS.into_iter().filter(|step| *step > self.first) {
            write!(f, ", {step}")?;
        }
        f.write_str(" % of the requests through after the dependency has answered")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ramp(first: u8, weighted: bool, well_until: u8) -> (Vec<u8>, Step, BreakerPlan) {
        let mut plan = BreakerPlan::new(3, first, 30_000, weighted);
        let (mut given, mut weights, mut last) = (None, Vec::new(), 0);
        loop {
            match plan.next(Moment(0), given.take()) {
                Step::Act { command, .. } => {
                    if let Command::Weight { percent } = command {
                        last = percent;
                        weights.push(percent);
                    }
                    given = Some(Answer::Done);
                }
                Step::Wait(_) => {}
                Step::Verify { hold, .. } => {
                    assert_eq!(hold, 30_000);
                    given = Some(Answer::Verified(last <= well_until));
                }
                end => return (weights, end, plan),
            }
        }
    }

    #[test]
    fn steps_are_watched_and_smaller_ones_left_out() {
        assert_eq!(ramp(10, true, 100).0, [10, 25, 50, 100]);
        assert_eq!(ramp(25, true, 100).0, [25, 50, 100]);
        assert_eq!(ramp(40, true, 100).0, [40, 50, 100]);
        assert_eq!(ramp(10, true, 100).1, Step::Healed);
        let (weights, end, _) = ramp(10, false, 100);
        assert_eq!((weights, end), (Vec::new(), Step::Healed));
    }

    #[test]
    fn it_is_taken_out_again_where_it_fails() {
        let (weights, end, plan) = ramp(10, true, 10);
        assert_eq!(weights, [10, 25]);
        assert!(matches!(end, Step::Fail(Reason::VerifyFailed, error) if error.contains("25 %")));
        assert_eq!(plan.undo(), [Command::Open]);
    }

    #[test]
    fn a_dependency_that_does_not_answer_in_a_row_changes_nothing() {
        for bad in [Answer::Nothing, Answer::Failed("503".into()), Answer::TimedOut, Answer::Busy] {
            let mut plan = BreakerPlan::new(3, 10, 1000, true);
            assert!(matches!(plan.next(Moment(0), None), Step::Act { command: Command::Probe, .. }));
            assert_eq!(plan.next(Moment(5), Some(Answer::Done)), Step::Wait(Moment(1005)));
            assert!(matches!(plan.next(Moment(1005), None), Step::Act { command: Command::Probe, .. }));
            assert_eq!(plan.next(Moment(1006), Some(bad)), Step::Leave(Reason::DependencyDown));
            assert_eq!(plan.undo(), Vec::new());
        }
    }

    proptest! {
        #[test]
        fn only_forward_and_only_after_all_probes(first in 1_u8..=50, successes in 1_u8..10, answers in proptest::collection::vec(any::<bool>(), 1..40)) {
            let mut plan = BreakerPlan::new(successes, first, 1000, true);
            let (mut given, mut probes, mut last) = (None, 0, 0);
            let mut answers = answers.into_iter();
            for _ in 0..200 {
                match plan.next(Moment(0), given.take()) {
                    Step::Act { command: Command::Probe, .. } => {
                        probes += 1;
                        given = Some(if answers.next().unwrap_or(true) { Answer::Done } else { Answer::Nothing });
                    }
                    Step::Act { command: Command::Weight { percent }, .. } => {
                        prop_assert!(probes >= successes && percent > last && percent <= 100);
                        prop_assert!(last > 0 || percent == first);
                        last = percent;
                        given = Some(Answer::Done);
                    }
                    Step::Verify { .. } => given = Some(Answer::Verified(answers.next().unwrap_or(true))),
                    Step::Wait(_) => {}
                    Step::Healed => { prop_assert_eq!(last, 100); return Ok(()); }
                    Step::Leave(_) => { prop_assert_eq!(last, 0); return Ok(()); }
                    Step::Fail(..) => { prop_assert_eq!(plan.undo(), vec![Command::Open]); return Ok(()); }
                    other @ Step::Act { .. } => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert!(false, "no end");
        }
    }
}
