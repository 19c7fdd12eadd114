//! `healstack pause`, `resume`, `mode`, `switches`: what people override for a while.

use super::aws::AwsOptions;
use super::operate::{Failure, with_ledger, words};
use super::{Exit, Session};
use crate::diagnostics::{Problem, Problems};
use crate::operate::render::{self, GoesOn};
use crate::operate::{self, Connection, OperateError, SwitchReport, SwitchRequest, Verb, When};
use crate::project::{Compiled, Project};
use crate::schema::{list as listed, nearest};
use healstack_model::ledger::{Override, RuleId, Scope};
use healstack_model::{Layer, Seconds};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;

/// Options of `pause` and `mode observe`.
#[derive(Debug, clap::Args)]
pub(super) struct SetOptions {
    #[command(flatten)]
    scope: ScopeOptions,
    /// Why, for those who look later.
    #[arg(long, value_name = "TEXT", value_parser = words)]
    reason: String,
    /// For how long: 30m, 2h, 1d. Without --for and --until it stays until it is lifted.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, conflicts_with = "until")]
    duration: Option<Seconds>,
    /// Until when, in UTC: 2026-11-24T18:00:00Z.
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    #[command(flatten)]
    aws: AwsOptions,
}

/// Options of `resume` and `mode enforce`.
#[derive(Debug, clap::Args)]
pub(super) struct LiftOptions {
    #[command(flatten)]
    scope: ScopeOptions,
    /// Why, for those who look later.
    #[arg(long, value_name = "TEXT", value_parser = words)]
    reason: Option<String>,
    #[command(flatten)]
    aws: AwsOptions,
}

/// Options of `mode`.
#[derive(Debug, clap::Args)]
pub(super) struct ModeOptions {
    #[command(subcommand)]
    mode: ModeCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ModeCommand {
    /// Detect and report, act on nothing.
    Observe(SetOptions),
    /// Lift an observe: the mode of the rule file applies again. It loosens nothing that the file says.
    Enforce(LiftOptions),
}

/// Options of `switches`.
#[derive(Debug, clap::Args)]
pub(super) struct ListOptions {
    #[command(flatten)]
    aws: AwsOptions,
}

/// What a switch is about. It must be said: everything is never meant by a slip.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct ScopeOptions {
    /// A stack, or a rule of it: `checkout`, `checkout/web-hosts`.
    #[arg(value_name = "STACK[/RULE]", value_parser = scope)]
    scope: Option<Scope>,
    /// Every rule of the environment.
    #[arg(long)]
    all: bool,
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).map_err(|error| format!("{error}: {}", error.help()))
}

fn duration(text: &str) -> Result<Seconds, String> {
    Seconds::parse(text).map_err(|error| format!("{error}: {}", error.help()))
}

pub(super) fn pause(session: &Session, options: &SetOptions) -> Exit {
    set(session, Verb::Pause, options)
}

pub(super) fn resume(session: &Session, options: &LiftOptions) -> Exit {
    lift(session, Verb::Resume, options)
}

pub(super) fn mode(session: &Session, options: &ModeOptions) -> Exit {
    match &options.mode {
        ModeCommand::Observe(options) => set(session, Verb::Observe, options),
        ModeCommand::Enforce(options) => lift(session, Verb::Enforce, options),
    }
}

pub(super) fn list(session: &Session, options: &ListOptions) -> Exit {
    with_ledger(session, &options.aws, async |_, connection| {
        let overrides = connection.unless_interrupted(operate::overrides(connection)).await?;
        let now = operate::now().as_second();
        let in_force: Vec<&Override> = overrides.iter().filter(|one| one.is_in_force(now)).collect();
        let value = json!({"ok": true, "switches": in_force.iter().map(|one| operate::shown(one)).collect::<Vec<_>>()});
        session.printer.result(&render::switches(&in_force), value, &Problems::default());
        Ok(Exit::Success)
    })
}

