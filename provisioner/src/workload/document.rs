//! A template as a tree with places, and what of CloudFormation must be known to find one: intrinsic functions in both
//! forms, loops over resources, aliases.

use crate::diagnostics::{Problem, Source};
use crate::yaml::{self, Entry, Node, Span, Value};
use std::collections::HashSet;
use std::sync::Arc;

/// A byte order mark, which some editors write and which must stay.
const BOM: char = '\u{FEFF}';

/// A template.
pub(super) struct Document {
    /// The text without its byte order mark.
    pub(super) source: Arc<Source>,
    /// Whether it has one.
    pub(super) bom: bool,
    /// The tree.
    pub(super) root: Node,
    /// Whether it is JSON, so that what is written is too.
    pub(super) json: bool,
    /// How its lines end.
    pub(super) newline: &'static str,
    /// By how many columns it indents.
    pub(super) step: usize,
    /// The anchors that some alias uses.
    aliased: HashSet<String>,
}

/// A resource in the template.
#[derive(Debug, Clone)]
pub(super) struct Found<'d> {
    /// Its body: `Type`, `Properties` and the rest.
    pub(super) body: &'d Node,
    /// Its key.
    pub(super) key: Span,
    /// The nodes above it, which an edit changes too.
    pub(super) above: Vec<&'d Node>,
    /// Where it comes from a `Fn::ForEach`, the logical ids of everything that its body becomes.
    pub(super) generated: Vec<String>,
}

impl Document {
    pub(super) fn parse(source: &Arc<Source>) -> Result<Self, Problem> {
        let text = source.text();
        let bom = text.starts_with(BOM);
        let source = if bom { Source::new(source.name(), &text[BOM.len_utf8()..]) } else { Arc::clone(source) };
        let root = yaml::parse(&source)?;
        if root.get("Resources").is_none_or(|resources| resources.entries().is_empty()) {
            return Err(Problem::error(format!("{} has no `Resources`", source.name()))
                .at(&source, Span::default())
                .help("`workload` names a CloudFormation template"));
        }
        let text = source.text();
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let json = text.trim_start().starts_with('{');
        let mut aliased = HashSet::new();
        root.walk(&mut |node| aliased.extend(alias(text, node).map(str::to_owned)));
        let step = step(&source, &root);
        Ok(Self { source, bom, root, json, newline, step, aliased })
    }

    /// The text without its byte order mark.
    pub(super) fn text(&self) -> &str {
        self.source.text()
    }

    /// The resources, and loops over resources.
    pub(super) fn resources(&self) -> &Node {
        self.root.get("Resources").unwrap_or(&self.root)
    }

    /// The resource of a logical id.
    pub(super) fn find(&self, id: &str) -> Option<Found<'_>> {
        find(self.resources(), id, &[], &[&self.root, self.resources()])
    }

    /// Every logical id, those of loops as they are written.
    pub(super) fn ids(&self) -> Vec<&str> {
        fn collect<'d>(node: &'d Node, ids: &mut Vec<&'d str>) {
            for entry in node.entries() {
                match body_of_loop(entry) {
                    Some((_, _, body)) => collect(body, ids),
                    None => ids.push(&entry.key),
                }
            }
        }
        let mut ids = Vec::new();
        collect(self.resources(), &mut ids);
        ids
    }

    /// The source of a node.
    pub(super) fn written(&self, node: &Node) -> &str {
        self.text().get(node.span.start..node.span.end).unwrap_or_default()
    }

    /// Whether nothing at all is written for a value: `Key:`. A `null` is something.
    pub(super) fn is_blank(&self, node: &Node) -> bool {
        let words = |c: char| c == '~' || c == '&' || c == '*' || c.is_ascii_alphabetic();
        // The place of a value that is not written may be the bracket after it.
        node.value == Value::Null && node.tag.is_none() && !self.written(node).starts_with(words)
    }

    /// Whether a node stands inside of brackets.
    pub(super) fn is_in_brackets(&self, node: &Node) -> bool {
        fn search(document: &Document, at: &Node, node: &Node, inside: bool) -> Option<bool> {
            if std::ptr::eq(at, node) {
                return Some(inside);
            }
            let written = document.written(at);
            let inside = inside || written.get(properties(written)..)?.starts_with(['{', '[']);
            let mut values = at.entries().iter().map(|entry| &entry.value).chain(at.items());
            values.find_map(|value| search(document, value, node, inside))
        }
        search(self, &self.root, node, false).unwrap_or(false)
    }

    /// Whether an edit inside this node changes another place too, or stands at another place: it is an alias, or the anchor of one.
    pub(super) fn is_shared(&self, node: &Node) -> bool {
        alias(self.text(), node).is_some() || anchor(self.written(node)).is_some_and(|name| self.aliased.contains(name))
    }

    /// What a `Ref` may be, where the template says so: the allowed values of its parameter. What a `FindInMap` may be: the values
    /// of its key in every entry of the map.
    pub(super) fn candidates<'d>(&'d self, node: &'d Node) -> Option<Vec<&'d Node>> {
        if let Some(name) = intrinsic(node, "Ref").and_then(Node::text) {
            let parameter = self.root.path(&["Parameters", name])?;
            return Some(parameter.get("AllowedValues")?.items().iter().collect());
        }
        let find = intrinsic(node, "FindInMap")?.items();
        let [map, _, key] = find else { return None };
        let map = self.root.path(&["Mappings", map.as_str()?])?;
        let values: Vec<&Node> = map.entries().iter().filter_map(|entry| entry.value.get(key.as_str()?)).collect();
        (!values.is_empty()).then_some(values)
    }
}

