//! Reads metric math (CloudWatch user guide, "Math expressions with metrics").

use super::AlarmError;
use super::lexer::{Cursor, Token};
use super::math::{Expression, Kind, Operator, Reduce};

/// What an expression may name: the ids of `Metrics`, in their order, and whether each is a metric.
pub(crate) type Ids<'a> = [(&'a str, bool)];

/// Operators that bind equally, the loosest first.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("OR", Operator::Or), ("||", Operator::Or)],
    &[("AND", Operator::And), ("&&", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
];

/// Reads an expression whose result is one time series.
pub(crate) fn parse(text: &str, ids: &Ids<'_>) -> Result<Expression, AlarmError> {
    let fail = |problem| AlarmError::Expression { expression: text.to_owned(), problem };
    let mut parser = Parser { cursor: Cursor::over(text).map_err(fail)?, ids };
    let expression = parser.level(&LEVELS).map_err(fail)?;
    if parser.cursor.peek().is_some() {
        return Err(fail(format!("an operator is missing{}", parser.cursor.before())));
    }
    match expression.kind().map_err(fail)? {
        Kind::Series => Ok(expression),
        Kind::Number => Err(fail("it gives a number, not a time series".to_owned())),
        Kind::Array => Err(fail("it gives several time series, and an alarm watches one".to_owned())),
    }
}

struct Parser<'a> {
    cursor: Cursor,
    ids: &'a Ids<'a>,
}

