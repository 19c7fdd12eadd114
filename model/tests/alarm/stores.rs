//! Datapoints in memory.

use crate::support::{BEGIN, metric, minute};
use healstack_model::alarm::{MINUTE, MetricId, MetricStore, Metrics, Statistic, Window};

fn values(store: &MetricStore, statistic: Statistic, period: i64, count: usize) -> Vec<Option<f64>> {
    store.values(&metric(), statistic, Window { start: BEGIN, period: period * MINUTE, count })
}

#[test]
fn samples_of_a_period_become_one_datapoint() {
    let mut store = MetricStore::new();
    for (at, value) in [(minute(3), 7.0), (minute(0), 1.0), (minute(0) + 59_999, 3.0), (minute(1), 5.0)] {
        store.put(&metric(), at, value);
    }
    assert_eq!(values(&store, Statistic::Sum, 1, 4), [Some(4.0), Some(5.0), None, Some(7.0)]);
    assert_eq!(values(&store, Statistic::Sum, 2, 2), [Some(9.0), Some(7.0)]);
    assert_eq!(values(&store, Statistic::Average, 2, 2), [Some(3.0), Some(7.0)]);
    assert_eq!(values(&store, Statistic::Minimum, 2, 1), [Some(1.0)]);
    assert_eq!(values(&store, Statistic::Maximum, 2, 1), [Some(5.0)]);
    assert_eq!(values(&store, Statistic::SampleCount, 2, 3), [Some(3.0), Some(1.0), None]);
}

#[test]
fn percentiles_weigh_samples() {
    let mut store = MetricStore::new();
    store.put_many(&metric(), minute(0), 1.0, 90.0);
    store.put_many(&metric(), minute(0), 1.0, 5.0);
    store.put_many(&metric(), minute(1), 9.0, 5.0);
    let percentile = |percent| values(&store, Statistic::Percentile(percent), 2, 2);
    assert_eq!(percentile(50.0), [Some(1.0), None]);
    assert_eq!(percentile(95.0), [Some(1.0), None]);
    assert_eq!(percentile(99.0), [Some(9.0), None]);
    assert_eq!(percentile(100.0), [Some(9.0), None]);
}

#[test]
fn another_set_of_dimensions_is_another_metric() {
    let mut store = MetricStore::new();
    let metrics = [
        MetricId::new("N", "m", []),
        MetricId::new("N", "m", [("A", "1")]),
        MetricId::new("N", "m", [("A", "1"), ("B", "2")]),
        MetricId::new("N", "n", [("A", "1")]),
        MetricId::new("M", "m", [("A", "1")]),
    ];
    for metric in &metrics {
        store.put(metric, minute(0), 1.0);
    }
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    assert_eq!(store.list("N", "m", None), metrics[..3]);
    assert_eq!(store.list("N", "m", Some(&[])), metrics[..1]);
    assert_eq!(store.list("N", "m", Some(&names(&["B", "A"]))), metrics[2..3]);
    assert_eq!(store.list("N", "m", Some(&names(&["B"]))), []);
    assert_eq!(store.len(), 5);
    store.prune(minute(1));
    assert_eq!(store.list("N", "m", None), []);
}

#[test]
fn pruning_keeps_the_minute_that_has_begun() {
    let mut store = MetricStore::new();
    store.put(&metric(), minute(0), 1.0);
    store.put(&metric(), minute(1), 2.0);
    store.prune(minute(1) + 30_000);
    assert_eq!(values(&store, Statistic::Sum, 1, 2), [None, Some(2.0)]);
}
