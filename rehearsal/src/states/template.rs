//! Values of a definition: JSON in which texts between `{%` and `%}` are expressions, parsed when the machine is
//! loaded.

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::Evaluator;
use jsonata_core::value::JValue;
use serde_json::Value;

use super::failure::TaskError;
use super::names;
use crate::Unsupported;

/// A value with expressions in it.
#[derive(Debug)]
pub(super) enum Template {
    /// No expression below here.
    Literal(Value),
    Expression(Expression),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// One parsed expression.
#[derive(Debug)]
pub(super) struct Expression {
    text: String,
    field: String,
    tree: AstNode,
}

impl Template {
    /// Reads a field's value; `place` is the state for messages, `field` the way to the value in it. `used` takes the
    /// names of variables and functions that its expressions may need.
    pub(super) fn load(value: &Value, place: &str, field: &str, used: &mut Vec<String>) -> Result<Self, Unsupported> {
        if !has_expression(value) {
            return Ok(Self::Literal(value.clone()));
        }
        Ok(match value {
            Value::String(text) => Self::Expression(Expression::load(text, place, field, used)?),
            Value::Array(items) => Self::Array(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| Self::load(item, place, &format!("{field}[{index}]"), used))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(name, member)| {
                        Ok((name.clone(), Self::load(member, place, &format!("{field}/{name}"), used)?))
                    })
                    .collect::<Result<_, Unsupported>>()?,
            ),
            literal => Self::Literal(literal.clone()),
        })
    }

    /// Its value now. Every expression must give one: JSON has no word for nothing.
    pub(super) fn evaluate(&self, evaluator: &mut Evaluator) -> Result<JValue, TaskError> {
        Ok(match self {
            Self::Literal(value) => JValue::from(value.clone()),
            Self::Expression(expression) => expression.evaluate(evaluator)?,
            Self::Array(items) => {
                JValue::array(items.iter().map(|item| item.evaluate(evaluator)).collect::<Result<_, _>>()?)
            }
            Self::Object(members) => JValue::object(
                members.iter().map(|(name, member)| Ok((name.clone(), member.evaluate(evaluator)?))).collect::<Result<
                    _,
                    TaskError,
                >>(
                )?,
            ),
        })
    }

    /// Shows the text of every expression in it.
    pub(super) fn visit<'a>(&'a self, show: &mut dyn FnMut(&'a str)) {
        match self {
            Self::Literal(_) => {}
            Self::Expression(expression) => show(&expression.text),
            Self::Array(items) => items.iter().for_each(|item| item.visit(show)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.visit(show)),
        }
    }
}

fn has_expression(value: &Value) -> bool {
    match value {
        // Half a pair is an error, which `Expression::load` reports.
        Value::String(text) => text.starts_with("{%") || text.ends_with("%}"),
        Value::Array(items) => items.iter().any(has_expression),
        Value::Object(members) => members.values().any(has_expression),
        _ => false,
    }
}

impl Expression {
    fn load(whole: &str, place: &str, field: &str, used: &mut Vec<String>) -> Result<Self, Unsupported> {
        let refuse = |what: String| Unsupported::new(format!("{place}, {field}"), what);
        let inner = whole.strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}"));
        let text = inner.ok_or_else(|| refuse("an expression that is opened or closed only".to_owned()))?.trim();
        names::check(text).map_err(refuse)?;
        let tree =
            jsonata_core::parser::parse(text).map_err(|error| refuse(format!("the expression `{text}`: {error}")))?;
        names::collect(text, used);
        Ok(Self { text: text.to_owned(), field: field.to_owned(), tree })
    }

    fn evaluate(&self, evaluator: &mut Evaluator) -> Result<JValue, TaskError> {
        let what = || format!("The JSONata expression '{}' specified for the field '{}'", self.text, self.field);
        // No context item: bare names and `$` mean nothing at the top level.
        match evaluator.evaluate(&self.tree, &JValue::Undefined) {
            Ok(JValue::Undefined) => Err(TaskError::query(format!("{} returned nothing (undefined).", what()))),
            Ok(value) => Ok(value),
            Err(error) => {
                Err(TaskError::query(format!("{} threw an error during evaluation. {}", what(), error.message())))
            }
        }
    }
}
