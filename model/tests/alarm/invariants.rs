//! What holds for every alarm, whatever its datapoints.

use crate::support::{alarm, metric, minute, store};
use healstack_model::alarm::{MetricStore, Metrics, State, Statistic, Summary, TreatMissing, Window, judge};
use proptest::prelude::*;
use serde_json::json;

fn treatment() -> impl Strategy<Value = TreatMissing> {
    prop_oneof![
        Just(TreatMissing::Missing),
        Just(TreatMissing::Ignore),
        Just(TreatMissing::Breaching),
        Just(TreatMissing::NotBreaching)
    ]
}

/// Datapoints of a range, and `m` of `n`.
fn cases() -> impl Strategy<Value = (Vec<Option<bool>>, usize, usize)> {
    (1..8_usize).prop_flat_map(|n| (prop::collection::vec(any::<Option<bool>>(), n + 2), 1..=n, Just(n)))
}

proptest! {
    /// In ALARM, at least M datapoints breach or are treated as breaching. The one exception is the premature alarm:
    /// nothing but breaches, of which the oldest is at least M periods old.
    #[test]
    fn alarm_needs_m_breaches((points, m, n) in cases(), treat in treatment()) {
        let judged = judge(&points, m, n, treat);
        let filled = if treat == TreatMissing::Breaching { judged.missing } else { 0 };
        let premature = treat == TreatMissing::Missing
            && judged.missing > 0
            && judged.breaching == judged.used.len()
            && judged.used.last().is_some_and(|oldest| points.len() - oldest >= m);
        if judged.state == Some(State::Alarm) {
            prop_assert!(judged.breaching + filled >= m || premature, "{judged:?}");
        }
        if judged.breaching >= m {
            prop_assert_eq!(judged.state, Some(State::Alarm));
        }
        prop_assert_eq!(judged.used.len() + judged.missing, n);
    }

    /// Where no datapoint is missing among the last N, their order and how missing ones are treated do not matter.
    #[test]
    fn the_order_within_full_evaluation_periods_does_not_matter(
        (points, shuffled) in (1..8_usize)
            .prop_flat_map(|n| prop::collection::vec(any::<bool>(), n))
            .prop_flat_map(|points| (Just(points.clone()), Just(points).prop_shuffle())),
        m in 1..8_usize,
        treats in (treatment(), treatment()),
    ) {
        let n = points.len();
        prop_assume!(m <= n);
        let all = |points: &[bool]| points.iter().copied().map(Some).collect::<Vec<_>>();
        let state = |points: &[bool], treat| judge(&all(points), m, n, treat).state;
        prop_assert_eq!(state(&points, treats.0), state(&shuffled, treats.1));
    }

    /// One more breach never turns ALARM into something else.
    #[test]
    fn a_breach_more_is_never_better(
        (points, m, n) in cases(),
        treat in treatment(),
        at in any::<prop::sample::Index>(),
    ) {
        let before = judge(&points, m, n, treat).state;
        let at = at.index(points.len());
        prop_assume!(points[at] == Some(false));
        let mut worse = points.clone();
        worse[at] = Some(true);
        if before == Some(State::Alarm) {
            prop_assert_eq!(judge(&worse, m, n, treat).state, Some(State::Alarm));
        }
    }

    /// Evaluating twice in a minute changes nothing, and each transition begins where the last one ended.
    #[test]
    fn transitions_form_a_chain(
        values in prop::collection::vec(prop::option::of(prop_oneof![Just(0.0), Just(1.0)]), 1..40),
        treat in prop_oneof![Just("missing"), Just("ignore"), Just("breaching"), Just("notBreaching")],
        m in 1..4_u32,
    ) {
        let mut alarm = alarm(&json!({"DatapointsToAlarm": m, "TreatMissingData": treat}));
        let store = store(&values);
        let mut state = alarm.state().clone();
        for number in 0..i64::try_from(values.len()).unwrap() + 8 {
            for transition in alarm.evaluate(minute(number), &store) {
                prop_assert_eq!(&transition.previous, &state);
                prop_assert_ne!(transition.previous.value, transition.state.value);
                state = transition.state;
            }
            prop_assert_eq!(alarm.state(), &state);
            prop_assert!(alarm.evaluate(minute(number) + 59_999, &store).is_empty());
        }
    }

    /// However samples come in, a period's statistics are those of all of them.
    #[test]
    fn a_store_keeps_every_sample(
        samples in prop::collection::vec((0..600_i64, -100..100_i32), 1..60),
        percent in 1..=100_u8,
    ) {
        let mut store = MetricStore::new();
        for (second, value) in &samples {
            store.put(&metric(), minute(0) + second * 1000, f64::from(*value));
        }
        let window = Window { start: minute(0), period: 300_000, count: 2 };
        let percentiles = store.values(&metric(), Statistic::Percentile(f64::from(percent)), window);
        for (index, summary) in store.summaries(&metric(), window).into_iter().enumerate() {
            let of_period = |second: i64| usize::try_from(second / 300).unwrap() == index;
            let mut values: Vec<f64> =
                samples.iter().filter(|sample| of_period(sample.0)).map(|sample| f64::from(sample.1)).collect();
            values.sort_by(f64::total_cmp);
            let expected = values.iter().map(|value| Summary::of(*value, 1.0)).reduce(Summary::and);
            prop_assert_eq!(summary, expected);
            let rank = (values.len() * usize::from(percent)).div_ceil(100).max(1) - 1;
            prop_assert_eq!(percentiles[index], values.get(rank).copied());
        }
    }
}
