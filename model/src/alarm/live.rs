//! An alarm at work.

use super::Millis;
use super::definition::AlarmDefinition;
use super::fleet::{Fleet, Group, contributor};
use super::insights::InsightsQuery;
use super::judge::{Judged, judge};
use super::metrics::{Metrics, Window};
use super::plan::Plan;
use super::properties::TreatMissing;
use super::reason::{self, Evidence};
use super::transition::{Contributor, Mute, State, StateChange, Transition};
use serde_json::json;
use std::collections::BTreeMap;

/// Contributors in ALARM at a time (CloudWatch user guide, "Limits").
pub const MAX_CONTRIBUTORS: usize = 100;

/// A definition with its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    definition: AlarmDefinition,
    state: StateChange,
    /// When the reason or the evaluation state last changed.
    updated: Millis,
    /// Those in ALARM, by id.
    contributors: BTreeMap<String, (Contributor, StateChange)>,
    partial: bool,
    actions_enabled: bool,
    mute: Option<Mute>,
}

impl Alarm {
    /// A new alarm: `INSUFFICIENT_DATA` until it is evaluated.
    #[must_use]
    pub fn new(definition: AlarmDefinition, created: Millis) -> Self {
        let reason = reason::CREATED.to_owned();
        let state = StateChange { value: State::InsufficientData, reason, reason_data: None, at: created };
        let actions_enabled = definition.properties.actions_enabled;
        let contributors = BTreeMap::new();
        Self { definition, state, updated: created, contributors, partial: false, actions_enabled, mute: None }
    }

    /// What it is made from.
    #[must_use]
    pub fn definition(&self) -> &AlarmDefinition {
        &self.definition
    }

    /// Its own state.
    #[must_use]
    pub fn state(&self) -> &StateChange {
        &self.state
    }

    /// When its state, its reason or its evaluation state last changed.
    #[must_use]
    pub fn updated(&self) -> Millis {
        self.updated
    }

    /// The contributors in ALARM, and since when and why, in the order of their ids.
    pub fn contributors(&self) -> impl Iterator<Item = (&Contributor, &StateChange)> {
        self.contributors.values().map(|(contributor, state)| (contributor, state))
    }

