//! Templates as people and programs write them: every way of YAML and JSON to write one tree.

use crate::choices::{Choices, Val};
use std::fmt::Write as _;

/// Text of comments that looks like something else.
const COMMENTS: [&str; 10] =
    ["note", "- x", "key: |", "it's", "a \"quote", "] }", "{ [", "# again", "ä 🛠", "Type: AWS::SNS::Topic >"];

pub(crate) struct Writer {
    c: Choices,
    out: String,
    /// By how many columns each level is indented; 0 where each has its own.
    step: usize,
    /// Whether there are comments, blank lines and spaces at line ends.
    noise: bool,
    /// In percent, how often a collection stands in brackets.
    brackets: usize,
    comments: usize,
    /// The column of the text of the block scalar that was written last, as long as nothing came after it.
    open_block: Option<usize>,
}

impl Writer {
    /// The sections of a template as a file.
    pub(crate) fn write(words: Vec<u16>, sections: &[(String, Val)]) -> String {
        let mut c = Choices::new(words);
        let json = c.chance(20);
        let step = c.pick(&[2, 4, 0, 1, 3, 8]);
        let noise = c.chance(60);
        let brackets = c.pick(&[10, 0, 40, 90]);
        let (crlf, open, bom, tail) = (c.chance(20), c.chance(15), c.chance(8), c.chance(5));
        let mut writer = Self { c, out: String::new(), step, noise, brackets, comments: 0, open_block: None };
        if json {
            let pretty = writer.c.pick(&[Some("  "), None, Some("    "), Some("\t"), Some(" ")]);
            writer.json(&Val::Map(sections.to_vec()), pretty, 0);
            writer.out.push('\n');
        } else {
            if writer.noise && writer.c.chance(30) {
                writer.out.push_str("---\n");
            }
            writer.entries(sections, 0, false);
            if tail {
                writer.out.push_str("...\n");
            }
        }
        let mut text = writer.out;
        if open {
            let kept = text.trim_end_matches('\n').len();
            text.truncate(kept);
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if bom {
            text.insert(0, '\u{FEFF}');
        }
        text
    }

    fn deeper(&mut self, column: usize) -> usize {
        column + if self.step == 0 { 1 + self.c.below(8) } else { self.step }
    }

    fn spaces(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(' ', count));
    }

    /// The end of a line, perhaps after a comment.
    fn end_line(&mut self) {
        if self.noise && self.c.chance(12) {
            let comment = self.comment();
            let gap = self.c.pick(&[" ", "  ", "      "]);
            let _ = write!(self.out, "{gap}{comment}");
        } else if self.noise && self.c.chance(5) {
            self.out.push_str("   ");
        }
        self.out.push('\n');
    }

    fn comment(&mut self) -> String {
        self.comments += 1;
        let text = self.c.pick(&COMMENTS);
        format!("# c{} {text}", self.comments)
    }

    /// Comments and blank lines between the lines of a block.
    fn between(&mut self, column: usize) {
        while self.noise && self.c.chance(15) {
            match self.c.below(4) {
                0 => self.out.push('\n'),
                1 if self.open_block.is_none() => self.out.push_str("  \n"),
                form => {
                    // Where a block's text is, a comment would be text.
                    let most = self.open_block.map_or(column + 4, |text| text.saturating_sub(1));
                    let at = if form == 2 { column.min(most) } else { self.c.below(most + 1) };
                    let comment = self.comment();
                    self.spaces(at);
                    self.out.push_str(&comment);
                    self.out.push('\n');
                    self.open_block = None;
                }
            }
        }
        self.open_block = None;
    }