impl Parser<'_> {
    fn level(&mut self, levels: &[&[(&str, Operator)]]) -> Result<Expression, String> {
        let Some((operators, tighter)) = levels.split_first() else { return self.unary() };
        let mut left = self.level(tighter)?;
        while let Some(operator) = self.operator(operators) {
            let right = self.level(tighter)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        let next = match self.cursor.peek()? {
            Token::Sign(sign) => *sign,
            // Functions and words of metric math are in capital letters; an id begins with a small one.
            Token::Word(word) if word == "AND" => "AND",
            Token::Word(word) if word == "OR" => "OR",
            _ => return None,
        };
        let found = operators.iter().find(|(text, _)| *text == next).map(|(_, operator)| *operator)?;
        self.cursor.next();
        Some(found)
    }

    fn unary(&mut self) -> Result<Expression, String> {
        if self.cursor.sign("-") {
            return Ok(Expression::Negate(Box::new(self.unary()?)));
        }
        let base = self.primary()?;
        if self.cursor.sign("^") {
            return Ok(Expression::Binary(Operator::Power, Box::new(base), Box::new(self.unary()?)));
        }
        Ok(base)
    }

    fn primary(&mut self) -> Result<Expression, String> {
        let place = self.cursor.before();
        match self.cursor.next() {
            Some(Token::Number(number)) => Ok(Expression::Number(number)),
            Some(Token::Sign("(")) => {
                let inner = self.level(&LEVELS)?;
                self.cursor.expect_sign(")")?;
                Ok(inner)
            }
            Some(Token::Sign("[")) => Ok(Expression::Array(self.list("]")?)),
            Some(Token::Word(word)) if self.cursor.sign("(") => self.call(&word),
            Some(Token::Word(word)) => match self.ids.iter().position(|(id, _)| *id == word) {
                Some(index) => Ok(Expression::Id(index)),
                None => Err(format!("there is no id `{word}`")),
            },
            _ => Err(format!("a value is missing{place}")),
        }
    }

    /// The items up to a closing sign, which is taken.
    fn list(&mut self, end: &str) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        if self.cursor.sign(end) {
            return Ok(items);
        }
        loop {
            items.push(self.level(&LEVELS)?);
            if self.cursor.sign(end) {
                return Ok(items);
            }
            self.cursor.expect_sign(",")?;
        }
    }

    fn call(&mut self, function: &str) -> Result<Expression, String> {
        if function == "METRICS" {
            return self.metrics();
        }
        let mut arguments = self.list(")")?.into_iter().map(Box::new);
        let count = arguments.len();
        let wrong = || format!("{function} does not take {count} arguments here");
        let mut next = || arguments.next().ok_or_else(wrong);
        match (function, count) {
            ("IF", 2) => Ok(Expression::If(next()?, next()?, None)),
            ("IF", 3) => Ok(Expression::If(next()?, next()?, Some(next()?))),
            ("FILL", 2) => Ok(Expression::Fill(next()?, next()?)),
            ("MAX", 1) => Ok(Expression::Reduce(Reduce::Max, next()?)),
            ("MIN", 1) => Ok(Expression::Reduce(Reduce::Min, next()?)),
            ("SUM", 1) => Ok(Expression::Reduce(Reduce::Sum, next()?)),
            ("AVG", 1) => Ok(Expression::Reduce(Reduce::Average, next()?)),
            ("IF" | "FILL" | "MAX" | "MIN" | "SUM" | "AVG", _) => Err(wrong()),
            _ => Err(format!("the function {function} is not understood")),
        }
    }

    /// All metrics, or those whose id contains a text; expressions are not among them.
    fn metrics(&mut self) -> Result<Expression, String> {
        let part = match self.cursor.peek() {
            Some(Token::Double(part) | Token::Single(part)) => Some(part.clone()),
            _ => None,
        };
        if part.is_some() {
            self.cursor.next();
        }
        self.cursor.expect_sign(")")?;
        let fits = |id: &str| part.as_ref().is_none_or(|part| id.contains(part.as_str()));
        let ids = self.ids.iter().enumerate();
        let found =
            ids.filter(|(_, (id, metric))| *metric && fits(id)).map(|(index, _)| Expression::Id(index)).collect();
        Ok(Expression::Array(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::math::Series;

    const IDS: [(&str, bool); 4] = [("m1", true), ("m2", true), ("m3", true), ("e1", false)];

    /// `30 20 - 0`: `-` is missing.
    fn series(text: &str) -> Series {
        text.split_whitespace().map(|value| value.parse().ok()).collect()
    }

    #[track_caller]
    fn check(expression: &str, given: [&str; 3], expected: &str) {
        let values: Vec<Series> = given.into_iter().map(series).collect();
        let parsed = parse(expression, &IDS).unwrap();
        let expected = series(expected);
        assert_eq!(parsed.evaluate(&values, expected.len()), expected, "{expression}");
    }

    #[test]
    fn comparisons_and_logic_follow_their_table() {
        // "Comparison and logical operators": metric1 and metric2 of the example.
        let given = ["30 20 0 0", "20 - 20 -", "- - - -"];
        check("m1 < m2", given, "0 0 1 0");
        check("m1 >= 30", given, "1 0 0 0");
        check("m1 > 15 AND m2 > 15", given, "1 0 0 0");
        check("m1 > 15 && m2 > 15 || m2 > 15", given, "1 0 1 0");
        check("m1 != 0", given, "1 1 0 0");
        check("m1 == m2", given, "0 0 0 1");
    }

    #[test]
    fn if_follows_its_tables() {
        // "Using IF expressions": the three tables, and the cases above them.
        let given = ["1 1 0 0 -", "30 - 0 0 30", "0 0 20 - 20"];
        check("IF(m1, m2, m3)", given, "30 0 20 0 -");
        check("IF(m1, 5, m3)", given, "5 5 20 - -");
        check("IF(m1, m2, 5)", given, "30 0 5 5 -");
        check("IF(m1, m2)", given, "30 0 - - -");
        check("IF(m1 > 0, 10, 2)", given, "10 10 2 2 -");
        check("IF(1, m2, m3)", given, "30 - 0 0 30");
        check("IF(0, m2, m3)", given, "0 0 20 - 20");
        check("IF(0, m2)", given, "- - - - -");
    }

    #[test]
    fn missing_values_count_as_zero_beside_others() {
        // "Basic arithmetic functions": missing values are 0; a division by zero drops the datapoint.
        let given = ["1 - - 6", "2 3 - 0", "- - - -"];
        check("m1 + m2", given, "3 3 - 6");
        check("m1 - m2", given, "-1 -3 - 6");
        check("m1 / m2", given, "0.5 0 - -");
        check("5 * m1", given, "5 - - 30");
        check("100 / m2", given, "50 33.333333333333336 - -");
        check("m3 + m3", given, "- - - -");
        check("m1 + 1 / 0", given, "- - - -");
        check("-m1 ^ 2", given, "-1 - - -36");
        check("1 + 2 * m2 - 3", given, "2 4 - -2");
        check("(1 + m2) * 2", given, "6 8 - 2");
        check("10 - 2 - m2", given, "6 5 - 8");
    }

    #[test]
    fn several_metrics_become_one_series() {
        let given = ["1 - - 6", "2 3 - 0", "6 - - 3"];
        check("MAX(METRICS())", given, "6 3 - 6");
        check("MIN(METRICS())", given, "1 3 - 0");
        check("SUM([m1, m2])", given, "3 3 - 6");
        check("AVG(METRICS())", given, "3 1 - 3");
        check("SUM(METRICS(\"m1\"))", given, "1 - - 6");
        check("FILL(m1, 7)", given, "1 7 7 6");
        check("FILL(m1, m2)", given, "1 3 - 6");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let cases = [
            ("m4 + 1", "there is no id `m4`"),
            ("RATE(m1)", "the function RATE is not understood"),
            ("if(m1, 1, 0)", "the function if is not understood"),
            ("IF(m1)", "IF does not take 1 arguments here"),
            ("MAX(m1)", "a function over the datapoints of one time series is not understood"),
            ("1 + 2", "it gives a number, not a time series"),
            ("IF(1, 2, 3)", "IF needs a time series among its arguments"),
            ("METRICS()", "it gives several time series, and an alarm watches one"),
            ("METRICS() / 2", "an array is understood only as the argument of MAX, MIN, SUM or AVG"),
            ("SUM([m1, 2])", "an array holds something else than time series"),
            ("FILL(1, m1)", "FILL needs a time series"),
            ("m1 m2", "an operator is missing before `m2`"),
            ("(m1 + m2", "`)` is missing at the end"),
            ("m1 +", "a value is missing at the end"),
            ("m1 % 2", "`%` is not understood"),
            ("2m1", "`2m1` begins with a number that goes on as a word"),
            ("m1 and m2", "an operator is missing before `and`"),
            ("FILL(m1, REPEAT)", "there is no id `REPEAT`"),
            ("", "a value is missing at the end"),
        ];
        for (expression, problem) in cases {
            let expected = AlarmError::Expression { expression: expression.to_owned(), problem: problem.to_owned() };
            assert_eq!(parse(expression, &IDS), Err(expected));
        }
    }
}
