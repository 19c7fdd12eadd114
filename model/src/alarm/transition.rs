//! States, and changes of states.

use super::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The state of an alarm. A contributor is only ever `OK` or in `ALARM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// Within the threshold.
    #[serde(rename = "OK")]
    Ok,
    /// Beyond the threshold.
    #[serde(rename = "ALARM")]
    Alarm,
    /// Just created, or without data.
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl State {
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// The state of that name; `None` for any other text.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData].into_iter().find(|state| state.as_str() == text)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A state, since when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The state.
    pub value: State,
    /// Why, in CloudWatch's words.
    pub reason: String,
    /// Why, as JSON in a text; contributors have none.
    pub reason_data: Option<String>,
    /// When it was entered.
    pub at: Millis,
}

/// One time series of an alarm over several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contributor {
    /// 16 hexadecimal digits, the same for the same attributes.
    pub id: String,
    /// The values of the query's `GROUP BY`.
    pub attributes: BTreeMap<String, String>,
}

/// A mute rule in effect: transitions go on, actions do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// The ARN of the mute rule.
    pub by_arn: String,
    /// When its window began.
    pub start: Millis,
    /// When its window ends.
    pub end: Millis,
}

/// An alarm or a contributor has changed its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The alarm's name.
    pub alarm: String,
    /// The contributor whose state it is; `None` for the alarm's own.
    pub contributor: Option<Contributor>,
    /// The state before.
    pub previous: StateChange,
    /// The state now.
    pub state: StateChange,
    /// The ARNs of the actions that run: none while muted, or with actions disabled.
    pub actions: Vec<String>,
    /// The mute rule in effect.
    pub mute: Option<Mute>,
}
