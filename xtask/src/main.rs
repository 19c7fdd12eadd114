//! Developer commands: `cargo xtask <command>`. Each is a module; this file only tells them apart.
//!
//! The verbs of `healstack` itself are forwarded, built with no more features than each needs.

mod bench;
mod clock;
mod counts;
mod daemons;
mod deny;
mod docs;
mod error;
mod forward;
mod guard;
mod healed;
mod host;
mod jsonata;
mod lint;
mod local_deploy;
mod mutants;
mod python;
mod rehearsal;
mod steps;
mod test;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use forward::Features;
use workspace::Workspace;

/// Developer commands of Healstack, and its own commands built as needed.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check everything that needs no test run: format, clippy, docs, licences, generated templates.
    Lint,
    /// Lint, then all tests, then a deployment to the local AWS.
    Test(test::Options),
    /// The guard's tests: the deployed state machines through every decision, with a fault in every call.
    Guard(guard::Options),
    /// Print what a storm of failures takes, and what each decision of the guard costs.
    Storm(guard::StormOptions),
    /// Evaluate every expression of the state machines with the reference implementation too. Needs node.
    Jsonata(jsonata::Options),
    /// Tests that need a machine of their own, in a Debian guest.
    TestHost(host::Options),
    /// Write the pages of docs/ that come from the code.
    Docs(docs::Options),
    /// Print what compiling 12, 1,000 and 10,000 rules costs.
    Bench,
    /// Write the table of IAM actions that take no resources, which the compiler embeds.
    IamTable(python::IamTableOptions),

    /// `healstack init`
    #[command(disable_help_flag = true)]
    Init(Forwarded),
    /// `healstack synth`
    #[command(disable_help_flag = true)]
    Synth(Forwarded),
    /// `healstack check`
    #[command(disable_help_flag = true)]
    Check(Forwarded),
    /// `healstack kinds`
    #[command(disable_help_flag = true)]
    Kinds(Forwarded),
    /// `healstack explain`
    #[command(disable_help_flag = true)]
    Explain(Forwarded),
    /// `healstack schema`
    #[command(disable_help_flag = true)]
    Schema(Forwarded),
    /// `healstack rehearse`
    #[command(disable_help_flag = true)]
    Rehearse(Forwarded),
    /// Drop each step of each runbook in turn: some scenario must fail.
    Mutants(mutants::Options),
    /// `healstack local`: start, stop, status, verify
    #[command(disable_help_flag = true)]
    Local(Forwarded),
    /// `healstack diff`
    #[command(disable_help_flag = true)]
    Diff(Forwarded),
    /// `healstack deploy`
    #[command(disable_help_flag = true)]
    Deploy(Forwarded),
    /// `healstack destroy`
    #[command(disable_help_flag = true)]
    Destroy(Forwarded),
    /// `healstack status`
    #[command(disable_help_flag = true)]
    Status(Forwarded),
    /// `healstack events`
    #[command(disable_help_flag = true)]
    Events(Forwarded),
    /// `healstack stats`
    #[command(disable_help_flag = true)]
    Stats(Forwarded),
    /// `healstack pause`
    #[command(disable_help_flag = true)]
    Pause(Forwarded),
    /// `healstack resume`
    #[command(disable_help_flag = true)]
    Resume(Forwarded),
    /// `healstack mode`: observe, enforce
    #[command(disable_help_flag = true)]
    Mode(Forwarded),
    /// `healstack switches`
    #[command(disable_help_flag = true)]
    Switches(Forwarded),
    /// `healstack unlock`
    #[command(disable_help_flag = true)]
    Unlock(Forwarded),
}

/// Everything after the verb, for `healstack` to understand.
#[derive(Debug, Args)]
struct Forwarded {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

fn main() -> miette::Result<ExitCode> {
    let arguments = Arguments::parse();
    let workspace = Workspace::find();
    let forward = |verb, features, forwarded: &Forwarded| {
        Err(forward::exec(&workspace, verb, features, &forwarded.arguments).into())
    };
    match &arguments.command {
        Command::Lint => Ok(lint::run(&workspace)),
        Command::Test(options) => Ok(test::run(&workspace, options)),
        Command::Guard(options) => Ok(guard::run(&workspace, options)),
        Command::Storm(options) => Ok(guard::storm(&workspace, options)?),
        Command::Jsonata(options) => Ok(jsonata::run(&workspace, options)),
        Command::TestHost(options) => Ok(host::run(&workspace, options)?),
        Command::Docs(options) => Ok(docs::run(&workspace, options)?),
        Command::Bench => Ok(bench::run(&workspace)?),
        Command::IamTable(options) => Ok(python::iam_table(&workspace, options)?),
        Command::Init(rest) => forward("init", Features::Compile, rest),
        Command::Synth(rest) => forward("synth", Features::Compile, rest),
        Command::Check(rest) => forward("check", Features::Compile, rest),
        Command::Kinds(rest) => forward("kinds", Features::Compile, rest),
        Command::Explain(rest) => forward("explain", Features::Compile, rest),
        Command::Schema(rest) => forward("schema", Features::Compile, rest),
        Command::Rehearse(rest) => forward("rehearse", Features::Rehearse, rest),
        Command::Mutants(options) => Ok(mutants::run(&workspace, options)?),
        Command::Local(rest) => forward("local", Features::Compile, rest),
        Command::Diff(rest) => forward("diff", Features::Deploy, rest),
        Command::Deploy(rest) => forward("deploy", Features::Deploy, rest),
        Command::Destroy(rest) => forward("destroy", Features::Deploy, rest),
        Command::Status(rest) => forward("status", Features::Deploy, rest),
        Command::Events(rest) => forward("events", Features::Operate, rest),
        Command::Stats(rest) => forward("stats", Features::Operate, rest),
        Command::Pause(rest) => forward("pause", Features::Operate, rest),
        Command::Resume(rest) => forward("resume", Features::Operate, rest),
        Command::Mode(rest) => forward("mode", Features::Operate, rest),
        Command::Switches(rest) => forward("switches", Features::Operate, rest),
        Command::Unlock(rest) => forward("unlock", Features::Operate, rest),
    }
}
