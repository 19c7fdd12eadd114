//! Datapoints in memory.

use super::metrics::{MetricId, Metrics, Statistic, Summary, Window};
use super::{MINUTE, Millis};
use std::collections::{BTreeMap, VecDeque};

/// The samples of one metric in one minute.
#[derive(Debug, Clone, PartialEq)]
struct Bucket {
    /// Minutes since 1970.
    minute: i64,
    summary: Summary,
    /// Values with their numbers, kept only where they differ: percentiles need them.
    samples: Vec<(f64, f64)>,
}

impl Bucket {
    fn add(&mut self, value: f64, count: f64) {
        let one_value = self.summary.minimum.to_bits() == self.summary.maximum.to_bits();
        if !(one_value && self.summary.minimum.to_bits() == value.to_bits()) {
            if self.samples.is_empty() {
                self.samples.push((self.summary.minimum, self.summary.count));
            }
            self.samples.push((value, count));
        }
        self.summary = self.summary.and(Summary::of(value, count));
    }

    fn collect(&self, into: &mut Vec<(f64, f64)>) {
        if self.samples.is_empty() {
            into.push((self.summary.minimum, self.summary.count));
        } else {
            into.extend(&self.samples);
        }
    }
}

/// Tags by the value of a dimension that names their resource.
type Tagged = BTreeMap<String, BTreeMap<String, String>>;

/// Metrics in memory, by the minute. A year of thousands of series fits while what no alarm looks back at is
/// [pruned](MetricStore::prune).
#[derive(Debug, Clone, Default)]
pub struct MetricStore {
    series: BTreeMap<MetricId, VecDeque<Bucket>>,
    /// By namespace and dimension.
    tags: BTreeMap<String, BTreeMap<String, Tagged>>,
}

impl MetricStore {
    /// Without a datapoint.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One sample. Samples may come in any order; those of one minute are told apart only by percentiles.
    pub fn put(&mut self, metric: &MetricId, at: Millis, value: f64) {
        self.put_many(metric, at, value, 1.0);
    }

    /// `count` samples of one value, as a statistic set or a service with many requests a minute has them.
    pub fn put_many(&mut self, metric: &MetricId, at: Millis, value: f64, count: f64) {
        if !self.series.contains_key(metric) {
            self.series.insert(metric.clone(), VecDeque::new());
        }
        let Some(series) = self.series.get_mut(metric) else { return };
        let minute = at.div_euclid(MINUTE);
        let place = match series.back() {
            Some(last) if last.minute < minute => series.len(),
            _ => series.partition_point(|bucket| bucket.minute < minute),
        };
        match series.get_mut(place) {
            Some(bucket) if bucket.minute == minute => bucket.add(value, count),
            _ => series.insert(place, Bucket { minute, summary: Summary::of(value, count), samples: Vec::new() }),
        }
    }

    /// Says what tags a resource has, instead of what was said before. Metrics of the namespace that have the dimension
    /// with this value are about the resource.
    pub fn tag_resource<'a>(
        &mut self,
        namespace: &str,
        dimension: &str,
        value: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        let tags = tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let named = self.tags.entry(namespace.to_owned()).or_default().entry(dimension.to_owned()).or_default();
        named.insert(value.to_owned(), tags);
    }

    /// Forgets the minutes that lie wholly before a moment, and the metrics that had no other.
    pub fn prune(&mut self, before: Millis) {
        let minute = before.div_euclid(MINUTE);
        for series in self.series.values_mut() {
            while series.front().is_some_and(|bucket| bucket.minute < minute) {
                series.pop_front();
            }
        }
        self.series.retain(|_, series| !series.is_empty());
    }

    /// How many metrics have a datapoint.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is no datapoint at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Calls `visit` with the index of a period and a minute in it, oldest first.
    fn visit<'a>(&'a self, metric: &MetricId, window: Window, mut visit: impl FnMut(usize, &'a Bucket)) {
        let Some(series) = self.series.get(metric) else { return };
        let (start, end) = (window.start.div_euclid(MINUTE), window.end().div_euclid(MINUTE));
        let period = (window.period / MINUTE).max(1);
        let first = series.partition_point(|bucket| bucket.minute < start);
        for bucket in series.range(first..).take_while(|bucket| bucket.minute < end) {
            if let Ok(index) = usize::try_from((bucket.minute - start) / period) {
                visit(index, bucket);
            }
        }
    }

    fn percentiles(&self, metric: &MetricId, percent: f64, window: Window) -> Vec<Option<f64>> {
        let mut samples = vec![Vec::new(); window.count];
        self.visit(metric, window, |index, bucket| {
            if let Some(samples) = samples.get_mut(index) {
                bucket.collect(samples);
            }
        });
        samples.into_iter().map(|samples| percentile(samples, percent)).collect()
    }
}

/// The nearest rank: the least sample that `percent` percent of the samples do not exceed. CloudWatch does not document
/// how it interpolates.
fn percentile(mut samples: Vec<(f64, f64)>, percent: f64) -> Option<f64> {
    samples.sort_by(|a, b| a.0.total_cmp(&b.0));
    let wanted = samples.iter().map(|sample| sample.1).sum::<f64>() * percent / 100.0;
    let mut seen = 0.0;
    let reached = samples.iter().find(|sample| {
        seen += sample.1;
        seen >= wanted
    });
    reached.or(samples.last()).map(|sample| sample.0)
}

impl Metrics for MetricStore {
    fn values(&self, metric: &MetricId, statistic: Statistic, window: Window) -> Vec<Option<f64>> {
        match statistic {
            Statistic::Percentile(percent) => self.percentiles(metric, percent, window),
            _ => self.summaries(metric, window).into_iter().map(|summary| summary?.statistic(statistic)).collect(),
        }
    }

    fn summaries(&self, metric: &MetricId, window: Window) -> Vec<Option<Summary>> {
        let mut summaries: Vec<Option<Summary>> = vec![None; window.count];
        self.visit(metric, window, |index, bucket| {
            if let Some(slot) = summaries.get_mut(index) {
                *slot = Some(slot.map_or(bucket.summary, |summary| summary.and(bucket.summary)));
            }
        });
        summaries
    }

    fn list(&self, namespace: &str, name: &str, schema: Option<&[String]>) -> Vec<MetricId> {
        let fits = |metric: &MetricId| {
            schema.is_none_or(|names| {
                names.len() == metric.dimensions.len() && names.iter().all(|name| metric.dimensions.contains_key(name))
            })
        };
        // Without dimensions a metric is the first of its name.
        let first = MetricId::new(namespace, name, []);
        let named = self.series.range(first..).map(|(metric, _)| metric);
        let named = named.take_while(|metric| metric.namespace == namespace && metric.name == name);
        named.filter(|metric| fits(metric)).cloned().collect()
    }

    fn tag(&self, metric: &MetricId, key: &str) -> Option<String> {
        let of_namespace = self.tags.get(&metric.namespace)?;
        metric.dimensions.iter().find_map(|(name, value)| of_namespace.get(name)?.get(value)?.get(key).cloned())
    }
}
