//! What must hold whatever goes wrong: the generated guard, recorder, sweeper and EC2 runbook over hosts that fail, with faults at every
//! boundary: events lost, late, doubled and reordered; calls refused, unanswered and late; executions that die between two states.
//!
//! `HEALSTACK_CASES` says how many seeds are tried, `HEALSTACK_SEED` which one alone.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod hosts;
mod invariants;

use healstack::diagnostics::Problems;
use healstack::project::Project;
use healstack::rehearse::prepare;
use healstack_rehearsal::engine::{Deployment, Engine};
use healstack_rehearsal::faults::Rates;
use healstack_rehearsal::log::{Log, What};
use healstack_rehearsal::rehearse::BEGIN;
use healstack_rehearsal::time::{HOUR, MINUTE};
use healstack_rehearsal::{Millis, Random};
use healstack_tests::TestProject;
use invariants::{Limits, Pause};
use serde_json::json;
use std::path::Path;

/// Two rules that want the same hosts, with small figures so that every bound is reached.
const RULES: &str = "stack: shop
rules:
  - name: restart
    layer: infrastructure
    trigger_condition: instance_status_check_failed
    action: replace
    target: {instances: {tag: {app: shop}}}
    cooldown_period: 600
    max_attempts: 2
    window: 6h
    stable_for: 2h
    budget: {concurrent: 1, per_hour: 2}
  - name: restart-too
    layer: infrastructure
    trigger_condition: instance_status_check_failed
    action: replace
    target: {instances: {tag: {app: shop, tier: all}}}
    cooldown_period: 900
    max_attempts: 3
    window: 6h
    stable_for: 2h
    budget: {concurrent: 2, per_hour: 3}
";

/// How long things go wrong, and how long they are watched afterwards: longer than the longest lease and every cooldown.
const FAULTY: Millis = 5 * HOUR;
const QUIET: Millis = 7 * HOUR;

fn cases() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    match number("HEALSTACK_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("HEALSTACK_CASES").unwrap_or(40)).collect(),
    }
}

fn deployment() -> (TestProject, Deployment) {
    broken_deployment(&[])
}

/// A file of `templates/partials`, a text in it, and what stands in its place.
type Change = (&'static str, &'static str, &'static str);

/// A deployment in which partials say something else: the file, a text in it, and what stands in its place.
fn broken_deployment(changes: &[Change]) -> (TestProject, Deployment) {
    let project = TestProject::with_rules(RULES).unwrap();
    for (file, from, to) in changes {
        let path = format!("templates/partials/{file}.yaml.hbs");
        let whole = [project.path().join(&path), Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&path)];
        let text = whole.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap();
        assert!(text.contains(from), "{path} does not say {from}");
        project.write(&path, text.replace(from, to)).unwrap();
    }
    let mut problems = Problems::default();
    let compiled = Project::find(project.path()).unwrap().compile(None, &mut problems).unwrap();
    assert!(!problems.has_errors(), "{problems:?}");
    let rehearsal = prepare(&compiled).unwrap();
    (project, rehearsal.deployment)
}

/// One life of an account.
fn live(deployment: &Deployment, seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let hosts = hosts::hosts(&mut random, BEGIN);
    let mut workload = hosts::workload(&hosts);
    let up_to = |random: &mut Random, percent: u64| random.below(percent + 1);
    // Every third life is without faults, so that a bound is not only kept by chaos.
    let is_calm = seed.is_multiple_of(3);
    let mut rate = |percent| if is_calm { 0 } else { up_to(&mut random, percent) };
    let faults = Rates {
        refused: rate(10),
        unanswered: rate(5),
        late: rate(5),
        lost: rate(20),
        doubled: rate(30),
        delayed: rate(30),
        dies: rate(2),
        until: BEGIN + FAULTY,
    };
    let pause = random.chance(50).then(|| {
        let from = BEGIN + i64::try_from(random.below(3 * 3600)).unwrap() * 1000;
        Pause { from, until: from + HOUR }
    });
    let mut engine = Engine::new(deployment, &mut workload, faults, Log::sparse(), seed, BEGIN, &[])
        .map_err(|trouble| trouble.to_string())?;
    let limits = Limits::read(deployment)?;
    let end = BEGIN + FAULTY + QUIET;
    let mut now = BEGIN;
    while now < end {
        now += 7 * MINUTE;
        if let Some(pause) = &pause {
            for (at, api) in [(pause.from, "PutItem"), (pause.until, "DeleteItem")] {
                if at > now - 7 * MINUTE && at <= now {
                    engine.run_until(at).map_err(|error| error.to_string())?;
                    let key = json!({"pk": {"S": "CONTROL"}, "sk": {"S": "ALL"}});
                    let item = json!({"pk": {"S": "CONTROL"}, "sk": {"S": "ALL"}, "mode": {"S": "pause"}, "schema_version": {"N": "1"}});
                    let request = if api == "PutItem" {
                        json!({"TableName": "heal--core--ledger", "Item": item})
                    } else {
                        json!({"TableName": "heal--core--ledger", "Key": key})
                    };
                    engine.database_mut().call(api, &request).map_err(|error| error.to_string())?;
                }
            }
        }
        engine.run_until(now).map_err(|error| error.to_string())?;
        invariants::no_lease_outlives_its_worst_case(&engine, &limits, now)?;
    }
    let records = engine.log.records();
    invariants::never_two_at_once(records)?;
    invariants::never_beyond_budget(records, &limits)?;
    invariants::never_beyond_attempts(records, &limits)?;
    invariants::every_run_is_in_the_ledger(records)?;
    invariants::nothing_is_held(&engine, end)?;
    if let Some(pause) = &pause {
        invariants::a_pause_holds(records, pause, is_calm)?;
    }
    invariants::the_ill_are_tried_again(records, &limits, &hosts.borrow(), BEGIN + FAULTY, end, pause.as_ref())
}

