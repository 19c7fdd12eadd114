//! Words of an expression, and the placeholders that a request defines for them.

use super::{AwsError, attribute, invalid};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Words that no attribute may be called without a placeholder; the reviewed list is that of the checks of templates.
static RESERVED: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("../../../local/dynamodb-reserved-words.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// The longest expression, in bytes (developer guide, quotas).
const LONGEST: usize = 4096;

/// One word of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// An attribute's name, a keyword or a function.
    Word(String),
    /// A placeholder of a name, with its `#`.
    Name(String),
    /// A placeholder of a value, with its `:`.
    Value(String),
    /// An index of a list.
    Index(usize),
    /// An operator or a bracket.
    Sign(&'static str),
}

const SIGNS: [&str; 14] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "[", "]", "+", "-"];

/// The words of an expression; the error is what it begins with that is none.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    if text.len() > LONGEST {
        return Err("Expression size has exceeded the maximum allowed size".into());
    }
    if text.trim().is_empty() {
        return Err("The expression can not be empty;".into());
    }
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let more = after.find(|each: char| !each.is_ascii_alphanumeric() && each != '_').unwrap_or(after.len());
        let length = first.len_utf8() + more;
        let word = &rest[..length];
        let (token, length) = match first {
            'a'..='z' | 'A'..='Z' | '_' => (Token::Word(word.to_owned()), length),
            '#' if length > 1 => (Token::Name(word.to_owned()), length),
            ':' if length > 1 => (Token::Value(word.to_owned()), length),
            '0'..='9' => (Token::Index(word.parse().map_err(|_| syntax(rest))?), length),
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign)).ok_or_else(|| syntax(rest))?;
                (Token::Sign(sign), sign.len())
            }
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    no_double_brackets(&found)?;
    Ok(found)
}

/// Brackets around brackets and nothing else are refused.
fn no_double_brackets(tokens: &[Token]) -> Result<(), String> {
    let (mut open, mut inner) = (Vec::new(), None);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign("(") => open.push(at),
            Token::Sign(")") => {
                let Some(begin) = open.pop() else { return Err(syntax(")")) };
                if inner == Some((begin + 1, at - 1)) {
                    return Err("The expression has redundant parentheses;".into());
                }
                inner = Some((begin, at));
            }
            _ => {}
        }
    }
    Ok(())
}

fn syntax(rest: &str) -> String {
    format!("Syntax error; token: \"{}\"", rest.chars().take(20).collect::<String>())
}

/// What a request's placeholders stand for, and which of them its expressions used.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    names: Map<String, Value>,
    values: Map<String, Value>,
    used: BTreeSet<String>,
}

impl Placeholders {
    /// Reads both members of a request. There is an expression in the request where `expressions` says so.
    pub(super) fn read(request: &Map<String, Value>, expressions: bool) -> Result<Self, AwsError> {
        let mut read = Self::default();
        for (member, mark) in [("ExpressionAttributeNames", '#'), ("ExpressionAttributeValues", ':')] {
            let Some(defined) = request.get(member) else { continue };
            let defined = defined.as_object().ok_or_else(|| invalid(format!("{member} must be an object")))?;
            if !expressions {
                return Err(invalid(format!("{member} can only be specified when using expressions")));
            }
            if defined.is_empty() {
                return Err(invalid(format!("{member} must not be empty")));
            }
            let fits = |key: &String| {
                let rest = key.strip_prefix(mark).unwrap_or_default();
                !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            };
            if let Some(key) = defined.keys().find(|key| !fits(key)) {
                return Err(invalid(format!("{member} contains invalid key: Syntax error; key: \"{key}\"")));
            }
            if mark == ':' {
                read.values = attribute::all_normalised(defined)?;
            } else if let Some((key, _)) = defined.iter().find(|(_, name)| !name.is_string()) {
                return Err(invalid(format!("{member} contains invalid value for key {key}")));
            } else {
                read.names.clone_from(defined);
            }
        }
        Ok(read)
    }

    /// The attribute that a placeholder stands for.
    pub(super) fn name(&mut self, key: &str) -> Result<String, String> {
        self.used.insert(key.to_owned());
        let undefined = "An expression attribute name used in the document path is not defined; attribute name:";
        let found = self.names.get(key).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| format!("{undefined} {key}"))
    }

    /// The value that a placeholder stands for.
    pub(super) fn value(&mut self, key: &str) -> Result<Value, String> {
        self.used.insert(key.to_owned());
        let undefined = "An expression attribute value used in expression is not defined; attribute value:";
        self.values.get(key).cloned().ok_or_else(|| format!("{undefined} {key}"))
    }

    /// That an attribute may be called by its bare name.
    pub(super) fn bare(name: &str) -> Result<(), String> {
        if RESERVED.contains(name.to_ascii_uppercase().as_str()) {
            return Err(format!("Attribute name is a reserved keyword; reserved keyword: {name}"));
        }
        Ok(())
    }

    /// That every placeholder was used, as the service demands.
    pub(super) fn all_used(&self) -> Result<(), AwsError> {
        let members = [("ExpressionAttributeNames", &self.names), ("ExpressionAttributeValues", &self.values)];
        for (member, defined) in members {
            let unused: Vec<&str> =
                defined.keys().map(String::as_str).filter(|key| !self.used.contains(*key)).collect();
            if !unused.is_empty() {
                let unused = unused.join(", ");
                return Err(invalid(format!("Value provided in {member} unused in expressions: keys: {{{unused}}}")));
            }
        }
        Ok(())
    }
}
