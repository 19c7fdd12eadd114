//! Metric math over datapoints (CloudWatch user guide, "Math expressions with metrics").

/// A time series: one value a period, `None` where it is missing.
pub(crate) type Series = Vec<Option<f64>>;

/// What joins two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// What makes one time series of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduce {
    Max,
    Min,
    Sum,
    Average,
}

/// An expression, its ids resolved to the index of the entry in `Metrics`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Number(f64),
    Id(usize),
    Negate(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    If(Box<Expression>, Box<Expression>, Option<Box<Expression>>),
    Fill(Box<Expression>, Box<Expression>),
    Array(Vec<Expression>),
    Reduce(Reduce, Box<Expression>),
}

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Series,
    Array,
}

/// A number is missing only where constants were divided by zero.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(Option<f64>),
    Series(Series),
}

impl Expression {
    /// What it gives; the error says what is not understood.
    pub(crate) fn kind(&self) -> Result<Kind, String> {
        match self {
            Self::Number(_) => Ok(Kind::Number),
            Self::Id(_) => Ok(Kind::Series),
            Self::Negate(inner) => inner.one(),
            Self::Binary(_, left, right) => Ok(match (left.one()?, right.one()?) {
                (Kind::Number, Kind::Number) => Kind::Number,
                _ => Kind::Series,
            }),
            Self::If(condition, yes, no) => {
                let parts = [condition.one()?, yes.one()?, no.as_ref().map_or(Ok(Kind::Number), |no| no.one())?];
                let series = parts.contains(&Kind::Series);
                if series { Ok(Kind::Series) } else { Err("IF needs a time series among its arguments".to_owned()) }
            }
            Self::Fill(series, filler) => match (series.one()?, filler.one()?) {
                (Kind::Series, _) => Ok(Kind::Series),
                _ => Err("FILL needs a time series".to_owned()),
            },
            Self::Array(items) => {
                let all = items.iter().map(Self::kind).collect::<Result<Vec<Kind>, String>>()?;
                let series = all.iter().all(|kind| *kind == Kind::Series);
                if series { Ok(Kind::Array) } else { Err("an array holds something else than time series".to_owned()) }
            }
            Self::Reduce(_, inner) => match inner.kind()? {
                Kind::Array => Ok(Kind::Series),
                // Over one time series the range of datapoints decides, and CloudWatch advises against it in alarms.
                _ => Err("a function over the datapoints of one time series is not understood".to_owned()),
            },
        }
    }

    fn one(&self) -> Result<Kind, String> {
        match self.kind()? {
            Kind::Array => Err("an array is understood only as the argument of MAX, MIN, SUM or AVG".to_owned()),
            kind => Ok(kind),
        }
    }

    /// The entries that it needs.
    pub(crate) fn needs(&self, into: &mut Vec<usize>) {
        match self {
            Self::Number(_) => {}
            Self::Id(index) => into.push(*index),
            Self::Negate(inner) | Self::Reduce(_, inner) => inner.needs(into),
            Self::Binary(_, left, right) | Self::Fill(left, right) => {
                left.needs(into);
                right.needs(into);
            }
            Self::If(condition, yes, no) => {
                condition.needs(into);
                yes.needs(into);
                if let Some(no) = no {
                    no.needs(into);
                }
            }
            Self::Array(items) => items.iter().for_each(|item| item.needs(into)),
        }
    }

    /// Its values over `count` periods. `values` holds those of every entry that it needs.
    pub(crate) fn evaluate(&self, values: &[Series], count: usize) -> Series {
        match self.value(values, count) {
            Value::Series(series) => series,
            Value::Number(number) => vec![number; count],
        }
    }

