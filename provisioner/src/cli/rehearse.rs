//! `healstack rehearse`: what was compiled, run in virtual time against an emulated account.

mod summary;

use super::output::{BAD, BOLD, CHANGED, DIM, GOOD, count};
use super::{Exit, Session, storm, wrap};
use crate::diagnostics::{Problem, Problems};
use crate::rehearse::{Account, Rehearsal, Rehearsed, pool, prepare};
use crate::schema::{list, nearest};
use healstack_rehearsal::rehearse::Outcome;
use healstack_rehearsal::scenario::Scenario;
use healstack_rehearsal::timeline::{Line, Tone, clock, timeline};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Options of `rehearse`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The rules: their names, or `<stack>/<rule>`. Default: all.
    rules: Vec<String>,

    /// Only this scenario of theirs, and its timeline.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,

    /// What everything random follows from: the same seed gives the same output, byte for byte.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Print the timeline of every scenario, not only of those that failed.
    #[arg(long)]
    timeline: bool,

    #[command(flatten)]
    storm: storm::Options,
}

/// A scenario of a rule.
struct Item<'a> {
    rule: &'a Rehearsed,
    scenario: &'a Scenario,
}

/// What came of it, and how long it took.
type Ran<'a> = (Item<'a>, Result<Outcome, Problem>);

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    if let Some(resources) = options.storm.storm {
        return storm::run(session, &options.rules, resources, options.seed, &options.storm);
    }
    let printer = session.printer;
    let (project, compiled, problems) = match session.compile() {
        Ok(compiled) => compiled,
        Err(exit) => return exit,
    };
    let ran = prepare(&compiled).and_then(|rehearsal| {
        let account = Account::prepare(&project.state_dir(), &mut |text| {
            if printer.for_people() {
                anstream::eprintln!("{DIM}{text}{DIM:#}");
            }
        });
        let account = account.map_err(|error| problem(&error))?;
        let outcomes = perform(&rehearsal, &account, options)?;
        Ok(report(&rehearsal, &outcomes, options))
    });
    match ran {
        Ok((text, value, held)) => {
            printer.result(&wrap::to_terminal(&text), value, &problems);
            if held { Exit::Success } else { Exit::Failure }
        }
        Err(problem) => {
            let mut all = Problems::default();
            all.push(problem);
            printer.failure(&all)
        }
    }
}

/// A problem with its causes.
pub(super) fn problem(error: &(dyn std::error::Error + 'static)) -> Problem {
    let causes = std::iter::successors(error.source(), |error| error.source()).map(|cause| format!(": {cause}"));
    Problem::error(format!("{error}{}", causes.collect::<String>()))
}

fn is_named(rule: &Rehearsed, name: &str) -> bool {
    rule.identity == name || rule.subject.rule == name
}

/// The rule of a name, `<rule>` or `<stack>/<rule>`.
pub(super) fn named<'a>(rehearsal: &'a Rehearsal, name: &str) -> Result<&'a Rehearsed, Problem> {
    if let Some(rule) = rehearsal.rules.iter().find(|rule| is_named(rule, name)) {
        return Ok(rule);
    }
    if rehearsal.without.iter().any(|identity| identity == name || identity.ends_with(&format!("/{name}"))) {
        return Err(Problem::error(format!("the kind of `{name}` has no scenarios"))
            .help("add scenarios.yaml.hbs to the kind's folder; docs/rehearsal.md says what it holds"));
    }
    let names: Vec<&str> = rehearsal.rules.iter().map(|rule| rule.subject.rule.as_str()).collect();
    let help = nearest(name, &names)
        .map_or_else(|| format!("the rules are {}", list(&names)), |near| format!("did you mean `{near}`?"));
    Err(Problem::error(format!("there is no rule `{name}`")).help(help))
}

/// The scenarios that were asked for.
fn select<'a>(rehearsal: &'a Rehearsal, options: &Options) -> Result<Vec<Item<'a>>, Problem> {
    for name in &options.rules {
        named(rehearsal, name)?;
    }
    let rules = rehearsal
        .rules
        .iter()
        .filter(|rule| options.rules.is_empty() || options.rules.iter().any(|name| is_named(rule, name)));
    let all: Vec<Item> =
        rules.flat_map(|rule| rule.scenarios.scenarios.values().map(move |scenario| Item { rule, scenario })).collect();
    let Some(wanted) = &options.scenario else { return Ok(all) };
    let names: Vec<&str> = all.iter().map(|item| item.scenario.name.as_str()).collect();
    if !names.contains(&wanted.as_str()) {
        let help = nearest(wanted, &names)
            .map_or_else(|| format!("the scenarios are {}", list(&names)), |near| format!("did you mean `{near}`?"));
        return Err(Problem::error(format!("there is no scenario `{wanted}`")).help(help));
    }
    Ok(all.into_iter().filter(|item| item.scenario.name == *wanted).collect())
}

