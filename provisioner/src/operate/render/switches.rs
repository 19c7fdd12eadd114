//! Switches: those in force, and what setting or lifting one did.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use healstack_model::ledger::{Override, Scope, Switch};
use serde::Serialize;

use super::{plain, prose, style, undone};
use crate::operate::time::{shown, shown_seconds};
use crate::operate::{SwitchReport, Verb};
use crate::text::count;

/// Most names that are shown of a long list.
const SHOWN: usize = 10;

/// What AWS heals by itself where rules of a kind are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoesOn {
    /// The kind.
    pub kind: String,
    /// How many rules of it the scope has.
    pub rules: usize,
    /// How many alarms of those rules have EC2's actions, which are disabled.
    pub alarms: usize,
    /// What goes on, in sentences.
    pub sentences: Vec<String>,
}

/// The overrides in force, the widest first.
#[must_use]
pub fn switches(overrides: &[&Override]) -> String {
    if overrides.is_empty() {
        return "Nothing is switched: every rule does what its file says.\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["scope", "mode", "since (UTC)", "until (UTC)", "by", "reason"]);
    for one in overrides {
        let until = one.until.map_or_else(|| "lifted".to_owned(), shown_seconds);
        let (by, reason) = (plain(who(&one.by)), plain(&one.reason));
        table.add_row([name(&one.scope), one.switch.to_string(), shown(&one.since_time), until, by, reason]);
    }
    format!("{table}\n")
}

/// What was done, what goes on, what could not be done.
#[must_use]
pub fn switch(report: &SwitchReport, goes_on: &[GoesOn], about_rules: Option<&str>) -> String {
    let mut text = String::new();
    prose(&mut text, 0, "", &headline(report));
    if report.verb.sets() {
        set(&mut text, report, goes_on, about_rules);
    } else {
        names(&mut text, "EC2's actions were enabled of", &report.alarms);
        if !report.alarms_kept.is_empty() {
            let kept = count(report.alarms_kept.len(), "alarm");
            prose(&mut text, 0, "", &format!("EC2's actions of {kept} stay disabled by another switch."));
        }
    }
    for other in &report.others {
        let sentence = match (other.scope.is_wider_than(&report.scope), other.switch) {
            (true, Switch::Pause) => format!("It stays paused by {}.", told(other)),
            (true, Switch::Observe) => format!("It is under {} too.", told(other)),
            (false, _) => format!("A part of it is under {}.", told(other)),
        };
        prose(&mut text, 0, "", &sentence);
    }
    undone(&mut text, &report.undone);
    text
}

fn set(text: &mut String, report: &SwitchReport, goes_on: &[GoesOn], about_rules: Option<&str>) {
    let before = report.before.as_ref().filter(|before| before.switch != report.verb.switch());
    if let Some(before) = before {
        prose(text, 0, "", &format!("It takes the place of {}.", told(before)));
    }
    let stopped = match (report.verb, &report.scope) {
        (Verb::Pause, Scope::Rule(_)) => "No runbook is started for it.",
        (Verb::Pause, _) => "No runbook is started for its rules.",
        (_, Scope::Rule(_)) => "It detects and reports; no runbook is started.",
        _ => "Its rules detect and report; no runbook is started.",
    };
    prose(text, 0, "", stopped);
    names(text, "EC2's actions were disabled of", &report.alarms);
    if !report.alarms_kept.is_empty() {
        let kept = count(report.alarms_kept.len(), "alarm");
        prose(text, 0, "", &format!("EC2's actions of {kept} were disabled before."));
    }
    prose(text, 0, "", &style::bold("What goes on"));
    prose(text, 2, "- ", "healings that have begun, to their end: `healstack events --status in_progress`");
    for GoesOn { kind, rules, alarms, sentences } in goes_on {
        let except = match alarms {
            0 => String::new(),
            alarms => format!(", but not by its {} with EC2's actions", count(*alarms, "alarm")),
        };
        prose(text, 2, "- ", &format!("what AWS does by itself for {} of {kind}{except}:", count(*rules, "rule")));
        for sentence in sentences {
            prose(text, 4, "- ", sentence);
        }
    }
    if let Some(about) = about_rules {
        prose(text, 2, "- ", about);
    }
}

fn headline(report: &SwitchReport) -> String {
    let SwitchReport { scope, verb, before, until, others, .. } = report;
    let subject = style::bold(name(scope));
    let (resume, enforce) = (format!("`healstack resume {scope}`"), format!("`healstack mode enforce {scope}`"));
    let lift = if *verb == Verb::Pause { &resume } else { &enforce };
    let end = until.map_or_else(|| format!("until {lift}"), |until| format!("until {} UTC", shown_seconds(until)));
    match (verb, report.changed, before) {
        (Verb::Pause, ..) => format!("{} {subject} {end}", style::yellow("paused")),
        (Verb::Observe, ..) => format!("{} {subject} {end}", style::yellow("observing")),
        (Verb::Resume, true, _) if others.iter().any(|other| other.scope.is_wider_than(scope)) => {
            format!("{} {subject}", style::green("lifted the pause of"))
        }
        (Verb::Resume, true, _) => {
            let what = match scope {
                Scope::All => "each does what its file says",
                Scope::Stack(_) => "its rules do what their file says",
                Scope::Rule(_) => "it does what its file says",
            };
            format!("{} {subject}: {what}", style::green("resumed"))
        }
        (Verb::Enforce, true, _) => {
            let lifted = style::green("lifted observe from");
            format!("{lifted} {subject}: the mode of the rule file applies again, which may itself be observe or off")
        }
        (Verb::Resume, false, Some(other)) => {
            format!("{subject} is not paused. It is under {}, which {enforce} lifts.", told(other))
        }
        (Verb::Enforce, false, Some(other)) => {
            format!("{subject} does not observe. It is under {}, which {resume} lifts.", told(other))
        }
        (Verb::Resume, false, None) => format!("{subject} is not paused; nothing was changed."),
        (Verb::Enforce, false, None) => {
            format!("No switch makes {subject} observe; nothing was changed. The mode of the rule file applies.")
        }
    }
}

fn names(text: &mut String, what: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let _ = writeln!(text, "{what} {}:", count(names.len(), "alarm"));
    for name in names.iter().take(SHOWN) {
        let _ = writeln!(text, "  {}", plain(name));
    }
    if names.len() > SHOWN {
        let _ = writeln!(text, "  and {} more", names.len() - SHOWN);
    }
}

/// An override in a sentence.
fn told(one: &Override) -> String {
    let until = one.until.map(|until| format!(" until {} UTC", shown_seconds(until))).unwrap_or_default();
    let (reason, by) = (plain(&one.reason), plain(who(&one.by)));
    format!("the {} of {}{until} ({reason}; {by}, {} UTC)", one.switch, name(&one.scope), shown(&one.since_time))
}

fn name(scope: &Scope) -> String {
    if *scope == Scope::All { "every rule".to_owned() } else { scope.to_string() }
}

/// The part of an ARN that names a person or a role's session.
fn who(arn: &str) -> &str {
    arn.rsplit(':').next().filter(|who| !who.is_empty()).unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::Undone;

    fn one(scope: Scope, switch: Switch) -> Override {
        Override {
            scope,
            switch,
            until: Some(1_795_521_600),
            reason: "load\u{1b}[2J test".to_owned(),
            by: "arn:aws:sts::111122223333:assumed-role/ops/ana".to_owned(),
            since_time: "2026-11-24T10:00:00.000Z".to_owned(),
        }
    }

    fn report(verb: Verb) -> SwitchReport {
        SwitchReport {
            verb,
            scope: Scope::parse("checkout").unwrap(),
            changed: true,
            until: None,
            before: None,
            others: Vec::new(),
            alarms: vec!["heal--checkout--ec2-instance-healing--system".to_owned()],
            alarms_kept: Vec::new(),
            event_id: None,
            undone: Vec::new(),
        }
    }

    fn text(report: &SwitchReport) -> String {
        let goes_on = GoesOn {
            kind: "infrastructure/ec2-instance-healing".to_owned(),
            rules: 1,
            alarms: 1,
            sentences: vec!["EC2 recovers the instance.".to_owned()],
        };
        anstream::adapter::strip_str(&switch(report, &[goes_on], None)).to_string()
    }

    #[test]
    fn a_pause_says_what_stopped_and_what_goes_on() {
        insta::assert_snapshot!(text(&report(Verb::Pause)));
    }

    #[test]
    fn what_failed_after_something_was_done_is_told() {
        let mut report = report(Verb::Resume);
        report.others = vec![one(Scope::All, Switch::Pause)];
        let (step, error) = ("enabling EC2's actions of alarms".to_owned(), "AccessDenied".to_owned());
        report.undone = vec![Undone { step, error, help: Some("have it granted".to_owned()) }];
        insta::assert_snapshot!(text(&report));
    }

    #[test]
    fn nothing_to_lift_says_what_there_is() {
        let mut report = report(Verb::Enforce);
        (report.changed, report.before, report.alarms) =
            (false, Some(one(report.scope.clone(), Switch::Pause)), Vec::new());
        let text = text(&report).replace('\n', " ");
        assert!(text.contains("which `healstack resume checkout` lifts") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn the_table_names_scope_person_and_reason() {
        let text = switches(&[&one(Scope::All, Switch::Pause)]);
        for part in [
            "every rule",
            "pause",
            "2026-11-24 10:00:00",
            "2026-11-24 12:00:00",
            "assumed-role/ops/ana",
            "load [2J test",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(switches(&[]).contains("every rule does what its file says"));
    }
}
