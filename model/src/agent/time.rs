//! The agent's clock.
//!
//! Bounds that a rule sets (cooldown, attempts in a window, healings in an hour) must hold over restarts, reboots and
//! clocks that people or NTP set. So no bound is measured with the wall clock. It is measured in [`Moment`]s: the time that
//! the kernel's boot clock (`CLOCK_BOOTTIME`) has counted while the agent knew of it, added up over boots.
//!
//! **Invariant:** between two moments at least as much real time has passed as they are apart. Within one boot they are
//! exactly as far apart as real time; over a reboot what the host was off is not counted, because only the wall clock could
//! say how long that was. A bound can therefore last longer than it says, by the time that the host was off, and never
//! shorter, whatever the wall clock does.
//!
//! The wall clock stands in events, for people, and chooses the wave of a host that cannot reach the cloud.

use serde::{Deserialize, Serialize};

/// A span in milliseconds.
pub type Span = u64;

/// One second.
pub const SECOND: Span = 1000;
/// One minute.
pub const MINUTE: Span = 60 * SECOND;
/// One hour.
pub const HOUR: Span = 60 * MINUTE;

/// A point on the agent's own clock, in milliseconds since its state was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment `span` milliseconds later, or the last that there is.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// Milliseconds since `earlier`; 0 where that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        self.0.saturating_sub(earlier.0)
    }
}

/// What the host's clocks say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// The kernel's `/proc/sys/kernel/random/boot_id`, as a number.
    pub boot: u128,
    /// `CLOCK_BOOTTIME` in milliseconds.
    pub monotonic: u64,
    /// The wall clock in milliseconds since 1970.
    pub wall: i64,
}

impl Now {
    /// The wall clock in RFC 3339, in UTC and milliseconds. A clock outside of the years 1970 to 9999 is held to them.
    #[must_use]
    pub fn rfc3339(&self) -> String {
        rfc3339(self.wall)
    }
}

/// A moment of the wall clock, in milliseconds since 1970, in RFC 3339.
#[must_use]
pub fn rfc3339(wall: i64) -> String {
    /// 9999-12-31T23:59:59.999Z.
    const LAST: i64 = 253_402_300_799_999;
    crate::alarm::iso(wall.clamp(0, LAST))
}

/// How far the agent's clock is, and what it was read from. Part of the agent's state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// The boot in which it was last read.
    #[serde(with = "hex")]
    pub boot: u128,
    /// `CLOCK_BOOTTIME` of then, in milliseconds.
    pub monotonic: u64,
    /// The moment of then.
    pub moment: Moment,
}

impl Clock {
    /// The clock at `now`.
    ///
    /// In the boot in which it was last read, by as much later as the boot clock is. In another boot, by what that boot has
    /// lasted: at least that much has passed. A boot clock that went back, which Linux does not do, counts nothing.
    #[must_use]
    pub const fn at(&self, now: &Now) -> Self {
        let passed = if now.boot == self.boot { now.monotonic.saturating_sub(self.monotonic) } else { now.monotonic };
        Self { boot: now.boot, monotonic: now.monotonic, moment: self.moment.after(passed) }
    }

    /// What the boot clock shows at `moment`, in milliseconds, if nothing is booted until then: what an edge sleeps for.
    #[must_use]
    pub const fn monotonic_of(&self, moment: Moment) -> u64 {
        self.monotonic.saturating_add(moment.since(self.moment))
    }
}

/// 128 bits as 32 hexadecimal digits, which JSON numbers cannot hold.
pub(crate) mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:032x}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now(boot: u128, monotonic: u64, wall: i64) -> Now {
        Now { boot, monotonic, wall }
    }

    #[test]
    fn a_day_forward_or_back_on_the_wall_is_no_time() {
        let clock = Clock::default().at(&now(1, 5000, 0));
        for wall in [-86_400_000, 86_400_000, i64::MIN, i64::MAX] {
            assert_eq!(clock.at(&now(1, 6000, wall)).moment.since(clock.moment), 1000);
            assert_eq!(clock.at(&now(2, 700, wall)).moment.since(clock.moment), 700);
        }
    }

    #[test]
    fn a_boot_clock_that_went_back_counts_nothing() {
        let clock = Clock::default().at(&now(1, 5000, 0));
        assert_eq!(clock.at(&now(1, 4000, 0)).moment, clock.moment);
    }

    #[test]
    fn an_edge_sleeps_as_long_as_the_moment_is_away() {
        let clock = Clock::default().at(&now(1, 5000, 0)).at(&now(2, 100, 0));
        assert_eq!(clock.monotonic_of(clock.moment.after(250)), 350);
        assert_eq!(clock.monotonic_of(Moment(0)), 100);
    }

    #[test]
    fn it_survives_as_text() {
        let clock = Clock { boot: u128::MAX - 1, monotonic: 7, moment: Moment(9) };
        let text = serde_json::to_string(&clock).unwrap();
        assert_eq!(serde_json::from_str::<Clock>(&text).unwrap(), clock);
        assert_eq!(rfc3339(i64::MIN), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59.999Z");
    }

    proptest! {
        /// Real time is what the test counts: uptime, and the time that the host was off.
        #[test]
        fn never_more_than_real_time_passes(
            spans in proptest::collection::vec((any::<bool>(), 0_u64..1_000_000, 0_u64..1_000_000, any::<i64>()), 1..40)
        ) {
            let (mut clock, mut real, mut boot, mut monotonic) = (Clock::default(), 0_u64, 0_u128, 0_u64);
            let begin = clock.at(&now(boot, monotonic, 0)).moment;
            for (reboots, off, up, wall) in spans {
                if reboots {
                    boot += 1;
                    monotonic = 0;
                    real += off;
                }
                monotonic += up;
                real += up;
                clock = clock.at(&now(boot, monotonic, wall));
                prop_assert!(clock.moment.since(begin) <= real);
                if boot == 0 {
                    prop_assert_eq!(clock.moment.since(begin), real);
                }
            }
        }
    }
}
