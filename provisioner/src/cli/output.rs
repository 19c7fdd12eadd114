//! What is printed: results on stdout, problems and progress on stderr; for people, or one JSON value.

use super::Exit;
pub(super) use crate::text::count;

use crate::diagnostics::{Problem, Problems, Severity};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::io::IsTerminal;

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON value on stdout.
    Json,
}

/// Prints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printer {
    format: Format,
    /// Whether a JSON value takes one line: standard output is JSON Lines then.
    lines: bool,
}

/// Something good.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Something to look at.
pub(super) const CHANGED: Style = AnsiColor::Yellow.on_default();
/// Something gone, or wrong.
pub(super) const BAD: Style = AnsiColor::Red.on_default();
/// A heading.
pub(super) const BOLD: Style = Style::new().bold();
/// Something less important.
pub(super) const DIM: Style = Style::new().dimmed();

impl Printer {
    pub(super) fn new(format: Format) -> Self {
        Self { format, lines: false }
    }

    /// Whether people read.
    pub(super) fn for_people(self) -> bool {
        self.format == Format::Text
    }

    /// The same for a command whose JSON is one value a line.
    #[cfg(feature = "operate")]
    pub(super) fn of_lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// Prints a result: `text` for people, `value` as JSON with the problems beside it.
    pub(super) fn result(self, text: &str, value: Value, problems: &Problems) {
        if self.for_people() {
            anstream::print!("{}", in_own_words(text));
        } else {
            let problems: Vec<Value> = problems.iter().map(Problem::to_json).collect();
            let mut value = value;
            if let Value::Object(fields) = &mut value {
                fields.insert("problems".to_owned(), problems.into());
            }
            self.json(&value);
        }
    }

    fn json(self, value: &Value) {
        if self.lines { anstream::println!("{value}") } else { anstream::println!("{value:#}") }
    }

    /// Reports everything that is wrong, each with its source line, and ends in failure.
    pub(super) fn failure(self, problems: &Problems) -> Exit {
        if self.for_people() {
            self.problems(problems);
            let errors = problems.count(Severity::Error);
            let word = if errors == 1 { "error" } else { "errors" };
            anstream::eprintln!("{BAD}{errors} {word}{BAD:#}, nothing was done");
        } else {
            self.result("", json!({"ok": false}), problems);
        }
        Exit::Failure
    }

    /// One problem is the whole report.
    pub(super) fn fail(self, problem: Problem) -> Exit {
        let mut problems = Problems::default();
        problems.push(problem);
        self.failure(&problems)
    }

    /// Every problem with its source line.
    pub(super) fn problems(self, problems: &Problems) {
        if self.for_people() {
            problems.iter().for_each(|problem| anstream::eprintln!("{}", rendered(problem)));
        }
    }

    /// How many warnings there are, for commands whose business they are not.
    #[cfg(feature = "deploy")]
    pub(super) fn mention_warnings(self, problems: &Problems) {
        let warnings = problems.count(Severity::Warning);
        if self.for_people() && warnings > 0 {
            let count = count(warnings, "warning");
            let text = in_own_words("about the rules: `healstack check` shows them").into_owned();
            anstream::eprintln!("{CHANGED}{count}{CHANGED:#} {text}");
        }
    }
}

/// Something to know beside a result, on stderr whatever the format.
#[cfg(feature = "operate")]
pub(super) fn note(text: &str) {
    anstream::eprintln!("{}", in_own_words(text));
}

/// A diagnostic as people read it: message, source line, help.
fn rendered(problem: &dyn miette::Diagnostic) -> String {
    in_own_words(&render(problem)).into_owned()
}

/// What the user has to type: `cargo xtask check` where the command was started so.
fn in_own_words(text: &str) -> Cow<'_, str> {
    match std::env::var("HEALSTACK_COMMAND") {
        Ok(command) if text.contains("`healstack ") => text.replace("`healstack ", &format!("`{command} ")).into(),
        _ => text.into(),
    }
}

fn render(problem: &dyn miette::Diagnostic) -> String {
    let mut text = String::new();
    let unicode = std::io::stderr().is_terminal();
    let theme = if unicode { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_context_lines(1).with_links(false);
    match handler.render_report(&mut text, problem) {
        Ok(()) => text,
        Err(_) => problem.to_string(),
    }
}

/// Prints an error of another module the way problems are printed.
pub(super) fn report(printer: Printer, error: &dyn miette::Diagnostic) -> Exit {
    if printer.for_people() {
        anstream::eprintln!("{}", rendered(error));
    } else {
        let help = error.help().map(|help| help.to_string());
        let problem = json!({"severity": "error", "message": error.to_string(), "help": help});
        printer.json(&json!({"ok": false, "problems": [problem]}));
    }
    Exit::Failure
}
