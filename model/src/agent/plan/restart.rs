//! Restart of a unit or a process: dump the heap where that is asked for, restart, verify.

use super::{Answer, Command, Span, Step};
use crate::agent::event::Reason;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Dumping,
    Restarting,
    Verifying,
}

/// A restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPlan {
    stage: Stage,
    dump: Option<(Command, Span)>,
    action: Command,
    within: Span,
    verify: Span,
}

impl RestartPlan {
    /// A restart with `action`, which may take `within` milliseconds, verified within `verify`; before it the dump, which may take its own
    /// time.
    #[must_use]
    pub const fn new(action: Command, within: Span, verify: Span, dump: Option<(Command, Span)>) -> Self {
        Self { stage: Stage::Begin, dump, action, within, verify }
    }

    pub(super) fn next(&mut self, answer: Option<Answer>) -> Step {
        match (self.stage, answer) {
            (Stage::Begin, _) => match self.dump.take() {
                Some((command, within)) => {
                    self.stage = Stage::Dumping;
                    Step::Act { command, within }
                }
                None => self.restart(),
            },
            // Whatever came of the dump: it never holds the restart up.
            (Stage::Dumping, _) => self.restart(),
            (Stage::Restarting, Some(Answer::Failed(error))) => Step::Fail(Reason::ActionFailed, error),
            // A restart that did not end in time may have: the verification says so.
            (Stage::Restarting, _) => {
                self.stage = Stage::Verifying;
                Step::Verify { hold: 0, within: self.verify }
            }
            (Stage::Verifying, Some(Answer::Verified(true))) => Step::Healed,
            (Stage::Verifying, _) => {
                Step::Fail(Reason::VerifyFailed, format!("not well {} s after it", self.verify / 1000))
            }
        }
    }

    fn restart(&mut self) -> Step {
        self.stage = Stage::Restarting;
        Step::Act { command: self.action.clone(), within: self.within }
    }

    pub(super) fn worst_case(&self) -> Span {
        self.dump.as_ref().map_or(0, |(_, within)| *within) + self.within + self.verify
    }
}

impl fmt::Display for RestartPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((dump, _)) = &self.dump {
            write!(f, "{dump}, then ")?;
        }
        self.action.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump() -> (Command, Span) {
        (Command::Dump { command: "heap".into(), used: 100 }, 60_000)
    }

    #[test]
    fn a_dump_comes_first_and_never_holds_the_restart_up() {
        for answer in [Answer::Done, Answer::Nothing, Answer::TimedOut, Answer::Failed("no disk".into()), Answer::Busy]
        {
            let mut plan = RestartPlan::new(Command::Restart, 180_000, 120_000, Some(dump()));
            assert_eq!(plan.worst_case(), 360_000);
            assert!(matches!(plan.next(None), Step::Act { command: Command::Dump { .. }, within: 60_000 }));
            assert_eq!(plan.next(Some(answer)), Step::Act { command: Command::Restart, within: 180_000 });
        }
    }

    #[test]
    fn only_the_verification_says_that_it_is_healed() {
        let restarted = |answer: Answer| {
            let mut plan = RestartPlan::new(Command::Restart, 1, 120_000, None);
            plan.next(None);
            (plan.next(Some(answer)), plan)
        };
        for answer in [Answer::Done, Answer::TimedOut] {
            let (step, mut plan) = restarted(answer);
            assert_eq!(step, Step::Verify { hold: 0, within: 120_000 });
            assert_eq!(plan.clone().next(Some(Answer::Verified(true))), Step::Healed);
            assert!(matches!(plan.next(Some(Answer::Verified(false))), Step::Fail(Reason::VerifyFailed, _)));
        }
        assert_eq!(restarted(Answer::Failed("x".into())).0, Step::Fail(Reason::ActionFailed, "x".into()));
    }
}
