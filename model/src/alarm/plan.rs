//! What an alarm computes its datapoints from.

use super::fleet::Fleet;
use super::insights::InsightsQuery;
use super::math::{Expression, Series};
use super::metrics::{MetricId, Metrics, Statistic, Window};
use super::properties::{Dimension, MetricQuery, Properties};
use super::{AlarmError, Millis, math_parser};

/// CloudWatch user guide, "Limits": metrics in a metric math alarm.
const MAX_METRICS: usize = 10;

/// What an alarm watches.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// A statistic of one metric.
    Metric(MetricId, Statistic),
    /// Metric math.
    Math(Math),
    /// A Metrics Insights query that gives one time series.
    Query(InsightsQuery),
    /// A Metrics Insights query that gives a time series for each contributor.
    Fleet(InsightsQuery),
}

/// The entries of a metric math alarm, in an order in which each needs only entries before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Math {
    steps: Vec<(usize, Step)>,
    returned: usize,
    count: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Metric(MetricId, Statistic),
    Expression(Expression),
}

impl Plan {
    /// The plan and its period in seconds.
    pub(crate) fn of(properties: &Properties) -> Result<(Self, u32), AlarmError> {
        let name = &properties.alarm_name;
        let fail = |problem: &str| Err(AlarmError::definition(name, problem));
        if !properties.metrics.is_empty() {
            let mixed = properties.metric_name.is_some()
                || properties.namespace.is_some()
                || properties.statistic.is_some()
                || properties.extended_statistic.is_some()
                || properties.period.is_some()
                || !properties.dimensions.is_empty();
            return if mixed {
                fail("Metrics excludes the properties of a single metric")
            } else {
                queries(properties)
            };
        }
        let (Some(namespace), Some(metric), Some(period)) =
            (&properties.namespace, &properties.metric_name, properties.period)
        else {
            return fail("it needs Namespace, MetricName and Period, or Metrics");
        };
        let ((None, Some(statistic)) | (Some(statistic), None)) =
            (&properties.statistic, &properties.extended_statistic)
        else {
            return fail("it needs one of Statistic and ExtendedStatistic");
        };
        let statistic = Statistic::parse(name, statistic)?;
        if properties.extended_statistic.is_some() != matches!(statistic, Statistic::Percentile(_)) {
            return fail("percentiles, and only they, are an ExtendedStatistic");
        }
        let metric = metric_id(name, namespace, metric, &properties.dimensions)?;
        Ok((Self::Metric(metric, statistic), period))
    }

    /// The one time series over a window, oldest first.
    pub(crate) fn series(&self, metrics: &impl Metrics, window: Window) -> Series {
        match self {
            Self::Metric(metric, statistic) => metrics.values(metric, *statistic, window),
            Self::Math(math) => math.series(metrics, window),
            Self::Query(query) | Self::Fleet(query) => {
                let fleet = Fleet::of(query, metrics, window);
                fleet.groups.into_iter().next().map_or_else(|| vec![None; window.count], |group| group.points)
            }
        }
    }
}

impl Math {
    fn series(&self, metrics: &impl Metrics, window: Window) -> Series {
        let mut values: Vec<Series> = vec![Vec::new(); self.count];
        for (index, step) in &self.steps {
            let series = match step {
                Step::Metric(metric, statistic) => metrics.values(metric, *statistic, window),
                Step::Expression(expression) => expression.evaluate(&values, window.count),
            };
            if let Some(slot) = values.get_mut(*index) {
                *slot = series;
            }
        }
        values.into_iter().nth(self.returned).unwrap_or_default()
    }
}

fn metric_id(alarm: &str, namespace: &str, name: &str, dimensions: &[Dimension]) -> Result<MetricId, AlarmError> {
    let pairs = dimensions.iter().map(|dimension| (dimension.name.as_str(), dimension.value.as_str()));
    let metric = MetricId::new(namespace, name, pairs);
    if metric.dimensions.len() == dimensions.len() {
        Ok(metric)
    } else {
        Err(AlarmError::definition(alarm, format!("a dimension of `{name}` is given twice")))
    }
}

fn is_insights(expression: &str) -> bool {
    expression.trim_start().get(..6).is_some_and(|first| first.eq_ignore_ascii_case("SELECT"))
}

