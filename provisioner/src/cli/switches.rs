//! `healstack pause`, `resume`, `mode`, `switches`: what people override for a while.

use super::aws::AwsOptions;
use super::operate::{Failure, with_ledger, words};
use super::{Exit, Session};
use crate::diagnostics::{Problem, Problems};
use crate::operate::render::{self, GoesOn};
use crate::operate::{self, Connection, Overrides, SwitchReport, SwitchRequest, UnreadableSwitch, Verb, When};
use crate::project::{Compiled, Project};
use crate::schema::{list as listed, nearest};
use crate::text::count;
use healstack_model::ledger::{Override, RuleId, Scope};
use healstack_model::{Layer, Seconds};
use jiff::Timestamp;
use serde_json::json;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::time::Duration;

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
    /// Also where it ends before the switch that is in force.
    #[arg(long)]
    replace: bool,
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
    // A number alone is seconds in rule files. Here it is more often a slip for minutes, and a pause that ends too early.
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("it has no unit: write `{text}m` or `{text}s`"));
    }
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
        let in_force: Vec<&Override> = overrides.readable.iter().filter(|one| one.is_in_force(now)).collect();
        let unreadable: Vec<_> = overrides.unreadable.iter().map(UnreadableSwitch::shown).collect();
        let shown: Vec<_> = in_force.iter().map(|one| operate::shown(one)).collect();
        let value = json!({"ok": true, "switches": shown, "unreadable": unreadable});
        session.printer.result(&render::switches(&in_force, &overrides.unreadable), value, &Problems::default());
        Ok(Exit::Success)
    })
}

fn set(session: &Session, verb: Verb, options: &SetOptions) -> Exit {
    with_ledger(session, &options.aws, async |project, connection| {
        let now = operate::now();
        let until = end(options, now)?;
        let request = SwitchRequest { verb, scope: options.scope.scope(), reason: options.reason.clone(), until };
        switch(session, (project, connection), (request, options.replace), now).await
    })
}

