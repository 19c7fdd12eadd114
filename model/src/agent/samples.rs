//! Hysteresis: whether a resource is ill, from levels.

use super::time::{Moment, Span};

/// What one reading of a sensor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The sensor cannot tell: no answer, no permission, garbage. Neither ill nor healthy.
    Unknown,
    /// On the good side of the threshold of recovery.
    Healthy,
    /// Between the thresholds: whatever it was before.
    Between,
    /// At or past the threshold.
    Ill,
    /// The kernel says that a limit was hit: no further sample is needed.
    Limit,
}

/// How many of how many samples make a resource ill, and how many in a row make it healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Ill samples that it takes.
    pub ill: u8,
    /// Of how many samples, at most 64.
    pub of: u8,
    /// Healthy samples in a row that end it.
    pub healthy: u8,
}

impl Evidence {
    /// Three of four: one odd sample neither starts nor prevents a healing. Two in a row end it.
    pub const DEFAULT: Self = Self { ill: 3, of: 4, healthy: 2 };
}

impl Default for Evidence {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is known of a resource's condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Not enough was seen yet, or the sensor cannot tell.
    Unknown,
    /// It is healthy, without interruption since then.
    Healthy(Moment),
    /// It is ill since then.
    Ill(Moment),
}

impl Condition {
    /// Whether it is ill.
    #[must_use]
    pub const fn is_ill(self) -> bool {
        matches!(self, Self::Ill(_))
    }
}

/// The last samples of one resource: 24 bytes, however many they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// One bit a sample, the newest lowest: whether it was ill.
    ill: u64,
    /// How many samples there are, up to 64.
    count: u8,
    /// Healthy samples in a row.
    healthy: u8,
    /// When the last sample was taken.
    last: Moment,
    condition: Condition,
}

impl Default for Samples {
    fn default() -> Self {
        Self { ill: 0, count: 0, healthy: 0, last: Moment(0), condition: Condition::Unknown }
    }
}

impl Samples {
    /// Takes a sample in. `gap` is how far two samples may be apart, in milliseconds: after a longer silence what was seen before says nothing
    /// any more.
    ///
    /// Unknown samples are not counted among the M of N, since they are no evidence for either side; but they end what was
    /// known as healthy, so that attempts are not renewed by a sensor that is blind.
    pub fn add(&mut self, level: Level, now: Moment, rule: Evidence, gap: Span) -> Condition {
        if self.count > 0 && now.since(self.last) > gap {
            self.forget();
        }
        if level == Level::Unknown {
            self.healthy = 0;
            if let Condition::Healthy(_) = self.condition {
                self.condition = Condition::Unknown;
            }
            return self.condition;
        }
        self.last = now;
        let ill = matches!(level, Level::Ill | Level::Limit);
        self.ill = self.ill << 1 | u64::from(ill);
        self.count = self.count.saturating_add(1).min(64);
        self.healthy = if level == Level::Healthy { self.healthy.saturating_add(1) } else { 0 };
        let window = u64::MAX >> (64 - u32::from(rule.of.clamp(1, 64)));
        let seen = (self.ill & window).count_ones();
        let enough = ill && (level == Level::Limit || seen >= u32::from(rule.ill.max(1)));
        self.condition = match self.condition {
            Condition::Ill(since) if self.healthy < rule.healthy.max(1) => Condition::Ill(since),
            _ if enough => Condition::Ill(now),
            Condition::Healthy(since) if !ill => Condition::Healthy(since),
            _ if self.healthy >= rule.healthy.max(1) => {
                // What made it ill is over: it takes as many samples as before to be ill again.
                self.ill = 0;
                Condition::Healthy(now)
            }
            // An ill sample interrupts health before it makes illness.
            _ => Condition::Unknown,
        };
        self.condition
    }

    /// Forgets everything, as after an action: what was seen before it says nothing of what is now.
    pub fn forget(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }

    /// What is known now. `gap` as for [`Samples::add`].
    #[must_use]
    pub fn condition(&self, now: Moment, gap: Span) -> Condition {
        if now.since(self.last) > gap { Condition::Unknown } else { self.condition }
    }

