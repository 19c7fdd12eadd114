//! Why an alarm cannot be read.

/// What is not understood, or what CloudWatch itself would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlarmError {
    /// A property is unknown, missing, of the wrong kind or out of its range.
    #[error("alarm `{alarm}`: {problem}")]
    Definition {
        /// The alarm's name, or `?` while it is unknown.
        alarm: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A metric math expression.
    #[error("metric math `{expression}`: {problem}")]
    Expression {
        /// The whole expression.
        expression: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A Metrics Insights query.
    #[error("query `{query}`: {problem}")]
    Query {
        /// The whole query.
        query: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The rule of a composite alarm.
    #[error("alarm rule `{rule}`: {problem}")]
    Rule {
        /// The whole rule.
        rule: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A composite alarm names an alarm that does not exist.
    #[error("composite alarm `{composite}` names `{alarm}`, which does not exist")]
    UnknownAlarm {
        /// The composite alarm.
        composite: String,
        /// What it names.
        alarm: String,
    },
}

impl AlarmError {
    /// A problem of a property.
    pub(crate) fn definition(alarm: &str, problem: impl Into<String>) -> Self {
        Self::Definition { alarm: alarm.to_owned(), problem: problem.into() }
    }
}
