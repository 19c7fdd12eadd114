//! Runs named steps one after another: each is shown with its duration, a failure does not stop the rest, and the failed
//! ones are listed at the end.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::clock::Started;
use crate::counts::Counts;
use crate::error::XtaskError;

/// Steps that have run.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    failed: Vec<&'static str>,
    counts: Counts,
}

impl Steps {
    /// Runs a step that is right or wrong as a whole.
    pub(crate) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<(), XtaskError>) {
        self.run_counted(name, || step().map(|()| Counts { passed: 1, failed: 0 }));
    }

    /// Runs a step that counts tests of its own; a failed one counts as a failed step.
    pub(crate) fn run_counted(&mut self, name: &'static str, step: impl FnOnce() -> Result<Counts, XtaskError>) {
        say(&format!("\n==> {name}"));
        let started = Started::now();
        let counts = step().unwrap_or_else(|error| {
            say(&format!("{:?}", miette::Report::new(error)));
            Counts { passed: 0, failed: 1 }
        });
        let word = if counts.failed == 0 { "ok" } else { "FAILED" };
        say(&format!("    {name}: {word} in {:.1} s", started.elapsed().as_secs_f64()));
        if counts.failed > 0 {
            self.failed.push(name);
        }
        self.counts += counts;
    }

    /// Whether anything failed so far.
    pub(crate) fn any_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Lists what failed; the last line is `<n> passed, <n> failed`.
    pub(crate) fn finish(&self) -> std::process::ExitCode {
        say("");
        for name in &self.failed {
            say(&format!("FAILED: {name}"));
        }
        say(&format!("{} passed, {} failed", self.counts.passed, self.counts.failed));
        if self.any_failed() { std::process::ExitCode::FAILURE } else { std::process::ExitCode::SUCCESS }
    }
}

/// Prints a line. A reader that has gone (`| head`) must not end the steps: what they find is in the exit status.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Runs a program that shows its output itself, and fails when it does.
pub(crate) fn succeed(command: &mut Command) -> Result<(), XtaskError> {
    let status = command.status().map_err(|source| cannot_run(command, source))?;
    if status.success() { Ok(()) } else { Err(XtaskError::Failed { program: describe(command), status }) }
}

/// What a program prints to standard output; its errors are shown as they come.
pub(crate) fn printed_by(command: &mut Command) -> Result<String, XtaskError> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|source| cannot_run(command, source))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(XtaskError::Failed { program: describe(command), status: output.status })
}

/// For a program that could not be started.
pub(crate) fn cannot_run(command: &Command, source: std::io::Error) -> XtaskError {
    XtaskError::Run { program: command.get_program().into(), source }
}

/// The program and its first arguments, to be recognized by.
pub(crate) fn describe(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    let arguments = command.get_args().take(4).map(|argument| argument.to_string_lossy());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_kept_and_the_rest_still_runs() {
        let mut steps = Steps::default();
        steps.run("first", || succeed(Command::new("false").arg("x")));
        steps.run_counted("second", || Ok(Counts { passed: 3, failed: 0 }));
        steps.run("third", || succeed(&mut Command::new("true")));
        assert_eq!((steps.failed.as_slice(), steps.counts), (["first"].as_slice(), Counts { passed: 4, failed: 1 }));
        assert!(steps.any_failed());
    }

    #[test]
    fn programs_are_named_without_their_folder() {
        assert_eq!(describe(Command::new("/usr/bin/cargo").args(["a", "b", "c", "d", "e"])), "cargo a b c d");
    }
}