    fn value(&self, values: &[Series], count: usize) -> Value {
        match self {
            Self::Number(number) => Value::Number(Some(*number)),
            Self::Id(index) => Value::Series(values.get(*index).cloned().unwrap_or_else(|| vec![None; count])),
            Self::Negate(inner) => match inner.value(values, count) {
                Value::Number(number) => Value::Number(number.map(|number| -number)),
                Value::Series(series) => {
                    Value::Series(series.into_iter().map(|value| value.map(|value| -value)).collect())
                }
            },
            Self::Binary(operator, left, right) => {
                binary(*operator, left.value(values, count), right.value(values, count), count)
            }
            Self::If(condition, yes, no) => {
                let no = no.as_ref().map(|no| no.value(values, count));
                choose(&condition.value(values, count), &yes.value(values, count), no.as_ref(), count)
            }
            Self::Fill(series, filler) => {
                let (series, filler) = (series.evaluate(values, count), filler.value(values, count));
                let slots = series.into_iter().enumerate();
                Value::Series(slots.map(|(slot, value)| value.or_else(|| at(&filler, slot))).collect())
            }
            Self::Array(_) => Value::Number(None),
            Self::Reduce(how, inner) => match inner.as_ref() {
                Self::Array(items) => {
                    let all: Vec<Series> = items.iter().map(|item| item.evaluate(values, count)).collect();
                    Value::Series((0..count).map(|slot| reduce(*how, &all, slot)).collect())
                }
                other => Value::Series(other.evaluate(values, count)),
            },
        }
    }
}

fn at(value: &Value, slot: usize) -> Option<f64> {
    match value {
        Value::Number(number) => *number,
        Value::Series(series) => series.get(slot).copied().flatten(),
    }
}

fn binary(operator: Operator, left: Value, right: Value, count: usize) -> Value {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            Value::Number(left.zip(right).and_then(|(left, right)| apply(operator, left, right)))
        }
        // "Missing values in a time series are treated as 0": where the other time series has a value. Where neither
        // has, there is no datapoint to compute.
        (Value::Series(left), Value::Series(right)) => {
            let pairs = left.into_iter().zip(right);
            Value::Series(
                pairs
                    .map(|pair| match pair {
                        (None, None) => None,
                        (left, right) => apply(operator, left.unwrap_or(0.0), right.unwrap_or(0.0)),
                    })
                    .collect(),
            )
        }
        (left, right) => {
            let both = |slot| apply(operator, at(&left, slot)?, at(&right, slot)?);
            Value::Series((0..count).map(both).collect())
        }
    }
}

/// `None` for a division by zero, whose datapoint is dropped, and for whatever else is no finite number.
fn apply(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let truth = |holds: bool| f64::from(u8::from(holds));
    let result = match operator {
        Operator::Or => truth(left != 0.0 || right != 0.0),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Equal => truth(left.total_cmp(&right).is_eq() || (left == 0.0 && right == 0.0)),
        Operator::NotEqual => truth(!(left.total_cmp(&right).is_eq() || (left == 0.0 && right == 0.0))),
        Operator::LessOrEqual => truth(left <= right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Less => truth(left < right),
        Operator::Greater => truth(left > right),
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
    };
    result.is_finite().then_some(result)
}

/// `IF` (same guide, "Using IF expressions"): what is missing in the branch taken counts as 0; without a branch, or
/// where the condition is missing, the datapoint is dropped. After a number for the true case, a missing false case is
/// dropped too.
fn choose(condition: &Value, yes: &Value, no: Option<&Value>, count: usize) -> Value {
    let number_first = matches!(yes, Value::Number(_));
    let pick = |slot: usize| {
        let holds = at(condition, slot)? != 0.0;
        match (holds, no) {
            (true, _) => at(yes, slot).or(Some(0.0)),
            (false, None) => None,
            (false, Some(no)) => at(no, slot).or(if number_first { None } else { Some(0.0) }),
        }
    };
    match condition {
        // A condition that is one number picks a whole time series, gaps included.
        Value::Number(number) => {
            let picked = if number.is_some_and(|number| number != 0.0) { Some(yes) } else { no };
            Value::Series((0..count).map(|slot| picked.and_then(|picked| at(picked, slot))).collect())
        }
        Value::Series(_) => Value::Series((0..count).map(pick).collect()),
    }
}

/// One value of several time series. A missing value is none of the extremes, and 0 in a sum or an average; where all
/// are missing, so is the result.
#[expect(clippy::cast_precision_loss, reason = "an alarm has at most 10 metrics")]
fn reduce(how: Reduce, all: &[Series], slot: usize) -> Option<f64> {
    let present = all.iter().filter_map(|series| series.get(slot).copied().flatten());
    match how {
        Reduce::Max => present.reduce(f64::max),
        Reduce::Min => present.reduce(f64::min),
        Reduce::Sum => present.reduce(|sum, value| sum + value),
        Reduce::Average => present.reduce(|sum, value| sum + value).map(|sum| sum / all.len() as f64),
    }
}
