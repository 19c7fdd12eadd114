//! From tree to text in one canonical form: block style, two spaces, short intrinsics, comments where asked for.

use super::scalar::{is_printable, style};
use super::{Node, Value};

/// Writes YAML.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
}

impl Writer {
    /// A blank line.
    pub fn blank(&mut self) {
        self.out.push('\n');
    }

    /// Comment lines at a level of indentation.
    pub fn comment(&mut self, level: usize, text: &str) {
        for line in text.lines() {
            self.indent(level);
            self.out.push('#');
            if !line.is_empty() {
                self.out.push(' ');
                self.out.extend(line.chars().map(|c| if is_printable(c) { c } else { ' ' }));
            }
            self.out.push('\n');
        }
    }

    /// `key: value` at a level of indentation.
    pub fn entry(&mut self, level: usize, key: &str, value: &Node) {
        self.indent(level);
        self.out.push_str(&style(key));
        self.out.push(':');
        self.value(level, value, false);
    }

    /// `key:`, whose value follows in deeper entries.
    pub fn section(&mut self, level: usize, key: &str) {
        self.indent(level);
        self.out.push_str(&style(key));
        self.out.push_str(":\n");
    }

    /// A whole document.
    pub fn node(&mut self, node: &Node) {
        match &node.value {
            Value::Mapping(entries) if !entries.is_empty() => {
                for entry in entries {
                    self.entry(0, &entry.key, &entry.value);
                }
            }
            _ => self.value(0, node, true),
        }
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    fn indent(&mut self, level: usize) {
        self.out.extend(std::iter::repeat_n("  ", level));
    }

    /// A value after `key:` or `-`; `bare` when nothing stands before it on the line.
    fn value(&mut self, level: usize, node: &Node, bare: bool) {
        if !bare {
            self.out.push(' ');
        }
        if let Some(tag) = &node.tag {
            self.out.push('!');
            self.out.push_str(tag);
            self.out.push(' ');
        }
        match &node.value {
            Value::Null => self.line("null"),
            Value::Bool(value) => self.line(&value.to_string()),
            Value::Int(value) => self.line(&value.to_string()),
            Value::Float(value) => self.line(&format!("{value:?}")),
            Value::String(text) => self.string(level, text),
            Value::Sequence(items) if items.is_empty() => self.line("[]"),
            Value::Mapping(entries) if entries.is_empty() => self.line("{}"),
            Value::Sequence(items) => {
                self.break_line(bare);
                let level = if bare { level } else { level + 1 };
                for item in items {
                    self.indent(level);
                    self.out.push('-');
                    self.item(level, item);
                }
            }
            Value::Mapping(entries) => {
                self.break_line(bare);
                let level = if bare { level } else { level + 1 };
                for entry in entries {
                    self.entry(level, &entry.key, &entry.value);
                }
            }
        }
    }

    /// A list's item after its dash: a map begins on the same line.
    fn item(&mut self, level: usize, node: &Node) {
        match &node.value {
            Value::Mapping(entries) if !entries.is_empty() && node.tag.is_none() => {
                for (index, entry) in entries.iter().enumerate() {
                    if index == 0 {
                        self.out.push(' ');
                        self.out.push_str(&style(&entry.key));
                        self.out.push(':');
                        self.value(level + 1, &entry.value, false);
                    } else {
                        self.entry(level + 1, &entry.key, &entry.value);
                    }
                }
            }
            _ => self.value(level, node, false),
        }
    }

    /// Ends the line that a collection's key stands on.
    fn break_line(&mut self, bare: bool) {
        if !bare {
            while self.out.ends_with(' ') {
                self.out.pop();
            }
            self.out.push('\n');
        }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// Text: a literal block when it has lines that a block keeps, else on one line.
    fn string(&mut self, level: usize, text: &str) {
        let lines_keep = text.lines().all(|line| line.chars().all(is_printable) && !line.ends_with(' '));
        let first_keeps = !text.starts_with([' ', '\n']);
        if !(text.contains('\n') && lines_keep && first_keeps && !text.contains('\r')) {
            return self.line(&style(text));
        }
        let body = text.trim_end_matches('\n');
        self.out.push_str(match text.len() - body.len() {
            0 => "|-\n",
            1 => "|\n",
            _ => "|+\n",
        });
        for line in body.split('\n') {
            if !line.is_empty() {
                self.indent(level + 1);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
        for _ in 1..(text.len() - body.len()) {
            self.out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Entry;

    #[test]
    fn writes_what_a_reviewer_reads() {
        let node = Node::map(vec![
            Entry::new("Type", "AWS::SNS::Topic"),
            Entry::new("Version", "2012-10-17"),
            Entry::new("Arn", Node::from("arn:${AWS::Partition}:sns").tagged("Sub")),
            Entry::new(
                "List",
                vec![Node::map(vec![Entry::new("A", "1"), Entry::new("B", Vec::<Node>::new())]), "x".into()],
            ),
            Entry::new("Text", "one\n  two\n"),
        ]);
        let mut writer = Writer::default();
        writer.node(&node);
        let expected = "\
Type: AWS::SNS::Topic
Version: '2012-10-17'
Arn: !Sub arn:${AWS::Partition}:sns
List:
  - A: '1'
    B: []
  - x
Text: |
  one
    two
";
        assert_eq!(writer.finish(), expected);
    }
}
