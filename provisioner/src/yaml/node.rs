//! The tree.

use serde_json as json;

/// A range of bytes in the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// One YAML node: its value, where it stands and its tag (`Ref` for `!Ref`).
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands; empty at 0 for nodes that were not parsed.
    pub span: Span,
    /// The local tag without its exclamation mark.
    pub tag: Option<String>,
}

/// A value of the YAML 1.2 core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A map, in the order of the source.
    Mapping(Mapping),
}

/// A map's entries in order. Keys are unique.
pub type Mapping = Vec<Entry>;

/// One entry of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Entry {
    /// An entry that was not parsed.
    pub fn new(key: impl Into<String>, value: impl Into<Node>) -> Self {
        Self { key: key.into(), key_span: Span::default(), value: value.into() }
    }
}

impl Node {
    /// A node that was not parsed.
    #[must_use]
    pub fn new(value: Value) -> Self {
        Self { value, span: Span::default(), tag: None }
    }

    /// A map of these entries.
    #[must_use]
    pub fn map(entries: Vec<Entry>) -> Self {
        Self::new(Value::Mapping(entries))
    }

    /// The same node with a tag: `Node::from("X").tagged("Ref")` is `!Ref X`.
    #[must_use]
    pub fn tagged(mut self, tag: &str) -> Self {
        self.tag = Some(tag.to_owned());
        self
    }

    /// The text, when it is text without a tag.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) if self.tag.is_none() => Some(text),
            _ => None,
        }
    }

    /// The text, whatever its tag.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self.value {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The entries, empty when it is no map.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items, empty when it is no list.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Whether it is a map.
    #[must_use]
    pub fn is_mapping(&self) -> bool {
        matches!(self.value, Value::Mapping(_))
    }

    /// The value of `key` in a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key` in a map.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Follows a path of keys.
    #[must_use]
    pub fn path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Follows a JSON pointer (RFC 6901).
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Node> {
        pointer.split('/').skip(1).try_fold(self, |node, part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            match &node.value {
                Value::Mapping(_) => node.get(&part),
                Value::Sequence(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            }
        })
    }

    /// Takes an entry out of a map.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        match &mut self.value {
            Value::Mapping(entries) => {
                let index = entries.iter().position(|entry| entry.key == key)?;
                Some(entries.remove(index).value)
            }
            _ => None,
        }
    }

    /// Calls `visit` for this node and everything below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Node)) {
        visit(self);
        match &self.value {
            Value::Sequence(items) => items.iter().for_each(|item| item.walk(visit)),
            Value::Mapping(entries) => entries.iter().for_each(|entry| entry.value.walk(visit)),
            _ => {}
        }
    }

    /// Calls `visit` for this node and everything below it, parents first, and lets it change them.
    pub fn walk_mut(&mut self, visit: &mut dyn FnMut(&mut Node)) {
        visit(self);
        match &mut self.value {
            Value::Sequence(items) => items.iter_mut().for_each(|item| item.walk_mut(visit)),
            Value::Mapping(entries) => entries.iter_mut().for_each(|entry| entry.value.walk_mut(visit)),
            _ => {}
        }
    }

    /// The same value as JSON. Tags are dropped: use it only where there are none.
    #[must_use]
    pub fn to_json(&self) -> json::Value {
        match &self.value {
            Value::Null => json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::String(value) => value.as_str().into(),
            Value::Sequence(items) => items.iter().map(Node::to_json).collect::<Vec<_>>().into(),
            Value::Mapping(entries) => {
                json::Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect())
            }
        }
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::new(Value::String(text.to_owned()))
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::new(Value::String(text))
    }
}

impl From<Vec<Node>> for Node {
    fn from(items: Vec<Node>) -> Self {
        Self::new(Value::Sequence(items))
    }
}

impl From<&json::Value> for Node {
    fn from(value: &json::Value) -> Self {
        Self::new(match value {
            json::Value::Null => Value::Null,
            json::Value::Bool(value) => Value::Bool(*value),
            json::Value::Number(number) => match number.as_i64() {
                Some(number) => Value::Int(number),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            json::Value::String(text) => Value::String(text.clone()),
            json::Value::Array(items) => Value::Sequence(items.iter().map(Node::from).collect()),
            json::Value::Object(map) => Value::Mapping(map.iter().map(|(key, value)| Entry::new(key, value)).collect()),
        })
    }
}
