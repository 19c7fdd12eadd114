//! `healstack stats`: healing statistics by layer, with REL11-BP03's names as JSON.

use super::aws::AwsOptions;
use super::operate::with_ledger;
use super::switches::unreadable;
use super::{Exit, Session};
use crate::diagnostics::Problems;
use crate::operate::{self, When, render};

/// Options of `stats`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    aws: AwsOptions,
    /// Events that changed since then: 10m, 24h, 7d, or a time in UTC.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    since: When,
}

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    with_ledger(session, &options.aws, async |_, connection| {
        let now = operate::now();
        let report = operate::statistics(connection, options.since.back_from(now), now).await?;
        let mut value = serde_json::to_value(&report).unwrap_or_default();
        value["ok"] = true.into();
        let mut problems = Problems::default();
        problems.extend(report.unreadable_switches.iter().map(unreadable));
        session.printer.problems(&problems);
        session.printer.result(&render::statistics(&report), value, &problems);
        Ok(Exit::Success)
    })
}