/// The argument of an intrinsic function, in its short or its long form.
pub(super) fn intrinsic<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    if node.tag.as_deref() == Some(name) {
        return Some(node);
    }
    let [only] = node.entries() else { return None };
    let long = if name == "Ref" { only.key == "Ref" } else { only.key.strip_prefix("Fn::") == Some(name) };
    (long && node.tag.is_none()).then_some(&only.value)
}

/// Whether a node is an intrinsic function of any name.
pub(super) fn is_intrinsic(node: &Node) -> bool {
    node.tag.is_some()
        || matches!(node.entries(), [only] if only.key == "Ref" || only.key.starts_with("Fn::") || only.key == "Condition")
}

/// The two branches of a `Fn::If`.
pub(super) fn branches(node: &Node) -> Option<[&Node; 2]> {
    match intrinsic(node, "If")?.items() {
        [_, then, otherwise] => Some([then, otherwise]),
        _ => None,
    }
}

/// Whether it stands for no value.
pub(super) fn is_no_value(node: &Node) -> bool {
    intrinsic(node, "Ref").and_then(Node::text) == Some("AWS::NoValue")
}

/// The alias that a node was read from, without its asterisk.
fn alias<'t>(text: &'t str, node: &Node) -> Option<&'t str> {
    let written = text.get(node.span.start..node.span.end)?;
    let name = written.strip_prefix('*')?;
    // The content of a block scalar may begin with an asterisk too, and ends with its line.
    (!name.is_empty() && !name.contains(char::is_whitespace)).then_some(name)
}

/// Where the value of a node begins, behind its tag, its anchor and the comments there.
pub(super) fn properties(written: &str) -> usize {
    let mut at = 0;
    while let Some(rest) = written.get(at..).filter(|rest| rest.starts_with(['!', '&', '#'])) {
        let ends = |c: char| if rest.starts_with('#') { c == '\n' } else { c.is_whitespace() };
        let word = rest.find(ends).unwrap_or(rest.len());
        at += rest.len() - rest[word..].trim_start().len();
    }
    at
}

/// The anchor that a node begins with.
fn anchor(written: &str) -> Option<&str> {
    let mut rest = written;
    loop {
        let word = rest.split_whitespace().next()?;
        if let Some(name) = word.strip_prefix('&') {
            return Some(name);
        }
        if !word.starts_with('!') {
            return None;
        }
        rest = rest.trim_start().get(word.len()..)?;
    }
}

/// A loop's variable, its collection and what it repeats.
fn body_of_loop(entry: &Entry) -> Option<(&str, &Node, &Node)> {
    entry.key.strip_prefix("Fn::ForEach::")?;
    match entry.value.items() {
        [variable, collection, body] => Some((variable.as_str()?, collection, body)),
        _ => None,
    }
}

/// Variables of the loops around a place, with the values that each takes.
type Loops<'d> = Vec<(&'d str, Vec<&'d str>)>;

fn find<'d>(node: &'d Node, id: &str, loops: &[(&'d str, Vec<&'d str>)], above: &[&'d Node]) -> Option<Found<'d>> {
    for entry in node.entries() {
        if let Some((variable, collection, body)) = body_of_loop(entry) {
            let values = collection.items().iter().filter_map(Node::as_str).collect();
            let mut loops: Loops<'d> = loops.to_vec();
            loops.push((variable, values));
            let above: Vec<&Node> = above.iter().copied().chain([&entry.value, body]).collect();
            if let Some(found) = find(body, id, &loops, &above) {
                return Some(found);
            }
            continue;
        }
        let generated = expand(&entry.key, loops);
        if entry.key == id || generated.iter().any(|key| key == id) {
            let generated = if loops.is_empty() { Vec::new() } else { generated };
            return Some(Found { body: &entry.value, key: entry.key_span, above: above.to_vec(), generated });
        }
    }
    None
}

/// The keys that a key becomes in loops.
fn expand(key: &str, loops: &[(&str, Vec<&str>)]) -> Vec<String> {
    let mut keys = vec![key.to_owned()];
    for (variable, values) in loops {
        let places = [format!("${{{variable}}}"), format!("&{{{variable}}}")];
        keys = keys
            .iter()
            .flat_map(|key| {
                values.iter().map(|value| places.iter().fold(key.clone(), |key, place| key.replace(place, value)))
            })
            .collect();
    }
    keys.sort();
    keys.dedup();
    keys
}

/// By how many columns the first resource is indented from `Resources`.
fn step(source: &Source, root: &Node) -> usize {
    let column = |span: Span| source.position(span.start).1;
    let resources = root.entry("Resources");
    let first = resources.and_then(|entry| entry.value.entries().first());
    let step = resources
        .zip(first)
        .map(|(resources, first)| column(first.key_span).saturating_sub(column(resources.key_span)));
    step.filter(|step| (1..=8).contains(step)).unwrap_or(2)
}

/// Whether keys of a mapping come from elsewhere, so that what is not there may be there all the same.
pub(super) fn opaque(node: &Node) -> Option<&Entry> {
    let elsewhere = |entry: &&Entry| entry.key == "Fn::Transform" || entry.key.starts_with("Fn::ForEach::");
    node.entries().iter().find(elsewhere)
}

/// What merge keys (`<<`) bring into a mapping for a key.
pub(super) fn merged<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let merge = node.get("<<")?;
    match &merge.value {
        Value::Sequence(items) => items.iter().find_map(|item| item.get(key)),
        _ => merge.get(key),
    }
}
