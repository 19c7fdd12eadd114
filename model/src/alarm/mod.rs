//! CloudWatch alarms as pure values: what a generated alarm would do with given datapoints, minute by minute.
//!
//! ```text
//! AlarmDefinition   the properties of AWS::CloudWatch::Alarm, understood or refused
//! Metrics           where datapoints come from; MetricStore keeps them in memory
//! Alarm             a definition with its state; evaluate() gives its transitions, contributors included
//! CompositeAlarm    the same for AWS::CloudWatch::CompositeAlarm
//! event, describe   the shapes in which EventBridge and the API show them
//! ```
//! **Invariant:** what AWS would evaluate and this module does not understand is an error when the alarm is read,
//! never an alarm that stays quiet.

mod composite;
mod definition;
mod describe;
mod error;
mod event;
mod fleet;
mod insights;
mod judge;
mod lexer;
mod live;
mod math;
mod math_parser;
mod metrics;
mod plan;
mod properties;
mod reason;
mod rule;
mod store;
mod text;
mod transition;

pub use composite::{CompositeAlarm, CompositeDefinition};
pub use definition::AlarmDefinition;
pub use describe::Place;
pub use error::AlarmError;
pub use insights::{InsightsQuery, MAX_SERIES};
pub use judge::{Judged, judge};
pub use live::{Alarm, MAX_CONTRIBUTORS};
pub use metrics::{MetricId, Metrics, Statistic, Summary, Window};
pub use plan::Plan;
pub use properties::{Comparison, TreatMissing};
pub use rule::AlarmRule;
pub use store::MetricStore;
pub(crate) use text::iso;
pub use transition::{Contributor, Mute, State, StateChange, Transition};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// One minute, the period in which CloudWatch keeps metrics of standard resolution.
pub const MINUTE: Millis = 60_000;
/// One hour.
pub const HOUR: Millis = 60 * MINUTE;
/// One day.
pub const DAY: Millis = 24 * HOUR;

/// A number of periods as a factor of milliseconds.
pub(crate) fn times(count: usize, period: Millis) -> Millis {
    period.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX))
}
