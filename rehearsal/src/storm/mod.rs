//! A storm: many resources of one rule fail at about the same time, as those of an Availability Zone do. What is seen is how the budget is held.

mod follow;

use crate::aws::{Trouble, Workload};
use crate::engine::{Deployment, Engine};
use crate::faults;
use crate::log::Log;
use crate::rehearse::{BEGIN, HEALTHY};
use crate::scenario::{Member, Storm};
use crate::time::MINUTE;
use crate::verdict::Subject;
use crate::{Millis, Random, Unsupported};
use follow::Follower;
use healstack_model::alarm::{MAX_CONTRIBUTORS, MAX_SERIES};
use serde::Serialize;
use std::collections::BTreeMap;

/// Within which time the resources fall ill.
pub const ONSET: Millis = 5 * MINUTE;
/// From one point of the curves to the next.
pub const STEP: Millis = 5 * MINUTE;

/// The bounds of healing that are held or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// Runbooks of the rule at once.
    pub concurrent: usize,
    /// Runbooks of the rule started in a clock hour.
    pub per_hour: usize,
    /// Runbooks of all rules at once.
    pub all: usize,
}

/// What is tried.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many resources.
    pub resources: u64,
    /// What everything random follows from.
    pub seed: u64,
    /// The virtual time after which it is given up, in milliseconds.
    pub lasts: Millis,
    /// What must be held.
    pub bounds: Bounds,
}

/// How it was at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Seconds since the first resource could fall ill.
    pub at: Millis,
    /// Resources that are ill, those in healing among them.
    pub ill: usize,
    /// The most runbooks of the rule that ran at once since the last point.
    pub healing: usize,
    /// Resources that were ill and are well.
    pub healed: usize,
    /// Offers that the guard has refused since the last point.
    pub skipped: usize,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How many resources fell ill.
    pub resources: usize,
    /// How many of them AWS's own healing could mend.
    pub native: usize,
    /// What it follows from.
    pub seed: u64,
    /// What had to be held.
    pub bounds: Bounds,
    /// The most runbooks of the rule at once.
    pub most_at_once: usize,
    /// The most runbooks of all rules at once.
    pub most_at_once_of_all: usize,
    /// The most runbooks of the rule that were started in a clock hour.
    pub most_in_an_hour: usize,
    /// Runbooks of the rule that were started.
    pub runs: usize,
    /// Of these, how many ended otherwise than with success.
    pub failed_runs: usize,
    /// Native actions of the rule's alarms, by action.
    pub native_actions: BTreeMap<String, usize>,
    /// Seconds until all were healed; none where they were not in time.
    pub healed_after: Option<Millis>,
    /// Seconds that were watched.
    pub watched: Millis,
    /// How many decisions of the guard there were, by reason.
    pub decisions: BTreeMap<String, usize>,
    /// People that were called.
    pub people: usize,
    /// The most contributors of one of the rule's alarms in ALARM at once.
    pub most_contributors: usize,
    /// How many contributors `CloudWatch` has in ALARM at once at most.
    pub contributors_shown: usize,
    /// How many time series a query of `CloudWatch` returns at most.
    pub series_shown: usize,
    /// The curves.
    pub points: Vec<Point>,
}

impl Report {
    /// Whether every bound was held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.most_at_once <= self.bounds.concurrent
            && self.most_at_once_of_all <= self.bounds.all
            && self.most_in_an_hour <= self.bounds.per_hour
    }

    /// Whether more fell ill than `CloudWatch` shows at once.
    #[must_use]
    pub fn is_beyond_cloudwatch(&self) -> bool {
        self.resources > self.contributors_shown
    }
}

/// Lets a storm pass over a workload that is new.
pub fn storm(
    deployment: &Deployment,
    subject: &Subject,
    storm: &Storm,
    workload: &mut dyn Workload,
    plan: Plan,
) -> Result<Report, Unsupported> {
    let failed = |trouble: Trouble| Unsupported::new(format!("storm over {}", subject.identity()), trouble.to_string());
    let begin = BEGIN + HEALTHY;
    let mut random = Random::new(plan.seed).split();
    let mut members: Vec<(Millis, bool, Member)> = Vec::new();
    for number in 1..=plan.resources {
        let at = begin + i64::try_from(random.below(u64::try_from(ONSET).unwrap_or(1))).unwrap_or_default();
        let native = random.chance(storm.native_percent());
        members.push((at, native, storm.member(number, native)));
    }
    for thing in members.iter().flat_map(|(_, _, member)| &member.given) {
        workload.given(BEGIN, thing).map_err(failed)?;
    }
    members.sort_by_key(|(at, ..)| *at);
    let mut engine =
        Engine::new(deployment, workload, faults::None, Log::sparse(), plan.seed, BEGIN, &[]).map_err(failed)?;
    let mut follower = Follower::new(subject, plan.bounds);
    let mut points = vec![Point::default()];
    let mut coming = members.iter().peekable();
    let end = begin + plan.lasts;
    let mut now = begin;
    while now < end && !(coming.peek().is_none() && follower.ill() == 0) {
        let next = (now + STEP).min(end);
        while let Some((at, _, member)) = coming.next_if(|(at, ..)| *at <= next) {
            engine.run_until(*at)?;
            follower.read(engine.log.records());
            engine.workload().ail(*at, &member.ail).map_err(failed)?;
            follower.falls_ill(&member.resource);
        }
        engine.run_until(next)?;
        now = next;
        follower.read(engine.log.records());
        points.push(follower.point((now - begin) / 1000));
    }
    let native = members.iter().filter(|(_, native, _)| *native).count();
    let healed_after = follower.healed_at().map(|at| (at - begin) / 1000);
    Ok(Report {
        resources: members.len(),
        native,
        seed: plan.seed,
        healed_after,
        watched: (now - begin) / 1000,
        contributors_shown: MAX_CONTRIBUTORS,
        series_shown: MAX_SERIES,
        points,
        ..follower.report(plan.bounds)
    })
}
