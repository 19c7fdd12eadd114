//! From datapoints to a state: M out of N, with datapoints missing (CloudWatch user guide, "Configuring how CloudWatch
//! alarms treat missing data").

use super::properties::TreatMissing;
use super::transition::State;

/// How many periods are looked at beyond the evaluation periods, in case some have no datapoint. The guide says only
/// that it depends on the period; in all its tables it is 5 periods for 3 evaluation periods.
pub(crate) const EXTRA_PERIODS: usize = 2;

/// What datapoints amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The state they give; `None` where the alarm keeps the one it has.
    pub state: Option<State>,
    /// The periods that were judged, by index, newest first: the most recent datapoints that exist.
    pub used: Vec<usize>,
    /// How many datapoints were missing, and treated as the alarm says.
    pub missing: usize,
    /// How many of those used breach the threshold.
    pub breaching: usize,
}

/// Judges the datapoints of an evaluation range, oldest first; `true` breaches the threshold.
///
/// `m` of `n` breaching datapoints raise the alarm. What breaches is counted among the `n` most recent datapoints that
/// exist; only where there are fewer in the whole range, the missing ones count as `treat` says.
#[must_use]
pub fn judge(points: &[Option<bool>], m: usize, n: usize, treat: TreatMissing) -> Judged {
    let newest_first = points.iter().enumerate().rev();
    let real: Vec<(usize, bool)> = newest_first.filter_map(|(index, point)| Some((index, (*point)?))).take(n).collect();
    let missing = n.saturating_sub(real.len());
    let breaching = real.iter().filter(|point| point.1).count();
    let good = real.len() - breaching;
    // "The oldest available breaching datapoint is at least as old as Datapoints to Alarm, and all other more recent
    // data points are breaching or missing": the alarm does not wait for datapoints that may never come.
    let old_enough = || real.last().is_some_and(|oldest| points.len() - oldest.0 >= m);
    let state = if breaching >= m {
        Some(State::Alarm)
    } else if missing == 0 {
        Some(State::Ok)
    } else {
        match treat {
            TreatMissing::Breaching if breaching + missing >= m => Some(State::Alarm),
            TreatMissing::Breaching | TreatMissing::NotBreaching => Some(State::Ok),
            // A datapoint within the threshold speaks for OK, however many are missing (rows 2 of the first table, 3
            // and 4 of the second).
            _ if good > 0 => Some(State::Ok),
            TreatMissing::Ignore => None,
            TreatMissing::Missing if breaching > 0 && old_enough() => Some(State::Alarm),
            TreatMissing::Missing => Some(State::InsufficientData),
        }
    };
    Judged { state, used: real.into_iter().map(|point| point.0).collect(), missing, breaching }
}
