//! Switches: those in force, and what setting or lifting one did.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use healstack_model::ledger::{Override, Scope, Switch};
use serde::Serialize;

use super::{plain, prose, style, undone};
use crate::operate::recorded::WRITING;
use crate::operate::time::{shown, shown_seconds};
use crate::operate::{SwitchReport, UnreadableSwitch, Verb};
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
    /// EC2's own actions of those rules that are off: `recover`, `reboot`, …
    pub off: Vec<String>,
    /// What goes on, in sentences.
    pub sentences: Vec<String>,
}

/// The overrides in force, the widest first, and those that cannot be read.
#[must_use]
pub fn switches(overrides: &[&Override], unreadable: &[UnreadableSwitch]) -> String {
    let mut text = match (overrides.is_empty(), unreadable.is_empty()) {
        (true, true) => "Nothing is switched: every rule does what its file says.\n".to_owned(),
        (true, false) => "Nothing else is switched.\n".to_owned(),
        (false, _) => table(overrides),
    };
    for one in unreadable {
        let UnreadableSwitch { key, reason, .. } = one;
        let what = format!("{key} {} {reason}; it may keep its rules from healing", style::red("cannot be read:"));
        prose(&mut text, 0, "", &what);
        prose(&mut text, 2, "help: ", &one.help());
    }
    text
}

fn table(overrides: &[&Override]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["scope", "mode", "since (UTC)", "until (UTC)", "by", "reason"]);
    for one in overrides {
        let until = one.until.map_or_else(|| "lifted".to_owned(), shown_seconds);
        let since = if one.since_time.is_empty() { "-".to_owned() } else { shown(&one.since_time) };
        let (by, reason) = (who(one), plain(&one.reason));
        table.add_row([name(&one.scope), one.switch.to_string(), since, until, by, reason]);
    }
    // The last column is as wide as its longest text, which is nothing to fill lines with.
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
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
    undone(&mut text, &report.undone, again(report));
    text
}

/// What helps after something failed.
fn again(report: &SwitchReport) -> &'static str {
    if report.undone.iter().all(|undone| undone.step == WRITING) {
        return "The switch is as it should be; only the event that says so is missing.";
    }
    if report.verb.sets() {
        "The switch is in force. When the cause is removed, run the same command again, or leave the alarms to the sweeper: it \
         disables them within five minutes."
    } else {
        "When the cause is removed, run the same command again, or leave the alarms to the sweeper: it enables them within five \
         minutes."
    }
}

