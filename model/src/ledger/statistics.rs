//! REL11-BP03's healing statistics, and what exactly each figure counts.
//!
//! * A **healing event** is an event of `source` runbook, native or agent whose status is `pending`, `in_progress`,
//!   `completed` or `failed`. What a person did (`operator`) is no healing and counts nowhere.
//! * **Skipped** events are the guard's refusals: nothing was touched, so they are counted apart and are in no total.
//! * The **success rate** is successful / (successful + failed) in percent: what has not ended is neither. Null when
//!   nothing has ended.
//! * **Active** events are those that have not ended now, whenever they began.
//! * **Registered** rules are deployed; **enabled** are those of them that heal or observe now.
//!
//! An event whose layer this version does not know is in the totals and in no layer.

use super::event::{Source, Status};
use crate::rule::Layer;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// Figures of a layer, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Healing events.
    pub total: u64,
    /// Of them, those that ended well.
    pub successful: u64,
    /// Of them, those that ended badly.
    pub failed: u64,
    /// Refusals of the guard.
    pub skipped: u64,
    /// Healing events that have not ended now.
    pub active: u64,
    /// Rules that are deployed.
    pub registered: u64,
    /// Of them, those that heal or observe now.
    pub enabled: u64,
}

impl Figures {
    /// In percent; `None` when nothing has ended.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        let ended = self.successful + self.failed;
        // Exact up to 2^53 events.
        #[allow(clippy::cast_precision_loss, reason = "a ledger of 2^53 events does not exist")]
        let rate = || self.successful as f64 * 100.0 / ended as f64;
        (ended > 0).then(rate)
    }
}

/// A layer's figures under the names of REL11-BP03.
#[derive(Serialize)]
struct LayerRow {
    total: u64,
    successful: u64,
    failed: u64,
    skipped: u64,
    success_rate: Option<f64>,
    active: u64,
    registered: u64,
    enabled: u64,
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        LayerRow {
            total: self.total,
            successful: self.successful,
            failed: self.failed,
            skipped: self.skipped,
            success_rate: self.success_rate(),
            active: self.active,
            registered: self.registered,
            enabled: self.enabled,
        }
        .serialize(serializer)
    }
}

/// Adds up events and rules, one after another: its size does not depend on how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    all: Figures,
    layers: BTreeMap<Layer, Figures>,
}

impl Default for Statistics {
    fn default() -> Self {
        Self { all: Figures::default(), layers: Layer::ALL.map(|layer| (layer, Figures::default())).into() }
    }
}

impl Statistics {
    /// Counts an event.
    pub fn event(&mut self, layer: Option<Layer>, source: Source, status: Status) {
        if !source.heals() {
            return;
        }
        self.count(layer, |figures| {
            match status {
                Status::Skipped => {
                    figures.skipped += 1;
                    return;
                }
                Status::Completed => figures.successful += 1,
                Status::Failed => figures.failed += 1,
                Status::Pending | Status::InProgress => {}
            }
            figures.total += 1;
        });
    }

    /// Counts an event that has not ended now.
    pub fn active(&mut self, layer: Option<Layer>) {
        self.count(layer, |figures| figures.active += 1);
    }

    /// Counts a rule that is deployed.
    pub fn rule(&mut self, layer: Option<Layer>, enabled: bool) {
        self.count(layer, |figures| {
            figures.registered += 1;
            figures.enabled += u64::from(enabled);
        });
    }

    /// All layers together.
    #[must_use]
    pub fn all(&self) -> &Figures {
        &self.all
    }

    /// Every layer, with events or without.
    #[must_use]
    pub fn layers(&self) -> &BTreeMap<Layer, Figures> {
        &self.layers
    }

    fn count(&mut self, layer: Option<Layer>, change: impl Fn(&mut Figures)) {
        change(&mut self.all);
        if let Some(layer) = layer {
            change(self.layers.entry(layer).or_default());
        }
    }
}

impl Serialize for Statistics {
    /// With the names of REL11-BP03's `get_healing_statistics`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            total_healing_events: u64,
            successful_healing_events: u64,
            failed_healing_events: u64,
            skipped_healing_events: u64,
            success_rate: Option<f64>,
            active_healing_events: u64,
            registered_rules: u64,
            enabled_rules: u64,
            layer_statistics: &'a BTreeMap<Layer, Figures>,
        }
        let all = &self.all;
        Row {
            total_healing_events: all.total,
            successful_healing_events: all.successful,
            failed_healing_events: all.failed,
            skipped_healing_events: all.skipped,
            success_rate: all.success_rate(),
            active_healing_events: all.active,
            registered_rules: all.registered,
            enabled_rules: all.enabled,
            layer_statistics: &self.layers,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn counts_what_the_definitions_say() {
        let mut statistics = Statistics::default();
        let layer = Some(Layer::Platform);
        for status in Status::ALL {
            statistics.event(layer, Source::Runbook, status);
            statistics.event(layer, Source::Operator, status);
        }
        statistics.event(None, Source::Native, Status::Completed);
        statistics.active(layer);
        statistics.rule(layer, false);
        statistics.rule(layer, true);
        let value = serde_json::to_value(&statistics).unwrap();
        for (field, expected) in [
            ("total_healing_events", json!(5)),
            ("successful_healing_events", json!(2)),
            ("failed_healing_events", json!(1)),
            ("skipped_healing_events", json!(1)),
            ("active_healing_events", json!(1)),
            ("registered_rules", json!(2)),
            ("enabled_rules", json!(1)),
        ] {
            assert_eq!(value[field], expected, "{field}");
        }
        assert_eq!(
            value["layer_statistics"]["platform"],
            json!({"total": 4, "successful": 1, "failed": 1, "skipped": 1, "success_rate": 50.0, "active": 1,
                   "registered": 2, "enabled": 1})
        );
        assert_eq!(value["layer_statistics"]["data"]["success_rate"], json!(null));
        assert_eq!(value["layer_statistics"].as_object().unwrap().len(), 5);
    }

    proptest! {
        #[test]
        fn layers_add_up(events in proptest::collection::vec((0..5_usize, 0..5_usize, 0..4_usize), 0..50)) {
            let sources = [Source::Runbook, Source::Native, Source::Agent, Source::Operator];
            let mut statistics = Statistics::default();
            for (layer, status, source) in &events {
                statistics.event(Some(Layer::ALL[*layer]), sources[*source], Status::ALL[*status]);
            }
            let sum = |figure: fn(&Figures) -> u64| statistics.layers().values().map(figure).sum::<u64>();
            let all = statistics.all();
            prop_assert_eq!(sum(|f| f.total), all.total);
            prop_assert_eq!(sum(|f| f.skipped), all.skipped);
            let healings = events.iter().filter(|(_, _, source)| *source < 3).count();
            prop_assert_eq!(usize::try_from(all.total + all.skipped).unwrap(), healings);
            prop_assert!(all.success_rate().is_none_or(|rate| (0.0..=100.0).contains(&rate)));
        }
    }
}
