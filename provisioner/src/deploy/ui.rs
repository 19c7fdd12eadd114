//! What the user sees while a command runs, and what they are asked.

use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use tokio::sync::oneshot;

use super::report::StackOutcome;

mod progress;

use progress::Progress;

/// The user's side of a command. Commands run many stacks at once, so calls come from many tasks.
pub trait Ui: Send + Sync {
    /// Shows text that the next question is about; coloured.
    fn show(&self, text: &str);

    /// Asks a question with yes or no. The answer comes through the channel, because Ctrl-C may come before it.
    fn ask(&self, question: &str) -> oneshot::Receiver<Answer>;

    /// Shows progress.
    fn step(&self, step: &Step<'_>);
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// Anything else.
    No,
    /// There is nobody to answer.
    Nobody,
}

/// One step of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Something worth a line of its own.
    Note(&'a str),
    /// A stack's operation began, with this many resources to change.
    Started {
        /// The stack.
        stack: &'a str,
        /// The number of resources.
        total: usize,
    },
    /// A resource's status changed.
    Resource {
        /// The stack.
        stack: &'a str,
        /// The resource's name in the template.
        logical_id: &'a str,
        /// The resource's type.
        resource_type: &'a str,
        /// Its new status.
        status: &'a str,
        /// The service's reason; empty when there is none.
        reason: &'a str,
        /// How long it took; `None` while it is not finished.
        took: Option<Duration>,
        /// How many of the stack's resources are finished.
        done: usize,
    },
    /// A stack's operation ended.
    Ended {
        /// The stack.
        stack: &'a str,
        /// How.
        outcome: StackOutcome,
        /// Its CloudFormation status.
        status: &'a str,
        /// How long it took.
        took: Duration,
    },
}

/// The user at a terminal, or a log. Progress and questions go to standard error.
#[derive(Debug)]
pub struct TerminalUi {
    machine: bool,
    progress: Progress,
}

impl TerminalUi {
    /// `machine`: standard output is read by a program, so what people are shown goes to standard error.
    #[must_use]
    pub fn new(machine: bool) -> Self {
        Self { machine, progress: Progress::new() }
    }
}

impl Ui for TerminalUi {
    fn show(&self, text: &str) {
        // What cannot be shown must not end a deployment that is under way.
        let _ = self.progress.pause(|| {
            if self.machine { write!(anstream::stderr(), "{text}") } else { write!(anstream::stdout(), "{text}") }
        });
    }

    fn ask(&self, question: &str) -> oneshot::Receiver<Answer> {
        let (answer, receiver) = oneshot::channel();
        if !std::io::stdin().is_terminal() {
            // The receiver is in this function's hands, so it is there.
            let _ = answer.send(Answer::Nobody);
            return receiver;
        }
        let _ = self.progress.pause(|| write!(anstream::stderr(), "{question} [y/N] "));
        // Not the runtime's blocking pool: the runtime would wait for this thread at its end, and reading cannot be stopped.
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line);
            let yes = read.is_ok() && matches!(line.trim().to_lowercase().as_str(), "y" | "yes");
            // Nobody waits any more after Ctrl-C.
            let _ = answer.send(if yes { Answer::Yes } else { Answer::No });
        });
        receiver
    }

    fn step(&self, step: &Step<'_>) {
        self.progress.step(step);
    }
}
