//! Whether a value that stands in a template is as strong as a rule wants it.

use super::document::{Document, is_intrinsic, is_no_value};
use super::write;
use crate::yaml::{Entry, Node, Value};

/// What is to be said of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is strong enough.
    Holds,
    /// It is not.
    Weaker,
    /// CloudFormation knows when it deploys.
    Unknown,
}

/// Holds a single value against what is wanted of it. Conditions and maps are the planner's.
pub(super) fn judge(document: &Document, value: &Node, want: &Node) -> Verdict {
    if is_no_value(value) {
        return if want.tag.as_deref() == Some("NotBelow") { Verdict::Holds } else { Verdict::Weaker };
    }
    if want.tag.as_deref() == Some("Default") {
        return Verdict::Holds;
    }
    if let Some(candidates) = document.candidates(value) {
        let holding = candidates.iter().filter(|candidate| literal(candidate, want)).count();
        return match holding {
            0 => Verdict::Weaker,
            all if all == candidates.len() => Verdict::Holds,
            _ => Verdict::Unknown,
        };
    }
    // A rule that wants a function wants this one.
    if is_intrinsic(value) && !is_intrinsic_want(want) {
        return Verdict::Unknown;
    }
    if literal(value, want) { Verdict::Holds } else { Verdict::Weaker }
}

/// Tags of `native.yaml.hbs` that say how strong a value must be; any other tag is CloudFormation's own.
pub(super) const STRENGTHS: [&str; 8] =
    ["AtLeast", "NotBelow", "Includes", "Default", "Expect", "ByKey", "Each", "Collects"];

fn is_intrinsic_want(want: &Node) -> bool {
    is_intrinsic(want) && !want.tag.as_deref().is_some_and(|tag| STRENGTHS.contains(&tag))
}

fn literal(value: &Node, want: &Node) -> bool {
    let number = |node: &Node| scalar(node).and_then(|text| text.parse::<f64>().ok());
    match want.tag.as_deref() {
        Some("AtLeast" | "NotBelow") => {
            let wanted = bare(want);
            let Some(least) = number(want.items().first().unwrap_or(&wanted)) else { return equal(value, &wanted) };
            number(value).map(|value| (value, least)).is_some_and(|(value, least)| value >= least)
        }
        Some("Includes") => missing_words(value, want).is_empty(),
        Some("Collects") => missing_metrics(value, want).is_empty(),
        Some("Expect") => want.items().first().is_some_and(|want| equal(value, want)),
        Some("Default") => true,
        _ => match (&want.value, &value.value) {
            // YAML 1.1, by which CloudFormation reads, has more words for them.
            (Value::Bool(true), Value::String(word)) => {
                ["true", "yes", "on", "y"].contains(&word.to_lowercase().as_str())
            }
            (Value::Bool(false), Value::String(word)) => {
                ["false", "no", "off", "n"].contains(&word.to_lowercase().as_str())
            }
            _ => equal(value, want),
        },
    }
}

/// The metrics of `!Collects` that no item of a `MetricsCollection` collects. One without `Metrics` collects all.
pub(super) fn missing_metrics<'w>(value: &Node, want: &'w Node) -> Vec<&'w str> {
    let collected = |metric: &str| {
        value.items().iter().any(|item| {
            item.get("Metrics").is_none_or(|metrics| metrics.items().iter().any(|known| known.as_str() == Some(metric)))
        })
    };
    want.items().iter().filter_map(Node::as_str).filter(|metric| !collected(metric)).collect()
}

/// The words of `!Includes` that a comma-separated value has not.
pub(super) fn missing_words<'w>(value: &Node, want: &'w Node) -> Vec<&'w str> {
    let text = scalar(value).unwrap_or_default();
    let there: Vec<&str> = text.split(',').map(str::trim).collect();
    included(want).into_iter().filter(|word| !there.contains(word)).collect()
}

