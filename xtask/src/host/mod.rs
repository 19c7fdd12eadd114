//! `cargo xtask test-host`: a Debian guest with real systemd, cgroups and pressure, for what this machine's own kernel or
//! container does not offer.

mod image;
mod machine;
mod packages;

use std::process::ExitCode;
use std::time::Duration;

use crate::error::XtaskError;
use crate::steps::say;
use crate::workspace::Workspace;
use image::Image;
use machine::{Machine, Start};

/// Options of `test-host`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run this script in a new test host instead, and print what it prints.
    #[arg(long, value_name = "SCRIPT")]
    run: Option<String>,
}

/// A script is some minutes at most, on an emulated processor that is about seventeen times slower than this one.
const SCRIPT: Duration = Duration::from_mins(10);

/// Runs them.
pub(crate) fn run(_workspace: &Workspace, options: &Options) -> Result<ExitCode, XtaskError> {
    packages::ensure()?;
    let image = Image::ensure()?;
    let script = options.run.as_deref().unwrap_or("true");
    let mut machine = Machine::start(&image, Start::Kept, None)?;
    let ran = machine.run(script, SCRIPT).inspect_err(|_| say(&machine.console()))?;
    say(&ran.text);
    Ok(ExitCode::from(u8::try_from(ran.status).unwrap_or(1)))
}