fn queries(properties: &Properties) -> Result<(Plan, u32), AlarmError> {
    let (name, entries) = (&properties.alarm_name, &properties.metrics);
    let fail = |problem: String| Err(AlarmError::definition(name, problem));
    let mut returned = entries.iter().enumerate().filter(|(_, entry)| entry.return_data);
    let (Some((index, watched)), None) = (returned.next(), returned.next()) else {
        return fail("one entry of Metrics, and no more, has ReturnData true".to_owned());
    };
    for (at, entry) in entries.iter().enumerate() {
        let id = &entry.id;
        if !id.starts_with(|c: char| c.is_ascii_lowercase())
            || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            return fail(format!("the id `{id}` is not a small letter followed by letters, digits and underscores"));
        }
        if entries.iter().take(at).any(|other| other.id == *id) {
            return fail(format!("the id `{id}` is given twice"));
        }
        if entry.expression.is_some() == entry.metric_stat.is_some() {
            return fail(format!("`{id}` needs one of Expression and MetricStat"));
        }
    }
    let expressions = || entries.iter().filter_map(|entry| entry.expression.as_deref());
    if expressions().any(is_insights) {
        let ([_], Some(expression), Some(period)) = (entries.as_slice(), &watched.expression, watched.period) else {
            return fail("a query with its own Period is understood only as the single entry of Metrics".to_owned());
        };
        let query = InsightsQuery::parse(expression)?;
        let plan = if query.grouped() { Plan::Fleet(query) } else { Plan::Query(query) };
        return Ok((plan, period));
    }
    let period = one_period(name, entries)?;
    let math = Math { steps: steps(name, entries)?, returned: index, count: entries.len() };
    Ok((Plan::Math(math), period))
}

/// All metrics of an alarm have one period (`PutMetricAlarm`, `Metrics`).
fn one_period(name: &str, entries: &[MetricQuery]) -> Result<u32, AlarmError> {
    let stats: Vec<u32> = entries.iter().filter_map(|entry| Some(entry.metric_stat.as_ref()?.period)).collect();
    if stats.len() > MAX_METRICS {
        return Err(AlarmError::definition(name, format!("it has more than {MAX_METRICS} metrics")));
    }
    let own = entries.iter().filter_map(|entry| entry.period);
    let Some(first) = stats.first().copied() else {
        return Err(AlarmError::definition(name, "metric math without a metric is not understood"));
    };
    if stats.iter().copied().chain(own).any(|period| period != first) {
        return Err(AlarmError::definition(name, "metrics of different periods are not understood"));
    }
    Ok(first)
}

/// The entries in an order in which each comes after what it needs.
fn steps(name: &str, entries: &[MetricQuery]) -> Result<Vec<(usize, Step)>, AlarmError> {
    let ids: Vec<(&str, bool)> = entries.iter().map(|entry| (entry.id.as_str(), entry.metric_stat.is_some())).collect();
    let mut waiting = Vec::new();
    let mut steps = Vec::new();
    let mut done = vec![false; entries.len()];
    for (index, entry) in entries.iter().enumerate() {
        if let Some(stat) = &entry.metric_stat {
            let metric = &stat.metric;
            let metric = metric_id(name, &metric.namespace, &metric.name, &metric.dimensions)?;
            steps.push((index, Step::Metric(metric, Statistic::parse(name, &stat.stat)?)));
            if let Some(done) = done.get_mut(index) {
                *done = true;
            }
        } else if let Some(text) = &entry.expression {
            let expression = math_parser::parse(text, &ids)?;
            let mut needs = Vec::new();
            expression.needs(&mut needs);
            waiting.push((index, expression, needs));
        }
    }
    while !waiting.is_empty() {
        let is_done = |index: &usize| done.get(*index).copied().unwrap_or(false);
        let ready = waiting.iter().position(|(_, _, needs)| needs.iter().all(is_done));
        let Some(ready) = ready else {
            return Err(AlarmError::definition(name, "expressions need each other in a circle"));
        };
        let (index, expression, _) = waiting.remove(ready);
        steps.push((index, Step::Expression(expression)));
        if let Some(done) = done.get_mut(index) {
            *done = true;
        }
    }
    Ok(steps)
}

/// Milliseconds of a period in seconds.
pub(crate) fn millis(seconds: u32) -> Millis {
    i64::from(seconds) * 1000
}