/// Runs them.
fn perform<'a>(rehearsal: &'a Rehearsal, account: &Account, options: &Options) -> Result<Vec<Ran<'a>>, Problem> {
    let items = select(rehearsal, options)?;
    let outcomes = pool::each(account, &rehearsal.deployment, &items, |bridge, item| {
        item.rule.run(&rehearsal.deployment, item.scenario, bridge, options.seed, &[])
    });
    let outcomes = outcomes.map_err(|error| problem(&error))?;
    Ok(items.into_iter().zip(outcomes).collect())
}

fn report(rehearsal: &Rehearsal, ran: &[Ran<'_>], options: &Options) -> (String, Value, bool) {
    let mut text = String::new();
    let mut values = Vec::new();
    let mut failed = 0;
    let alone = options.scenario.is_some();
    let mut rule = "";
    for (item, outcome) in ran {
        if rule != item.rule.identity {
            rule = &item.rule.identity;
            let _ = writeln!(text, "\n{BOLD}{rule}{BOLD:#} {DIM}{}{DIM:#}", item.rule.kind);
        }
        let held = outcome.as_ref().is_ok_and(Outcome::held);
        failed += usize::from(!held);
        let (style, word) = if held { (GOOD, "held") } else { (BAD, "FAILED") };
        let figures = outcome.as_ref().map(|outcome| figures_text(&outcome.figures)).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {style}{word:<6}{style:#} {:<32} {DIM}{:<18}{DIM:#} {figures}",
            item.scenario.name, item.scenario.case
        );
        match outcome {
            Err(problem) => {
                let _ = writeln!(text, "         {BAD}{problem}{BAD:#}");
            }
            Ok(outcome) => {
                if alone || options.timeline || !held {
                    let _ = writeln!(text, "         {}", item.scenario.title);
                    write_timeline(&mut text, &timeline(outcome.begin, &outcome.records));
                }
                for verdict in outcome.verdicts.iter().filter(|verdict| alone || options.timeline || !verdict.held) {
                    let (style, mark) = if verdict.held { (GOOD, "seen") } else { (BAD, "not seen") };
                    let instead = if verdict.seen.is_empty() {
                        String::new()
                    } else {
                        format!(" {DIM}({}){DIM:#}", verdict.seen)
                    };
                    let _ = writeln!(text, "         {style}{mark}{style:#}: {}{instead}", verdict.text);
                }
            }
        }
        values.push(value(item, outcome));
    }
    let _ = writeln!(text);
    let summary = summary::rows(ran);
    if ran.len() > 1 {
        let _ = writeln!(
            text,
            "{}\n\n{DIM}in: scenarios in which something was healed, by AWS itself among them\n\
             detected, healed: the median of their virtual time since the failure{DIM:#}\n",
            summary::table(&summary)
        );
    }
    let held = failed == 0;
    let without: Vec<&str> = rehearsal.without.iter().map(String::as_str).collect();
    let style = if held { GOOD } else { BAD };
    let _ = writeln!(
        text,
        "{BOLD}{}{BOLD:#}, {style}{failed} failed{style:#}, seed {}{}",
        count(ran.len(), "scenario"),
        options.seed,
        if rehearsal.without.is_empty() { String::new() } else { format!("; no scenarios: {}", list(&without)) },
    );
    let value = json!({
        "ok": held, "seed": options.seed, "scenarios": values, "summary": summary, "without_scenarios": rehearsal.without,
    });
    (text, value, held)
}

fn value(item: &Item<'_>, outcome: &Result<Outcome, Problem>) -> Value {
    let mut value = json!({
        "rule": item.rule.identity,
        "kind": item.rule.kind,
        "scenario": item.scenario.name,
        "title": item.scenario.title,
        "case": item.scenario.case.to_string(),
    });
    match outcome {
        Ok(outcome) => {
            let verdicts = outcome
                .verdicts
                .iter()
                .map(|verdict| json!({"expected": verdict.text, "held": verdict.held, "seen": verdict.seen}));
            value["held"] = outcome.held().into();
            value["expectations"] = verdicts.collect();
            value["seconds"] = json!(outcome.figures);
            value["timeline"] = json!(timeline(outcome.begin, &outcome.records));
        }
        Err(problem) => {
            value["held"] = false.into();
            value["error"] = problem.to_string().into();
        }
    }
    value
}

fn figures_text(figures: &healstack_rehearsal::figures::Figures) -> String {
    let part = |name: &str, seconds: Option<f64>| seconds.map(|seconds| format!("{name} {seconds:.0} s"));
    let parts = [
        part("detected", figures.detection),
        part("decided", figures.decision),
        part("acted", figures.action),
        part("verified", figures.verification),
        part("healed after", figures.total),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn write_timeline(text: &mut String, lines: &[Line]) {
    for line in lines.iter().filter(|line| line.at >= 0) {
        let style = match line.tone {
            Tone::Bad => BAD,
            Tone::Good => GOOD,
            Tone::Deed => CHANGED,
            Tone::Plain => anstyle::Style::new(),
        };
        let times = if line.times > 1 { format!(" {DIM}(x{}){DIM:#}", line.times) } else { String::new() };
        let _ = writeln!(
            text,
            "         {DIM}{:>12}{DIM:#}  {:<9} {style}{}{style:#}{times}",
            clock(line.at),
            line.component,
            line.text
        );
    }
}
