//! Long lines on a terminal: wrapped at words, and indented as the line began, so that a list stays a list.

use std::io::IsTerminal;

/// Below this a terminal is too narrow to help with.
const LEAST_WIDTH: usize = 40;

/// The text with its lines wrapped to the terminal; unchanged where nobody looks at one.
pub(super) fn to_terminal(text: &str) -> String {
    if !std::io::stdout().is_terminal() {
        return text.to_owned();
    }
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    wrapped(text, width)
}

fn wrapped(text: &str, width: usize) -> String {
    if width < LEAST_WIDTH {
        return text.to_owned();
    }
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let indent = " ".repeat(indentation(line).min(width / 2));
        let options = textwrap::Options::new(width)
            .subsequent_indent(&indent)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .word_separator(textwrap::WordSeparator::AsciiSpace);
        out.push_str(&textwrap::fill(line, options));
        out.push_str(end);
    }
    out
}

/// Where a line's text begins: after its last column of two spaces or more, or after a list's dash.
fn indentation(line: &str) -> usize {
    let mut column = 0;
    let mut spaces = 0;
    let mut begin = 0;
    let mut escaped = false;
    for character in line.chars() {
        match character {
            '\u{1b}' => escaped = true,
            'm' if escaped => escaped = false,
            _ if escaped => {}
            ' ' => {
                spaces += 1;
                column += 1;
            }
            _ => {
                if spaces >= 2 {
                    begin = column;
                }
                spaces = 0;
                column += 1;
            }
        }
    }
    let rest = line.trim_start();
    if begin > 0 && rest.starts_with("- ") && line.len() - rest.len() == begin { begin + 2 } else { begin }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_on_where_their_text_began() {
        let text = "  - It never terminates an instance, whatever it is asked.\n   2. stop         ec2:StopInstances, else escalate to a human being\nshort\n";
        assert_eq!(
            wrapped(text, 45),
            "  - It never terminates an instance, whatever\n    it is asked.\n   2. stop         ec2:StopInstances, else\n                   escalate to a human being\nshort\n"
        );
    }

    #[test]
    fn colours_take_no_room() {
        let text = "  after 60 s      \u{1b}[2mThe integrity job found the data corrupt.\u{1b}[0m\n";
        let lines: Vec<String> = wrapped(text, 44).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[1], format!("{}the data corrupt.\u{1b}[0m", " ".repeat(18)));
    }

    #[test]
    fn a_narrow_terminal_gets_the_text_as_it_is() {
        assert_eq!(wrapped("a long line that is longer than that", 20), "a long line that is longer than that");
    }
}
