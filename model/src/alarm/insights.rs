//! Metrics Insights queries (CloudWatch user guide, "Query components and syntax in CloudWatch Metrics Insights").

use super::AlarmError;
use super::lexer::{Cursor, Token};
use super::metrics::Summary;

/// How samples of many metrics become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Average,
    Count,
    Maximum,
    Minimum,
    Sum,
}

impl Aggregate {
    fn named(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "AVG" => Self::Average,
            "COUNT" => Self::Count,
            "MAX" => Self::Maximum,
            "MIN" => Self::Minimum,
            "SUM" => Self::Sum,
            _ => return None,
        })
    }

    pub(crate) fn of(self, summary: Summary) -> f64 {
        match self {
            Self::Average => summary.sum / summary.count,
            Self::Count => summary.count,
            Self::Maximum => summary.maximum,
            Self::Minimum => summary.minimum,
            Self::Sum => summary.sum,
        }
    }
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Label {
    /// A dimension of the metric.
    Dimension(String),
    /// A tag of the metric's resource.
    Tag(String),
}

/// `label = 'value'`, or `!=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) label: Label,
    pub(crate) equal: bool,
    pub(crate) value: String,
}

/// `ORDER BY AGG() ASC|DESC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) by: Aggregate,
    pub(crate) descending: bool,
}

/// A query, understood in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsightsQuery {
    pub(crate) aggregate: Aggregate,
    pub(crate) metric: String,
    pub(crate) namespace: String,
    /// With `SCHEMA`: the exact names of the dimensions.
    pub(crate) schema: Option<Vec<String>>,
    pub(crate) conditions: Vec<Condition>,
    /// Dimensions; tags are not understood here.
    pub(crate) group: Vec<String>,
    pub(crate) order: Option<Order>,
    /// At most 500.
    pub(crate) limit: usize,
}

/// Quota: time series that a query returns (CloudWatch user guide, "Metrics Insights quotas").
pub const MAX_SERIES: usize = 500;

/// Words that cannot stand for a name without quotes, because the grammar here would take them for itself.
const CLAUSES: [&str; 13] =
    ["SELECT", "FROM", "SCHEMA", "WHERE", "AND", "GROUP", "ORDER", "BY", "LIMIT", "ASC", "DESC", "OR", "NOT"];

impl InsightsQuery {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, AlarmError> {
        let fail = |problem| AlarmError::Query { query: text.to_owned(), problem };
        let mut reader = Reader(Cursor::over(text).map_err(fail)?);
        reader.query().map_err(fail)
    }

    /// Whether it gives a time series for each combination of labels.
    pub(crate) fn grouped(&self) -> bool {
        !self.group.is_empty()
    }
}

struct Reader(Cursor);

impl Reader {
    fn query(&mut self) -> Result<InsightsQuery, String> {
        self.keyword("SELECT")?;
        let aggregate = self.aggregate()?;
        self.0.expect_sign("(")?;
        let metric = self.name("the metric's name")?;
        self.0.expect_sign(")")?;
        self.keyword("FROM")?;
        let (namespace, schema) = self.source()?;
        let conditions = if self.0.keyword("WHERE") { self.conditions()? } else { Vec::new() };
        let group = if self.by("GROUP")? { self.names("a label")? } else { Vec::new() };
        let order = if self.by("ORDER")? { Some(self.order()?) } else { None };
        let limit = if self.0.keyword("LIMIT") { self.limit()? } else { MAX_SERIES };
        if self.0.peek().is_some() {
            return Err(format!("nothing is understood{}", self.0.before()));
        }
        // Without an order, which time series an alarm sees is left to chance, and CloudWatch takes no such alarm.
        if !group.is_empty() && order.is_none() {
            return Err("an alarm on GROUP BY needs ORDER BY".to_owned());
        }
        Ok(InsightsQuery { aggregate, metric, namespace, schema, conditions, group, order, limit })
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), String> {
        if self.0.keyword(keyword) { Ok(()) } else { Err(format!("{keyword} is missing{}", self.0.before())) }
    }

    fn by(&mut self, keyword: &str) -> Result<bool, String> {
        let found = self.0.keyword(keyword);
        if found {
            self.keyword("BY")?;
        }
        Ok(found)
    }

    fn aggregate(&mut self) -> Result<Aggregate, String> {
        let place = self.0.before();
        match self.0.next() {
            Some(Token::Word(word)) => Aggregate::named(&word).ok_or(format!("the function {word} is not understood")),
            _ => Err(format!("a function is missing{place}")),
        }
    }

    fn name(&mut self, what: &str) -> Result<String, String> {
        let place = self.0.before();
        match self.0.next() {
            Some(Token::Double(name)) => Ok(name),
            Some(Token::Word(word)) if !CLAUSES.iter().any(|clause| clause.eq_ignore_ascii_case(&word)) => Ok(word),
            _ => Err(format!("{what} is missing{place}")),
        }
    }

    /// A list with commas.
    fn names(&mut self, what: &str) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        loop {
            let quoted = matches!(self.0.peek(), Some(Token::Double(_)));
            let name = self.name(what)?;
            if !quoted && self.0.sign(".") {
                return Err(format!("`{name}.` is not understood in a list of labels"));
            }
            names.push(name);
            if !self.0.sign(",") {
                return Ok(names);
            }
        }
    }

    fn source(&mut self) -> Result<(String, Option<Vec<String>>), String> {
        if !self.0.keyword("SCHEMA") {
            return Ok((self.name("the namespace")?, None));
        }
        self.0.expect_sign("(")?;
        let namespace = self.name("the namespace")?;
        let names = if self.0.sign(",") { self.names("a dimension")? } else { Vec::new() };
        self.0.expect_sign(")")?;
        Ok((namespace, Some(names)))
    }

    fn conditions(&mut self) -> Result<Vec<Condition>, String> {
        let mut conditions = Vec::new();
        loop {
            let quoted = matches!(self.0.peek(), Some(Token::Double(_)));
            let name = self.name("a label")?;
            let label = if quoted || !self.0.sign(".") {
                Label::Dimension(name)
            } else if name.eq_ignore_ascii_case("tag") {
                Label::Tag(self.name("a tag's key")?)
            } else {
                return Err(format!("`{name}.` is not understood in a condition"));
            };
            let equal = self.0.sign("=");
            if !equal && !self.0.sign("!=") {
                return Err(format!("= or != is missing{}", self.0.before()));
            }
            let place = self.0.before();
            let Some(Token::Single(value)) = self.0.next() else {
                return Err(format!("a value in single quotes is missing{place}"));
            };
            conditions.push(Condition { label, equal, value });
            if !self.0.keyword("AND") {
                return Ok(conditions);
            }
        }
    }

    fn order(&mut self) -> Result<Order, String> {
        let by = self.aggregate()?;
        self.0.expect_sign("(")?;
        self.0.expect_sign(")")?;
        let descending = self.0.keyword("DESC");
        if !descending {
            self.0.keyword("ASC");
        }
        Ok(Order { by, descending })
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    fn limit(&mut self) -> Result<usize, String> {
        match self.0.next() {
            Some(Token::Number(number)) if number.fract() == 0.0 && (1.0..=500.0).contains(&number) => {
                Ok(number as usize)
            }
            _ => Err("LIMIT needs a whole number from 1 to 500".to_owned()),
        }
    }
}
