//! A Metrics Insights query over datapoints.

use super::insights::{Condition, InsightsQuery, Label, MAX_SERIES};
use super::math::Series;
use super::metrics::{MetricId, Metrics, Summary, Window};
use super::text::hex;
use super::transition::Contributor;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Quota: metrics that a query processes (CloudWatch user guide, "Metrics Insights quotas").
const MAX_METRICS: usize = 10_000;
/// What stands for the value of a label that a metric does not have.
const OTHER: &str = "Other";

/// The time series that a query returns, in its order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fleet {
    pub(crate) groups: Vec<Group>,
    /// Whether a quota has cut something off: the evaluation state `PARTIAL_DATA`.
    pub(crate) partial: bool,
}

/// One of its time series. It has at least one datapoint.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) labels: Vec<String>,
    pub(crate) points: Series,
}

impl Fleet {
    /// Runs a query over a window. A metric without a datapoint in it is not found.
    pub(crate) fn of(query: &InsightsQuery, metrics: &impl Metrics, window: Window) -> Self {
        let schema = query.schema.as_deref();
        let all = metrics.list(&query.namespace, &query.metric, schema);
        let fits = |metric: &MetricId| query.conditions.iter().all(|condition| holds(condition, metric, metrics));
        let with_data = all.into_iter().filter(|metric| fits(metric)).filter_map(|metric| {
            let summaries = metrics.summaries(&metric, window);
            summaries.iter().any(Option::is_some).then_some((metric, summaries))
        });
        let mut partial = false;
        let mut merged: BTreeMap<Vec<String>, Vec<Option<Summary>>> = BTreeMap::new();
        for (number, (metric, summaries)) in with_data.enumerate() {
            if number == MAX_METRICS {
                partial = true;
                break;
            }
            let label = |name: &String| metric.dimensions.get(name).map_or(OTHER, String::as_str).to_owned();
            let slots =
                merged.entry(query.group.iter().map(label).collect()).or_insert_with(|| vec![None; window.count]);
            for (slot, summary) in slots.iter_mut().zip(summaries) {
                *slot = match (*slot, summary) {
                    (Some(one), Some(other)) => Some(one.and(other)),
                    (one, other) => one.or(other),
                };
            }
        }
        let point = |summary: Option<Summary>| summary.map(|summary| query.aggregate.of(summary));
        let groups =
            merged.into_iter().map(|(labels, slots)| Group { labels, points: slots.into_iter().map(point).collect() });
        let mut groups = sorted(query, groups.collect());
        partial |= groups.len() > MAX_SERIES;
        groups.truncate(query.limit);
        Self { groups, partial }
    }
}

fn holds(condition: &Condition, metric: &MetricId, metrics: &impl Metrics) -> bool {
    // What a metric does not have differs from every value.
    let equal = match &condition.label {
        Label::Dimension(name) => metric.dimensions.get(name) == Some(&condition.value),
        Label::Tag(key) => metrics.tag(metric, key).as_ref() == Some(&condition.value),
    };
    equal == condition.equal
}

/// Time series in the query's order; equal ones stay in that of their labels.
fn sorted(query: &InsightsQuery, groups: Vec<Group>) -> Vec<Group> {
    let Some(order) = query.order else { return groups };
    let key = |group: &Group| {
        let present = group.points.iter().flatten().map(|value| Summary::of(*value, 1.0));
        present.reduce(Summary::and).map_or(f64::NAN, |summary| order.by.of(summary))
    };
    let mut keyed: Vec<(f64, Group)> = groups.into_iter().map(|group| (key(&group), group)).collect();
    keyed.sort_by(|one, other| {
        let ordering = one.0.total_cmp(&other.0);
        if order.descending { ordering.reverse() } else { ordering }
    });
    keyed.into_iter().map(|(_, group)| group).collect()
}

/// The contributor of a time series. Its id is made from its attributes, so it is the same whenever it comes back.
pub(crate) fn contributor(query: &InsightsQuery, labels: &[String]) -> Contributor {
    let attributes: BTreeMap<String, String> = query.group.iter().cloned().zip(labels.iter().cloned()).collect();
    let mut hasher = Sha256::new();
    for (name, value) in &attributes {
        for part in [name, value] {
            hasher.update(part.len().to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    let id = hex(hasher.finalize().into_iter().take(8));
    Contributor { id, attributes }
}
