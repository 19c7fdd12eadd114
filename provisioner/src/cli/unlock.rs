//! `healstack unlock`: take a resource's lease away from a healing that will not end.

use super::aws::AwsOptions;
use super::operate::{Failure, with_ledger, words};
use super::{Exit, Session};
use crate::diagnostics::Problems;
use crate::operate::{self, Connection, Locked, render};
use serde_json::{Value, json};

/// Options of `unlock`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The resource: its key (`ec2:instance/i-0abc`), its ARN, or the id of one whose healing has not ended (`i-0abc`).
    resource: String,
    /// Why, for those who look later.
    #[arg(long, value_name = "TEXT", value_parser = words)]
    reason: String,
    /// Unlock without asking.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    aws: AwsOptions,
}

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    with_ledger(session, &options.aws, async |_, connection| unlock(session, connection, options).await)
}

async fn unlock(session: &Session, connection: &Connection, options: &Options) -> Result<Exit, Failure> {
    let said = |text: &str, fields: Value| session.printer.result(text, fields, &Problems::default());
    let key = operate::find_key(connection, &options.resource).await?;
    let Some(locked) = operate::look(connection, &key).await? else {
        let text = format!("{key} is not locked; nothing was changed.\n");
        said(&text, json!({"ok": true, "key": key.as_str(), "locked": false}));
        return Ok(Exit::Success);
    };
    let now = operate::now();
    if locked.has_ended(now) {
        let text = format!("{}The lease has ended by itself; nothing was changed.\n", render::lease(&locked, now));
        said(&text, json!({"ok": true, "key": key.as_str(), "locked": false, "lease": locked}));
        return Ok(Exit::Success);
    }
    connection.show(&render::lease(&locked, now));
    if !connection.confirm(&question(&locked), options.yes).await? {
        said(
            "Cancelled; nothing was changed.\n",
            json!({"ok": false, "key": key.as_str(), "locked": locked.until.is_some()}),
        );
        return Ok(Exit::Failure);
    }
    let report = operate::unlock(connection, &locked, &options.reason, operate::now()).await?;
    let done = report.undone.is_empty();
    let mut value = serde_json::to_value(&report).unwrap_or_default();
    value["ok"] = done.into();
    value["lease"] = serde_json::to_value(&locked).unwrap_or_default();
    said(&render::unlock(&report), value);
    Ok(if done { Exit::Success } else { Exit::Failure })
}

fn question(locked: &Locked) -> String {
    if locked.until.is_none() {
        return "Give back what is left of this healing, and close it?".to_owned();
    }
    format!("Take {} from this healing?", locked.key)
}
