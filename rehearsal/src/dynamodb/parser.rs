//! What all expressions are made of: paths and operands.

use super::attribute;
use super::lexer::{Placeholders, Token, tokens};
use serde_json::Value;

/// A step of a document path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A member of a map, or an attribute of the item.
    Member(String),
    /// An element of a list.
    Element(usize),
}

/// A document path: the attribute, then what is inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) attribute: String,
    pub(super) inside: Vec<Step>,
}

impl Path {
    /// The value at the path of an item.
    pub(super) fn find<'item>(&self, item: &'item Value) -> Option<&'item Value> {
        let first = item.get(&self.attribute)?;
        self.inside.iter().try_fold(first, |value, step| match (attribute::parts(value), step) {
            (("M", members), Step::Member(name)) => members.get(name),
            (("L", members), Step::Element(index)) => members.get(index),
            _ => None,
        })
    }

    /// Whether one of two paths is the other or leads to it.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.attribute == other.attribute && self.inside.iter().zip(&other.inside).all(|(left, right)| left == right)
    }
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    /// What an item has there.
    Path(Path),
    /// What the request gives.
    Value(Value),
    /// How large what an item has there is.
    Size(Path),
}

/// Reads one expression's words from left to right.
#[derive(Debug)]
pub(super) struct Parser<'request> {
    tokens: std::collections::VecDeque<Token>,
    placeholders: &'request mut Placeholders,
}

impl<'request> Parser<'request> {
    /// A parser at the expression's beginning.
    pub(super) fn new(text: &str, placeholders: &'request mut Placeholders) -> Result<Self, String> {
        Ok(Self { tokens: tokens(text)?.into(), placeholders })
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), String> {
        self.tokens.front().map_or(Ok(()), |_| Err(self.syntax()))
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.tokens.is_empty()
    }

    /// What an expression that stops making sense here is refused with.
    pub(super) fn syntax(&self) -> String {
        format!("Syntax error; token: {:?}", self.tokens.front())
    }

    /// Takes a sign where it comes next.
    pub(super) fn takes(&mut self, sign: &'static str) -> bool {
        self.takes_token(&Token::Sign(sign))
    }

    /// Takes a sign that has to come next.
    pub(super) fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(self.syntax()) }
    }

    /// Takes the one of several signs that comes next.
    pub(super) fn one_of(&mut self, signs: &[&'static str]) -> Option<&'static str> {
        signs.iter().copied().find(|sign| self.takes(sign))
    }

    /// Takes a keyword, in capitals or not, where it comes next.
    pub(super) fn keyword(&mut self, keyword: &str) -> bool {
        let comes = matches!(self.tokens.front(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        comes && self.tokens.pop_front().is_some()
    }

    /// The name of the function whose call comes next; its opening bracket is taken as well.
    pub(super) fn call(&mut self) -> Option<String> {
        let (Some(Token::Word(name)), Some(Token::Sign("("))) = (self.tokens.front(), self.tokens.get(1)) else {
            return None;
        };
        // `IN (` and `AND (` are no calls; a function's name is in small letters.
        let name = Some(name.clone()).filter(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase()))?;
        self.tokens.drain(..2);
        Some(name)
    }

    fn takes_token(&mut self, token: &Token) -> bool {
        self.tokens.front() == Some(token) && self.tokens.pop_front().is_some()
    }

    /// A document path.
    pub(super) fn path(&mut self) -> Result<Path, String> {
        let attribute = self.name()?;
        let mut inside = Vec::new();
        loop {
            if self.takes(".") {
                inside.push(Step::Member(self.name()?));
            } else if self.takes("[") {
                let Some(Token::Index(index)) = self.tokens.pop_front() else { return Err(self.syntax()) };
                inside.push(Step::Element(index));
                self.expect("]")?;
            } else {
                return Ok(Path { attribute, inside });
            }
        }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.tokens.front().cloned() {
            Some(Token::Word(word)) => {
                Placeholders::bare(&word)?;
                self.tokens.pop_front();
                Ok(word)
            }
            Some(Token::Name(key)) => {
                self.tokens.pop_front();
                self.placeholders.name(&key)
            }
            _ => Err(self.syntax()),
        }
    }

    /// A value's placeholder, where one comes next.
    pub(super) fn value(&mut self) -> Result<Option<Value>, String> {
        let Some(Token::Value(key)) = self.tokens.front().cloned() else { return Ok(None) };
        self.tokens.pop_front();
        self.placeholders.value(&key).map(Some)
    }

    /// A path, a value or `size(path)`.
    pub(super) fn operand(&mut self) -> Result<Operand, String> {
        if let Some(value) = self.value()? {
            return Ok(Operand::Value(value));
        }
        match self.call() {
            None => self.path().map(Operand::Path),
            Some(name) if name == "size" => {
                let path = self.path()?;
                self.expect(")").map(|()| Operand::Size(path))
            }
            Some(name) => Err(not_here(&name)),
        }
    }

    /// Several of something with commas between.
    pub(super) fn list<T>(&mut self, one: impl Fn(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let mut found = vec![one(self)?];
        while self.takes(",") {
            found.push(one(self)?);
        }
        Ok(found)
    }
}

/// What a function that does not exist, or not here, is refused with.
pub(super) fn not_here(function: &str) -> String {
    format!("Invalid function name; function: {function}")
}

/// The paths of a `ProjectionExpression`.
pub(super) fn projection(text: &str, placeholders: &mut Placeholders) -> Result<Vec<Path>, String> {
    let mut parser = Parser::new(text, placeholders)?;
    let paths = parser.list(Parser::path)?;
    parser.end()?;
    no_overlap(&paths)?;
    Ok(paths)
}

/// That no two paths meet.
pub(super) fn no_overlap(paths: &[Path]) -> Result<(), String> {
    let meet = |(at, path): (usize, &Path)| paths[at + 1..].iter().any(|other| path.overlaps(other));
    if paths.iter().enumerate().any(meet) {
        return Err("Two document paths overlap with each other; must remove or rewrite one of these paths".into());
    }
    Ok(())
}
