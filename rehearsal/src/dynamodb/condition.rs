//! Conditions: `ConditionExpression`, `FilterExpression`, `KeyConditionExpression` (developer guide, condition and
//! filter expressions, operators, and functions).

use super::attribute::{self, TYPES, compare, contains, kind, parts, size, typed};
use super::lexer::Placeholders;
use super::parser::{Operand, Parser, Path, not_here};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Values that `IN` may list (developer guide, condition and filter expressions).
const LONGEST_LIST: usize = 100;

/// A condition that an item fulfils or not.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Operand, &'static str, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    Missing(Path),
    Type(Path, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

/// Reads a condition; the error is what is wrong with it, without the member's name.
pub(super) fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Condition, String> {
    let mut parser = Parser::new(text, placeholders)?;
    let condition = any(&mut parser)?;
    parser.end()?;
    Ok(condition)
}

fn any(parser: &mut Parser) -> Result<Condition, String> {
    let mut parts = vec![all(parser)?];
    while parser.keyword("OR") {
        parts.push(all(parser)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
}

fn all(parser: &mut Parser) -> Result<Condition, String> {
    let mut parts = vec![negated(parser)?];
    while parser.keyword("AND") {
        parts.push(negated(parser)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
}

fn negated(parser: &mut Parser) -> Result<Condition, String> {
    if parser.keyword("NOT") {
        return Ok(Condition::Not(Box::new(negated(parser)?)));
    }
    if parser.takes("(") {
        let condition = any(parser)?;
        parser.expect(")")?;
        return Ok(condition);
    }
    compared(parser)
}

fn compared(parser: &mut Parser) -> Result<Condition, String> {
    let left = match parser.call() {
        None => parser.operand()?,
        Some(name) if name == "size" => {
            let path = parser.path()?;
            parser.expect(")")?;
            Operand::Size(path)
        }
        Some(name) => return function(parser, &name),
    };
    if parser.keyword("BETWEEN") {
        let low = parser.operand()?;
        if !parser.keyword("AND") {
            return Err(parser.syntax());
        }
        let high = parser.operand()?;
        return between(left, low, high);
    }
    if parser.keyword("IN") {
        parser.expect("(")?;
        let list = parser.list(Parser::operand)?;
        parser.expect(")")?;
        if list.len() > LONGEST_LIST {
            return Err("Too many operands for the IN operator".into());
        }
        return Ok(Condition::In(left, list));
    }
    let sign = parser.one_of(&["=", "<>", "<=", "<", ">=", ">"]).ok_or_else(|| parser.syntax())?;
    let right = parser.operand()?;
    if left == right {
        return Err("The first operand must be distinct from the remaining operands for this operator".into());
    }
    if !["=", "<>"].contains(&sign) {
        [&left, &right].into_iter().try_for_each(|operand| ordered(operand, sign))?;
    }
    Ok(Condition::Compare(left, sign, right))
}

/// That a value has an order, where it is known before an item is looked at.
fn ordered(operand: &Operand, operator: &str) -> Result<(), String> {
    match operand {
        Operand::Value(value) if !["S", "N"].contains(&kind(value)) => Err(wrong_type(operator, value)),
        _ => Ok(()),
    }
}

fn wrong_type(operator: &str, value: &Value) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {}",
        kind(value)
    )
}

fn between(operand: Operand, low: Operand, high: Operand) -> Result<Condition, String> {
    [&operand, &low, &high].into_iter().try_for_each(|each| ordered(each, "BETWEEN"))?;
    if let (Operand::Value(least), Operand::Value(most)) = (&low, &high) {
        match compare(least, most) {
            None => return Err("The BETWEEN operator requires same data type for lower and upper bounds".into()),
            Some(Ordering::Greater) => {
                return Err(
                    "The BETWEEN operator requires upper bound to be greater than or equal to lower bound".into()
                );
            }
            Some(_) => {}
        }
    }
    Ok(Condition::Between(operand, low, high))
}

fn function(parser: &mut Parser, name: &str) -> Result<Condition, String> {
    let condition = match name {
        "attribute_exists" => Condition::Exists(parser.path()?),
        "attribute_not_exists" => Condition::Missing(parser.path()?),
        "attribute_type" => {
            let path = parser.path()?;
            parser.expect(",")?;
            let wanted = parser.value()?.ok_or_else(|| parser.syntax())?;
            let ("S", Value::String(wanted)) = parts(&wanted) else { return Err(wrong_type(name, &wanted)) };
            if !TYPES.contains(&wanted.as_str()) {
                return Err(format!("Invalid attribute type name found; type: {wanted}"));
            }
            Condition::Type(path, wanted.clone())
        }
        "begins_with" => {
            let (text, beginning) = two(parser)?;
            for operand in [&text, &beginning] {
                if let Operand::Value(value) = operand
                    && kind(value) != "S"
                {
                    return Err(wrong_type(name, value));
                }
            }
            Condition::BeginsWith(text, beginning)
        }
        "contains" => {
            let (container, wanted) = two(parser)?;
            Condition::Contains(container, wanted)
        }
        _ => return Err(not_here(name)),
    };
    parser.expect(")")?;
    Ok(condition)
}

fn two(parser: &mut Parser) -> Result<(Operand, Operand), String> {
    let first = parser.operand()?;
    parser.expect(",")?;
    let second = parser.operand()?;
    if first == second {
        return Err("The first operand must be distinct from the remaining operands for this operator".into());
    }
    Ok((first, second))
}

impl Operand {
    fn attribute(&self) -> Option<&str> {
        match self {
            Self::Path(path) | Self::Size(path) => Some(&path.attribute),
            Self::Value(_) => None,
        }
    }

    fn of<'item>(&'item self, item: &'item Value) -> Option<Cow<'item, Value>> {
        match self {
            Self::Path(path) => path.find(item).map(Cow::Borrowed),
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Size(path) => {
                let size = path.find(item).and_then(size)?;
                Some(Cow::Owned(typed("N", Value::from(size.to_string()))))
            }
        }
    }
}

impl Condition {
    /// Whether an item fulfils the condition. What it lacks makes a comparison false, `<>` true.
    pub(super) fn holds(&self, item: &Value) -> bool {
        let pair = |left: &Operand, right: &Operand, test: &dyn Fn(&Value, &Value) -> bool| {
            left.of(item).zip(right.of(item)).is_some_and(|(left, right)| test(&left, &right))
        };
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(item)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(item)),
            Self::Not(part) => !part.holds(item),
            Self::Compare(left, "=", right) => pair(left, right, &|left, right| left == right),
            Self::Compare(left, "<>", right) => !pair(left, right, &|left, right| left == right),
            Self::Compare(left, sign, right) => pair(left, right, &|left, right| {
                compare(left, right).is_some_and(|order| match *sign {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                })
            }),
            Self::Between(operand, low, high) => {
                let not_below = pair(operand, low, &|value, low| compare(value, low).is_some_and(Ordering::is_ge));
                not_below && pair(operand, high, &|value, high| compare(value, high).is_some_and(Ordering::is_le))
            }
            Self::In(operand, list) => list.iter().any(|each| pair(operand, each, &|value, each| value == each)),
            Self::Exists(path) => path.find(item).is_some(),
            Self::Missing(path) => path.find(item).is_none(),
            Self::Type(path, wanted) => path.find(item).is_some_and(|value| attribute::kind(value) == wanted),
            Self::BeginsWith(text, beginning) => {
                pair(text, beginning, &|text, beginning| match (parts(text), parts(beginning)) {
                    (("S", Value::String(text)), ("S", Value::String(beginning))) => {
                        text.starts_with(beginning.as_str())
                    }
                    _ => false,
                })
            }
            Self::Contains(container, wanted) => pair(container, wanted, &contains),
        }
    }

    /// The attributes that the condition looks at.
    pub(super) fn attributes(&self) -> Vec<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::attributes).collect(),
            Self::Not(part) => part.attributes(),
            Self::Compare(left, _, right) | Self::BeginsWith(left, right) | Self::Contains(left, right) => {
                [left, right].into_iter().filter_map(Operand::attribute).collect()
            }
            Self::Between(operand, low, high) => {
                [operand, low, high].into_iter().filter_map(Operand::attribute).collect()
            }
            Self::In(operand, list) => std::iter::once(operand).chain(list).filter_map(Operand::attribute).collect(),
            Self::Exists(path) | Self::Missing(path) | Self::Type(path, _) => vec![&path.attribute],
        }
    }
}
