//! From text to tree, with limits: the input is whatever a user, or a pull request of a stranger, put into a file.

use super::scalar::resolve;
use super::{Entry, Mapping, Node, Span, Value};
use crate::diagnostics::{Problem, Source};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Nodes a file may have with its aliases expanded: ten thousand rules with forty fields each. Stops alias bombs.
const MAX_NODES: usize = 400_000;
/// Levels a file may nest; the deepest template here has 12.
const MAX_DEPTH: usize = 64;

/// Closing brackets in one file that may stand no deeper than their key. The parser takes none, people write them.
const MAX_SHALLOW_BRACKETS: usize = 1000;

/// Parses one YAML document. Every problem carries its place and what to write instead.
pub fn parse(source: &Arc<Source>) -> Result<Node, Problem> {
    let mut text = Cow::Borrowed(source.text());
    for _ in 0..MAX_SHALLOW_BRACKETS {
        match parse_text(source, &text) {
            Ok(node) => return Ok(node),
            Err((problem, at)) => match at.and_then(|at| deepen(&text, at)) {
                Some(deeper) => text = Cow::Owned(deeper),
                None => return Err(problem),
            },
        }
    }
    parse_text(source, &text).map_err(|(problem, _)| problem)
}

/// Parses a text that has every byte where the source has it. An error of the parser's comes with its place.
fn parse_text(source: &Arc<Source>, text: &str) -> Result<Node, (Problem, Option<usize>)> {
    let mut builder = Builder::new(source);
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.event(event, span).map_err(|problem| (problem, None))?,
            Err(error) => return Err((builder.syntax(&error), Some(builder.offset(*error.marker())))),
        }
    }
    Ok(builder.root.unwrap_or_else(|| Node::new(Value::Null)))
}

/// The text with the line of a closing bracket joined to the one above it, byte for byte: inside of brackets the end of a line is a
/// space. `None` where there is no such bracket.
fn deepen(text: &str, at: usize) -> Option<String> {
    let line = text[..at].rfind('\n')?;
    let (before, bracket) = (&text[line + 1..at], text[at..].chars().next()?);
    if !before.trim().is_empty() || !matches!(bracket, ']' | '}') {
        return None;
    }
    let above = text[..line].rfind('\n').map_or(0, |newline| newline + 1);
    let comment = text[above..line].find(" #").filter(|_| text.is_ascii()).map_or(line, |comment| above + comment);
    let mut deeper = text.to_owned();
    deeper.replace_range(comment..=line, &" ".repeat(line + 1 - comment));
    Some(deeper)
}

/// A collection that is still open.
enum Open {
    Sequence(Vec<Node>),
    Mapping { entries: Mapping, seen: HashSet<String>, key: Option<(String, Span)> },
}

struct Frame {
    open: Open,
    start: usize,
    anchor: usize,
    tag: Option<String>,
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    /// Byte offset of each character; `None` when the text is ASCII and they are equal.
    offsets: Option<Vec<usize>>,
    stack: Vec<Frame>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<Source>) -> Self {
        let text = source.text();
        let offsets =
            (!text.is_ascii()).then(|| text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect());
        Self { source, offsets, stack: Vec::new(), anchors: HashMap::new(), nodes: 0, documents: 0, root: None }
    }

    fn offset(&self, marker: Marker) -> usize {
        let end = self.source.text().len();
        match &self.offsets {
            Some(offsets) => offsets.get(marker.index()).copied().unwrap_or(end),
            None => marker.index().min(end),
        }
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        Span { start: self.offset(span.start), end: self.offset(span.end) }
    }

    fn problem(&self, message: impl Into<String>, span: Span) -> Problem {
        Problem::error(message).at(self.source, span)
    }

    fn event(&mut self, event: Event<'_>, span: saphyr_parser::Span) -> Result<(), Problem> {
        let span = self.span(span);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self
                        .problem("a second YAML document begins here", span)
                        .help("keep one document in a file: remove the `---`, or move the rest into another file"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                // `!!str 123` is text.
                let as_text = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let tag = local_tag(tag);
                let plain = style == ScalarStyle::Plain && tag.is_none() && !as_text;
                let value = if plain { resolve(&text) } else { Value::String(text.into_owned()) };
                self.finish(Node { value, span, tag }, anchor, 1)?;
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.problem("this alias stands inside its own anchor", span));
                };
                self.finish(Node { span, ..node }, 0, size)?;
            }
            Event::SequenceStart(anchor, tag) => self.open(Open::Sequence(Vec::new()), span, anchor, tag)?,
            Event::MappingStart(anchor, tag) => {
                let open = Open::Mapping { entries: Mapping::new(), seen: HashSet::new(), key: None };
                self.open(open, span, anchor, tag)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.stack.pop() else { return Ok(()) };
                let value = match frame.open {
                    Open::Sequence(items) => Value::Sequence(items),
                    Open::Mapping { entries, .. } => Value::Mapping(entries),
                };
                let span = Span { start: frame.start, end: span.end.max(frame.start) };
                self.finish(Node { value, span, tag: frame.tag }, frame.anchor, 1)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, open: Open, span: Span, anchor: usize, tag: Option<Cow<'_, Tag>>) -> Result<(), Problem> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(self.problem(format!("nested more than {MAX_DEPTH} levels deep"), span));
        }
        self.stack.push(Frame { open, start: span.start, anchor, tag: local_tag(tag) });
        Ok(())
    }

    /// Puts a finished node, which counts `size` nodes, where it belongs.
    fn finish(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Problem> {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            let problem = self.problem(format!("more than {MAX_NODES} values, aliases included"), node.span);
            return Err(problem.help("split the file, or repeat less through anchors"));
        }
        if anchor != 0 {
            let mut size = 0;
            node.walk(&mut |_| size += 1);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut frame.open {
            Open::Sequence(items) => items.push(node),
            Open::Mapping { entries, seen, key } => {
                if let Some((key, key_span)) = key.take() {
                    entries.push(Entry { key, key_span, value: node });
                } else {
                    let span = node.span;
                    let text = match &node.value {
                        Value::String(text) => text.clone(),
                        Value::Int(_) | Value::Bool(_) | Value::Float(_) => {
                            self.source.text().get(span.start..span.end).unwrap_or_default().trim().to_owned()
                        }
                        _ => {
                            return Err(self
                                .problem("a key must be text", span)
                                .help("write `key: value`; quote a key that holds special characters"));
                        }
                    };
                    if !seen.insert(text.clone()) {
                        return Err(self
                            .problem(format!("`{text}` is given twice"), span)
                            .help("remove one of the two: YAML would silently keep only the last"));
                    }
                    *key = Some((text, span));
                }
            }
        }
        Ok(())
    }

    /// A syntax error in the user's words.
    fn syntax(&self, error: &ScanError) -> Problem {
        let start = self.offset(*error.marker());
        let text = self.source.text();
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        let indentation = &line[..line.len() - line.trim_start().len()];
        if let Some(tab) = indentation.find('\t') {
            return self
                .problem("a tab in the indentation", Span { start: line_start + tab, end: line_start + tab + 1 })
                .help("YAML is indented with spaces only: replace the tab with two spaces");
        }
        let end = text[start..].char_indices().nth(1).map_or(text.len(), |(length, _)| start + length);
        let problem = self.problem(format!("not valid YAML: {}", error.info()), Span { start, end });
        problem.help("check the indentation and the quotes of this line and the one above it")
    }
}

fn local_tag(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    tag.filter(|tag| tag.handle == "!").map(|tag| tag.suffix.clone())
}

#[cfg(test)]
#[path = "parse_test.rs"]
mod tests;
