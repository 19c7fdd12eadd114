//! How fast memory grows: a least-squares line through a bounded window of samples.

use super::time::{Moment, Span};

/// Points that are kept: enough for a line, and 256 bytes a resource.
const POINTS: usize = 32;
/// The window in milliseconds: a leak shows over half an hour, and a cache that fills does not last longer.
pub const WINDOW: Span = 30 * super::time::MINUTE;
/// Least span and number of points for a line. Fewer are noise.
const LEAST_SPAN: Span = 5 * super::time::SECOND;
const LEAST_POINTS: usize = 5;

/// The line through the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Bytes a second; negative where it shrinks.
    pub bytes_per_second: f64,
    /// How much of the variance the line explains, 0 to 1. A leak is near 1, a sawtooth is not.
    pub fit: f64,
}

impl Growth {
    /// Milliseconds until `used` bytes are `limit` bytes at this rate. `None` where it does not grow.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate of time; a float cast saturates"
    )]
    pub fn time_to(&self, used: u64, limit: u64) -> Option<Span> {
        if used >= limit {
            return Some(0);
        }
        let seconds = (limit - used) as f64 / self.bytes_per_second;
        (self.bytes_per_second > 0.0).then_some((seconds * 1000.0) as Span)
    }
}

/// One sample: when, in milliseconds after the first, and how much, in KiB, which reaches to 4 TiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    after: u32,
    kib: u32,
}

/// The window of one resource. It begins with every sample and thins itself out as it fills, so a fast leak is seen within
/// seconds and a slow one over the whole window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slope {
    first: Moment,
    /// Least distance of two points, in milliseconds.
    spacing: u32,
    points: Vec<Point>,
}

impl Slope {
    /// Takes in that `bytes` are used at `now`.
    pub fn add(&mut self, now: Moment, bytes: u64) {
        let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
        if self.points.is_empty() {
            self.first = now;
        }
        let Ok(after) = u32::try_from(now.since(self.first)) else {
            // 49 days without a restart of the window cannot be: old points are dropped below. It is a jump of time.
            self.forget();
            return self.add(now, bytes);
        };
        if self.points.last().is_some_and(|last| after.saturating_sub(last.after) < self.spacing) {
            return;
        }
        if self.points.len() == POINTS {
            self.thin();
        }
        self.points.push(Point { after, kib });
        self.drop_older_than(after.saturating_sub(u32::try_from(WINDOW).unwrap_or(u32::MAX)));
    }

    /// Every second point goes, until the points that are left can span the window; then only those that are too old do.
    fn thin(&mut self) {
        let span = self.points.last().map_or(0, |last| last.after);
        let widest = u32::try_from(WINDOW / POINTS as u64).unwrap_or(u32::MAX);
        if self.spacing < widest {
            self.spacing =
                (span / u32::try_from(POINTS - 1).unwrap_or(u32::MAX)).saturating_mul(2).clamp(1, widest.max(1));
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
        } else {
            self.points.remove(0);
            self.rebase();
        }
    }

    fn drop_older_than(&mut self, after: u32) {
        if self.points.first().is_some_and(|first| first.after < after) {
            self.points.retain(|point| point.after >= after);
            self.rebase();
        }
    }

    /// Counts times from the oldest point again.
    fn rebase(&mut self) {
        let Some(by) = self.points.first().map(|first| first.after) else { return };
        self.first = self.first.after(u64::from(by));
        for point in &mut self.points {
            point.after -= by;
        }
    }

    /// Forgets everything, as after a restart of what was measured.
    pub fn forget(&mut self) {
        self.points.clear();
        self.spacing = 0;
    }

