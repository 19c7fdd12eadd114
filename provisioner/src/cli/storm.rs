//! `healstack rehearse <rule> --storm <n>`: many resources of one rule fail together, and a report shows how the budget is held.

mod plot;
mod svg;

use super::output::{BAD, BOLD, CHANGED, DIM, GOOD, count};
use super::rehearse::{named, problem};
use super::{Exit, Session, wrap};
use crate::diagnostics::{Problem, Problems};
use crate::rehearse::{Account, Rehearsal, Rehearsed, prepare};
use crate::schema::list;
use healstack_model::Seconds;
use healstack_rehearsal::storm::{ONSET, Report};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// Options of a storm.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Options {
    /// Let so many resources of one rule fail together, and show how the budget is held.
    #[arg(long, value_name = "N", conflicts_with_all = ["scenario", "timeline"], value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(super) storm: Option<u64>,

    /// Write the storm's curves to this file, as SVG.
    #[arg(long, value_name = "FILE", requires = "storm")]
    svg: Option<PathBuf>,

    /// How much virtual time the storm is watched at most.
    #[arg(long = "for", value_name = "DURATION", requires = "storm", default_value = "7d", value_parser = Seconds::parse)]
    lasts: Seconds,
}

pub(super) fn run(session: &Session, rules: &[String], resources: u64, seed: u64, options: &Options) -> Exit {
    let printer = session.printer;
    let (project, compiled, problems) = match session.compile() {
        Ok(compiled) => compiled,
        Err(exit) => return exit,
    };
    let progress = |text: &str| {
        if printer.for_people() {
            anstream::eprintln!("{DIM}{text}{DIM:#}");
        }
    };
    let ran = prepare(&compiled).and_then(|rehearsal| {
        let rule = select(&rehearsal, rules)?;
        let account =
            Account::prepare(&project.state_dir(), &mut |text| progress(text)).map_err(|error| problem(&error))?;
        let mut bridge = account.start(&rehearsal.deployment).map_err(|error| problem(&error))?;
        let lasts = i64::try_from(options.lasts.get()).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
        let began = now();
        let report = rule
            .storm(&rehearsal.deployment, &mut bridge, resources, seed, lasts)
            .ok_or_else(|| without(&rehearsal, rule))??;
        progress(&format!("rehearsed in {:.1} s", began.elapsed().as_secs_f64()));
        if let Some(path) = &options.svg {
            write(path, &svg::curves(&rule.identity, &report))?;
        }
        Ok((text(rule, &report), value(rule, &report), is_weathered(&report)))
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

#[expect(
    clippy::disallowed_methods,
    reason = "how long it takes is told on stderr alone, and is no part of the result"
)]
fn now() -> Instant {
    Instant::now()
}

/// The one rule that was asked for.
fn select<'a>(rehearsal: &'a Rehearsal, rules: &[String]) -> Result<&'a Rehearsed, Problem> {
    let [name] = rules else {
        return Err(Problem::error("a storm is over one rule").help(format!("name it: {}", with_storm(rehearsal))));
    };
    let rule = named(rehearsal, name)?;
    if rule.scenarios.storm.is_none() { Err(without(rehearsal, rule)) } else { Ok(rule) }
}

fn without(rehearsal: &Rehearsal, rule: &Rehearsed) -> Problem {
    Problem::error(format!("`{}` has no storm: its kind's scenarios have none for its target", rule.identity))
        .help(format!("a storm needs a rule that selects resources by a tag: {}", with_storm(rehearsal)))
}

fn with_storm(rehearsal: &Rehearsal) -> String {
    let rules = rehearsal.rules.iter().filter(|rule| rule.scenarios.storm.is_some());
    let names: Vec<&str> = rules.map(|rule| rule.subject.rule.as_str()).collect();
    if names.is_empty() { "none of this project does".to_owned() } else { list(&names) }
}

fn write(path: &std::path::Path, drawn: &Result<String, String>) -> Result<(), Problem> {
    let failed = |error: &dyn std::fmt::Display| Problem::error(format!("cannot write {}: {error}", path.display()));
    let drawn = drawn.as_ref().map_err(|error| failed(error))?;
    std::fs::write(path, drawn).map_err(|error| failed(&error))
}

/// Whether every bound was held and everything was healed while it was watched.
fn is_weathered(report: &Report) -> bool {
    report.held() && report.healed_after.is_some()
}

fn value(rule: &Rehearsed, report: &Report) -> Value {
    json!({"ok": is_weathered(report), "rule": rule.identity, "kind": rule.kind, "storm": report})
}

fn text(rule: &Rehearsed, report: &Report) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "\n{BOLD}{}{BOLD:#} {DIM}{}{DIM:#}", rule.identity, rule.kind);
    let rest = report.resources - report.native;
    let _ = writeln!(
        text,
        "{} fail within {} minutes: AWS's own healing mends {}, {} {} the runbook; seed {}\n",
        count(report.resources, "resource"),
        ONSET / 60_000,
        report.native,
        rest,
        if rest == 1 { "needs" } else { "need" },
        report.seed
    );
    plot::curves(&mut text, report);
    let bounds = &report.bounds;
    text.push('\n');
    bound(&mut text, "at once, of the rule", report.most_at_once, bounds.concurrent);
    bound(&mut text, "at once, of all rules", report.most_at_once_of_all, bounds.all);
    bound(&mut text, "begun in a clock hour", report.most_in_an_hour, bounds.per_hour);
    let _ = if let Some(seconds) = report.healed_after {
        writeln!(text, "  {:<24} {GOOD}after {}{GOOD:#}", "all healed", plot::duration(seconds))
    } else {
        let ill = report.points.last().map_or(0, |point| point.ill);
        let watched = plot::duration(report.watched);
        writeln!(text, "  {:<24} {CHANGED}not within {watched}: {ill} are ill{CHANGED:#}", "all healed")
    };
    let failed =
        if report.failed_runs > 0 { format!(", {} without success", report.failed_runs) } else { String::new() };
    let _ = writeln!(text, "  {:<24} {}{failed}", "runbooks", report.runs);
    let counted = |counts: &std::collections::BTreeMap<String, usize>| {
        let mut counts: Vec<(&String, &usize)> = counts.iter().collect();
        counts.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
        counts.into_iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let _ = writeln!(text, "  {:<24} {}", "native actions", counted(&report.native_actions));
    let _ = writeln!(text, "  {:<24} {}", "decisions of the guard", counted(&report.decisions));
    let _ = writeln!(text, "  {:<24} {}", "people called", report.people);
    if report.is_beyond_cloudwatch() {
        let _ = writeln!(
            text,
            "\n{CHANGED}More fail than CloudWatch shows at once{CHANGED:#}: an alarm over a query has at most {} contributors in ALARM, of at \
             most {} time series. The others, AWS's own healing included, wait until those in ALARM are OK. The most here were {}.",
            report.contributors_shown, report.series_shown, report.most_contributors
        );
    }
    text
}

fn bound(text: &mut String, what: &str, most: usize, bound: usize) {
    let (style, word) = if most <= bound { (GOOD, "held") } else { (BAD, "BROKEN") };
    let _ = writeln!(text, "  {what:<24} {style}{word}{style:#}: at most {most} of {bound}");
}
