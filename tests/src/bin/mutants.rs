//! Drops each step of each runbook in turn and rehearses: some scenario must fail, or the step is not proven to matter.
//!
//! `mutants [PATTERN]`, in a project's folder. Survivors that `tests/mutants.json` lists with a reason are known. A listed one that does not
//! survive fails too, so that the list stays true.

use healstack::diagnostics::{Problem, Problems};
use healstack::project::Project;
use healstack::rehearse::{Account, Rehearsal, Rehearsed, pool, prepare};
use healstack_rehearsal::automation::Document;
use healstack_rehearsal::log::What;
use healstack_rehearsal::rehearse::Outcome;
use healstack_rehearsal::scenario::Scenario;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

/// The seed of every run; any would do.
const SEED: u64 = 1;
/// Survivors with their reasons, by `<kind>/<step>`.
const KNOWN: &str = include_str!("../../mutants.json");

/// A runbook without one of its steps.
struct Mutant<'a> {
    rule: &'a Rehearsed,
    name: String,
    document: Arc<Document>,
    replaces: String,
    /// The scenarios that go through the step: the others cannot notice.
    scenarios: Vec<&'a Scenario>,
}

fn main() -> ExitCode {
    match check(std::env::args().nth(1).as_deref()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn check(pattern: Option<&str>) -> Result<bool, Box<dyn std::error::Error>> {
    let mut problems = Problems::default();
    let project = Project::find(&std::env::current_dir()?)?;
    let compiled = project.compile(None, &mut problems).ok_or("the project does not compile")?;
    let rehearsal = prepare(&compiled)?;
    let account = Account::prepare(&project.state_dir(), &mut |text| eprintln!("{text}"))?;
    let is_wanted = |rule: &&Rehearsed| pattern.is_none_or(|pattern| rule.identity.contains(pattern));
    let rules: Vec<&Rehearsed> = rehearsal.rules.iter().filter(is_wanted).collect();
    let pairs: Vec<(&Rehearsed, &Scenario)> =
        rules.iter().flat_map(|rule| rule.scenarios.scenarios.values().map(|scenario| (*rule, scenario))).collect();
    let whole = pool::each(&account, &rehearsal.deployment, &pairs, |bridge, (rule, scenario)| {
        rule.run(&rehearsal.deployment, scenario, bridge, SEED, &[])
    })?;
    for ((rule, scenario), outcome) in pairs.iter().zip(&whole) {
        if !outcome.as_ref().map_err(Problem::to_string)?.held() {
            return Err(format!("{}, {}: fails before anything is dropped", rule.identity, scenario.name).into());
        }
    }
    let mutants = mutants(&rehearsal, &pairs, &whole);
    let survived = pool::each(&account, &rehearsal.deployment, &mutants, |bridge, mutant| {
        let replaced = [(mutant.replaces.clone(), Arc::clone(&mutant.document))];
        mutant.scenarios.iter().all(|scenario| {
            // What cannot even be run is noticed.
            mutant
                .rule
                .run(&rehearsal.deployment, scenario, bridge, SEED, &replaced)
                .is_ok_and(|outcome| outcome.held())
        })
    })?;
    report(&mutants, &survived, pattern.is_none())
}

/// Every runbook without each of its steps.
fn mutants<'a>(
    rehearsal: &Rehearsal,
    pairs: &[(&'a Rehearsed, &'a Scenario)],
    whole: &[Result<Outcome, Problem>],
) -> Vec<Mutant<'a>> {
    let mut found = Vec::new();
    let mut rules: Vec<&Rehearsed> = pairs.iter().map(|(rule, _)| *rule).collect();
    rules.dedup_by_key(|rule| &rule.identity);
    for rule in rules {
        for (replaces, settings) in [(&rule.subject.document, ""), (&rule.subject.settings, "settings:")] {
            let Some(document) = rehearsal.deployment.documents.get(replaces) else { continue };
            for step in document.step_names() {
                let Some(without) = document.without_step(step) else { continue };
                let ran = pairs.iter().zip(whole).filter(|((of, _), outcome)| {
                    of.identity == rule.identity
                        && outcome.as_ref().is_ok_and(|outcome| went_through(outcome, replaces, step))
                });
                found.push(Mutant {
                    rule,
                    name: format!("{}/{settings}{step}", rule.kind),
                    document: Arc::new(without),
                    replaces: replaces.clone(),
                    scenarios: ran.map(|((_, scenario), _)| *scenario).collect(),
                });
            }
        }
    }
    found
}

fn went_through(outcome: &Outcome, document: &str, step: &str) -> bool {
    let mut runs = Vec::new();
    for record in &outcome.records {
        match &record.what {
            What::RunBegan { document: began, run, .. } if began == document => runs.push(run),
            What::Step { run, name, .. } if name == step && runs.contains(&run) => return true,
            _ => {}
        }
    }
    false
}

fn report(mutants: &[Mutant<'_>], survived: &[bool], all: bool) -> Result<bool, Box<dyn std::error::Error>> {
    let mut known: BTreeMap<String, String> = serde_json::from_str(KNOWN)?;
    let mut counts = (0, 0, 0);
    for (mutant, survived) in mutants.iter().zip(survived) {
        let reason = known.remove(&mutant.name);
        match (survived, reason) {
            (false, None) => counts.0 += 1,
            (true, Some(reason)) => {
                counts.1 += 1;
                println!("known     {}: {reason}", mutant.name);
            }
            (true, None) => {
                counts.2 += 1;
                let why = if mutant.scenarios.is_empty() {
                    "no scenario goes through it"
                } else {
                    "no scenario fails without it"
                };
                println!("SURVIVED  {}: {why}", mutant.name);
            }
            (false, Some(_)) => {
                counts.2 += 1;
                println!("NOTICED   {}: remove it from tests/mutants.json", mutant.name);
            }
        }
    }
    if all {
        for name in known.keys() {
            counts.2 += 1;
            println!("UNKNOWN   {name}: there is no such step; remove it from tests/mutants.json");
        }
    }
    println!(
        "{} steps dropped: {} noticed, {} known survivors, {} problems",
        mutants.len(),
        counts.0,
        counts.1,
        counts.2
    );
    Ok(counts.2 == 0)
}
