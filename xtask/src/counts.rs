//! Runs a test runner, shows its output as it comes, and counts its tests from the closing lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::ops::AddAssign;
use std::process::{Command, Stdio};
use std::thread;

use crate::error::XtaskError;
use crate::steps::cannot_run;

/// Tests that passed and failed. Ignored ones are neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs a test runner. One that fails without naming a failed test (it did not compile), or succeeds without summing up (its
/// tests were not counted), has one failure.
pub(crate) fn count(command: &mut Command) -> Result<Counts, XtaskError> {
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|source| cannot_run(command, source))?;
    let errors = child.stderr.take().map(|stream| thread::spawn(move || show(stream, std::io::stderr())));
    let output = child.stdout.take().and_then(|stream| show(stream, std::io::stdout()));
    // A thread that panicked has shown why; its tests are then missing from the sum.
    let errors = errors.and_then(|thread| thread.join().ok().flatten());
    let status = child.wait().map_err(|source| cannot_run(command, source))?;
    let summed_up = output.is_some() || errors.is_some();
    let mut counts = output.unwrap_or_default();
    counts += errors.unwrap_or_default();
    if counts.failed == 0 && !(status.success() && summed_up) {
        counts.failed = 1;
    }
    Ok(counts)
}

/// Copies a stream and sums up its closing lines; `None` when it has none.
fn show(stream: impl Read, mut out: impl Write) -> Option<Counts> {
    let mut sum: Option<Counts> = None;
    let mut ran = 0;
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let text = String::from_utf8_lossy(&line);
        // A closed terminal must not end the tests; what they find is in the exit status.
        let _ = writeln!(out, "{text}");
        match closing_line(&without_colours(&text)) {
            Some(Closing::Counts(found)) => *sum.get_or_insert_default() += found,
            Some(Closing::Ran(tests)) => ran = tests,
            Some(Closing::Verdict { failed, skipped }) => {
                *sum.get_or_insert_default() += Counts { passed: ran - (failed + skipped).min(ran), failed };
                ran = 0;
            }
            None => {}
        }
    }
    sum
}

/// Without the escape sequences that `CARGO_TERM_COLOR=always` puts in: `ESC [ .. letter`.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest));
    }
    text
}

/// A line in which a test runner sums up.
#[derive(Debug, PartialEq, Eq)]
enum Closing {
    Counts(Counts),
    /// Python's unittest says in one line how many tests ran, ..
    Ran(usize),
    /// .. and in another how many of them failed.
    Verdict {
        failed: usize,
        skipped: usize,
    },
}

fn closing_line(line: &str) -> Option<Closing> {
    let line = line.trim();
    // cargo test: `test result: ok. 3 passed; 0 failed; 1 ignored; ..`
    // cargo nextest: `Summary [ 0.1s] 4 tests run: 3 passed, 1 failed, 0 skipped`
    let sum = line
        .strip_prefix("test result: ")
        .or_else(|| line.strip_prefix("Summary [")?.split_once("run:").map(|(_, rest)| rest));
    if let Some(sum) = sum {
        return Some(Closing::Counts(Counts { passed: before(sum, "passed"), failed: before(sum, "failed") }));
    }
    if let Some(rest) = line.strip_prefix("Ran ") {
        return rest.split_once(" test").and_then(|(number, _)| number.parse().ok()).map(Closing::Ran);
    }
    let word = line.split(" (").next();
    if word == Some("OK") || word == Some("FAILED") {
        let failed = after(line, "failures=") + after(line, "errors=");
        return Some(Closing::Verdict { failed, skipped: after(line, "skipped=") });
    }
    None
}

/// The number before a word: 3 in `ok. 3 passed; ..`.
fn before(text: &str, word: &str) -> usize {
    let words: Vec<_> = text.split([' ', ',', ';']).filter(|part| !part.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

/// The number after a word: 1 in `(failures=1)`.
fn after(text: &str, word: &str) -> usize {
    let rest = text.split_once(word).map_or("", |(_, rest)| rest);
    rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: usize, failed: usize) -> Counts {
        Counts { passed, failed }
    }

    #[test]
    fn closing_lines_of_each_runner() {
        for (text, expected) in [
            ("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; finished in 0.1s\n", counts(3, 0)),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored\ntest result: ok. 1 passed; 0 failed\n", counts(4, 2)),
            ("     Summary [   0.041s] 5 tests run: 4 passed (1 slow), 1 failed, 2 skipped\n", counts(4, 1)),
            ("----\nRan 24 tests in 0.4s\n\nOK\n", counts(24, 0)),
            ("Ran 9 tests in 3.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n", counts(5, 3)),
            (
                "\x1b[32;1m     Summary\x1b[0m [ 0.4s] \x1b[1m2\x1b[0m tests run: \x1b[1m2\x1b[0m \x1b[32mpassed\x1b[0m\n",
                counts(2, 0),
            ),
        ] {
            let mut shown = Vec::new();
            assert_eq!(show(text.as_bytes(), &mut shown), Some(expected), "{text}");
            assert_eq!(shown, text.as_bytes());
        }
    }

    #[test]
    fn other_lines_are_no_closing_lines() {
        assert_eq!(show("test a ... ok\nran out of luck\nOKAY\n".as_bytes(), &mut Vec::new()), None);
    }

    #[test]
    fn runner_that_says_nothing_of_its_tests_has_one_failure() {
        assert_eq!(count(&mut Command::new("false")).unwrap(), counts(0, 1));
        assert_eq!(count(&mut Command::new("true")).unwrap(), counts(0, 1));
        assert_eq!(count(Command::new("sh").args(["-c", "kill -KILL $$"])).unwrap(), counts(0, 1));
    }
}