fn set(text: &mut String, report: &SwitchReport, goes_on: &[GoesOn], about_rules: Option<&str>) {
    if let Some(before) = &report.before {
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
    for GoesOn { kind, rules, off, sentences } in goes_on {
        let what = if sentences.is_empty() { "nothing that AWS does by itself" } else { "what AWS does by itself" };
        let except = match off.as_slice() {
            [] => String::new(),
            [one] => format!("; EC2's own {one} actions of these rules are off"),
            [many @ .., last] => format!("; EC2's own {} and {last} actions of these rules are off", many.join(", ")),
        };
        let end = if sentences.is_empty() { "" } else { ":" };
        prose(text, 2, "- ", &format!("{what} for {} of {kind}{except}{end}", count(*rules, "rule")));
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
        (Verb::Resume, false, None) => format!("No switch pauses {subject}; {}.", nothing_lifted(report)),
        (Verb::Enforce, false, None) => {
            let nothing = nothing_lifted(report);
            format!("No switch makes {subject} observe; {nothing}. The mode of the rule file applies.")
        }
    }
}

/// What became of the alarms where there was no switch to lift: its time was over, or somebody had deleted it.
fn nothing_lifted(report: &SwitchReport) -> &'static str {
    match (report.alarms.is_empty(), report.undone.is_empty()) {
        (false, _) => "alarms that were still disabled act again",
        (true, true) => "nothing was changed",
        (true, false) => "nothing was lifted",
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
#[must_use]
pub fn told(one: &Override) -> String {
    let until = one
        .until
        .map_or_else(|| " until it is lifted".to_owned(), |until| format!(" until {} UTC", shown_seconds(until)));
    let reason = if one.reason.is_empty() { String::new() } else { format!("{}; ", plain(&one.reason)) };
    let since = if one.since_time.is_empty() { String::new() } else { format!(", {} UTC", shown(&one.since_time)) };
    format!("the {} of {}{until} ({reason}{}{since})", one.switch, name(&one.scope), who(one))
}

fn name(scope: &Scope) -> String {
    if *scope == Scope::All { "every rule".to_owned() } else { scope.to_string() }
}

/// The part of an ARN that names a person or a role's session. An item that names nobody was not written by this command line.
fn who(one: &Override) -> String {
    let who = one.by.rsplit(':').next().filter(|who| !who.is_empty()).unwrap_or(&one.by);
    if who.is_empty() { "written by hand".to_owned() } else { plain(who) }
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
            stopped: Vec::new(),
            event_id: None,
            undone: Vec::new(),
        }
    }

    fn text(report: &SwitchReport) -> String {
        let goes_on = GoesOn {
            kind: "infrastructure/ec2-instance-healing".to_owned(),
            rules: 1,
            off: vec!["reboot".to_owned(), "recover".to_owned()],
            sentences: vec!["An Auto Scaling group replaces its members.".to_owned()],
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
        let text = switches(&[&one(Scope::All, Switch::Pause)], &[]);
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
        assert!(switches(&[], &[]).contains("every rule does what its file says"));
    }

    #[test]
    fn the_table_fills_no_lines_and_names_what_was_written_by_hand() {
        let mut by_hand = one(Scope::All, Switch::Pause);
        (by_hand.by, by_hand.since_time, by_hand.reason) = (String::new(), String::new(), "why ".repeat(60));
        let text = switches(&[&by_hand, &one(Scope::parse("shop").unwrap(), Switch::Observe)], &[]);
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
        assert!(text.contains("written by hand"), "{text}");
        by_hand.reason = String::new();
        assert_eq!(told(&by_hand), "the pause of every rule until 2026-11-24 12:00:00 UTC (written by hand)");
    }

    #[test]
    fn what_cannot_be_read_is_listed_with_the_way_out() {
        let unreadable = UnreadableSwitch {
            key: "CONTROL/checkout".to_owned(),
            scope: Scope::parse("checkout").ok(),
            reason: "its mode is `stop`".to_owned(),
            delete: "aws dynamodb delete-item".to_owned(),
        };
        let text = anstream::adapter::strip_str(&switches(&[], &[unreadable])).to_string();
        for part in
            ["Nothing else", "CONTROL/checkout cannot be read: its mode is `stop`", "`aws dynamodb delete-item`"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn what_a_pause_takes_the_place_of_is_told() {
        let mut report = report(Verb::Pause);
        report.before = Some(one(report.scope.clone(), Switch::Pause));
        let text = text(&report).replace('\n', " ");
        assert!(
            text.contains("It takes the place of the pause of checkout until 2026-11-24 12:00:00 UTC (load"),
            "{text}"
        );
    }

    #[test]
    fn nothing_was_changed_only_where_that_is_so() {
        let mut report = report(Verb::Resume);
        (report.changed, report.scope) = (false, Scope::All);
        let with_alarms = text(&report);
        assert!(with_alarms.starts_with("No switch pauses every rule; alarms that were still"), "{with_alarms}");
        report.alarms = Vec::new();
        assert_eq!(text(&report), "No switch pauses every rule; nothing was changed.\n");
    }

    #[test]
    fn an_event_that_could_not_be_written_is_nothing_to_do_again() {
        let mut report = report(Verb::Pause);
        report.undone = vec![Undone { step: WRITING.to_owned(), error: "throttled".to_owned(), help: None }];
        assert!(text(&report).contains("only the event that says so is missing"));
    }
}
