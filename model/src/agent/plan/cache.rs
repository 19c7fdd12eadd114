//! A cache: remove what is stale in batches, bring lifetimes into bounds, warm slowly while the database behind it is well.

use super::{Answer, CALL, Command, Moment, Span, Step};
use crate::agent::event::Reason;
use crate::agent::time::{MINUTE, SECOND};

/// From one batch to the next, in milliseconds: the server answers others in between.
const BATCH_EVERY: Span = 100;
/// From one batch of warming to the next, in milliseconds; `warm_rate` is per second.
const WARM_EVERY: Span = SECOND;
/// How long a busy database is waited for, over the whole healing, in milliseconds.
const BUSY_AT_MOST: Span = 5 * MINUTE;
/// The longest that removing and warming may take, in milliseconds: half of what the ledger gives an agent's healing (`guard::AGENT`).
const AT_MOST: Span = crate::guard::AGENT * SECOND / 2;

/// One kind of work on the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Work {
    command: Command,
    every: Span,
}

/// A cache's healing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachePlan {
    work: Vec<Work>,
    at: usize,
    began: Option<Moment>,
    busy: Span,
    verify: Span,
    verifying: bool,
    changed: bool,
}

impl CachePlan {
    /// Removes below each of `prefixes`, then sets lifetimes below them to at least and at most so many seconds, then warms `warm` keys a second;
    /// verified within `verify` milliseconds.
    #[must_use]
    pub fn new(
        prefixes: &[String],
        batch: u16,
        ttl: Option<(&[String], u64, u64)>,
        warm: Option<u32>,
        verify: Span,
    ) -> Self {
        let unlink = |prefix: &String| Command::Unlink { prefix: prefix.clone(), batch };
        let mut work: Vec<Work> =
            prefixes.iter().map(|prefix| Work { command: unlink(prefix), every: BATCH_EVERY }).collect();
        if let Some((prefixes, least, most)) = ttl {
            let bound = |prefix: &String| Command::BoundTtl { prefix: prefix.clone(), least, most, batch };
            work.extend(prefixes.iter().map(|prefix| Work { command: bound(prefix), every: BATCH_EVERY }));
        }
        work.extend(warm.map(|keys| Work { command: Command::Warm { keys }, every: WARM_EVERY }));
        Self { work, at: 0, began: None, busy: 0, verify, verifying: false, changed: false }
    }

    pub(super) fn next(&mut self, now: Moment, answer: Option<Answer>) -> Step {
        let began = *self.began.get_or_insert(now);
        if self.verifying {
            return match answer {
                Some(Answer::Verified(true)) => Step::Healed,
                _ => Step::Fail(Reason::VerifyFailed, "the hit rate is still low".to_owned()),
            };
        }
        let every = self.work.get(self.at).map_or(0, |work| work.every);
        match answer {
            None => return self.act(),
            Some(Answer::Failed(error)) => return Step::Fail(Reason::ActionFailed, error),
            Some(Answer::TimedOut) => return Step::Fail(Reason::TimedOut, "the cache did not answer".to_owned()),
            Some(Answer::Busy) => {
                self.busy += every;
                if self.busy > BUSY_AT_MOST {
                    let error = "the database behind the cache stays busy".to_owned();
                    return if self.changed {
                        Step::Fail(Reason::DependencyDown, error)
                    } else {
                        Step::Leave(Reason::DependencyDown)
                    };
                }
                return Step::Wait(now.after(every));
            }
            Some(Answer::More) => self.changed = true,
            Some(Answer::Done) => {
                self.changed = true;
                self.at += 1;
            }
            Some(Answer::Nothing | Answer::Verified(_)) => self.at += 1,
        }
        if self.at == self.work.len() {
            return self.act();
        }
        if now.since(began) > AT_MOST {
            // Enough: what is left, the next attempt does.
            self.at = self.work.len();
            return self.act();
        }
        Step::Wait(now.after(every))
    }

    fn act(&mut self) -> Step {
        if let Some(work) = self.work.get(self.at) {
            return Step::Act { command: work.command.clone(), within: CALL };
        }
        if !self.changed {
            return Step::Leave(Reason::NothingToDo);
        }
        self.verifying = true;
        Step::Verify { hold: 0, within: self.verify }
    }