fn lift(session: &Session, verb: Verb, options: &LiftOptions) -> Exit {
    with_ledger(session, &options.aws, async |project, connection| {
        let reason = options.reason.clone().unwrap_or_default();
        let request = SwitchRequest { verb, scope: options.scope.scope(), reason, until: None };
        switch(session, (project, connection), (request, false), operate::now()).await
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
    (request, replace): (SwitchRequest, bool),
    now: Timestamp,
) -> Result<Exit, Failure> {
    let mut problems = Problems::default();
    let scope = &request.scope;
    let seen = match connection.unless_interrupted(operate::overrides(connection)).await {
        Ok(seen) => seen,
        // What stops healing must not wait for what it takes the place of.
        Err(error) if request.verb == Verb::Pause && !error.is_interruption() => {
            problems.push(Problem::warning(format!("which switches there are is not known: {error}")));
            Overrides::default()
        }
        Err(error) => return Err(error.into()),
    };
    problems.extend(seen.unreadable.iter().map(unreadable));
    if let Some(shorter) = shorter(&request, &seen, now).filter(|_| !replace) {
        return Err(shorter.into());
    }
    // Compiled where it is needed: before the switch is written only to refuse a scope that there is not.
    let compiled = OnceCell::new();
    let compiled = || compiled.get_or_init(|| compile(session, project)).as_ref();
    if *scope != Scope::All && seen.of(scope).is_none() {
        problems.extend(unknown(connection, compiled(), scope).await?);
    }
    let layer = || compiled().and_then(|compiled| layer_of(compiled, scope));
    let report = operate::switch(connection, &request, &seen, now, &layer).await?;
    let done = report.undone.is_empty();
    let mut value = serde_json::to_value(&report).unwrap_or_default();
    value["ok"] = done.into();
    let (mut going_on, mut about_rules) = (Vec::new(), None);
    if request.verb.sets() {
        going_on = compiled().map(|compiled| goes_on(compiled, &report)).unwrap_or_default();
        value["goes_on"] = serde_json::to_value(&going_on).unwrap_or_default();
        about_rules = compiled().is_none().then_some(
            "what AWS does by itself; what that is cannot be said while the rules do not compile: `healstack check`",
        );
    }
    session.printer.problems(&problems);
    session.printer.result(&render::switch(&report, &going_on, about_rules), value, &problems);
    Ok(if done { Exit::Success } else { Exit::Failure })
}

/// What stands in the ledger and means nothing to this version.
pub(super) fn unreadable(one: &UnreadableSwitch) -> Problem {
    Problem::warning(format!("the switch {} cannot be read: {}", one.key, one.reason)).help(one.help())
}

/// Why a switch is refused that would end before the one in force: somebody's longer pause must not end by a slip.
fn shorter(request: &SwitchRequest, seen: &Overrides, now: Timestamp) -> Option<Problem> {
    let before = seen.of(&request.scope).filter(|before| before.is_in_force(now.as_second()))?;
    if !request.verb.sets() || !operate::ends_earlier(request.until, before) {
        return None;
    }
    let message = format!("this would end before the switch of {} that is in force", request.scope);
    let told = render::told(before);
    Some(Problem::error(message).help(format!("in force is {told}; to put this in its place, add `--replace`")))
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

/// What AWS heals by itself, by kind: its sentences are the same for every rule of one, but for those that EC2's actions stand
/// behind which are off.
fn goes_on(compiled: &Compiled, report: &SwitchReport) -> Vec<GoesOn> {
    let mut found: Vec<GoesOn> = Vec::new();
    for rule in compiled.stacks.iter().flat_map(|stack| &stack.rules) {
        let Some(id) = RuleId::parse(&rule.identity).ok().filter(|id| report.scope.covers(id)) else { continue };
        let kind = &rule.healing.kind;
        let off: BTreeSet<&str> = report
            .stopped
            .iter()
            .filter(|(stopped, _)| *stopped == id)
            .flat_map(|(_, verbs)| verbs.iter().map(String::as_str))
            .collect();
        let off: Vec<String> = off.into_iter().map(str::to_owned).collect();
        if let Some(one) = found.iter_mut().find(|one| one.kind == *kind && one.off == off) {
            one.rules += 1;
        } else {
            let native = &compiled.catalog.kinds[kind].definition.native;
            let sentences = native.iter().filter(|sentence| !is_off(sentence, &off)).cloned().collect();
            found.push(GoesOn { kind: kind.clone(), rules: 1, off, sentences });
        }
    }
    found
}

/// Whether a sentence is about an action that is off: a word of it begins with the action's (`recover` is in `recovers`).
fn is_off(sentence: &str, off: &[String]) -> bool {
    let words = || sentence.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    off.iter().any(|verb| !verb.is_empty() && words().any(|word| word.starts_with(verb.as_str())))
}

/// How long the deployed stacks are asked for a name before a switch is written all the same.
const ASKING: Duration = Duration::from_secs(10);

/// Refuses a scope that is neither in the rule files nor deployed: it is a slip, and what was meant goes on. Warns when it
/// cannot be known, because a switch must work when everything else is broken or slow.
async fn unknown(
    connection: &Connection,
    compiled: Option<&Compiled>,
    scope: &Scope,
) -> Result<Option<Problem>, Failure> {
    let mut known: BTreeSet<RuleId> = BTreeSet::new();
    for rule in compiled.iter().flat_map(|compiled| &compiled.stacks).flat_map(|stack| &stack.rules) {
        known.extend(RuleId::parse(&rule.identity));
    }
    let is_known = |known: &BTreeSet<RuleId>| known.iter().any(|rule| scope.covers(rule));
    if is_known(&known) {
        return Ok(None);
    }
    let not_known = match tokio::time::timeout(ASKING, operate::deployed_rules(connection)).await {
        Ok(Ok(deployed)) => {
            known.extend(deployed.rules.into_iter().map(|rule| rule.id));
            let rules = count(deployed.unreadable, "deployed rule");
            (deployed.unreadable > 0).then(|| format!("{rules} cannot be read"))
        }
        Ok(Err(error)) if error.is_interruption() => return Err(error.into()),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("CloudFormation has not answered within {} s", ASKING.as_secs())),
    };
    match (is_known(&known), not_known) {
        (true, _) => Ok(None),
        (false, None) => Err(Problem::error(no_such(scope)).help(meant(scope, &known)).into()),
        (false, Some(why)) => {
            let message = format!("whether there is a `{scope}` is not known: {why}");
            let help = if compiled.is_none() {
                "the rules do not compile either: see `healstack check`".to_owned()
            } else {
                format!("no rule file names it; {}", meant(scope, &known))
            };
            Ok(Some(Problem::warning(message).help(help)))
        }
    }
}

fn no_such(scope: &Scope) -> String {
    let what = if matches!(scope, Scope::Rule(_)) { "rule" } else { "stack" };
    format!("there is no {what} `{scope}`")
}

/// What else there is.
fn meant(scope: &Scope, known: &BTreeSet<RuleId>) -> String {
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
    match (near, wanted.as_str()) {
        (_, "all") => "for every rule of the environment write `--all`".to_owned(),
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, _) if stacks.is_empty() => "no rule is written or deployed in this environment".to_owned(),
        (None, _) => format!("the stacks are {}", listed(&stacks)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help_for(wanted: &str) -> String {
        let known = ["checkout/web-hosts", "checkout/queue", "shop/web"].map(|rule| RuleId::parse(rule).unwrap());
        meant(&Scope::parse(wanted).unwrap(), &known.into())
    }

    #[test]
    fn a_slip_is_told_what_was_meant() {
        assert_eq!(help_for("chekout"), "did you mean `checkout`?");
        assert_eq!(help_for("checkout/web-host"), "did you mean `checkout/web-hosts`?");
        assert_eq!(help_for("web-hosts"), "did you mean `checkout/web-hosts`?");
        assert!(help_for("all").contains("`--all`"));
        assert_eq!(help_for("zzzzzzz"), "the stacks are `checkout`, `shop`");
    }

    #[test]
    fn a_switch_that_ends_earlier_is_refused_with_what_is_in_force() {
        let scope = Scope::parse("checkout").unwrap();
        let before = Override {
            scope: scope.clone(),
            switch: healstack_model::ledger::Switch::Pause,
            until: None,
            reason: "deploy of the year".to_owned(),
            by: "arn:aws:iam::111122223333:user/ana".to_owned(),
            since_time: "2026-11-24T10:00:00.000Z".to_owned(),
        };
        let seen = Overrides { readable: vec![before], unreadable: Vec::new() };
        let now: Timestamp = "2026-11-24T11:00:00Z".parse().unwrap();
        let of = |verb: Verb, until: Option<&str>| {
            let until = until.map(|until| until.parse().unwrap());
            shorter(&SwitchRequest { verb, scope: scope.clone(), reason: String::new(), until }, &seen, now)
        };
        let problem = of(Verb::Pause, Some("2026-11-24T12:00:00Z")).unwrap().to_json();
        let help = problem["help"].as_str().unwrap();
        assert!(help.contains("the pause of checkout until it is lifted (deploy of the year; user/ana"), "{help}");
        assert!(help.contains("`--replace`"), "{help}");
        assert!(of(Verb::Pause, None).is_none() && of(Verb::Resume, Some("2026-11-24T12:00:00Z")).is_none());
    }

    #[tokio::test]
    async fn what_cannot_be_looked_up_stops_nothing() {
        // CloudFormation is refused there.
        let connection = crate::operate::fake::Fake::start().connection().await;
        let warning = unknown(&connection, None, &Scope::parse("checkout").unwrap()).await.ok().flatten().unwrap();
        assert_eq!(warning.severity, crate::diagnostics::Severity::Warning);
        assert!(warning.to_string().contains("whether there is a `checkout` is not known: "), "{warning}");
    }

    #[test]
    fn sentences_of_actions_that_are_off_are_left_out() {
        let off = ["reboot", "recover"].map(str::to_owned);
        assert!(is_off("EC2 recovers the instance on another host.", &off));
        assert!(is_off("Members are recovered and rebooted too.", &off));
        assert!(!is_off("Its group replaces what is unrecoverable.", &off));
        assert!(!is_off("EC2 recovers the instance.", &[]));
    }
}
