//! `healstack events`: what was healed, what was refused, what people switched.

use super::aws::AwsOptions;
use super::operate::{layer, with_ledger};
use super::output::note;
use super::{Exit, Session};
use crate::operate::{self, Connection, EventFilter, Listed, When, render::EventTable, rfc3339};
use healstack_model::ledger::{HealingEvent, RuleId, Status};
use healstack_model::{Layer, RuleName};
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

/// Events without `--limit`: a screen or two.
const LIMIT: usize = 50;

/// `--since` without `--follow`.
const SINCE: &str = "24h";

/// `--since` with `--follow`: enough to see that it works.
const FOLLOW_SINCE: &str = "10m";

/// Options of `events`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With `--output json`, standard output is JSON Lines: one event an object a line, with the ledger's attributes, \
times as RFC 3339. \
An error is one line more, an object with `ok` false.\n\nThe time is that of an event's last change, in UTC."
)]
pub(super) struct Options {
    #[command(flatten)]
    aws: AwsOptions,
    /// Events that changed since then: 90s, 10m, 24h, 7d, or a time in UTC. Default: 24h; with --follow 10m.
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only of this rule.
    #[arg(long, value_name = "[STACK/]NAME", value_parser = rule)]
    rule: Option<RuleFilter>,
    /// Only of this resource: its id (`i-0abc`), its key (`ec2:instance/i-0abc`) or its ARN.
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// Only of this layer.
    #[arg(long, value_parser = layer)]
    layer: Option<Layer>,
    /// Only of this status: `pending`, `in_progress`, `completed`, `failed` or `skipped`.
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// At most this many events. Default: 50; with --follow as many as come.
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Oldest first, then changes as they come, until Ctrl-C, which ends it with exit code 0.
    #[arg(short, long)]
    follow: bool,
}

/// `--rule`: with or without a stack.
#[derive(Debug, Clone)]
struct RuleFilter {
    stack: Option<String>,
    rule: String,
}

fn rule(text: &str) -> Result<RuleFilter, String> {
    if text.contains('/') {
        let RuleId { stack, rule } = RuleId::parse(text).map_err(|error| format!("{error}: {}", error.help()))?;
        return Ok(RuleFilter { stack: Some(stack.to_string()), rule: rule.to_string() });
    }
    let name = RuleName::new(text).map_err(|error| format!("{error}: {}", error.help()))?;
    Ok(RuleFilter { stack: None, rule: name.to_string() })
}

fn status(text: &str) -> Result<Status, String> {
    let names = Status::ALL.map(Status::as_str);
    let status = Status::ALL.into_iter().find(|status| status.as_str() == text);
    status.ok_or_else(|| format!("the statuses are {}", crate::schema::list(&names)))
}

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    // An error is a line among the lines, so that what reads them needs no second way of reading.
    let session = &Session { printer: session.printer.of_lines(), ..session.clone() };
    with_ledger(session, &options.aws, async |_, connection| {
        let mut lines = Lines::new(session.printer.for_people());
        let listed = print(connection, options, &mut lines).await?;
        mention(session, options, listed);
        Ok(Exit::Success)
    })
}

async fn print(connection: &Connection, options: &Options, lines: &mut Lines) -> Result<Listed, operate::OperateError> {
    let now = operate::now();
    let since = options.since(now);
    let filter = options.filter();
    if options.follow {
        let limit = options.limit.map(NonZeroUsize::get);
        return operate::follow(connection, since, &filter, limit, &mut |event| lines.event(event)).await;
    }
    let limit = options.limit.map_or(LIMIT, NonZeroUsize::get);
    operate::events(connection, since, now, &filter, limit, &mut |event| lines.event(event)).await
}

/// What is not among the events.
fn mention(session: &Session, options: &Options, listed: Listed) {
    if listed.unreadable > 0 {
        let events = crate::text::count(listed.unreadable, "event");
        note(&format!("{events} of a newer version cannot be read and are not shown"));
    }
    if listed.more {
        let more = listed.shown.saturating_mul(4);
        note(&format!("there are more: `--limit {more}`, or narrow them with --rule, --resource, --status"));
    }
    if listed.shown == 0 && !options.follow && session.printer.for_people() {
        let since = rfc3339(options.since(operate::now()));
        let (what, advice) = if options.filter().is_empty() {
            ("No event", "try an earlier time: `healstack events --since 30d`")
        } else {
            ("No such event", "try an earlier time (`--since 30d`), or fewer filters")
        };
        // No event: a program that reads the lines must not take it for one.
        note(&format!("{what} changed since {since}: {advice}"));
    }
}

impl Options {
    fn since(&self, now: jiff::Timestamp) -> jiff::Timestamp {
        let default = if self.follow { FOLLOW_SINCE } else { SINCE };
        self.since.or_else(|| default.parse().ok()).map_or(now, |since| since.back_from(now))
    }

    fn filter(&self) -> EventFilter {
        EventFilter {
            stack: self.rule.as_ref().and_then(|rule| rule.stack.clone()),
            rule: self.rule.as_ref().map(|rule| rule.rule.clone()),
            resource: self.resource.clone(),
            layer: self.layer,
            status: self.status,
        }
    }
}

/// Standard output, an event a line. A reader that has seen enough (`| head`) ends the command, which is no failure.
struct Lines {
    table: Option<EventTable>,
    begun: bool,
}

impl Lines {
    fn new(for_people: bool) -> Self {
        // Only asks how wide the terminal is.
        let width = comfy_table::Table::new().width().map(usize::from);
        Self { table: for_people.then(|| EventTable::new(width)), begun: false }
    }

    fn event(&mut self, event: &HealingEvent) -> ControlFlow<()> {
        let Some(table) = self.table else {
            return written(&format!("{}\n", operate::shown_event(event)));
        };
        let header = if self.begun { String::new() } else { table.header() };
        self.begun = true;
        written(&format!("{header}{}", table.row(event)))
    }
}

fn written(text: &str) -> ControlFlow<()> {
    let mut out = anstream::stdout();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok() {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}