    /// What it takes, in bytes.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.points.capacity() * size_of::<Point>()
    }

    /// The line through the points, where there are enough.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "at most 32 points")]
    pub fn growth(&self) -> Option<Growth> {
        let span = self.points.last()?.after;
        if self.points.len() < LEAST_POINTS || u64::from(span) < LEAST_SPAN {
            return None;
        }
        let count = self.points.len() as f64;
        let mean = |value: fn(&Point) -> f64| self.points.iter().map(value).sum::<f64>() / count;
        let seconds = |point: &Point| f64::from(point.after) / 1000.0;
        let bytes = |point: &Point| f64::from(point.kib) * 1024.0;
        let (mean_time, mean_bytes) = (mean(seconds), mean(bytes));
        let (mut times, mut both, mut all) = (0.0, 0.0, 0.0);
        for point in &self.points {
            let (time, byte) = (seconds(point) - mean_time, bytes(point) - mean_bytes);
            times += time * time;
            both += time * byte;
            all += byte * byte;
        }
        // Points are at different times, so `times` is above 0.
        let bytes_per_second = both / times;
        let fit = if all > 0.0 { (both * both / (times * all)).min(1.0) } else { 1.0 };
        Some(Growth { bytes_per_second, fit })
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_leak_of_a_mebibyte_a_second_is_one() {
        let mut slope = Slope::default();
        for second in 0..40 {
            slope.add(Moment(second * 1000), 100 * MIB + second * MIB);
        }
        let growth = slope.growth().unwrap();
        assert!((growth.bytes_per_second - MIB as f64).abs() < 1.0, "{growth:?}");
        assert!(growth.fit > 0.999);
        let left = growth.time_to(140 * MIB, 200 * MIB).unwrap();
        assert!(left.abs_diff(60_000) < 5, "{left}");
        assert_eq!(growth.time_to(201 * MIB, 200 * MIB), Some(0));
    }

    #[test]
    fn what_does_not_grow_reaches_no_limit() {
        let mut slope = Slope::default();
        for second in 0..40 {
            slope.add(Moment(second * 1000), 100 * MIB - second * 1024);
        }
        assert_eq!(slope.growth().unwrap().time_to(50 * MIB, 200 * MIB), None);
        slope.forget();
        assert_eq!(slope.growth(), None);
    }

    #[test]
    fn a_sawtooth_is_no_leak() {
        let mut slope = Slope::default();
        for second in 0..1000 {
            slope.add(Moment(second * 1000), 100 * MIB + (second * 7919 % 13) * MIB);
        }
        assert!(slope.growth().unwrap().fit < 0.2, "{:?}", slope.growth());
    }

    #[test]
    fn a_window_stays_small_and_half_an_hour_long() {
        let mut slope = Slope::default();
        for second in 0..50_000_u64 {
            slope.add(Moment(second * 100), MIB * second);
            assert!(slope.points.len() <= POINTS && slope.points.capacity() <= 2 * POINTS);
        }
        let span = u64::from(slope.points.last().unwrap().after);
        assert!(span <= WINDOW && span > WINDOW * 9 / 10, "{span}");
    }

    proptest! {
        #[test]
        fn any_line_is_found_whatever_the_distances(
            start in 0_u64..1 << 30, per_second in 4096_u64..1 << 24, gaps in proptest::collection::vec(200_u64..3000, 40..120)
        ) {
            let mut slope = Slope::default();
            let mut at = 0;
            for gap in gaps {
                at += gap;
                slope.add(Moment(at), start + per_second * at / 1000);
            }
            let growth = slope.growth().unwrap();
            let off = (growth.bytes_per_second - per_second as f64).abs() / per_second as f64;
            // KiB are rounded down: the slowest line grows by 4 KiB a second.
            prop_assert!(off < 0.1, "{growth:?} {per_second}");
        }

        #[test]
        fn never_panics(samples in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..60)) {
            let mut slope = Slope::default();
            for (at, bytes) in samples {
                slope.add(Moment(at), bytes);
                if let Some(growth) = slope.growth() {
                    let _ = growth.time_to(bytes, u64::MAX);
                    prop_assert!(!growth.bytes_per_second.is_nan());
                }
            }
        }
    }
}
