use super::*;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const MEMORY: Judge = Judge::Memory { ill: 85, recovered: 80, leak: Some((60_000, 60)) };

fn memory(percent: u64, hit: bool) -> Observation {
    Observation::Memory { used: percent * MIB, limit: 100 * MIB, hit }
}

#[test]
fn memory_has_a_threshold_for_illness_and_one_for_recovery() {
    let level = |percent, hit, growth| MEMORY.judge(memory(percent, hit), growth).level;
    assert_eq!(
        [level(79, false, None), level(80, false, None), level(85, false, None)],
        [Level::Healthy, Level::Between, Level::Ill]
    );
    assert_eq!(level(10, true, None), Level::Limit);
    // A line that reaches the limit within the minute, above 60 %; a sawtooth does not count.
    let growth = |fit| Some(Growth { bytes_per_second: 1_048_576.0, fit });
    assert_eq!(
        [level(70, false, growth(0.9)), level(70, false, growth(0.5)), level(50, false, growth(0.9))],
        [Level::Ill, Level::Healthy, Level::Healthy]
    );
    assert_eq!(MEMORY.judge(Observation::Memory { used: 1, limit: 0, hit: true }, None).level, Level::Unknown);
    assert!((MEMORY.judge(memory(85, false), None).nearness - 1.0).abs() < 1e-9);
}

#[test]
fn a_pool_whose_database_is_full_is_the_symptom() {
    let judge = Judge::Pool { waiting: 5, busy: 80 };
    let pool = |waiting, database| Observation::Pool { waiting, size: Some(20), wait: None, database };
    assert_eq!(judge.judge(pool(5, Some(79.0)), None), Judged { level: Level::Ill, nearness: 1.0, suppressed: None });
    assert_eq!(judge.judge(pool(5, Some(80.0)), None).suppressed, Some(Reason::DatabaseBusy));
    assert_eq!(
        [judge.judge(pool(3, None), None).level, judge.judge(pool(2, None), None).level],
        [Level::Between, Level::Healthy]
    );
    assert_eq!(Judge::Pool { waiting: 1, busy: 80 }.judge(pool(0, None), None).level, Level::Healthy);
}

#[test]
fn a_breaker_waits_for_its_dependency() {
    let judged = |dependency| Judge::Breaker.judge(Observation::Breaker { open: true, dependency }, None).suppressed;
    assert_eq!(
        [judged(Some(true)), judged(Some(false)), judged(None)],
        [None, Some(Reason::DependencyDown), Some(Reason::DependencyDown)]
    );
}

#[test]
fn few_lookups_form_no_rate() {
    let judge = Judge::Cache { threshold: 80, least: 1000 };
    let level = |hits, misses| judge.judge(Observation::Cache { hits, misses }, None).level;
    assert_eq!(level(0, 999), Level::Unknown);
    assert_eq!(
        [level(799, 201), level(800, 200), level(819, 181), level(820, 180)],
        [Level::Ill, Level::Between, Level::Between, Level::Healthy]
    );
    assert_eq!(level(u64::MAX, u64::MAX), Level::Ill);
}

#[test]
fn a_metric_is_ill_on_its_side() {
    let above = Judge::Value { above: true, ill: 5.0, recovered: 1.0 };
    let level = |judge: Judge, value| judge.judge(Observation::Value(value), None).level;
    assert_eq!([5.0, 4.9, 1.0].map(|value| level(above, value)), [Level::Ill, Level::Between, Level::Healthy]);
    let below = Judge::Value { above: false, ill: 5.0, recovered: 8.0 };
    assert_eq!([5.0, 7.0, 8.0].map(|value| level(below, value)), [Level::Ill, Level::Between, Level::Healthy]);
    assert_eq!(level(above, f64::NAN), Level::Unknown);
    assert_eq!(level(above, f64::INFINITY), Level::Ill);
}

#[test]
fn another_kind_of_reading_is_unknown() {
    assert_eq!(MEMORY.judge(Observation::Check { passed: false }, None).level, Level::Unknown);
    assert_eq!(Judge::Check.judge(memory(99, true), None).level, Level::Unknown);
    assert_eq!(MEMORY.judge(Observation::Unknown, None).level, Level::Unknown);
}

#[test]
fn evidence_says_the_figures() {
    let growth = Growth { bytes_per_second: 1024.0 * 1536.0, fit: 1.0 };
    let text = describe(&MEMORY, memory(91, true), Some(growth), (3, 4));
    let expected = "memory 91.0 MiB of 100.0 MiB, 91 % (threshold 85 %), in 3 of the last 4 samples; the kernel reports that the limit \
        was hit; grows by 1536.0 KiB/s, at the limit in 6 s";
    assert_eq!(text, expected);
}

proptest! {
    #[test]
    fn never_panics_and_never_nan(used: u64, limit: u64, hit: bool, waiting: u32, value: f64, hits: u64, misses: u64, threshold in 0_u8..=255) {
        let seen = [
            Observation::Memory { used, limit, hit }, Observation::Pool { waiting, size: None, wait: None, database: Some(value) },
            Observation::Value(value), Observation::Cache { hits, misses }, Observation::Check { passed: hit }, Observation::Unknown,
        ];
        let judges = [
            MEMORY, Judge::Pool { waiting, busy: threshold }, Judge::Value { above: hit, ill: value, recovered: 0.0 },
            Judge::Cache { threshold, least: 0 }, Judge::Check, Judge::Breaker,
        ];
        for judge in judges {
            for seen in seen {
                let judged = judge.judge(seen, None);
                prop_assert!(!judged.nearness.is_nan());
                let _ = describe(&judge, seen, None, (1, 2));
            }
        }
    }
}