fn set(session: &Session, verb: Verb, options: &SetOptions) -> Exit {
    with_ledger(session, &options.aws, async |project, connection| {
        let now = operate::now();
        let until = end(options, now)?;
        let reason = options.reason.clone();
        switch(session, (project, connection), (verb, options.scope.scope(), reason, until), now).await
    })
}

fn lift(session: &Session, verb: Verb, options: &LiftOptions) -> Exit {
    with_ledger(session, &options.aws, async |project, connection| {
        let asked = (verb, options.scope.scope(), options.reason.clone().unwrap_or_default(), None);
        switch(session, (project, connection), asked, operate::now()).await
    })
}

impl ScopeOptions {
    fn scope(&self) -> Scope {
        self.scope.clone().unwrap_or(Scope::All)
    }
}

/// When it ends by itself.
fn end(options: &SetOptions, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let until = match (options.duration, options.until) {
        (Some(duration), _) => Some(When::Distance(duration)),
        (None, until) => until,
    };
    let Some(until) = until.map(|until| until.on_from(now)) else { return Ok(None) };
    if until <= now {
        let message = format!("{} is in the past", operate::rfc3339(until));
        return Err(Problem::error(message).help("name a time to come, or a duration with `--for 2h`"));
    }
    Ok(Some(until))
}

async fn switch(
    session: &Session,
    (project, connection): (&Project, &Connection),
    (verb, scope, reason, until): (Verb, Scope, String, Option<Timestamp>),
    now: Timestamp,
) -> Result<Exit, Failure> {
    let mut problems = Problems::default();
    let before = match connection.unless_interrupted(operate::overrides(connection)).await {
        Ok(overrides) => overrides.into_iter().find(|one| one.scope == scope),
        // What stops healing must not wait for somebody who mends an item.
        Err(error @ OperateError::Unreadable { .. }) if verb == Verb::Pause => {
            problems.push(Problem::warning(error.to_string()));
            None
        }
        Err(error) => return Err(error.into()),
    };
    let compiled = compile(session, project);
    let layer = if before.is_some() {
        compiled.as_ref().and_then(|compiled| layer_of(compiled, &scope))
    } else {
        problems.extend(unknown(connection, compiled.as_ref(), &scope).await?);
        compiled.as_ref().and_then(|compiled| layer_of(compiled, &scope))
    };
    let request = SwitchRequest { verb, scope, reason, until, layer };
    let report = operate::switch(connection, &request, before, now).await?;
    let goes_on = compiled.as_ref().map(|compiled| goes_on(compiled, &report)).unwrap_or_default();
    let about_rules = compiled.is_none().then_some(
        "what AWS does by itself; what that is cannot be said while the rules do not compile: `healstack check`",
    );
    let done = report.undone.is_empty();
    let mut value = serde_json::to_value(&report).unwrap_or_default();
    value["ok"] = done.into();
    value["goes_on"] = serde_json::to_value(&goes_on).unwrap_or_default();
    session.printer.problems(&problems);
    session.printer.result(&render::switch(&report, &goes_on, about_rules), value, &problems);
    Ok(if done { Exit::Success } else { Exit::Failure })
}

/// The rules, if they compile. What is wrong with them is the business of other commands.
fn compile(session: &Session, project: &Project) -> Option<Compiled> {
    let mut problems = Problems::default();
    project.compile(session.env.as_deref(), &mut problems).filter(|_| !problems.has_errors())
}

fn layer_of(compiled: &Compiled, scope: &Scope) -> Option<Layer> {
    let Scope::Rule(id) = scope else { return None };
    let mut rules = compiled.stacks.iter().flat_map(|stack| &stack.rules);
    rules.find(|rule| rule.identity == id.to_string()).map(|rule| rule.healing.rule.layer)
}

