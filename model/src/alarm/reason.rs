//! Why an alarm is in its state, in CloudWatch's words. The words are those of events and notifications that AWS
//! documents (CloudWatch user guide, "Alarm events and EventBridge", "Alarm actions") or that users have published;
//! where neither shows a case, the nearest wording stands in.

use super::definition::AlarmDefinition;
use super::judge::Judged;
use super::math::Series;
use super::metrics::{Metrics, Window};
use super::plan::Plan;
use super::properties::TreatMissing;
use super::text::{counted, number, short, stamp, was};
use super::transition::State;
use super::{Millis, times};
use serde_json::{Map, Value, json};

/// A new alarm's.
pub(crate) const CREATED: &str = "Unchecked: Initial alarm creation";
/// A contributor's whose time series is gone. It says nothing about whether the failure is over.
pub(crate) const VANISHED: &str = "No data was returned for this contributor";
/// From this many datapoints on, the sentence comes first and the most recent ones follow.
const LISTED: usize = 5;

/// The datapoints that a judgement rests on.
pub(crate) struct Evidence<'a> {
    pub(crate) definition: &'a AlarmDefinition,
    pub(crate) window: Window,
    pub(crate) series: &'a Series,
    pub(crate) judged: &'a Judged,
}

impl Evidence<'_> {
    /// The datapoints that speak for a state, newest first: where each begins, and its value.
    fn datapoints(&self, state: State) -> Vec<(Millis, f64)> {
        let value = |index: &usize| Some((self.window.start_of(*index), self.series.get(*index).copied().flatten()?));
        let used = self.judged.used.iter().filter_map(value);
        used.filter(|point| self.definition.breaches(point.1) == (state == State::Alarm)).collect()
    }

    fn threshold(&self, state: State) -> String {
        let not = if state == State::Alarm { "" } else { "not " };
        let properties = &self.definition.properties;
        let words = properties.comparison_operator.words();
        format!("{not}{words} the threshold ({})", number(properties.threshold))
    }

    /// ` and 1 missing datapoint was treated as [Breaching]`, where that decided.
    fn filled(&self) -> String {
        let (missing, treat) = (self.judged.missing, self.definition.treat_missing());
        if missing == 0 || !matches!(treat, TreatMissing::Breaching | TreatMissing::NotBreaching) {
            return String::new();
        }
        let datapoints = counted(missing, "missing datapoint");
        format!(" and {datapoints} {} treated as [{}]", was(missing), treat.words())
    }

    /// ` (minimum 3 datapoints for OK -> ALARM transition)`, where the alarm says how many.
    fn minimum(&self, state: State) -> String {
        if self.definition.properties.datapoints_to_alarm.is_none() {
            return String::new();
        }
        let (m, n) = (self.definition.datapoints(), self.definition.evaluation_periods());
        match state {
            State::Alarm => format!(" (minimum {} for OK -> ALARM transition)", counted(m, "datapoint")),
            _ => format!(" (minimum {} for ALARM -> OK transition)", counted(n - m + 1, "datapoint")),
        }
    }

    /// The reason of an alarm on one time series.
    pub(crate) fn reason(&self, state: State) -> String {
        let missing = self.judged.missing;
        if state == State::InsufficientData {
            return format!("Insufficient Data: {} {} unknown.", counted(missing, "datapoint"), was(missing));
        }
        let (n, filled) = (self.definition.evaluation_periods(), self.filled());
        if self.judged.used.is_empty() {
            let periods = counted(n, "period");
            return format!("Threshold Crossed: no datapoints were received for {periods}{filled}.");
        }
        let points = self.datapoints(state);
        let count = points.len();
        if count == 0 {
            return format!("Threshold Crossed: {}.", filled.trim_start_matches(" and "));
        }
        let said = if self.definition.properties.datapoints_to_alarm.is_some() {
            format!("{count} out of the last {n} datapoints")
        } else {
            counted(count, "datapoint")
        };
        let (threshold, minimum) = (self.threshold(state), self.minimum(state));
        if count < LISTED {
            let (list, was) = (list(&points), was(count));
            return format!("Threshold Crossed: {said} {list} {was} {threshold}{filled}{minimum}.");
        }
        let recent = most_recent(&points, LISTED, state);
        format!("Threshold Crossed: {said} were {threshold}{filled}. {recent}{minimum}.")
    }

    /// The reason of a contributor.
    pub(crate) fn contributor_reason(&self, state: State) -> String {
        let points = self.datapoints(state);
        let count = points.len();
        if count == 0 {
            return format!("Threshold Crossed: {}.", self.filled().trim_start_matches(" and "));
        }
        let (said, was, threshold) = (counted(count, "datapoint"), was(count), self.threshold(state));
        format!("Threshold Crossed: {said} {was} {threshold}{}. {}.", self.filled(), most_recent(&points, 1, state))
    }

    /// The reason as data, a JSON text.
    pub(crate) fn data(&self, state: State, now: Millis, metrics: &impl Metrics) -> String {
        let (definition, window) = (self.definition, self.window);
        let mut data = Map::new();
        data.insert("version".to_owned(), json!("1.0"));
        data.insert("queryDate".to_owned(), json!(stamp(now)));
        let oldest = self.judged.used.last().copied();
        let newest = self.judged.used.first().copied();
        if let Some(oldest) = oldest {
            data.insert("startDate".to_owned(), json!(stamp(window.start_of(oldest))));
        }
        if let Plan::Metric(_, statistic) = definition.plan() {
            data.insert("statistic".to_owned(), json!(statistic.to_string()));
        }
        data.insert("period".to_owned(), json!(definition.period() / 1000));
        let recent =
            oldest.zip(newest).and_then(|(oldest, newest)| self.series.get(oldest..=newest)).unwrap_or_default();
        data.insert("recentDatapoints".to_owned(), json!(recent));
        data.insert("threshold".to_owned(), json!(definition.properties.threshold));
        data.insert("evaluatedDatapoints".to_owned(), self.evaluated(state, metrics));
        Value::Object(data).to_string()
    }

    fn evaluated(&self, state: State, metrics: &impl Metrics) -> Value {
        let window = self.window;
        let mut points: Vec<Value> = self
            .datapoints(state)
            .into_iter()
            .map(|(at, value)| {
                let mut point = Map::new();
                point.insert("timestamp".to_owned(), json!(stamp(at)));
                if let Plan::Metric(metric, _) = self.definition.plan() {
                    let period = Window { start: at, period: window.period, count: 1 };
                    let summary = metrics.summaries(metric, period).into_iter().next().flatten();
                    point.insert("sampleCount".to_owned(), json!(summary.map(|summary| summary.count)));
                }
                point.insert("value".to_owned(), json!(value));
                Value::Object(point)
            })
            .collect();
        // Without datapoints, the periods that had none.
        if self.judged.used.is_empty() {
            let starts =
                (1..=self.definition.evaluation_periods()).map(|back| window.end() - times(back, window.period));
            points.extend(starts.map(|at| json!({ "timestamp": stamp(at) })));
        }
        Value::Array(points)
    }
}

/// `[2.0 (24/11/26 10:00:00), …]`
fn list(points: &[(Millis, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(at, value)| format!("{} ({})", number(*value), short(*at))).collect();
    format!("[{}]", points.join(", "))
}

fn most_recent(points: &[(Millis, f64)], shown: usize, state: State) -> String {
    let crossed = if state == State::Alarm { "crossed" } else { "did not cross" };
    let noun = if points.len() == 1 { "datapoint" } else { "datapoints" };
    let shown = points.get(..shown.min(points.len())).unwrap_or_default();
    format!("The most recent {noun} which {crossed} the threshold: {}", list(shown))
}

/// The reason of an alarm over several time series; `cut` where more than `alarming` are in ALARM.
pub(crate) fn summary(alarming: usize, all: usize, cut: bool) -> String {
    match (alarming, cut) {
        (0, _) => format!("{all} time series evaluated to OK"),
        (_, true) => format!("{alarming}+ time series evaluated to ALARM"),
        _ => format!("{alarming} out of {all} time series evaluated to ALARM"),
    }
}

/// The reason of an alarm over several time series whose query returned none.
pub(crate) fn no_series(treat: TreatMissing) -> String {
    format!("No time series were returned by the query. Treat missing data is configured as [{}].", treat.words())
}
