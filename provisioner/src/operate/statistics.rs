//! REL11-BP03's healing statistics, from the ledger and the deployed stacks.

use healstack_model::Layer;
use healstack_model::ledger::{BY_DEADLINE, OPEN, Source, Statistics, Status, effect};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::deployed::deployed_rules;
use super::error::OperateError;
use super::filter::{EventFilter, Expression};
use super::history::{CLOCK_AHEAD, of_day};
use super::item::{Item, read};
use super::ledger::Select;
use super::overrides::{UnreadableSwitch, overrides};
use super::time;

/// The figures, and what they are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatisticsReport {
    /// The region.
    pub region: String,
    /// Events that changed since then are counted, RFC 3339.
    pub since: String,
    /// The figures.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// Events that this version cannot read; they are in no figure.
    pub unreadable: usize,
    /// Deployed rules whose parameter this version cannot read; they are in no figure.
    pub unreadable_rules: usize,
    /// Switches that this version cannot read; what they are about counts as not paused.
    #[serde(skip)]
    pub unreadable_switches: Vec<UnreadableSwitch>,
}

/// What of an event is counted.
#[derive(Deserialize)]
struct Tally {
    #[serde(default)]
    layer: String,
    status: Status,
    source: Source,
}

/// The attributes of [`Tally`]: the rest of an event need not come over the network.
const TALLIED: [&str; 3] = ["layer", "status", "source"];

/// Counts events that changed since `since`, those that have not ended, and the deployed rules.
pub async fn statistics(
    connection: &Connection,
    since: Timestamp,
    now: Timestamp,
) -> Result<StatisticsReport, OperateError> {
    let mut statistics = Statistics::default();
    let mut unreadable = 0;
    let mut tally = |items: &[Item], count: &mut dyn FnMut(&Tally)| {
        for item in items {
            match read::<Tally>(item) {
                Ok(tally) => count(&tally),
                Err(_) => unreadable += 1,
            }
        }
    };
    let begin = time::rfc3339(since);
    for day in time::days(since, time::after(now, CLOCK_AHEAD)) {
        let select = Select { attributes: &TALLIED, ..of_day(&day, &begin, &EventFilter::default()) };
        let mut pages = connection.ledger.select(select);
        while let Some(items) = connection.unless_interrupted(pages.next()).await? {
            tally(&items, &mut |one| statistics.event(Layer::parse(&one.layer), one.source, one.status));
        }
    }
    let mut pages = connection.ledger.select(Select { attributes: &TALLIED, ..not_ended() });
    while let Some(items) = connection.unless_interrupted(pages.next()).await? {
        tally(&items, &mut |one| {
            if one.source.heals() && one.status.is_open() {
                statistics.active(Layer::parse(&one.layer));
            }
        });
    }
    let overrides = connection.unless_interrupted(overrides(connection)).await?;
    let deployed = deployed_rules(connection).await?;
    for rule in deployed.rules {
        let paused = effect(&overrides.readable, &rule.id, now.as_second())
            .is_some_and(|one| one.switch == healstack_model::ledger::Switch::Pause);
        statistics.rule(rule.layer, rule.on && !paused);
    }
    Ok(StatisticsReport {
        region: connection.ledger.region.clone(),
        since: begin,
        statistics,
        unreadable,
        unreadable_rules: deployed.unreadable,
        unreadable_switches: overrides.unreadable,
    })
}

/// Events that have not ended.
pub(super) fn not_ended() -> Select {
    let keys = Expression::new("#open = :open").name("#open", "open").text(":open", OPEN);
    Select { index: Some(BY_DEADLINE), keys, ..Select::default() }
}
