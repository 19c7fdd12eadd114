//! The figures of the guard, recorder and sweeper (`docs/guard.md`). The compiler writes them into the state machines, and
//! derives every lease from them.

/// The oldest event that the guard acts on, in seconds; less where the cooldown is shorter. `EventBridge` delivers for up to
/// 24 h, and what still fails after 15 min is offered again by the sweeper.
pub const EVENT_AGE: u64 = 900;

/// How long the guard uses its copy of a rule's parameter, in seconds. Parameter Store answers 40 reads a second for a whole
/// account (AWS quota, 2026-11); a change of a rule takes effect within this time.
pub const COPY: u64 = 60;

/// Time limit of one call of a state machine, in seconds. Every call here is answered within a second or not at all.
pub const TASK: u64 = 20;
/// Repetitions of a call after its first failure.
pub const RETRIES: u64 = 5;
/// Longest wait before a repetition, in seconds.
pub const RETRY_DELAY: u64 = 20;
/// Tries of the start of a runbook: Systems Manager starts one automation a second for an account (AWS quota, 2026-11).
pub const START_TRIES: u64 = 8;
/// Longest wait before another try of the start, in seconds.
pub const START_DELAY: u64 = 60;

/// Time limit of the guard, in seconds. A runbook begins at the latest this long after its lease.
pub const GUARD: u64 = 900;
/// Time limit of the recorder, in seconds.
pub const RECORDER: u64 = 1800;
/// Time limit of one page of the sweeper, in seconds.
pub const SWEEPER: u64 = 1800;

/// How long an automation may wait for its turn, in seconds. Systems Manager runs 100 at once for an account (AWS quota,
/// 2026-11) and queues the rest; Healstack itself starts no more than the environment's `budget.concurrent`.
pub const QUEUE: u64 = 600;

/// How long before the end of its lease a runbook is asked how it is, in seconds: three sweeps, so that a late or failed one
/// does not let the lease of a run that goes on end.
pub const MARGIN: u64 = 3 * SWEEP_MINUTES * 60;

/// By how much the recorder extends the lease of a runbook that goes on, in seconds; it is asked again [`MARGIN`] before that.
pub const EXTEND: u64 = 2 * MARGIN;

/// After how long a native healing whose end was not seen is closed as unfinished, in seconds.
pub const NATIVE: u64 = 6 * 3600;
/// After how long an agent's healing whose end was not seen is closed as unfinished, in seconds.
pub const AGENT: u64 = 3600;

/// Tries to take a lease that others change at the same time.
pub const LEASE_TRIES: u64 = 3;
/// Tries to take a slot that others take at the same time.
pub const PLACE_TRIES: u64 = 5;

/// Notifications in one window before they are held back for a summary.
pub const NOTICES: u64 = 10;
/// The window of notifications, in seconds: that of a sweep.
pub const NOTICE_WINDOW: u64 = SWEEP_MINUTES * 60;

/// Minutes from sweep to sweep.
pub const SWEEP_MINUTES: u64 = 5;
/// Alarms in one execution of the sweeper. With 100 contributors each (the most that `CloudWatch` evaluates) and 8 events an
/// offer they stay below the 25,000 events of an execution's history (AWS quota, 2026-11).
pub const SWEEP_PAGE: u64 = 20;
/// Unfinished events that one sweep closes; the rest is the next one's.
pub const SWEEP_UNFINISHED: u64 = 200;

/// How long an event stays in the ledger after its last change, in seconds: as long as the longest window of a rule.
pub const EVENT_TTL: u64 = crate::duration::MAX_SECONDS;
/// How long what is known of a resource stays in the ledger after its last change, in seconds: a month longer than any
/// window, `stable_for` or cooldown can reach back.
pub const RESOURCE_TTL: u64 = crate::duration::MAX_SECONDS + 30 * 24 * 3600;

/// The least lease in seconds for a runbook's worst case in seconds: 20 % more than that, and what may pass before it begins.
#[must_use]
pub fn lease_seconds(worst_case: u64) -> u64 {
    worst_case.saturating_mul(6).div_ceil(5) + GUARD + QUEUE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_start_fits_into_the_guards_time_limit() {
        let waits: u64 = (1..START_TRIES).map(|tried| 1 + (3 << tried).min(START_DELAY)).sum();
        // Each try is three calls, of which the start itself may be repeated in place for 6 s.
        assert!(waits + START_TRIES * (3 * TASK / 2 + 6) < GUARD, "{waits}");
    }

    proptest! {
        #[test]
        fn the_lease_outlasts_a_runbook_that_begins_as_late_as_it_can(worst_case in 0_u64..100_000) {
            prop_assert!(lease_seconds(worst_case) >= GUARD + QUEUE + worst_case);
            // It is not asked before it can have ended by itself, the queue aside.
            prop_assert!(lease_seconds(worst_case) - MARGIN >= QUEUE + worst_case);
        }
    }
}