/// What AWS heals by itself, by kind: its sentences are the same for every rule of one.
fn goes_on(compiled: &Compiled, report: &SwitchReport) -> Vec<GoesOn> {
    let prefix = compiled.environment.prefix.as_str();
    let stopped: Vec<RuleId> =
        report.alarms.iter().chain(&report.alarms_kept).filter_map(|alarm| RuleId::of_alarm(prefix, alarm)).collect();
    let mut found: Vec<GoesOn> = Vec::new();
    for rule in compiled.stacks.iter().flat_map(|stack| &stack.rules) {
        let Some(id) = RuleId::parse(&rule.identity).ok().filter(|id| report.scope.covers(id)) else { continue };
        let kind = &rule.healing.kind;
        let alarms = stopped.iter().filter(|stopped| **stopped == id).count();
        if let Some(one) = found.iter_mut().find(|one| one.kind == *kind) {
            one.rules += 1;
            one.alarms += alarms;
        } else {
            let sentences = compiled.catalog.kinds[kind].definition.native.clone();
            found.push(GoesOn { kind: kind.clone(), rules: 1, alarms, sentences });
        }
    }
    found
}

/// Refuses a scope that is neither in the rule files nor deployed: it is a slip, and what was meant goes on. Warns when it
/// cannot be known, because a switch must work when everything else is broken.
async fn unknown(
    connection: &Connection,
    compiled: Option<&Compiled>,
    scope: &Scope,
) -> Result<Option<Problem>, Failure> {
    let mut known: BTreeSet<RuleId> = BTreeSet::new();
    for rule in compiled.iter().flat_map(|compiled| &compiled.stacks).flat_map(|stack| &stack.rules) {
        known.extend(RuleId::parse(&rule.identity));
    }
    let is_known = |known: &BTreeSet<RuleId>| *scope == Scope::All || known.iter().any(|rule| scope.covers(rule));
    if is_known(&known) {
        return Ok(None);
    }
    match operate::deployed_rules(connection).await {
        Ok(deployed) => known.extend(deployed.into_iter().map(|rule| rule.id)),
        Err(error) if error.is_interruption() => return Err(error.into()),
        Err(error) if compiled.is_none() => {
            let message = format!("whether there is a `{scope}` is not known: {error}");
            return Ok(Some(Problem::warning(message).help("the rules do not compile either: see `healstack check`")));
        }
        // The rules compile, and do not name it.
        Err(_) => {}
    }
    if is_known(&known) { Ok(None) } else { Err(no_such(scope, &known).into()) }
}

fn no_such(scope: &Scope, known: &BTreeSet<RuleId>) -> Problem {
    let wanted = scope.to_string();
    let stacks: BTreeSet<&str> = known.iter().map(|rule| rule.stack.as_str()).collect();
    let stacks: Vec<&str> = stacks.into_iter().collect();
    let rules: Vec<String> = known.iter().map(RuleId::to_string).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let of_that_name = known.iter().find(|rule| rule.rule.as_str() == wanted).map(RuleId::to_string);
    let near = of_that_name.or_else(|| {
        let near = if matches!(scope, Scope::Rule(_)) { nearest(&wanted, &rules) } else { nearest(&wanted, &stacks) };
        near.map(str::to_owned)
    });
    let help = match (near, wanted.as_str()) {
        (_, "all") => "for every rule of the environment write `--all`".to_owned(),
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, _) if stacks.is_empty() => "no rule is written or deployed in this environment".to_owned(),
        (None, _) => format!("the stacks are {}", listed(&stacks)),
    };
    let what = if matches!(scope, Scope::Rule(_)) { "rule" } else { "stack" };
    Problem::error(format!("there is no {what} `{wanted}`")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help_for(wanted: &str) -> String {
        let known = ["checkout/web-hosts", "checkout/queue", "shop/web"].map(|rule| RuleId::parse(rule).unwrap());
        let problem = no_such(&Scope::parse(wanted).unwrap(), &known.into());
        problem.to_json()["help"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_slip_is_told_what_was_meant() {
        assert_eq!(help_for("chekout"), "did you mean `checkout`?");
        assert_eq!(help_for("checkout/web-host"), "did you mean `checkout/web-hosts`?");
        assert_eq!(help_for("web-hosts"), "did you mean `checkout/web-hosts`?");
        assert!(help_for("all").contains("`--all`"));
        assert_eq!(help_for("zzzzzzz"), "the stacks are `checkout`, `shop`");
    }
}
