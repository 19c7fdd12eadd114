//! Retry and Catch.

use super::failure::TaskError;
use super::machine::Outcome;
use crate::time::SECOND;
use crate::{Millis, Random};

/// One entry of `Retry`.
#[derive(Debug)]
pub(super) struct Retrier {
    pub(super) errors: Vec<String>,
    pub(super) interval: f64,
    pub(super) rate: f64,
    /// Seconds.
    pub(super) longest: Option<f64>,
    pub(super) attempts: u32,
    /// `JitterStrategy: FULL`.
    pub(super) jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug)]
pub(super) struct Catcher {
    pub(super) errors: Vec<String>,
    pub(super) outcome: Outcome,
    pub(super) next: usize,
}

impl Retrier {
    /// The delay before another attempt, after so many by this retrier.
    pub(super) fn delay(&self, before: u32, random: &mut Random) -> Millis {
        let seconds = self.interval * self.rate.powf(f64::from(before));
        let seconds = self.longest.map_or(seconds, |longest| seconds.min(longest)).min(f64::from(u32::MAX));
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most 2^32 seconds")]
        let delay = (seconds * SECOND as f64) as Millis;
        if self.jitter { random.below(delay.unsigned_abs() + 1).try_into().unwrap_or(delay) } else { delay }
    }
}

/// The retrier for an error by its index, and the attempts that it has left. The first that matches is the only one
/// that counts.
pub(super) fn retrier(retriers: &[Retrier], made: &[u32], error: &TaskError) -> Option<usize> {
    let index = retriers.iter().position(|retrier| error.matches(&retrier.errors))?;
    (made[index] < retriers[index].attempts).then_some(index)
}

/// The catcher for an error.
pub(super) fn catcher<'a>(catchers: &'a [Catcher], error: &TaskError) -> Option<&'a Catcher> {
    catchers.iter().find(|catcher| error.matches(&catcher.errors))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(error: &str, attempts: u32) -> Retrier {
        Retrier {
            errors: vec![error.to_owned()],
            interval: 1.0,
            rate: 2.0,
            longest: Some(20.0),
            attempts,
            jitter: false,
        }
    }

    #[test]
    fn delays_grow_up_to_the_longest() {
        let retrier = named("A", 9);
        let delays: Vec<_> = (0..6).map(|before| retrier.delay(before, &mut Random::new(1)) / SECOND).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 20]);
    }

    #[test]
    fn full_jitter_is_between_nothing_and_the_delay() {
        let retrier = Retrier { jitter: true, ..named("A", 9) };
        let mut random = Random::new(1);
        let delays: Vec<_> = (0..200).map(|_| retrier.delay(2, &mut random)).collect();
        assert!(delays.iter().all(|delay| (0..=4000).contains(delay)));
        assert!(delays.iter().any(|delay| *delay < 1000) && delays.iter().any(|delay| *delay > 3000));
    }

    #[test]
    fn only_the_first_match_counts() {
        let retriers = [named("A", 0), named("States.ALL", 5)];
        assert_eq!(retrier(&retriers, &[0, 0], &TaskError::new("A", "")), None);
        assert_eq!(retrier(&retriers, &[0, 4], &TaskError::new("B", "")), Some(1));
        assert_eq!(retrier(&retriers, &[0, 5], &TaskError::new("B", "")), None);
    }
}
