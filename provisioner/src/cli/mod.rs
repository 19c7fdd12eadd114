//! The command line. One file a command; each takes what it needs and returns an [`Exit`].
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done; `events --follow` ended by Ctrl-C |
//! | 1 | something is wrong with the input, or AWS refused, all or part of it; it was reported |
//! | 2 | the command line is wrong |
//! | 3 | `synth --check`: generated files are stale |
//! | 4 | `deploy` or `destroy` was detached by Ctrl-C: CloudFormation goes on |
//! | 130 | Ctrl-C before anything was changed |

#[cfg(feature = "deploy")]
mod aws;
mod check;
#[cfg(feature = "deploy")]
mod deploy;
#[cfg(feature = "operate")]
mod events;
mod explain;
mod init;
mod kinds;
mod local;
#[cfg(feature = "operate")]
mod operate;
mod output;
#[cfg(feature = "rehearse")]
mod rehearse;
mod schema;
#[cfg(feature = "operate")]
mod stats;
#[cfg(feature = "rehearse")]
mod storm;
#[cfg(feature = "operate")]
mod switches;
mod synth;
#[cfg(feature = "operate")]
mod unlock;
mod wrap;

pub use output::Format;

use crate::diagnostics::{Problem, Problems};
use crate::project::{Compiled, Project};
use clap::{CommandFactory, Parser, Subcommand};
use output::Printer;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Success,
    /// Something is wrong; it was reported.
    Failure,
    /// Generated files are stale.
    Stale,
    /// The user let go; CloudFormation goes on.
    Detached,
    /// The user stopped it before anything was changed.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Stale => 3,
            Exit::Detached => 4,
            Exit::Interrupted => 130,
        })
    }
}

/// Self-healing for AWS: healing rules in, CloudFormation out.
#[derive(Debug, Parser)]
#[command(name = "healstack", version, about, max_term_width = 100, propagate_version = true)]
struct Arguments {
    /// Work in this folder instead of the current one.
    #[arg(short = 'C', long, global = true, value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    /// The environment of healstack.yaml. Default: its `default_environment`.
    #[arg(short, long, global = true, env = "HEALSTACK_ENV", value_name = "NAME")]
    env: Option<String>,

    /// Print for people or as JSON.
    #[arg(short, long, global = true, value_enum, default_value_t)]
    output: Format,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin a project: healstack.yaml and an example rule.
    Init(init::Options),
    /// Compile the rules and write generated/<environment>/.
    Synth(synth::Options),
    /// Compile the rules and report everything that is wrong, writing nothing.
    Check,
    /// Say in plain words what a rule does, when, and what it may touch.
    Explain(explain::Options),
    /// List what can be healed, and how a rule says so.
    Kinds(kinds::Options),
    /// Print the JSON Schema of rule files, for editors.
    Schema(schema::Options),
    /// Rehearse healing: run what was compiled in virtual time, and see what each failure comes to.
    #[cfg(feature = "rehearse")]
    Rehearse(rehearse::Options),
    /// Show what a deployment would change: the change sets themselves.
    #[cfg(feature = "deploy")]
    Diff(deploy::DiffOptions),
    /// Compile, show the change sets, confirm, and deploy.
    #[cfg(feature = "deploy")]
    Deploy(deploy::DeployOptions),
    /// Delete the deployed stacks.
    #[cfg(feature = "deploy")]
    Destroy(deploy::DestroyOptions),
    /// Show what is deployed, and whether it is what the rules say.
    #[cfg(feature = "deploy")]
    Status(deploy::StatusOptions),
    /// List healing events, or follow them as they come.
    #[cfg(feature = "operate")]
    Events(events::Options),
    /// Count healing events and rules by layer.
    #[cfg(feature = "operate")]
    Stats(stats::Options),
    /// Stop healing of a rule, a stack or everything.
    #[cfg(feature = "operate")]
    Pause(switches::SetOptions),
    /// Lift a pause.
    #[cfg(feature = "operate")]
    Resume(switches::LiftOptions),
    /// Make rules observe without a deployment, or give them back the mode of their file.
    #[cfg(feature = "operate")]
    Mode(switches::ModeOptions),
    /// List the pauses and other overrides in force.
    #[cfg(feature = "operate")]
    Switches(switches::ListOptions),
    /// Take a resource's lease away from a healing that will not end.
    #[cfg(feature = "operate")]
    Unlock(unlock::Options),
    /// The local AWS that `--local` deploys to.
    Local(local::Options),
    /// Print a completion script for a shell, for instance `healstack completions bash`.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What every command has.
#[derive(Clone)]
struct Session {
    directory: PathBuf,
    env: Option<String>,
    printer: Printer,
}

/// Parses the arguments, runs the command, gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let session = Session {
        directory: arguments.directory,
        env: arguments.env.filter(|name| !name.is_empty()),
        printer: Printer::new(arguments.output),
    };
    let exit = match arguments.command {
        Command::Init(options) => init::run(&session, &options),
        Command::Synth(options) => synth::run(&session, &options),
        Command::Check => check::run(&session),
        Command::Explain(options) => explain::run(&session, &options),
        Command::Kinds(options) => kinds::run(&session, &options),
        Command::Schema(options) => schema::run(&session, &options),
        #[cfg(feature = "rehearse")]
        Command::Rehearse(options) => rehearse::run(&session, &options),
        #[cfg(feature = "deploy")]
        Command::Diff(options) => deploy::diff(&session, &options),
        #[cfg(feature = "deploy")]
        Command::Deploy(options) => deploy::deploy(&session, &options),
        #[cfg(feature = "deploy")]
        Command::Destroy(options) => deploy::destroy(&session, &options),
        #[cfg(feature = "deploy")]
        Command::Status(options) => deploy::status(&session, &options),
        #[cfg(feature = "operate")]
        Command::Events(options) => events::run(&session, &options),
        #[cfg(feature = "operate")]
        Command::Stats(options) => stats::run(&session, &options),
        #[cfg(feature = "operate")]
        Command::Pause(options) => switches::pause(&session, &options),
        #[cfg(feature = "operate")]
        Command::Resume(options) => switches::resume(&session, &options),
        #[cfg(feature = "operate")]
        Command::Mode(options) => switches::mode(&session, &options),
        #[cfg(feature = "operate")]
        Command::Switches(options) => switches::list(&session, &options),
        #[cfg(feature = "operate")]
        Command::Unlock(options) => unlock::run(&session, &options),
        Command::Local(options) => local::run(&session, &options),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "healstack", &mut script);
            // A reader that has seen enough is no failure.
            drop(std::io::stdout().write_all(&script));
            Exit::Success
        }
    };
    exit.into()
}

impl Session {
    /// The project that the command works on.
    fn project(&self) -> Result<Project, Problem> {
        let directory = self
            .directory
            .canonicalize()
            .map_err(|error| Problem::error(format!("cannot go to {}: {error}", self.directory.display())))?;
        Project::find(&directory)
    }

    /// Finds the project and compiles it. The problems that come with it are warnings; errors were reported.
    fn compile(&self) -> Result<(Project, Compiled, Problems), Exit> {
        let mut problems = Problems::default();
        let compiled = problems.take(self.project()).and_then(|project| {
            let compiled = project.compile(self.env.as_deref(), &mut problems)?;
            Some((project, compiled))
        });
        match compiled {
            Some((project, compiled)) if !problems.has_errors() => Ok((project, compiled, problems)),
            _ => Err(self.printer.failure(&problems)),
        }
    }
}
