//! Filter patterns over JSON log events (CloudWatch Logs user guide, filter pattern syntax).

use super::path::{Path, is_name};
use super::wildcard::Wildcard;
use serde_json::Value;
use std::cmp::Ordering;

/// A condition on a log event.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Like(Path, Operand),
    Compare(Path, &'static str, f64),
    Is(Path, Value),
    Missing(Path),
}

/// What a value has to be like: a number, where it is one, else text with wildcards.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    number: Option<f64>,
    text: Wildcard,
}

/// Reads a pattern in braces; nothing where it has what is not known. Regular expressions and `!=` are not: whether a
/// missing field differs is not documented.
pub(super) fn parse(pattern: &str) -> Option<Filter> {
    let inner = pattern.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut parser = Parser { rest: inner.trim_start() };
    let filter = parser.any()?;
    parser.rest.is_empty().then_some(filter)
}

struct Parser<'text> {
    rest: &'text str,
}

impl<'text> Parser<'text> {
    fn takes(&mut self, sign: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(sign) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn word(&mut self, of: impl Fn(char) -> bool) -> Option<&'text str> {
        let (word, rest) = self.rest.split_at(self.rest.find(|each| !of(each)).unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        Some(word).filter(|word| !word.is_empty())
    }

    fn any(&mut self) -> Option<Filter> {
        let mut parts = vec![self.all()?];
        while self.takes("||") {
            parts.push(self.all()?);
        }
        Some(Filter::Any(parts))
    }

    fn all(&mut self) -> Option<Filter> {
        let mut parts = vec![self.one()?];
        while self.takes("&&") {
            parts.push(self.one()?);
        }
        Some(Filter::All(parts))
    }

    fn one(&mut self) -> Option<Filter> {
        if self.takes("(") {
            let filter = self.any()?;
            return self.takes(")").then_some(filter);
        }
        let path = Path::parse(self.word(|each| is_name(each) || "$.[]'".contains(each))?)?;
        if self.takes("IS ") {
            let value = match self.word(char::is_alphabetic)? {
                "NULL" => Value::Null,
                "TRUE" => Value::Bool(true),
                "FALSE" => Value::Bool(false),
                _ => return None,
            };
            return Some(Filter::Is(path, value));
        }
        if self.takes("NOT EXISTS") {
            return Some(Filter::Missing(path));
        }
        let sign = ["<=", ">=", "=", "<", ">"].into_iter().find(|sign| self.takes(sign))?;
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let (text, rest) = quoted.split_once('"')?;
            self.rest = rest.trim_start();
            let operand = Operand { number: None, text: Wildcard::parse(text, false)? };
            return (sign == "=" && !text.contains('\\')).then_some(Filter::Like(path, operand));
        }
        let bare = self.word(|each| each.is_alphanumeric() || "_*.+-".contains(each))?;
        let number = bare.parse::<f64>().ok();
        if sign == "=" {
            return Some(Filter::Like(path, Operand { number, text: Wildcard::parse(bare, false)? }));
        }
        number.map(|number| Filter::Compare(path, sign, number))
    }
}

impl Filter {
    /// Whether a log event matches. What is absent, an object or a list matches no comparison.
    pub(super) fn matches(&self, event: &Value) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.matches(event)),
            Self::All(parts) => parts.iter().all(|part| part.matches(event)),
            Self::Like(path, operand) => path.find(event).is_some_and(|value| operand.is_like(value)),
            Self::Compare(path, sign, bound) => {
                let order = path.find(event).and_then(Value::as_f64).and_then(|value| value.partial_cmp(bound));
                order.is_some_and(|order| match *sign {
                    "<" => order == Ordering::Less,
                    "<=" => order != Ordering::Greater,
                    ">" => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
            Self::Is(path, value) => path.find(event) == Some(value),
            Self::Missing(path) => path.find(event).is_none(),
        }
    }
}

impl Operand {
    fn is_like(&self, value: &Value) -> bool {
        match (value, self.number) {
            (Value::String(text), _) => self.text.matches(text),
            (Value::Number(number), Some(wanted)) => {
                number.as_f64().and_then(|number| number.partial_cmp(&wanted)) == Some(Ordering::Equal)
            }
            (Value::Number(number), None) => self.text.matches(&number.to_string()),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use serde_json::json;

    #[test]
    fn patterns_match_as_documented() {
        let event = json!({
            "user": {"id": 1, "email": "John.Stiles@example.com"},
            "users": [{"id": 2, "email": "John.Doe@example.com"}],
            "coordinates": [[0, 1, 2], [4, 5, 6]], "actions": ["GET", "PUT", "DELETE"],
            "nothing": null, "yes": true, "cluster.name": "c", "latency": 50,
        });
        for (pattern, expected) in [
            ("{ ($.user.id = 1) && ($.users[0].email = \"John.Doe@example.com\") }", true),
            ("{ $.user.id = 2 || $.coordinates[0][1] = 7 && $.actions[2] = \"DELETE\" }", false),
            ("{ $.user.id = 1 || $.coordinates[0][1] = 7 && $.actions[2] = \"nonmatch\" }", true),
            ("{ ($.user.id = 1 || $.coordinates[0][1] = 7) && $.actions[2] = \"nonmatch\" }", false),
            ("{ $.user.email = \"John*\" }", true),
            ("{ $.user.email = * }", true),
            ("{ $.user = * }", false),
            ("{ $.absent = * }", false),
            ("{$.latency>=50&&$.latency<51}", true),
            ("{ $.latency = 5e1 }", true),
            ("{ $.latency > 50 }", false),
            ("{ $.nothing IS NULL && $.yes IS TRUE }", true),
            ("{ $.absent NOT EXISTS }", true),
            ("{ $.user NOT EXISTS }", false),
            ("{ $.['cluster.name'] = \"c\" }", true),
        ] {
            assert_eq!(parse(pattern).unwrap().matches(&event), expected, "{pattern}");
        }
        for wrong in [
            "ERROR",
            "[a, b]",
            "{ }",
            "{ $.a }",
            "{ $.a = %x% }",
            "{ $.a != 1 }",
            "{ $.a = 1 ",
            "{ $.a = \"x }",
            "{ $.a > b }",
            "{ $.a = 1 and $.b = 1 }",
            "{ ($.a = 1 }",
            "{ a = 1 }",
            "{ $.a[*] = 1 }",
            "{ $.a IS NOT NULL }",
        ] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
