//! A connection pool: renew, then drop what leaked one by one, then grow within the limit; each only if the one before did not help.

use super::{Answer, CALL, Command, Span, Step};
use crate::agent::event::Reason;
use crate::agent::time::{HOUR, SECOND};

/// What was raised or shortened is put back after this time, in milliseconds (`increase_pool_size`: "for an hour").
pub const PUT_BACK_AFTER: Span = HOUR;
/// How long a step may take to help, in milliseconds: transactions end and connections come back within seconds.
const HELPS_WITHIN: Span = 15 * SECOND;

/// What a pool's means can do, and how it is now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolMeasures {
    /// It can renew connections.
    pub reconnect: bool,
    /// Drop clients that have held a connection for as many seconds.
    pub leaked_after: Option<u32>,
    /// How many of them at the most.
    pub most_dropped: u8,
    /// Its size now and the most that it may be, where it may grow.
    pub size: Option<(u32, u32)>,
    /// Seconds that clients may wait now, and shall.
    pub wait: Option<(u32, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Renewing,
    Dropping,
    Growing,
    Shortening,
    Spent,
}

/// A pool's healing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolPlan {
    stage: Stage,
    measures: PoolMeasures,
    dropped: u8,
    /// Whether the step under way is verified.
    verifying: bool,
    changed: bool,
    undo: Vec<Command>,
    errors: Vec<String>,
}

