//! Values as they are written into a template: in one line, or as lines of a block, in the template's own form.

use super::Added;
use super::document::Document;
use super::strength::long;
use crate::yaml::{Node, Value, Writer, quote};

/// A value in one line. `json` writes what is JSON too; else plain words stay plain and functions short.
pub(super) fn flow(node: &Node, json: bool) -> String {
    if json && node.tag.is_some() {
        return flow(&long(node), true);
    }
    let tag = node.tag.as_deref().map(|tag| format!("!{tag} ")).unwrap_or_default();
    let value = match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::String(text) => flow_text(text, json),
        Value::Sequence(items) => {
            format!("[{}]", items.iter().map(|item| flow(item, json)).collect::<Vec<_>>().join(", "))
        }
        Value::Mapping(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| format!("{}: {}", flow_text(&entry.key, json), flow(&entry.value, json)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    };
    format!("{tag}{value}")
}

/// Text inside of brackets: plain only where no character could end it.
fn flow_text(text: &str, json: bool) -> String {
    let plain = !json
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:".contains(c))
        && !text.contains("::")
        && !text.ends_with(':')
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&text.to_ascii_lowercase().as_str());
    if plain {
        text.to_owned()
    } else if json {
        json_text(text)
    } else {
        quote(text)
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value as indented JSON whose first line stands where it is put, and whose further ones begin with `indent`.
pub(super) fn json(node: &Node, indent: &str, step: &str, newline: &str) -> String {
    let node = long(node);
    let deeper = format!("{indent}{step}");
    let lines = |open: char, close: char, items: Vec<String>| {
        let items: Vec<String> = items.into_iter().map(|item| format!("{newline}{deeper}{item}")).collect();
        format!("{open}{}{newline}{indent}{close}", items.join(","))
    };
    match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => {
            let entry = |entry: &crate::yaml::Entry| {
                format!("{}: {}", json_text(&entry.key), json(&entry.value, &deeper, step, newline))
            };
            lines('{', '}', entries.iter().map(entry).collect())
        }
        Value::Sequence(items) if !items.is_empty() => {
            lines('[', ']', items.iter().map(|item| json(item, &deeper, step, newline)).collect())
        }
        _ => flow(&node, true),
    }
}

/// Entries as lines of a block, each line indented to a column and ended as the template ends its lines.
pub(super) fn entries(document: &Document, added: &[Added], column: usize, spaced: bool) -> String {
    let mut lines = String::new();
    for added in added {
        let mut writer = Writer::default();
        if spaced {
            writer.blank();
        }
        if let Some(comment) = &added.comment {
            writer.comment(0, comment);
        }
        writer.entry(0, &added.entry.key, &added.entry.value);
        lines.push_str(&indented(document, &writer.finish(), column));
    }
    lines
}

/// Items as lines of a block.
pub(super) fn items(document: &Document, items: &[Node], column: usize) -> String {
    let mut writer = Writer::default();
    writer.node(&items.to_vec().into());
    indented(document, &writer.finish(), column)
}

/// Moves lines to a column. The writer indents by two; a template that indents by more gets its own step, unless a text over
/// several lines is among them, whose indentation is its content.
fn indented(document: &Document, text: &str, column: usize) -> String {
    let keeps = text.lines().any(|line| line.ends_with(['|', '-', '+']) && line.contains('|'));
    let step = if keeps { 2 } else { document.step };
    let mut out = String::new();
    // The lines that this one stands below: the column that each has, the one that it gets, and whether it is an item's first.
    let mut above: Vec<(usize, usize, bool)> = Vec::new();
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        let own = line.len() - content.len();
        while above.last().is_some_and(|(column, ..)| *column >= own) {
            above.pop();
        }
        let to = match above.last() {
            None => own,
            // An item's further entries stand below its first, after the dash and a space.
            Some((from, to, true)) => to + 2 + (own - from - 2) / 2 * step,
            Some((from, to, false)) => to + (own - from).div_ceil(2) * step,
        };
        if !content.is_empty() {
            above.push((own, to, content.starts_with('-')));
            out.extend(std::iter::repeat_n(' ', column + to));
            out.push_str(content);
        }
        out.push_str(document.newline);
    }
    out
}