/// The words that `!Includes` wants.
fn included(want: &Node) -> Vec<&str> {
    let excluded = excluded(want);
    let mut words: Vec<&str> = Vec::new();
    for word in all_words(want) {
        if !word.starts_with('-') && !excluded.contains(&word) && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn all_words(want: &Node) -> impl Iterator<Item = &str> {
    want.text().unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// The words that cannot stand beside them.
fn excluded(want: &Node) -> Vec<&str> {
    all_words(want).filter_map(|word| word.strip_prefix('-')).collect()
}

/// A comma-separated value with the words that it lacks, without those that cannot stand beside them.
pub(super) fn with_words(value: &Node, want: &Node) -> String {
    let excluded = excluded(want);
    let text = scalar(value).unwrap_or_default();
    let there = text.split(',').map(str::trim).filter(|word| !word.is_empty() && !excluded.contains(word));
    let missing = missing_words(value, want);
    there.chain(missing).collect::<Vec<_>>().join(",")
}

/// What is written where there is nothing; `None` where nothing is to be written.
pub(super) fn written(want: &Node) -> Option<Node> {
    match want.tag.as_deref() {
        Some("AtLeast") => Some(want.items().get(1).or(want.items().first()).cloned().unwrap_or_else(|| bare(want))),
        Some("NotBelow" | "Expect" | "Each") => None,
        Some("Includes") => Some(included(want).join(",").into()),
        Some("Collects") => {
            let item = vec![Entry::new("Granularity", "1Minute"), Entry::new("Metrics", want.items().to_vec())];
            Some(vec![Node::map(item)].into())
        }
        Some("Default") => Some(bare(want)),
        Some("ByKey") => {
            let items: Vec<Node> =
                want.entries().iter().filter_map(|entry| Some(item(&entry.key, written(&entry.value)?))).collect();
            (!items.is_empty()).then(|| items.into())
        }
        Some(_) => Some(want.clone()),
        None => match &want.value {
            Value::Mapping(entries) => {
                let inner: Vec<Entry> = entries
                    .iter()
                    .filter_map(|entry| Some(Entry::new(entry.key.as_str(), written(&entry.value)?)))
                    .collect();
                (!inner.is_empty() || entries.is_empty()).then(|| Node::map(inner))
            }
            _ => Some(want.clone()),
        },
    }
}

/// What replaces a value that is below `!NotBelow`.
pub(super) fn instead(want: &Node) -> Node {
    want.items().get(1).or(want.items().first()).cloned().unwrap_or_else(|| bare(want))
}

/// An item of a list of attributes, whose values are all text.
pub(super) fn item(key: &str, value: Node) -> Node {
    let value = match scalar(&value) {
        Some(text) => text.into(),
        None => value,
    };
    Node::map(vec![Entry::new("Key", key), Entry::new("Value", value)])
}

/// The value without its tag, which had made a number or a truth value a text.
pub(super) fn bare(want: &Node) -> Node {
    let value = match &want.value {
        Value::String(text) => match (text.as_str(), text.parse()) {
            ("true", _) => Value::Bool(true),
            ("false", _) => Value::Bool(false),
            (_, Ok(number)) => Value::Int(number),
            _ => want.value.clone(),
        },
        value => value.clone(),
    };
    Node { tag: None, span: want.span, value }
}

/// A scalar's text: CloudFormation takes numbers and booleans as text and as themselves.
pub(super) fn scalar(node: &Node) -> Option<String> {
    if node.tag.is_some() {
        return None;
    }
    match &node.value {
        Value::String(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Whether two nodes mean the same, wherever they stand and however they are written.
pub(super) fn equal(left: &Node, right: &Node) -> bool {
    if let (Some(left), Some(right)) = (scalar(left), scalar(right)) {
        return left == right;
    }
    let (left, right) = (long(left), long(right));
    match (&left.value, &right.value) {
        (Value::Mapping(a), Value::Mapping(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|entry| b.iter().any(|other| other.key == entry.key && equal(&entry.value, &other.value)))
        }
        (Value::Sequence(a), Value::Sequence(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Null, Value::Null) => true,
        _ => matches!((scalar(&left), scalar(&right)), (Some(left), Some(right)) if left == right),
    }
}

/// The same value with every short intrinsic in its long form.
pub(crate) fn in_long_form(value: &Node) -> Node {
    let mut value = value.clone();
    value.walk_mut(&mut |node| *node = long(node));
    value
}

/// A short intrinsic in its long form, which JSON has alone.
pub(super) fn long(node: &Node) -> Node {
    let Some(tag) = node.tag.as_deref() else { return node.clone() };
    let mut argument = bare(node);
    if tag == "GetAtt"
        && let Value::String(text) = &argument.value
        && let Some((id, attribute)) = text.split_once('.')
    {
        argument.value = Value::Sequence(vec![id.into(), attribute.into()]);
    }
    let key = if tag == "Ref" || tag == "Condition" { tag.to_owned() } else { format!("Fn::{tag}") };
    Node::map(vec![Entry::new(key, argument)])
}

/// What is wanted, in words.
pub(super) fn words(wanted: &Node) -> String {
    let first =
        || wanted.items().first().map_or_else(|| write::flow(&bare(wanted), false), |value| write::flow(value, false));
    match wanted.tag.as_deref() {
        Some("NotBelow") if matches!(bare(wanted).value, Value::String(_)) => first(),
        Some("AtLeast" | "NotBelow") => format!("at least {}", first()),
        Some("Includes") => {
            format!("{} in it", included(wanted).join(" and "))
        }
        Some("Collects") => wanted.items().iter().filter_map(Node::as_str).collect::<Vec<_>>().join(", "),
        Some("ByKey") => wanted.entries().iter().map(|entry| entry.key.clone()).collect::<Vec<_>>().join(", "),
        _ => written(wanted).map_or_else(String::new, |value| write::flow(&value, false)),
    }
}

/// What is wanted of a property, with what happens where the template says nothing of it.
pub(super) fn in_words(wanted: &Node) -> String {
    let shown = |node: &Node| write::flow(node, false);
    let items = wanted.items();
    match wanted.tag.as_deref() {
        Some("AtLeast") => match items {
            [least, otherwise] => format!("at least {}; {} where nothing is said", shown(least), shown(otherwise)),
            _ => words(wanted),
        },
        Some("NotBelow") => format!("{} where it is set", words(wanted)),
        Some("Default") => format!("{} where nothing is said", shown(&bare(wanted))),
        Some("Collects") => format!("{} where nothing is said; a warning where one is missing", words(wanted)),
        Some("Expect") => format!(
            "a warning unless it is {}: {}",
            items.first().map(shown).unwrap_or_default(),
            items.get(1).and_then(Node::as_str).unwrap_or_default()
        ),
        Some("Includes") => {
            let without = excluded(wanted);
            let without = if without.is_empty() { String::new() } else { format!(", without {}", without.join(", ")) };
            format!("{}{without}", words(wanted))
        }
        _ => words(wanted),
    }
}