    /// Whether a quota keeps it from seeing everything: `PARTIAL_DATA`.
    #[must_use]
    pub fn partial_data(&self) -> bool {
        self.partial
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

    /// The mute rule in effect.
    #[must_use]
    pub fn mute(&self) -> Option<&Mute> {
        self.mute.as_ref()
    }

    /// A mute rule begins, or with `None` ends. Transitions go on and say that they are muted.
    pub fn set_mute(&mut self, mute: Option<Mute>) {
        self.mute = mute;
    }

    /// Replaces the definition, as a deployment does: the state stays, and whether actions run is what the new one
    /// says.
    pub fn redefine(&mut self, definition: AlarmDefinition) {
        self.actions_enabled = definition.properties.actions_enabled;
        if !matches!(definition.plan(), Plan::Fleet(_)) {
            self.contributors.clear();
            self.partial = false;
        }
        self.definition = definition;
    }

    /// `SetAlarmState`: the next evaluation puts it right again. `None` where it is in that state already.
    pub fn set_state(&mut self, now: Millis, value: State, reason: &str, data: Option<&str>) -> Option<Transition> {
        self.enter(now, value, reason.to_owned(), data.map(str::to_owned))
    }

    /// What the datapoints up to now make of it: first its contributors' transitions, then its own. Periods end at
    /// whole minutes (for alarms over more than a day, at whole hours), so more than one call a minute changes nothing.
    pub fn evaluate(&mut self, now: Millis, metrics: &impl Metrics) -> Vec<Transition> {
        let end = now - now.rem_euclid(self.definition.interval());
        let window = Window::before(end, self.definition.period(), self.definition.range());
        match self.definition.plan() {
            Plan::Fleet(query) => {
                let fleet = Fleet::of(query, metrics, window);
                let query = query.clone();
                self.evaluate_fleet(now, &query, &fleet, window)
            }
            plan => {
                let series = plan.series(metrics, window);
                let judged = self.judge(&series);
                let Some(state) = judged.state.filter(|state| *state != self.state.value) else { return Vec::new() };
                let evidence = Evidence { definition: &self.definition, window, series: &series, judged: &judged };
                let (reason, data) = (evidence.reason(state), evidence.data(state, now, metrics));
                self.enter(now, state, reason, Some(data)).into_iter().collect()
            }
        }
    }

    fn judge(&self, series: &[Option<f64>]) -> Judged {
        let definition = &self.definition;
        let points: Vec<Option<bool>> =
            series.iter().map(|point| point.map(|value| definition.breaches(value))).collect();
        judge(&points, definition.datapoints(), definition.evaluation_periods(), definition.treat_missing())
    }

    fn enter(&mut self, now: Millis, value: State, reason: String, data: Option<String>) -> Option<Transition> {
        if value == self.state.value {
            return None;
        }
        let state = StateChange { value, reason, reason_data: data, at: now };
        let previous = std::mem::replace(&mut self.state, state.clone());
        self.updated = now;
        Some(self.transition(None, previous, state))
    }

    fn transition(&self, contributor: Option<Contributor>, previous: StateChange, state: StateChange) -> Transition {
        let fleet = matches!(self.definition.plan(), Plan::Fleet(_));
        let runs = self.actions_enabled && self.mute.is_none();
        let here = |action: &&String| !fleet || per_contributor(action) == contributor.is_some();
        let actions = self.definition.actions(state.value).iter().filter(|_| runs).filter(here).cloned().collect();
        let alarm = self.definition.name().to_owned();
        Transition { alarm, contributor, previous, state, actions, mute: self.mute.clone() }
    }

    fn evaluate_fleet(&mut self, now: Millis, query: &InsightsQuery, fleet: &Fleet, window: Window) -> Vec<Transition> {
        let mut transitions = Vec::new();
        let mut found: Vec<(Contributor, &Group)> =
            fleet.groups.iter().map(|group| (contributor(query, &group.labels), group)).collect();
        // Those in ALARM keep their places before others take the ones that are left.
        found.sort_by_key(|(contributor, _)| !self.contributors.contains_key(&contributor.id));
        let gone: Vec<String> = {
            let here = |id: &String| found.iter().any(|(contributor, _)| contributor.id == *id);
            self.contributors.keys().filter(|id| !here(id)).cloned().collect()
        };
        for id in gone {
            transitions.extend(self.leave(now, &id, reason::VANISHED.to_owned()));
        }
        let mut cut = false;
        for (contributor, group) in &found {
            let judged = self.judge(&group.points);
            let Some(state) = judged.state else { continue };
            let reason = || {
                let series = &group.points;
                Evidence { definition: &self.definition, window, series, judged: &judged }.contributor_reason(state)
            };
            match (state, self.contributors.contains_key(&contributor.id)) {
                (State::Alarm, false) if self.contributors.len() >= MAX_CONTRIBUTORS => cut = true,
                (State::Alarm, false) => {
                    let reason = reason();
                    transitions.push(self.join(now, contributor, reason));
                }
                (State::Ok, true) => {
                    let reason = reason();
                    transitions.extend(self.leave(now, &contributor.id, reason));
                }
                // A contributor is never in INSUFFICIENT_DATA: too few datapoints leave it as it is.
                _ => {}
            }
        }
        transitions.extend(self.summarise(now, found.len(), cut, fleet.partial));
        transitions
    }

    fn join(&mut self, now: Millis, contributor: &Contributor, reason: String) -> Transition {
        let previous = StateChange { value: State::Ok, reason: String::new(), reason_data: None, at: now };
        let state = StateChange { value: State::Alarm, reason, reason_data: None, at: now };
        self.contributors.insert(contributor.id.clone(), (contributor.clone(), state.clone()));
        self.transition(Some(contributor.clone()), previous, state)
    }

    fn leave(&mut self, now: Millis, id: &str, reason: String) -> Option<Transition> {
        let (contributor, previous) = self.contributors.remove(id)?;
        let state = StateChange { value: State::Ok, reason, reason_data: None, at: now };
        Some(self.transition(Some(contributor), previous, state))
    }

    /// The alarm's own state, from those of its contributors.
    fn summarise(&mut self, now: Millis, series: usize, cut: bool, partial: bool) -> Option<Transition> {
        let treat = self.definition.treat_missing();
        let alarming = self.contributors.len();
        let (state, reason) = if series > 0 {
            let state = if alarming > 0 { State::Alarm } else { State::Ok };
            (state, reason::summary(alarming, series, cut))
        } else {
            // "If the query returns an empty result (no time series at all), the treat missing data treatment is
            // applied."
            let state = match treat {
                TreatMissing::Missing => State::InsufficientData,
                TreatMissing::Ignore => self.state.value,
                TreatMissing::Breaching => State::Alarm,
                TreatMissing::NotBreaching => State::Ok,
            };
            (state, reason::no_series(treat))
        };
        let data = json!({"version": "1.0", "queryDate": super::text::stamp(now)}).to_string();
        if self.partial != partial {
            self.partial = partial;
            self.updated = now;
        }
        if state == self.state.value && reason != self.state.reason {
            // A new reason alone is no transition: DescribeAlarms shows it, no event tells of it.
            self.state.reason.clone_from(&reason);
            self.state.reason_data = Some(data.clone());
            self.updated = now;
        }
        self.enter(now, state, reason, Some(data))
    }
}

/// Whether an action of an alarm over several time series runs for each contributor, or for the alarm as a whole
/// (CloudWatch user guide, "Alarm actions", 2026: SNS and Lambda for each contributor, the rest for the alarm).
///
/// EC2 actions ran for each contributor in the guide's page "Acting on alarm changes" of 2025; the later page calls
/// them "not supported" there. Here they run for each contributor.
fn per_contributor(action: &str) -> bool {
    let mut parts = action.split(':').skip(2);
    matches!(parts.next(), Some("sns" | "lambda" | "automate"))
}
