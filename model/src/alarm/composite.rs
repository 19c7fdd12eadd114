//! Alarms over other alarms.

use super::describe::Place;
use super::properties::CompositeProperties;
use super::reason;
use super::rule::AlarmRule;
use super::text::{long, stamp};
use super::transition::{Mute, State, StateChange, Transition};
use super::{AlarmError, Millis};
use serde_json::{Value, json};

/// A composite alarm, understood in full.
#[derive(Debug, Clone, PartialEq)]
pub struct CompositeDefinition {
    pub(crate) properties: CompositeProperties,
    rule: AlarmRule,
}

impl CompositeDefinition {
    /// Reads the properties of `AWS::CloudWatch::CompositeAlarm`, their intrinsic functions resolved.
    pub fn parse(properties: &Value) -> Result<Self, AlarmError> {
        let name = properties.get("AlarmName").and_then(Value::as_str).unwrap_or("?").to_owned();
        let read = |properties: &Value| serde_json::from_value::<CompositeProperties>(properties.clone());
        let properties = read(properties).map_err(|error| AlarmError::definition(&name, error.to_string()))?;
        let rule = AlarmRule::parse(&properties.alarm_rule)?;
        Ok(Self { properties, rule })
    }

    /// The alarm's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.properties.alarm_name
    }

    /// What it says about itself.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.properties.alarm_description.as_deref()
    }

    /// Its rule.
    #[must_use]
    pub fn rule(&self) -> &AlarmRule {
        &self.rule
    }

    /// Its rule as it was written.
    #[must_use]
    pub fn rule_text(&self) -> &str {
        &self.properties.alarm_rule
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
}

/// A composite alarm with its state.
#[derive(Debug, Clone, PartialEq)]
pub struct CompositeAlarm {
    definition: CompositeDefinition,
    state: StateChange,
    actions_enabled: bool,
    mute: Option<Mute>,
}

impl CompositeAlarm {
    /// A new alarm: `INSUFFICIENT_DATA` until it is evaluated, and never again.
    #[must_use]
    pub fn new(definition: CompositeDefinition, created: Millis) -> Self {
        let reason = reason::CREATED.to_owned();
        let state = StateChange { value: State::InsufficientData, reason, reason_data: None, at: created };
        let actions_enabled = definition.properties.actions_enabled;
        Self { definition, state, actions_enabled, mute: None }
    }

    /// What it is made from.
    #[must_use]
    pub fn definition(&self) -> &CompositeDefinition {
        &self.definition
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> &StateChange {
        &self.state
    }

    /// Whether its actions run.
    #[must_use]
    pub fn actions_enabled(&self) -> bool {
        self.actions_enabled
    }

    /// `EnableAlarmActions` and `DisableAlarmActions`.
    pub fn set_actions_enabled(&mut self, enabled: bool) {
        self.actions_enabled = enabled;
    }

    /// A mute rule begins, or with `None` ends.
    pub fn set_mute(&mut self, mute: Option<Mute>) {
        self.mute = mute;
    }

    /// `SetAlarmState`. `None` where it is in that state already.
    pub fn set_state(&mut self, now: Millis, value: State, reason: &str, data: Option<&str>) -> Option<Transition> {
        self.enter(now, value, reason.to_owned(), data.map(str::to_owned))
    }

    /// What the states of other alarms make of it. `states` gives the state of an alarm by its name; a name that it
    /// does not know is an error. Alarms that a rule names by ARN are asked for by the name at its end.
    pub fn evaluate(
        &mut self,
        now: Millis,
        place: &Place,
        states: impl Fn(&str) -> Option<StateChange>,
    ) -> Result<Option<Transition>, AlarmError> {
        let mut children = Vec::new();
        for child in self.definition.rule.children() {
            let name = named(child);
            let unknown =
                || AlarmError::UnknownAlarm { composite: self.definition.name().to_owned(), alarm: child.to_owned() };
            children.push((name.to_owned(), states(name).ok_or_else(unknown)?));
        }
        let state_of = |child: &str| {
            let found = children.iter().find(|(name, _)| name == named(child));
            found.map(|(_, state)| state.value)
        };
        let value = if self.definition.rule.holds(&state_of) { State::Alarm } else { State::Ok };
        if value == self.state.value {
            return Ok(None);
        }
        let reason = match children.iter().max_by_key(|(_, state)| state.at) {
            Some((name, state)) => {
                format!("{} transitioned to {} at {}", place.alarm_arn(name), state.value, long(state.at))
            }
            None => format!("{} evaluates to {value}", place.alarm_arn(self.definition.name())),
        };
        let triggering: Vec<Value> = children
            .iter()
            .map(|(name, state)| {
                let shown = json!({"value": state.value, "timestamp": stamp(state.at)});
                json!({"arn": place.alarm_arn(name), "state": shown})
            })
            .collect();
        let data = json!({ "triggeringAlarms": triggering }).to_string();
        Ok(self.enter(now, value, reason, Some(data)))
    }

    fn enter(&mut self, now: Millis, value: State, reason: String, data: Option<String>) -> Option<Transition> {
        if value == self.state.value {
            return None;
        }
        let state = StateChange { value, reason, reason_data: data, at: now };
        let previous = std::mem::replace(&mut self.state, state.clone());
        let runs = self.actions_enabled && self.mute.is_none();
        let actions = self.definition.actions(value).iter().filter(|_| runs).cloned().collect();
        let alarm = self.definition.name().to_owned();
        Some(Transition { alarm, contributor: None, previous, state, actions, mute: self.mute.clone() })
    }
}

/// The name in an ARN (`arn:aws:cloudwatch:eu-west-1:123456789012:alarm:name`), or what is a name already.
fn named(child: &str) -> &str {
    if child.starts_with("arn:") { child.splitn(7, ':').nth(6).unwrap_or(child) } else { child }
}
