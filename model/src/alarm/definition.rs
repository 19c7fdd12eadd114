//! An alarm as it is configured.

use super::judge::EXTRA_PERIODS;
use super::plan::{Plan, millis};
use super::properties::{Properties, TreatMissing};
use super::transition::State;
use super::{AlarmError, DAY, HOUR, MINUTE, Millis, times};
use serde_json::Value;

/// Metrics Insights alarms see the latest 3 hours (CloudWatch user guide, "Limits").
const INSIGHTS_RANGE: Millis = 3 * HOUR;
/// Quota: actions for a state.
const MAX_ACTIONS: usize = 5;

/// An alarm, understood in full.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmDefinition {
    pub(crate) properties: Properties,
    plan: Plan,
    period: Millis,
    treat: TreatMissing,
}

impl AlarmDefinition {
    /// Reads the properties of `AWS::CloudWatch::Alarm`, their intrinsic functions resolved.
    pub fn parse(properties: &Value) -> Result<Self, AlarmError> {
        let name = properties.get("AlarmName").and_then(Value::as_str).unwrap_or("?").to_owned();
        let read = |properties: &Value| serde_json::from_value::<Properties>(properties.clone());
        let properties = read(properties).map_err(|error| AlarmError::definition(&name, error.to_string()))?;
        let (plan, seconds) = Plan::of(&properties)?;
        let definition = Self { treat: treatment(&properties), properties, plan, period: millis(seconds) };
        definition.check(seconds).map_err(|problem| AlarmError::definition(&name, problem))?;
        Ok(definition)
    }

    fn check(&self, seconds: u32) -> Result<(), String> {
        let properties = &self.properties;
        if !seconds.is_multiple_of(60) {
            return Err(format!("a period of {seconds} seconds is not understood, only whole minutes"));
        }
        if self.datapoints() > self.evaluation_periods() {
            return Err("DatapointsToAlarm is greater than EvaluationPeriods".to_owned());
        }
        // PutMetricAlarm: at most 7 days, and a day for periods below an hour.
        let longest = if self.period < HOUR { DAY } else { 7 * DAY };
        let evaluated = times(self.evaluation_periods(), self.period);
        let insights = matches!(self.plan, Plan::Query(_) | Plan::Fleet(_));
        if evaluated > if insights { INSIGHTS_RANGE } else { longest } {
            return Err("EvaluationPeriods times the period is more than CloudWatch evaluates".to_owned());
        }
        let actions = [&properties.alarm_actions, &properties.ok_actions, &properties.insufficient_data_actions];
        if actions.iter().any(|actions| actions.len() > MAX_ACTIONS) {
            return Err(format!("more than {MAX_ACTIONS} actions for one state"));
        }
        Ok(())
    }

    /// The alarm's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.properties.alarm_name
    }

    /// What it watches.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its period, in milliseconds.
    #[must_use]
    pub fn period(&self) -> Millis {
        self.period
    }

    /// N of "M out of N".
    #[must_use]
    pub fn evaluation_periods(&self) -> usize {
        usize::try_from(self.properties.evaluation_periods).unwrap_or(usize::MAX)
    }

    /// M of "M out of N".
    #[must_use]
    pub fn datapoints(&self) -> usize {
        let datapoints = self.properties.datapoints_to_alarm.unwrap_or(self.properties.evaluation_periods);
        usize::try_from(datapoints).unwrap_or(usize::MAX)
    }

    /// What missing datapoints count as. Left out, it is `missing`, but `ignore` where every metric is in
    /// `AWS/DynamoDB` (CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data").
    #[must_use]
    pub fn treat_missing(&self) -> TreatMissing {
        self.treat
    }

    /// Whether a value is beyond the threshold.
    #[must_use]
    pub fn breaches(&self, value: f64) -> bool {
        self.properties.comparison_operator.breaches(value, self.properties.threshold)
    }

    /// The ARNs of the actions of a state.
    #[must_use]
    pub fn actions(&self, state: State) -> &[String] {
        match state {
            State::Ok => &self.properties.ok_actions,
            State::Alarm => &self.properties.alarm_actions,
            State::InsufficientData => &self.properties.insufficient_data_actions,
        }
    }

    /// How often CloudWatch evaluates it: every minute, or every hour where it looks at more than a day.
    #[must_use]
    pub fn interval(&self) -> Millis {
        if times(self.evaluation_periods(), self.period) > DAY { HOUR } else { MINUTE }
    }

    /// The periods it looks at: its evaluation periods, and some more in case datapoints are missing.
    pub(crate) fn range(&self) -> usize {
        let range = self.evaluation_periods().saturating_add(EXTRA_PERIODS);
        match self.plan {
            Plan::Query(_) | Plan::Fleet(_) => {
                range.min(usize::try_from(INSIGHTS_RANGE / self.period).unwrap_or(range))
            }
            _ => range,
        }
    }

    /// How far it looks back at most, in milliseconds: datapoints older than this may be forgotten.
    #[must_use]
    pub fn lookback(&self) -> Millis {
        times(self.range(), self.period).saturating_add(self.interval())
    }
}

fn treatment(properties: &Properties) -> TreatMissing {
    let of_queries = properties.metrics.iter().filter_map(|entry| entry.metric_stat.as_ref());
    let namespaces: Vec<&str> =
        of_queries.map(|stat| stat.metric.namespace.as_str()).chain(properties.namespace.as_deref()).collect();
    let default = if !namespaces.is_empty() && namespaces.iter().all(|namespace| *namespace == "AWS/DynamoDB") {
        TreatMissing::Ignore
    } else {
        TreatMissing::Missing
    };
    properties.treat_missing_data.unwrap_or(default)
}