    /// Ill samples and all samples among the last `of`.
    #[must_use]
    pub fn counted(&self, of: u8) -> (u32, u32) {
        let of = of.clamp(1, 64);
        let window = u64::MAX >> (64 - u32::from(of));
        ((self.ill & window).count_ones(), u32::from(self.count.min(of)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: Evidence = Evidence::DEFAULT;
    const GAP: Span = 60_000;

    fn feed(samples: &mut Samples, from: u64, levels: &[Level]) -> Condition {
        let mut condition = Condition::Unknown;
        for (index, level) in levels.iter().enumerate() {
            condition = samples.add(*level, Moment(from + index as u64 * 1000), RULE, GAP);
        }
        condition
    }

    #[test]
    fn three_of_four_make_it_ill_and_two_in_a_row_end_it() {
        use Level::{Between, Healthy, Ill};
        let mut samples = Samples::default();
        assert_eq!(feed(&mut samples, 0, &[Ill, Ill, Healthy]), Condition::Unknown);
        assert_eq!(feed(&mut samples, 3000, &[Ill]), Condition::Ill(Moment(3000)));
        // Between the thresholds it stays what it is, and one healthy sample is not enough.
        assert_eq!(feed(&mut samples, 4000, &[Between, Healthy, Between]), Condition::Ill(Moment(3000)));
        assert_eq!(feed(&mut samples, 7000, &[Healthy, Healthy]), Condition::Healthy(Moment(8000)));
        assert_eq!(feed(&mut samples, 9000, &[Between]), Condition::Healthy(Moment(8000)));
        assert_eq!(samples.counted(4), (0, 4));
    }

    #[test]
    fn what_the_kernel_says_needs_no_second_sample() {
        let mut samples = Samples::default();
        assert_eq!(feed(&mut samples, 5, &[Level::Limit]), Condition::Ill(Moment(5)));
    }

    #[test]
    fn a_blind_sensor_is_neither() {
        use Level::{Healthy, Ill, Unknown};
        let mut samples = Samples::default();
        feed(&mut samples, 0, &[Healthy, Healthy]);
        assert_eq!(feed(&mut samples, 2000, &[Unknown]), Condition::Unknown);
        let mut samples = Samples::default();
        assert_eq!(feed(&mut samples, 0, &[Ill, Unknown, Ill, Unknown, Unknown, Unknown]), Condition::Unknown);
        // The third ill one, with what was unknown left out.
        assert_eq!(feed(&mut samples, 6000, &[Ill]), Condition::Ill(Moment(6000)));
        assert_eq!(feed(&mut samples, 7000, &[Unknown, Unknown]), Condition::Ill(Moment(6000)));
    }

    #[test]
    fn silence_makes_all_of_it_unknown() {
        let mut samples = Samples::default();
        feed(&mut samples, 0, &[Level::Ill, Level::Ill, Level::Ill]);
        assert!(samples.condition(Moment(62_000), GAP).is_ill());
        assert_eq!(samples.condition(Moment(62_001), GAP), Condition::Unknown);
        assert_eq!(samples.add(Level::Ill, Moment(100_000), RULE, GAP), Condition::Unknown);
    }

    #[test]
    fn one_resource_takes_little() {
        assert!(size_of::<Samples>() <= 48, "{}", size_of::<Samples>());
    }

    proptest! {
        /// Beside a plain list of samples.
        #[test]
        fn ill_only_with_the_evidence_that_the_rule_asks_for(
            levels in proptest::collection::vec(0_u8..5, 1..80), ill in 1_u8..6, more in 0_u8..6, healthy in 1_u8..4,
        ) {
            let rule = Evidence { ill, of: ill + more, healthy };
            let mut samples = Samples::default();
            let mut list: Vec<Level> = Vec::new();
            let mut before = Condition::Unknown;
            for (index, number) in levels.into_iter().enumerate() {
                let level = [Level::Unknown, Level::Healthy, Level::Between, Level::Ill, Level::Limit][usize::from(number)];
                let condition = samples.add(level, Moment(index as u64), rule, GAP);
                if level != Level::Unknown {
                    list.push(level);
                }
                let last = |n: u8| list.iter().rev().take(usize::from(n));
                if condition.is_ill() && !before.is_ill() {
                    let seen = last(rule.of).filter(|level| matches!(level, Level::Ill | Level::Limit)).count();
                    prop_assert!(level == Level::Limit || seen >= usize::from(ill));
                }
                if matches!(condition, Condition::Healthy(_)) && !matches!(before, Condition::Healthy(_)) {
                    prop_assert!(last(healthy).count() == usize::from(healthy) && last(healthy).all(|level| *level == Level::Healthy));
                }
                if before.is_ill() && !condition.is_ill() {
                    prop_assert!(matches!(condition, Condition::Healthy(_)));
                }
                before = condition;
            }
        }
    }
}