#[test]
fn whatever_goes_wrong() {
    let (_project, deployment) = deployment();
    for seed in cases() {
        if let Err(broken) = live(&deployment, seed) {
            panic!("{broken}\nagain: HEALSTACK_SEED={seed} cargo test -p healstack-tests --test rehearsal_properties");
        }
    }
}

/// What the properties are worth: a guard without one of its bounds breaks one of them within a few seeds.
#[test]
fn a_guard_without_a_bound_is_noticed() {
    let broken: [(&str, &[Change]); 5] = [
        ("attempts of", &[("guard-take", "$renewed or $att < $rule.max_attempts ?", "true ?")]),
        ("healings of", &[("guard-take", "{% $string($rule.budget.per_hour) %}", "99")]),
        ("at once", &[("guard-read", "[0..$rule.budget.concurrent - 1]", "[0..$rule.budget.concurrent + 5]")]),
        (
            "although everything is paused",
            &[("guard-decide", "'pause' in $modes", "false"), ("guard-decide", " or $count($modes) > 0 %}", " %}")],
        ),
        ("in the ledger", &[("sweeper-close", "{% [$states.result.Items.event_id.S] %}", "{% [] %}")]),
    ];
    for (message, changes) in broken {
        let (_project, deployment) = broken_deployment(changes);
        let found = (1..=60).find_map(|seed| live(&deployment, seed).err());
        let found = found.unwrap_or_else(|| panic!("nothing is wrong with {changes:?}"));
        assert!(found.contains(message), "{changes:?}: {found}");
    }
}

#[test]
fn healing_happens_at_all() {
    let (_project, deployment) = deployment();
    let hosts = hosts::hosts(&mut Random::new(3), BEGIN);
    hosts.borrow_mut().truncate(1);
    hosts.borrow_mut()[0].stubborn = 1;
    hosts.borrow_mut()[0].falls_ill = vec![BEGIN];
    hosts.borrow_mut()[0].recovers = None;
    let mut workload = hosts::workload(&hosts);
    let faults = healstack_rehearsal::faults::None;
    let mut engine = Engine::new(&deployment, &mut workload, faults, Log::default(), 1, BEGIN, &[]).unwrap();
    engine.run_until(BEGIN + 2 * HOUR).unwrap();
    let completed = engine.log.records().iter().any(|record| {
        matches!(&record.what, What::Ledger(item) if item.get("status").is_some_and(|status| status == "completed"))
    });
    assert!(completed && !hosts.borrow()[0].ill, "{:#?}", engine.log.records());
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (_project, deployment) = deployment();
    let run = || {
        let hosts = hosts::hosts(&mut Random::new(8), BEGIN);
        let mut workload = hosts::workload(&hosts);
        let faults = Rates {
            refused: 5,
            unanswered: 3,
            late: 3,
            lost: 5,
            doubled: 20,
            delayed: 20,
            dies: 1,
            until: BEGIN + HOUR,
        };
        let mut engine = Engine::new(&deployment, &mut workload, faults, Log::default(), 8, BEGIN, &[]).unwrap();
        engine.run_until(BEGIN + 3 * HOUR).unwrap();
        format!("{:?}", engine.log.records())
    };
    assert_eq!(run(), run());
}
