//! Which events are asked for, as a filter that the table applies.

use aws_sdk_dynamodb::types::AttributeValue;
use healstack_model::Layer;
use healstack_model::ledger::{ResourceKey, Status};

/// Which events. Every field narrows; none takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of rules of this stack.
    pub stack: Option<String>,
    /// Of rules of this name.
    pub rule: Option<String>,
    /// Of this resource, by id or key; an ARN names its key.
    pub resource: Option<String>,
    /// Of this layer.
    pub layer: Option<Layer>,
    /// Of this status.
    pub status: Option<Status>,
}

/// An expression with its values. Attribute names stand behind `#`, because several are reserved words.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Expression {
    /// The text.
    pub(super) text: String,
    /// Attribute names by placeholder.
    pub(super) names: Vec<(String, String)>,
    /// Values by placeholder.
    pub(super) values: Vec<(String, AttributeValue)>,
}

impl Expression {
    /// The same with a name for a placeholder.
    pub(super) fn name(mut self, placeholder: &str, attribute: impl Into<String>) -> Self {
        self.names.push((placeholder.to_owned(), attribute.into()));
        self
    }

    /// The same with a text for a placeholder.
    pub(super) fn text(mut self, placeholder: &str, value: impl Into<String>) -> Self {
        self.values.push((placeholder.to_owned(), AttributeValue::S(value.into())));
        self
    }

    /// The same with a whole number for a placeholder.
    pub(super) fn number(mut self, placeholder: &str, value: i64) -> Self {
        self.values.push((placeholder.to_owned(), AttributeValue::N(value.to_string())));
        self
    }

    /// An expression of this text.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl EventFilter {
    /// Whether it takes all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The filter expression; `None` when it takes all.
    pub(super) fn expression(&self) -> Option<Expression> {
        let equal = [
            ("stack", self.stack.as_deref()),
            ("rule_name", self.rule.as_deref()),
            ("layer", self.layer.map(Layer::as_str)),
            ("status", self.status.map(Status::as_str)),
        ];
        let mut parts = Vec::new();
        let mut expression = Expression::default();
        for (attribute, value) in equal {
            let Some(value) = value else { continue };
            parts.push(format!("#{attribute} = :{attribute}"));
            expression = expression.name(&format!("#{attribute}"), attribute).text(&format!(":{attribute}"), value);
        }
        if let Some(resource) = &self.resource {
            let resource = ResourceKey::parse(resource).map_or_else(|_| resource.clone(), |key| key.to_string());
            parts.push("(#resource_id = :resource OR #resource_key = :resource)".to_owned());
            expression = expression
                .name("#resource_id", "resource_id")
                .name("#resource_key", "resource_key")
                .text(":resource", resource);
        }
        expression.text = parts.join(" AND ");
        (!parts.is_empty()).then_some(expression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_narrows() {
        assert_eq!(EventFilter::default().expression(), None);
        let filter = EventFilter {
            rule: Some("web".to_owned()),
            resource: Some("i-0abc".to_owned()),
            status: Some(Status::Failed),
            ..EventFilter::default()
        };
        let expression = filter.expression().unwrap();
        assert_eq!(
            expression.text,
            "#rule_name = :rule_name AND #status = :status AND (#resource_id = :resource OR #resource_key = :resource)"
        );
        assert_eq!((expression.names.len(), expression.values.len()), (4, 3));
        assert!(!filter.is_empty());
        let arn = "arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc".to_owned();
        let expression = EventFilter { resource: Some(arn), ..EventFilter::default() }.expression().unwrap();
        let key = AttributeValue::S("ec2:instance/i-0abc".to_owned());
        assert_eq!(expression.values, [(":resource".to_owned(), key)]);
    }
}
