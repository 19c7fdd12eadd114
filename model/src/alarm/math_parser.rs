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