    pub(super) fn worst_case(&self) -> Span {
        AT_MOST + BUSY_AT_MOST + CALL + self.verify
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefixes() -> Vec<String> {
        vec!["item:".into(), "page:".into()]
    }

    #[test]
    fn what_is_stale_goes_in_batches_then_keys_are_warmed_once_a_second() {
        let mut plan = CachePlan::new(&prefixes(), 100, None, Some(50), 60_000);
        let unlink =
            |prefix: &str| Step::Act { command: Command::Unlink { prefix: prefix.into(), batch: 100 }, within: CALL };
        let mut now = Moment(0);
        assert_eq!(plan.next(now, None), unlink("item:"));
        for answer in [Answer::More, Answer::More, Answer::Done] {
            let Step::Wait(until) = plan.next(now, Some(answer)) else { panic!() };
            assert_eq!(until.since(now), BATCH_EVERY);
            now = until;
            plan.next(now, None);
        }
        assert_eq!(plan.next(now, Some(Answer::Nothing)), Step::Wait(now.after(BATCH_EVERY)));
        let warm = Step::Act { command: Command::Warm { keys: 50 }, within: CALL };
        assert_eq!(plan.next(now, None), warm);
        assert_eq!(plan.next(now, Some(Answer::More)), Step::Wait(now.after(WARM_EVERY)));
        assert_eq!(plan.next(now, None), warm);
        assert_eq!(plan.next(now, Some(Answer::Done)), Step::Verify { hold: 0, within: 60_000 });
        assert_eq!(plan.next(now, Some(Answer::Verified(true))), Step::Healed);
    }

    #[test]
    fn a_busy_database_is_waited_for_and_then_left_alone() {
        let mut plan = CachePlan::new(&[], 100, None, Some(50), 60_000);
        let mut now = Moment(0);
        plan.next(now, None);
        let end = loop {
            match plan.next(now, Some(Answer::Busy)) {
                Step::Wait(until) => now = until,
                end => break end,
            }
            assert!(matches!(plan.next(now, None), Step::Act { .. }));
        };
        assert_eq!(end, Step::Leave(Reason::DependencyDown));
        assert!(now.0 >= BUSY_AT_MOST && now.0 <= BUSY_AT_MOST + WARM_EVERY);
    }

    #[test]
    fn lifetimes_are_changed_only_where_bounds_are_given() {
        let bounded = prefixes();
        let plan = CachePlan::new(&[], 10, Some((&bounded, 60, 3600)), None, 1);
        assert!(plan.work.iter().all(|work| matches!(work.command, Command::BoundTtl { least: 60, most: 3600, .. })));
        let mut nothing = CachePlan::new(&[], 10, None, None, 1);
        assert_eq!(nothing.next(Moment(0), None), Step::Leave(Reason::NothingToDo));
    }

    proptest! {
        #[test]
        fn it_ends_in_its_time_and_never_faster_than_its_rate(answers in proptest::collection::vec(0_u8..4, 1..20), warm in 1_u32..1000) {
            let mut plan = CachePlan::new(&prefixes(), 100, None, Some(warm), 60_000);
            let (mut now, mut given, mut last_warm) = (Moment(0), None, None::<Moment>);
            let mut turn = answers.into_iter().cycle();
            let worst = plan.worst_case();
            loop {
                match plan.next(now, given.take()) {
                    Step::Act { command, .. } => {
                        if let Command::Warm { keys } = command {
                            prop_assert!(keys == warm && last_warm.is_none_or(|last| now.since(last) >= WARM_EVERY));
                            last_warm = Some(now);
                        }
                        given = Some(match turn.next() {
                            Some(1) => Answer::Busy,
                            Some(2) => Answer::Done,
                            _ => Answer::More,
                        });
                        now = now.after(20);
                    }
                    Step::Wait(until) => now = until,
                    Step::Verify { within, .. } => { now = now.after(within); given = Some(Answer::Verified(false)); }
                    _ => break,
                }
                prop_assert!(now.0 <= worst, "{now:?}");
            }
        }
    }
}
