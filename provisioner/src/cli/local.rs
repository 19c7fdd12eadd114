//! `healstack local`: the local AWS that `--local` deploys to.

use super::output::{DIM, GOOD, report};
use super::{Exit, Session};
use crate::diagnostics::{Problem, Problems};
use crate::local::{LocalAws, Running, Verified, VerifyOptions};
use crate::project::Project;
use clap::Subcommand;
use serde_json::json;
use std::fmt::Write as _;

/// Options of `local`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: LocalCommand,
}

#[derive(Debug, Subcommand)]
enum LocalCommand {
    /// Start it, or find the one that runs.
    Start {
        /// The loopback port. Default: a free one.
        #[arg(long)]
        port: Option<u16>,
    },
    /// Stop it. What was deployed to it is gone.
    Stop,
    /// Say where it runs.
    Status,
    /// Read every deployed resource back through its own service's API.
    Verify,
}

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    let printer = session.printer;
    let project = match session.project() {
        Ok(project) => project,
        Err(problem) => return printer.fail(problem),
    };
    let local = LocalAws::new(project.state_dir());
    match &options.command {
        LocalCommand::Start { port } => {
            let mut progress = |message: &str| anstream::eprintln!("{DIM}{message}{DIM:#}");
            match local.start(*port, &mut progress) {
                Ok(running) => show(session, Some(&running)),
                Err(error) => report(printer, &error),
            }
        }
        LocalCommand::Status => match local.status() {
            Ok(running) => show(session, running.as_ref()),
            Err(error) => report(printer, &error),
        },
        LocalCommand::Stop => match local.stop() {
            Ok(Some(stopped)) => {
                let text = format!("stopped the local AWS (process {}, port {})\n", stopped.pid, stopped.port);
                printer.result(&text, json!({"ok": true, "stopped": stopped.pid}), &Problems::default());
                Exit::Success
            }
            Ok(None) => {
                printer.result("no local AWS is running\n", json!({"ok": true, "stopped": null}), &Problems::default());
                Exit::Success
            }
            Err(error) => report(printer, &error),
        },
        LocalCommand::Verify => verify(session, &project, &local),
    }
}

fn show(session: &Session, running: Option<&Running>) -> Exit {
    let Some(running) = running else {
        let text = "no local AWS is running; `healstack deploy --local` starts one\n";
        session.printer.result(text, json!({"ok": true, "running": false}), &Problems::default());
        return Exit::Success;
    };
    let mut text = format!("{GOOD}running{GOOD:#} at {} (process {})\n", running.endpoint, running.pid);
    for (name, value) in running.environment() {
        let _ = writeln!(text, "  export {name}={value}");
    }
    let value =
        json!({"ok": true, "running": true, "endpoint": running.endpoint, "port": running.port, "pid": running.pid});
    session.printer.result(&text, value, &Problems::default());
    Exit::Success
}

/// Verifies the region of the environment.
fn verify(session: &Session, project: &Project, local: &LocalAws) -> Exit {
    let mut problems = Problems::default();
    let Some(config) = project.config(&mut problems).filter(|_| !problems.has_errors()) else {
        return session.printer.failure(&problems);
    };
    let environment = match config.select(session.env.as_deref()) {
        Ok((_, environment)) => environment,
        Err(problem) => return session.printer.fail(problem),
    };
    let options =
        VerifyOptions { regions: vec![environment.region.clone()], account: None, json: !session.printer.for_people() };
    match local.verify(&options) {
        Ok(Verified::Clean) => Exit::Success,
        Ok(Verified::Problems) if session.printer.for_people() => session.printer.fail(
            Problem::error("the local AWS does not hold what the templates say")
                .help("the table above says what differs"),
        ),
        Ok(Verified::Problems) => Exit::Failure,
        Err(error) => report(session.printer, &error),
    }
}