impl PoolPlan {
    /// A healing with these measures.
    #[must_use]
    pub const fn new(measures: PoolMeasures) -> Self {
        Self {
            stage: Stage::Begin,
            measures,
            dropped: 0,
            verifying: false,
            changed: false,
            undo: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub(super) fn next(&mut self, answer: Option<Answer>) -> Step {
        if self.verifying {
            self.verifying = false;
            if answer == Some(Answer::Verified(true)) {
                return Step::Healed;
            }
            // After a client was dropped, another may have leaked as well.
            return if self.stage == Stage::Dropping { self.drop_one() } else { self.advance() };
        }
        match answer {
            None => self.advance(),
            Some(Answer::Nothing) => {
                self.take_back_undo();
                self.advance()
            }
            Some(Answer::Failed(error)) => {
                self.errors.push(error);
                self.advance()
            }
            // Not in time is not known: looked at like a change that was made.
            Some(_) => {
                self.changed = true;
                self.verifying = true;
                Step::Verify { hold: 0, within: HELPS_WITHIN }
            }
        }
    }

    /// A step that had nothing to do has nothing to be taken back.
    fn take_back_undo(&mut self) {
        if matches!(self.stage, Stage::Growing | Stage::Shortening) {
            self.undo.remove(0);
        }
    }

    fn drop_one(&mut self) -> Step {
        match self.measures.leaked_after {
            Some(older_than) if self.dropped < self.measures.most_dropped => {
                self.dropped += 1;
                act(Command::DropLeaked { older_than })
            }
            _ => self.advance(),
        }
    }

    /// The next measure.
    fn advance(&mut self) -> Step {
        match self.stage {
            Stage::Begin => {
                self.stage = Stage::Renewing;
                if self.measures.reconnect { act(Command::Reconnect) } else { self.advance() }
            }
            Stage::Renewing => {
                self.stage = Stage::Dropping;
                self.drop_one()
            }
            Stage::Dropping => {
                self.stage = Stage::Growing;
                match self.measures.size.and_then(grown) {
                    Some((from, to)) => {
                        self.undo.insert(0, Command::Resize { to: from });
                        act(Command::Resize { to })
                    }
                    None => self.advance(),
                }
            }
            Stage::Growing => {
                self.stage = Stage::Shortening;
                match self.measures.wait {
                    // Longer queues make an exhausted pool worse. 0 is PgBouncer's word for no limit.
                    Some((now, shall)) if shall < now || now == 0 => {
                        self.undo.insert(0, Command::WaitAtMost { seconds: now });
                        act(Command::WaitAtMost { seconds: shall })
                    }
                    _ => self.advance(),
                }
            }
            Stage::Shortening | Stage::Spent => {
                self.stage = Stage::Spent;
                let error = self.errors.pop();
                match (self.changed, error) {
                    (_, Some(error)) => Step::Fail(Reason::ActionFailed, error),
                    (true, None) => {
                        Step::Fail(Reason::VerifyFailed, "clients still wait after every measure".to_owned())
                    }
                    (false, None) => Step::Leave(Reason::NothingToDo),
                }
            }
        }
    }

    pub(super) fn undo(&self) -> Vec<Command> {
        self.undo.clone()
    }

    pub(super) fn worst_case(&self) -> Span {
        // Renewing, growing, shortening, each client dropped, and two steps back.
        (3 + Span::from(self.measures.most_dropped)) * (CALL + HELPS_WITHIN) + 2 * CALL
    }
}

const fn act(command: Command) -> Step {
    Step::Act { command, within: CALL }
}

/// A quarter more, at least one connection, within the limit. `None` where there is no room.
fn grown((size, limit): (u32, u32)) -> Option<(u32, u32)> {
    let to = size.saturating_add(size.div_ceil(4).max(1)).min(limit);
    (to > size).then_some((size, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole() -> PoolMeasures {
        PoolMeasures {
            reconnect: true,
            leaked_after: Some(300),
            most_dropped: 2,
            size: Some((20, 40)),
            wait: Some((120, 30)),
        }
    }

    /// The commands of a plan whose steps are answered so.
    fn commands(
        measures: PoolMeasures,
        mut answer: impl FnMut(&Command) -> Answer,
        well: bool,
    ) -> (Vec<Command>, Step, PoolPlan) {
        let (mut plan, mut given, mut all) = (PoolPlan::new(measures), None, Vec::new());
        for _ in 0..300 {
            match plan.next(given.take()) {
                Step::Act { command, .. } => {
                    given = Some(answer(&command));
                    all.push(command);
                }
                Step::Verify { .. } => given = Some(Answer::Verified(well)),
                end => return (all, end, plan),
            }
        }
        panic!("no end");
    }

    #[test]
    fn the_mildest_that_helps_is_all() {
        let (all, end, plan) = commands(whole(), |_| Answer::Done, true);
        assert_eq!((all, end, plan.undo()), (vec![Command::Reconnect], Step::Healed, Vec::new()));
    }

    #[test]
    fn leaked_clients_go_one_by_one_then_it_grows_then_clients_wait_less() {
        let (all, end, plan) = commands(whole(), |_| Answer::Done, false);
        let leaked = Command::DropLeaked { older_than: 300 };
        let expected = [
            Command::Reconnect,
            leaked.clone(),
            leaked,
            Command::Resize { to: 25 },
            Command::WaitAtMost { seconds: 30 },
        ];
        assert_eq!(all, expected);
        assert!(matches!(end, Step::Fail(Reason::VerifyFailed, _)));
        assert_eq!(plan.undo(), [Command::WaitAtMost { seconds: 120 }, Command::Resize { to: 20 }]);
    }

    #[test]
    fn it_never_lengthens_a_wait_nor_grows_without_room() {
        let measures = PoolMeasures { size: Some((40, 40)), wait: Some((10, 30)), ..whole() };
        let (all, ..) = commands(measures, |_| Answer::Nothing, false);
        assert!(
            !all.iter().any(|command| matches!(command, Command::Resize { .. } | Command::WaitAtMost { .. })),
            "{all:?}"
        );
    }

    #[test]
    fn where_nothing_was_to_be_done_nothing_is_to_be_taken_back() {
        let (_, end, plan) = commands(whole(), |_| Answer::Nothing, false);
        assert_eq!((end, plan.undo()), (Step::Leave(Reason::NothingToDo), Vec::new()));
    }

    proptest! {
        #[test]
        fn within_every_bound_whatever_the_answers(
            size in 1_u32..200, limit in 1_u32..200, dropped in 0_u8..6, answers in proptest::collection::vec(0_u8..5, 1..40), well in any::<bool>()
        ) {
            let mut turn = answers.iter().cycle();
            let measures = PoolMeasures { most_dropped: dropped, size: Some((size, limit)), ..whole() };
            let (all, end, plan) = commands(measures, |_| match turn.next() {
                Some(0) => Answer::Done,
                Some(1) => Answer::Nothing,
                Some(2) => Answer::Failed("x".into()),
                Some(3) => Answer::More,
                _ => Answer::TimedOut,
            }, well);
            let count = |is: fn(&Command) -> bool| all.iter().filter(|command| is(command)).count();
            let drops = count(|command| matches!(command, Command::DropLeaked { .. }));
            let resizes = count(|command| matches!(command, Command::Resize { .. }));
            prop_assert!(drops <= usize::from(dropped) && resizes <= 1);
            for command in &all {
                if let Command::Resize { to } = command {
                    prop_assert!(*to <= limit && *to > size && *to <= size + size.div_ceil(4).max(1));
                }
            }
            // Whatever was changed, or may have been, is in what is taken back; unless it said that there was nothing to do.
            let resized = all.iter().any(|command| matches!(command, Command::Resize { .. }));
            let back = plan.undo().contains(&Command::Resize { to: size });
            prop_assert!(!back || resized);
            let ended = matches!(end, Step::Healed | Step::Leave(_) | Step::Fail(..));
            prop_assert!(ended && (well || end != Step::Healed));
        }
    }
}
