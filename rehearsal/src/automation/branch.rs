//! Conditions of `aws:branch` (Automation actions reference).

use super::output::Type;
use super::variable;
use serde_json::Value;

/// What a choice asks.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare(String, Operation),
}

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Equals(String),
    EqualsIgnoringCase(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Is(bool),
    Number(Order, f64),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Condition {
    /// Reads a condition. `types` says what type a reference has. Nothing where an operator is not known, or asks for
    /// another type than its variable has: what is compared then is not documented.
    pub(super) fn load(choice: &Value, types: &dyn Fn(&str) -> Option<Type>) -> Option<Self> {
        let members = choice.as_object()?;
        let mut rest = members.iter().filter(|(name, _)| *name != "NextStep" && *name != "Variable");
        let (operator, operand) = rest.next().filter(|_| members.len() <= 3)?;
        if rest.next().is_some() {
            return None;
        }
        let several = |operand: &Value| -> Option<Vec<Self>> {
            let list = operand.as_array().filter(|list| !list.is_empty())?;
            list.iter().map(|each| Self::load(each, types).filter(|_| each.get("NextStep").is_none())).collect()
        };
        match operator.as_str() {
            "And" if !members.contains_key("Variable") => return several(operand).map(Self::All),
            "Or" if !members.contains_key("Variable") => return several(operand).map(Self::Any),
            "Not" if !members.contains_key("Variable") => {
                return Self::load(operand, types).map(|inner| Self::Not(Box::new(inner)));
            }
            _ => {}
        }
        let name = variable::whole(members.get("Variable")?.as_str()?)?;
        let text = || operand.as_str().filter(|text| !text.contains("{{")).map(str::to_owned);
        let number = |order| operand.as_f64().map(|number| Operation::Number(order, number));
        let operation = match operator.as_str() {
            "StringEquals" => text().map(Operation::Equals),
            "EqualsIgnoreCase" => text().map(|text| Operation::EqualsIgnoringCase(text.to_lowercase())),
            "StartsWith" => text().map(Operation::StartsWith),
            "EndsWith" => text().map(Operation::EndsWith),
            "Contains" => text().map(Operation::Contains),
            "BooleanEquals" => operand.as_bool().map(Operation::Is),
            "NumericEquals" => number(Order::Equal),
            "NumericGreater" => number(Order::More),
            "NumericGreaterOrEquals" => number(Order::AtLeast),
            "NumericLesser" => number(Order::Less),
            "NumericLesserOrEquals" => number(Order::AtMost),
            _ => None,
        }?;
        let wanted = match operation {
            Operation::Is(_) => Type::Boolean,
            Operation::Number(..) => Type::Integer,
            _ => Type::String,
        };
        (types(name) == Some(wanted)).then(|| Self::Compare(name.to_owned(), operation))
    }

    /// Whether it is so. A variable without a value makes a comparison false.
    pub(super) fn holds(&self, lookup: &dyn Fn(&str) -> Option<Value>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(lookup)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(lookup)),
            Self::Not(part) => !part.holds(lookup),
            Self::Compare(name, operation) => lookup(name).is_some_and(|value| operation.holds(&value)),
        }
    }
}

impl Operation {
    #[expect(clippy::float_cmp, reason = "integers are compared, which doubles hold exactly")]
    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Equals(wanted), Value::String(text)) => text == wanted,
            (Self::EqualsIgnoringCase(wanted), Value::String(text)) => text.to_lowercase() == *wanted,
            (Self::StartsWith(wanted), Value::String(text)) => text.starts_with(wanted.as_str()),
            (Self::EndsWith(wanted), Value::String(text)) => text.ends_with(wanted.as_str()),
            (Self::Contains(wanted), Value::String(text)) => text.contains(wanted.as_str()),
            (Self::Is(wanted), Value::Bool(value)) => value == wanted,
            (Self::Number(order, bound), Value::Number(number)) => number.as_f64().is_some_and(|number| match order {
                Order::Equal => number == *bound,
                Order::Less => number < *bound,
                Order::AtMost => number <= *bound,
                Order::More => number > *bound,
                Order::AtLeast => number >= *bound,
            }),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Condition;
    use crate::automation::output::Type;
    use serde_json::{Value, json};

    fn types(name: &str) -> Option<Type> {
        match name {
            "a.Text" | "a.None" => Some(Type::String),
            "a.Number" => Some(Type::Integer),
            "a.Truth" => Some(Type::Boolean),
            _ => None,
        }
    }

    fn lookup(name: &str) -> Option<Value> {
        match name {
            "a.Text" => Some(json!("Word")),
            "a.Number" => Some(json!(7)),
            "a.Truth" => Some(json!(true)),
            _ => None,
        }
    }

    #[test]
    fn operators_compare_as_documented() {
        let one = |name: &str, operator: &str, operand: Value| {
            let mut condition = json!({"NextStep": "n", "Variable": format!("{{{{ {name} }}}}")});
            condition[operator] = operand;
            condition
        };
        for (condition, expected) in [
            (one("a.Text", "StringEquals", json!("Word")), true),
            (one("a.Text", "StringEquals", json!("word")), false),
            (one("a.Text", "EqualsIgnoreCase", json!("wORD")), true),
            (one("a.Text", "StartsWith", json!("Wo")), true),
            (one("a.Text", "EndsWith", json!("rd")), true),
            (one("a.Text", "Contains", json!("x")), false),
            (one("a.Truth", "BooleanEquals", json!(false)), false),
            (one("a.Number", "NumericEquals", json!(7)), true),
            (one("a.Number", "NumericGreater", json!(7)), false),
            (one("a.Number", "NumericGreaterOrEquals", json!(7)), true),
            (one("a.Number", "NumericLesser", json!(8)), true),
            (one("a.Number", "NumericLesserOrEquals", json!(6)), false),
            (one("a.None", "StringEquals", json!("")), false),
            (json!({"NextStep": "n", "Not": {"Variable": "{{ a.None }}", "StringEquals": "x"}}), true),
            (
                json!({"NextStep": "n", "And": [
                    {"Variable": "{{ a.Text }}", "StringEquals": "Word"},
                    {"Or": [{"Variable": "{{ a.Number }}", "NumericEquals": 1},
                            {"Variable": "{{a.Truth}}", "BooleanEquals": true}]},
                ]}),
                true,
            ),
        ] {
            assert_eq!(Condition::load(&condition, &types).unwrap().holds(&lookup), expected, "{condition}");
        }
        for wrong in [
            one("a.Text", "StringMatches", json!("x")),
            one("a.Text", "NumericEquals", json!(1)),
            one("a.Number", "StringEquals", json!("7")),
            one("a.Number", "NumericEquals", json!("7")),
            one("b.Unknown", "StringEquals", json!("7")),
            json!({"NextStep": "n", "Variable": "plain", "StringEquals": "x"}),
            json!({"NextStep": "n", "And": []}),
            json!({"NextStep": "n"}),
            json!({"NextStep": "n", "Variable": "{{ a.Text }}", "StringEquals": "x", "StartsWith": "y"}),
        ] {
            assert!(Condition::load(&wrong, &types).is_none(), "{wrong}");
        }
    }
}
