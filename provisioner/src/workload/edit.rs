//! Where exactly a plan's insertions go, byte by byte, and how they look there.

use super::document::{Document, properties};
use super::plan::{Insert, Plan, Replace};
use super::write;
use crate::yaml::{Entry, Node, Value};
use std::ops::Range;

/// Text that takes the place of a range of bytes, which is empty for an insertion.
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// The healed text.
pub(super) fn apply(document: &Document, plan: &Plan<'_>) -> String {
    let inserts = plan.inserts.iter().map(|insert| insertion(document, insert));
    let mut edits: Vec<Edit> =
        inserts.chain(plan.replaces.iter().map(|replace| replacement(document, replace))).collect();
    // Of two insertions at one place the one that stands deeper comes first; it was planned first only by chance.
    edits.sort_by_key(|edit| (edit.start, std::cmp::Reverse(indentation(&edit.text))));
    let text = document.text();
    let mut out = String::with_capacity(text.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>() + 3);
    if document.bom {
        out.push('\u{FEFF}');
    }
    let mut at = 0;
    for edit in &edits {
        out.push_str(text.get(at..edit.start).unwrap_or_default());
        // At the end of a file whose last line is not ended.
        let open = edit.start == edit.end && edit.start == text.len() && !out.is_empty() && !out.ends_with('\n');
        if open && edit.text.ends_with('\n') {
            out.push_str(document.newline);
            out.push_str(edit.text.trim_end_matches(['\r', '\n']));
        } else {
            out.push_str(&edit.text);
        }
        at = edit.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

fn indentation(text: &str) -> usize {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.len() - line.trim_start().len()
}

fn insertion(document: &Document, insert: &Insert<'_>) -> Edit {
    let at = |start: usize, text: String| Edit { start, end: start, text };
    let text = document.text();
    let node = insert.at;
    let Some(first) = first_child(node) else {
        // An empty collection in brackets, or a key without a value.
        if document.is_blank(node) && document.is_in_brackets(node) {
            return at(behind_colon(text, insert.key.end), format!(" {{{}}}", one_line(document, insert)));
        }
        if let Some(open) = opening(text, node, node.span.end) {
            return at(open + 1, one_line(document, insert));
        }
        let column = column(text, insert.key.start) + document.step;
        return at(line_end(text, insert.key.end), block(document, insert, column));
    };
    let (last, last_end) = last_child(document, node);
    if opening(text, node, first).is_none() {
        let column = block_column(text, node, last);
        let place = if ends_open(document, node, last_end) { above(text, last) } else { line_end(text, last_end) };
        let added = block(document, insert, column);
        // A blank line after a block scalar that keeps them would belong to it.
        let keeps = block_header(document, deepest(node)).is_some_and(|header| text[header].contains('+'));
        return at(place, if keeps { added.trim_start_matches(['\r', '\n']).to_owned() } else { added });
    }
    // In brackets: before the last entry where that has its line, so that no line gets a comma.
    let line = line_start(text, last);
    let indent = text.get(line..last).unwrap_or_default();
    if last > line && indent.trim().is_empty() {
        at(last, lines_in_brackets(document, insert, indent))
    } else {
        at(last_end, format!(", {}", one_line(document, insert)))
    }
}

/// Lines after the last entry of a block. Resources are set apart like those of most templates, by a blank line.
fn block(document: &Document, insert: &Insert<'_>, column: usize) -> String {
    let spaced = std::ptr::eq(insert.at, document.resources());
    if insert.items.is_empty() {
        write::entries(document, &insert.entries, column, spaced)
    } else {
        write::items(document, &insert.items, column)
    }
}

/// Entries or items, each with its comma on a line of its own.
fn lines_in_brackets(document: &Document, insert: &Insert<'_>, indent: &str) -> String {
    // Tabs, or as many spaces as the template indents by.
    let step = if indent.starts_with('\t') { "\t".to_owned() } else { " ".repeat(document.step) };
    let value = |node: &Node| {
        if document.json { write::json(node, indent, &step, document.newline) } else { write::flow(node, false) }
    };
    let key = |key: &str| write::flow(&key.into(), document.json);
    let entries =
        insert.entries.iter().map(|added| format!("{}: {}", key(&added.entry.key), value(&added.entry.value)));
    let lines = entries.chain(insert.items.iter().map(value));
    let end = format!(",{}{indent}", document.newline);
    lines.flat_map(|line| [line, end.clone()]).collect()
}

/// The added entries or items in one line, without brackets.
fn one_line(document: &Document, insert: &Insert<'_>) -> String {
    let json = document.json;
    let entries = insert.entries.iter().map(|added| {
        format!("{}: {}", write::flow(&added.entry.key.as_str().into(), json), write::flow(&added.entry.value, json))
    });
    let items = insert.items.iter().map(|item| write::flow(item, json));
    entries.chain(items).collect::<Vec<_>>().join(", ")
}

/// A value in another one's place, in quotes where that had some.
fn replacement(document: &Document, replace: &Replace<'_>) -> Edit {
    let text = document.text();
    let (start, end) = (replace.at.span.start, end(document, replace.at));
    let was = document.written(replace.at);
    let quoted = was.chars().next().filter(|c| ['"', '\''].contains(c));
    let by = write::flow(&replace.by, document.json);
    if document.is_blank(replace.at) {
        let dash = behind_dash(text, replace.at);
        let is_item = dash > replace.key.end && text[..dash].ends_with('-');
        let start = if is_item { dash } else { behind_colon(text, replace.key.end) };
        return Edit { start, end: start, text: format!(" {by}") };
    }
    if let Some(header) = block_header(document, replace.at) {
        // The value stands where the header of the block did, before a comment behind that; the lines of the block go.
        let behind = text[header.end..].lines().next().unwrap_or_default();
        let end = text[..end].trim_end_matches(['\r', '\n']).len().max(header.end + behind.len());
        return Edit { start: header.start, end, text: format!("{by}{behind}") };
    }
    let text = match (quoted, &replace.by.value) {
        (Some(mark), Value::Int(_) | Value::Bool(_) | Value::Float(_)) => format!("{mark}{by}{mark}"),
        (Some('\''), Value::String(text)) if !text.contains('\'') => format!("'{text}'"),
        (Some('"'), Value::String(text)) => crate::yaml::quote(text),
        _ => by,
    };
    Edit { start, end, text }
}

/// Where the first entry or item begins.
fn first_child(node: &Node) -> Option<usize> {
    match &node.value {
        Value::Mapping(entries) => entries.first().map(|entry| entry.key_span.start),
        Value::Sequence(items) => items.first().map(|item| item.span.start),
        _ => None,
    }
}

/// The bracket that opens a collection, where it has one.
fn opening(text: &str, node: &Node, first: usize) -> Option<usize> {
    let head = text.get(node.span.start..first)?;
    let at = properties(head);
    head[at..].starts_with(['{', '[']).then_some(node.span.start + at)
}

/// Where the last entry or item begins, and where it ends.
fn last_child(document: &Document, node: &Node) -> (usize, usize) {
    match &node.value {
        Value::Mapping(entries) => entries.last().map(|entry| (entry.key_span.start, entry_end(document, entry))),
        Value::Sequence(items) => items.last().map(|item| {
            let blank = document.is_blank(item).then(|| behind_dash(document.text(), item));
            blank.map_or_else(|| (item.span.start, end(document, item)), |at| (at, at))
        }),
        _ => None,
    }
    .unwrap_or((node.span.start, node.span.end))
}

fn entry_end(document: &Document, entry: &Entry) -> usize {
    if document.is_blank(&entry.value) {
        behind_colon(document.text(), entry.key_span.end)
    } else {
        end(document, &entry.value)
    }
}

/// One past the colon of a key; the key's end where it has none, as it may in brackets.
fn behind_colon(text: &str, key_end: usize) -> usize {
    let rest = text.get(key_end..).unwrap_or_default();
    let colon = rest.find(|c: char| !c.is_whitespace()).filter(|at| rest[*at..].starts_with(':'));
    colon.map_or(key_end, |at| key_end + at + 1)
}

/// One past the dash of an item for which nothing is written, whose place may be that of the next text.
fn behind_dash(text: &str, item: &Node) -> usize {
    let mut before = text.get(..item.span.start).unwrap_or_default().trim_end();
    while let Some(comment) = comment_start(&before[line_start(text, before.len())..]) {
        before = before[..line_start(text, before.len()) + comment].trim_end();
    }
    before.len()
}

/// Where the comment of a line begins that has no text in quotes.
fn comment_start(line: &str) -> Option<usize> {
    if line.starts_with('#') { Some(0) } else { line.find(" #").or_else(|| line.find("\t#")) }
}

/// What is written for a value, in one line for people.
pub(super) fn shown(document: &Document, node: &Node) -> String {
    if document.is_blank(node) {
        return "empty".to_owned();
    }
    let written = document.text().get(node.span.start..end(document, node)).unwrap_or_default();
    written.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The column of a block's keys, or of its dashes.
fn block_column(text: &str, node: &Node, last: usize) -> usize {
    if node.is_mapping() {
        return column(text, last);
    }
    text.get(..last).and_then(|before| before.rfind('-')).map_or(0, |dash| column(text, dash))
}

/// Whether what ends here is a block scalar whose last line the file does not end: a line after it would end it, and make it another text.
fn ends_open(document: &Document, entry: &Node, end: usize) -> bool {
    let text = document.text();
    end == text.len() && !text.ends_with('\n') && block_header(document, deepest(entry)).is_some()
}

/// The last value of all below a node.
fn deepest(node: &Node) -> &Node {
    match &node.value {
        Value::Mapping(entries) => entries.last().map_or(node, |entry| deepest(&entry.value)),
        Value::Sequence(items) => items.last().map_or(node, deepest),
        _ => node,
    }
}

/// The line of an entry, or of the comments right above it.
fn above(text: &str, entry: usize) -> usize {
    let mut at = line_start(text, entry);
    while at > 0 {
        let line = line_start(text, at - 1);
        if !text.get(line..at).unwrap_or_default().trim_start().starts_with('#') {
            break;
        }
        at = line;
    }
    at
}

fn line_start(text: &str, offset: usize) -> usize {
    text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// One past the last byte of a node that means something.
fn end(document: &Document, node: &Node) -> usize {
    let text = document.text();
    let written = document.written(node);
    if written.starts_with('*') && !written.contains(char::is_whitespace) {
        return node.span.end;
    }
    if let Value::String(_) = node.value {
        return scalar_end(document, node);
    }
    let Some(first) = first_child(node) else {
        let bracket = node.span.start + properties(written);
        let empty = matches!(node.value, Value::Mapping(_) | Value::Sequence(_));
        return if empty { closing(text, bracket, node.is_mapping()) } else { node.span.end };
    };
    let (_, last) = last_child(document, node);
    match opening(text, node, first) {
        // The closing bracket, after what may stand before it: a comma, comments.
        Some(_) => closing(text, last, node.is_mapping()),
        None => last,
    }
}

/// One past the bracket that closes a collection whose last value ends at `from`.
fn closing(text: &str, from: usize, mapping: bool) -> usize {
    let mark = if mapping { '}' } else { ']' };
    let mut comment = false;
    let mut before = ' ';
    for (offset, c) in text.get(from..).unwrap_or_default().char_indices() {
        match c {
            '\n' => comment = false,
            '#' if before.is_whitespace() => comment = true,
            c if c == mark && !comment => return from + offset + 1,
            _ => {}
        }
        before = c;
    }
    text.len()
}

/// One past a scalar's last line that is its own: a block scalar's place runs on to where the next line's text begins.
fn scalar_end(document: &Document, node: &Node) -> usize {
    let text = document.text();
    let written = text.get(node.span.start..node.span.end).unwrap_or_default();
    let Some(header) = block_header(document, node) else {
        // The place of a tagged one in quotes runs on over a comment.
        let value = properties(written);
        return quoted_length(&written[value..]).map_or(node.span.end, |length| node.span.start + value + length);
    };
    if node.span.end == text.len() && !text.ends_with('\n') {
        return text.len();
    }
    let Some(last) = written.rfind('\n') else { return node.span.end };
    let end = node.span.start + last + 1;
    if text[header].contains('+') {
        return end;
    }
    let content = text[..end].trim_end_matches([' ', '\t', '\r', '\n']);
    line_end(text, content.len())
}

/// How long a scalar in quotes is, with them.
fn quoted_length(written: &str) -> Option<usize> {
    let mark = written.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let mut rest = written.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        match c {
            '\\' if mark == '"' => _ = rest.next(),
            '\'' if mark == c && rest.peek().is_some_and(|(_, next)| *next == c) => _ = rest.next(),
            c if c == mark => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Where the header of a block scalar stands, for instance `|-`.
fn block_header(document: &Document, node: &Node) -> Option<Range<usize>> {
    // JSON has none, and often one line, which would be read for each value.
    if document.json {
        return None;
    }
    let text = document.text();
    let is_header = |start: usize| {
        let line = text[start..].lines().next()?;
        let line = line.split(" #").next().unwrap_or(line).trim_end();
        let at = line.rfind(['|', '>'])?;
        let before = line[..at].trim_end();
        let word = before.rsplit(' ').next().unwrap_or_default();
        let follows = word.is_empty() || word.ends_with([':', '-', '?']) || word.starts_with(['!', '&']);
        let header = line[at + 1..].chars().all(|c| "+-0123456789".contains(c));
        (follows && header && !before.trim_start().starts_with('#')).then_some(start + at..start + line.len())
    };
    let written = text.get(node.span.start..node.span.end)?;
    if written.starts_with(['!', '&']) {
        return is_header(node.span.start);
    }
    // A block scalar's place begins with its content; its header stands on a line above.
    let before = text.get(..node.span.start)?.trim_end_matches([' ', '\t', '\r', '\n']);
    let starts_line = text[before.len()..node.span.start].contains('\n');
    if starts_line { is_header(line_start(text, before.len())) } else { None }
}

/// The column of a byte, from 0.
fn column(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or_default();
    before.chars().rev().take_while(|c| *c != '\n').count()
}

/// Where the next line begins; the place itself where that is the beginning of one.
fn line_end(text: &str, offset: usize) -> usize {
    if offset > 0 && text.as_bytes().get(offset - 1) == Some(&b'\n') {
        return offset;
    }
    text.get(offset..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| offset + newline + 1)
}