    /// The entries of a map in block style. `dashed`: the first stands behind a dash.
    fn entries(&mut self, entries: &[(String, Val)], column: usize, dashed: bool) {
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 || !dashed {
                if index > 0 {
                    self.between(column);
                }
                self.spaces(column);
            }
            let key = self.key(key);
            let gap = if self.noise && self.c.chance(3) { " " } else { "" };
            let _ = write!(self.out, "{key}{gap}:");
            self.value(value, column, Some(column), " ");
        }
    }

    fn key(&mut self, key: &str) -> String {
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_.:".contains(c));
        match self.c.below(if self.noise { 30 } else { 1 }) {
            28 => format!("'{key}'"),
            29 => format!("\"{key}\""),
            _ if plain => key.to_owned(),
            _ => format!("\"{key}\""),
        }
    }

    /// A value behind `key:` or a dash. `column` is that of the collection around it; `key` that of the key, if it has one.
    fn value(&mut self, value: &Val, column: usize, key: Option<usize>, gap: &str) {
        if self.noise && self.c.chance(2) && !matches!(value, Val::Call(..) | Val::Null | Val::Nil | Val::Empty) {
            self.comments += 1;
            let _ = write!(self.out, "{gap}&a{}", self.comments);
            return self.value(value, column, key, " ");
        }
        match value {
            Val::Map(entries) if entries.is_empty() => self.inline(gap, "{}"),
            Val::List(items) if items.is_empty() => self.inline(gap, "[]"),
            Val::Map(_) | Val::List(_) if self.c.chance(self.brackets) => {
                self.out.push_str(gap);
                self.flow(value, column);
                self.end_line();
            }
            Val::Map(entries) => match key {
                // The first entry behind the dash.
                None if gap != " " || !self.c.chance(10) => {
                    self.out.push_str(gap);
                    let column = column + 1 + gap.len();
                    self.entries(entries, column, true);
                }
                _ => {
                    self.end_line();
                    let deeper = self.deeper(column);
                    self.between(deeper);
                    self.entries(entries, deeper, false);
                }
            },
            Val::List(items) => {
                self.end_line();
                let at = match key {
                    Some(key) if self.c.chance(40) => key,
                    _ => self.deeper(column),
                };
                self.items(items, at);
            }
            Val::Call(name, argument) => self.call(name, argument, column, key, gap),
            Val::Lines(text) => self.lines(text, column, key, gap),
            Val::Empty => self.end_line(),
            Val::Null if self.c.chance(40) => self.end_line(),
            Val::Null | Val::Nil => {
                let word = self.c.pick(&["null", "~"]);
                self.inline(gap, word);
            }
            Val::Text(text) if text.contains(' ') && self.c.chance(20) && text.split(' ').all(is_word) => {
                // A plain or quoted text over two lines.
                let quote = self.c.pick(&["", "\"", "'"]);
                let deeper = self.deeper(column);
                let folded = text.replace(' ', &format!("\n{}", " ".repeat(deeper)));
                let _ = write!(self.out, "{gap}{quote}{folded}{quote}");
                self.end_line();
            }
            _ => {
                let text = self.scalar(value);
                self.inline(gap, &text);
            }
        }
    }

    fn inline(&mut self, gap: &str, text: &str) {
        self.out.push_str(gap);
        self.out.push_str(text);
        self.end_line();
    }

    fn items(&mut self, items: &[Val], column: usize) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.between(column);
            }
            self.spaces(column);
            self.out.push('-');
            let gap = if self.noise && self.c.chance(8) { "   " } else { " " };
            self.value(item, column, None, gap);
        }
    }

    fn call(&mut self, name: &str, argument: &Val, column: usize, key: Option<usize>, gap: &str) {
        let long = matches!(argument, Val::Call(..)) || self.c.chance(25);
        if long {
            return self.value(&long_form(name, argument), column, key, gap);
        }
        let _ = write!(self.out, "{gap}!{name}");
        match argument {
            Val::Map(_) | Val::List(_) if self.c.chance(60) => {
                self.out.push(' ');
                self.flow(argument, column);
                self.end_line();
            }
            // Not behind the dash: a tag stands before it.
            _ => self.value(argument, column, key.or(Some(column + 1)), " "),
        }
    }

    /// Text as a block scalar.
    fn lines(&mut self, text: &str, column: usize, key: Option<usize>, gap: &str) {
        let first = text.lines().next().unwrap_or_default();
        if text.is_empty() || first.is_empty() || self.c.chance(15) {
            let text = double(text);
            return self.inline(gap, &text);
        }
        let mark = self.c.pick(&["|", ">"]);
        let chomp = match text.len() - text.trim_end_matches('\n').len() {
            0 => "-",
            1 if self.c.chance(80) => "",
            _ => "+",
        };
        let at = self.deeper(column);
        let number = match key {
            Some(key) if key == column && at - column < 10 && (first.starts_with(' ') || self.c.chance(20)) => {
                (at - column).to_string()
            }
            _ if first.starts_with(' ') => {
                let text = double(text);
                return self.inline(gap, &text);
            }
            _ => String::new(),
        };
        let header =
            if self.c.chance(50) { format!("{mark}{chomp}{number}") } else { format!("{mark}{number}{chomp}") };
        self.inline(gap, &header);
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            if !line.is_empty() {
                self.spaces(at);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
        self.open_block = Some(at);
    }

    /// A value in brackets, on one line or several.
    fn flow(&mut self, value: &Val, column: usize) {
        let (open, close) = if matches!(value, Val::Map(_)) { ('{', '}') } else { ('[', ']') };
        let parts: Vec<(Option<&str>, &Val)> = match value {
            Val::Map(entries) => entries.iter().map(|(key, value)| (Some(key.as_str()), value)).collect(),
            Val::List(items) => items.iter().map(|item| (None, item)).collect(),
            _ => Vec::new(),
        };
        self.out.push(open);
        let over_lines = !parts.is_empty() && self.c.chance(35);
        let at = self.deeper(column);
        let padding = if self.c.chance(30) { " " } else { "" };
        let count = parts.len();
        for (index, (key, value)) in parts.into_iter().enumerate() {
            if over_lines && (index == 0 || self.c.chance(85)) {
                self.end_line();
                if self.noise && self.c.chance(8) {
                    let comment = self.comment();
                    self.spaces(at);
                    self.out.push_str(&comment);
                    self.out.push('\n');
                }
                self.spaces(at);
            } else {
                self.out.push_str(if index == 0 { padding } else { " " });
            }
            if let Some(key) = key {
                let key = self.key(key);
                let _ = write!(self.out, "{key}: ");
            }
            self.flow_value(value, at);
            if index + 1 < count || self.c.chance(15) {
                let gap = if self.noise && self.c.chance(4) { " " } else { "" };
                let _ = write!(self.out, "{gap},");
            }
        }
        if over_lines && self.c.chance(80) {
            self.end_line();
            // At the key's column too, or above the entries'.
            let at = column + self.c.below(at - column + 1);
            self.spaces(at);
        } else {
            self.out.push_str(padding);
        }
        self.out.push(close);
    }

    fn flow_value(&mut self, value: &Val, column: usize) {
        match value {
            Val::Map(_) | Val::List(_) => self.flow(value, column),
            Val::Call(name, argument) => {
                if matches!(**argument, Val::Call(..)) || self.c.chance(25) {
                    return self.flow(&long_form(name, argument), column);
                }
                let _ = write!(self.out, "!{name} ");
                self.flow_value(argument, column);
            }
            Val::Empty => self.out.push(' '),
            Val::Null | Val::Nil => self.out.push_str(self.c.pick(&["null", "~"])),
            Val::Lines(text) => self.out.push_str(&double(text)),
            _ => {
                let text = self.scalar(value);
                self.out.push_str(&text);
            }
        }
    }

    fn scalar(&mut self, value: &Val) -> String {
        match value {
            Val::Int(number) => match self.c.below(5) {
                3 => format!("\"{number}\""),
                4 => format!("'{number}'"),
                _ => number.to_string(),
            },
            Val::Bool(value) => match self.c.below(5) {
                3 => format!("\"{value}\""),
                4 => if *value { "True" } else { "False" }.to_owned(),
                _ => value.to_string(),
            },
            Val::Text(text) => match self.c.below(4) {
                0 | 1 if is_plain(text) => text.clone(),
                3 if text.chars().all(|c| c >= ' ') => format!("'{}'", text.replace('\'', "''")),
                _ => double(text),
            },
            _ => String::new(),
        }
    }

    fn json(&mut self, value: &Val, pretty: Option<&str>, level: usize) {
        let (open, close) = if matches!(value, Val::Map(_)) { ('{', '}') } else { ('[', ']') };
        let parts: Vec<(Option<&str>, &Val)> = match value {
            Val::Map(entries) => entries.iter().map(|(key, value)| (Some(key.as_str()), value)).collect(),
            Val::List(items) => items.iter().map(|item| (None, item)).collect(),
            Val::Call(name, argument) => return self.json(&long_form(name, argument), pretty, level),
            scalar => return self.out.push_str(&json_scalar(scalar)),
        };
        // What is short may stand on one line.
        let pretty = pretty.filter(|_| level < 2 || !self.c.chance(self.brackets.min(50)));
        self.out.push(open);
        let count = parts.len();
        for (index, (key, value)) in parts.into_iter().enumerate() {
            if let Some(indent) = pretty {
                let _ = write!(self.out, "\n{}", indent.repeat(level + 1));
            }
            if let Some(key) = key {
                let _ =
                    write!(self.out, "{}:{}", json_scalar(&Val::text(key)), if pretty.is_some() { " " } else { "" });
            }
            self.json(value, pretty, level + 1);
            if index + 1 < count {
                self.out.push(',');
            }
        }
        if let Some(indent) = pretty.filter(|_| count > 0) {
            let _ = write!(self.out, "\n{}", indent.repeat(level));
        }
        self.out.push(close);
    }
}

fn long_form(name: &str, argument: &Val) -> Val {
    let argument = match argument {
        Val::Text(text) if name == "GetAtt" => Val::List(text.split('.').map(Val::text).collect()),
        other => other.clone(),
    };
    let name = if name == "Ref" || name == "Condition" { name.to_owned() } else { format!("Fn::{name}") };
    Val::Map(vec![(name, argument)])
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase())
}

/// Whether text may stand without quotes anywhere, brackets included.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.:/-".contains(c))
        && !text.ends_with(':')
}

fn double(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t"))
}

fn json_scalar(value: &Val) -> String {
    match value {
        Val::Null | Val::Nil => "null".to_owned(),
        Val::Empty => "{}".to_owned(),
        Val::Bool(value) => value.to_string(),
        Val::Int(number) => number.to_string(),
        Val::Text(text) | Val::Lines(text) => double(text),
        _ => String::new(),
    }
}
