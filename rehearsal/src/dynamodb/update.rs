//! `UpdateExpression`: `SET`, `REMOVE`, `ADD`, `DELETE` (developer guide, update expressions).

use super::attribute::{self, as_number, kind, parts, typed};
use super::lexer::Placeholders;
use super::number::Number;
use super::parser::{Parser, Path, Step, no_overlap, not_here};
use serde_json::Value;

const CLAUSES: [&str; 4] = ["SET", "REMOVE", "ADD", "DELETE"];

/// What an update does to an item.
#[derive(Debug, Default)]
pub(super) struct Update {
    sets: Vec<(Path, Term)>,
    removals: Vec<Path>,
    additions: Vec<(Path, Value)>,
    deletions: Vec<(Path, Value)>,
}

/// A value that is put together from what the item has and what the request gives.
#[derive(Debug)]
enum Term {
    Value(Value),
    Path(Path),
    Else(Path, Box<Term>),
    Append(Box<Term>, Box<Term>),
    Sum(Box<Term>, Box<Term>),
    Difference(Box<Term>, Box<Term>),
}

/// Reads an update; the error is what is wrong with it, without the member's name.
pub(super) fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Update, String> {
    let mut parser = Parser::new(text, placeholders)?;
    let mut update = Update::default();
    let mut seen = Vec::new();
    while !parser.is_done() {
        let clause = CLAUSES.into_iter().find(|clause| parser.keyword(clause)).ok_or_else(|| parser.syntax())?;
        if seen.contains(&clause) {
            return Err(format!("The \"{clause}\" section can only be used once in an update expression;"));
        }
        seen.push(clause);
        match clause {
            "SET" => update.sets = parser.list(assignment)?,
            "REMOVE" => update.removals = parser.list(Parser::path)?,
            "ADD" => update.additions = parser.list(|parser| path_and_value(parser, "ADD", &["N", "SS", "NS"]))?,
            _ => update.deletions = parser.list(|parser| path_and_value(parser, "DELETE", &["SS", "NS"]))?,
        }
    }
    no_overlap(&update.paths().into_iter().cloned().collect::<Vec<_>>())?;
    Ok(update)
}

fn assignment(parser: &mut Parser) -> Result<(Path, Term), String> {
    let path = parser.path()?;
    parser.expect("=")?;
    let left = term(parser)?;
    let (left, sign) = (Box::new(left), parser.one_of(&["+", "-"]));
    let term = match sign {
        None => *left,
        Some("+") => Term::Sum(left, Box::new(term(parser)?)),
        Some(_) => Term::Difference(left, Box::new(term(parser)?)),
    };
    Ok((path, term))
}

fn term(parser: &mut Parser) -> Result<Term, String> {
    if let Some(value) = parser.value()? {
        return Ok(Term::Value(value));
    }
    let term = match parser.call().as_deref() {
        None => return parser.path().map(Term::Path),
        Some("if_not_exists") => {
            let path = parser.path()?;
            parser.expect(",")?;
            Term::Else(path, Box::new(term(parser)?))
        }
        Some("list_append") => {
            let first = Box::new(term(parser)?);
            parser.expect(",")?;
            Term::Append(first, Box::new(term(parser)?))
        }
        Some(other) => return Err(not_here(other)),
    };
    parser.expect(")")?;
    Ok(term)
}

fn path_and_value(parser: &mut Parser, clause: &str, types: &[&str]) -> Result<(Path, Value), String> {
    let path = parser.path()?;
    let value = parser.value()?.ok_or_else(|| parser.syntax())?;
    if !types.contains(&kind(&value)) {
        return Err(format!(
            "Incorrect operand type for operator or function; operator: {clause}, operand type: {}",
            kind(&value)
        ));
    }
    Ok((path, value))
}

impl Update {
    /// Every path that the update writes.
    pub(super) fn paths(&self) -> Vec<&Path> {
        let sets = self.sets.iter().map(|(path, _)| path);
        let members = self.additions.iter().chain(&self.deletions).map(|(path, _)| path);
        sets.chain(&self.removals).chain(members).collect()
    }

    /// The item after the update. Every value is computed from the item as it was.
    pub(super) fn apply(&self, old: &Value) -> Result<Value, String> {
        let mut new = old.clone();
        for (path, term) in &self.sets {
            put(&mut new, path, term.of(old)?)?;
        }
        for (path, added) in &self.additions {
            let value = match path.find(old) {
                None => added.clone(),
                Some(was) => sum_or_union(was, added)?,
            };
            put(&mut new, path, value)?;
        }
        for (path, deleted) in &self.deletions {
            let Some(was) = path.find(old) else { continue };
            match without(was, deleted)? {
                Some(rest) => put(&mut new, path, rest)?,
                None => remove(&mut new, path)?,
            }
        }
        // From the end, so that the indexes before still mean what they did.
        let mut removals: Vec<&Path> = self.removals.iter().collect();
        removals.sort_by_key(|path| std::cmp::Reverse(last_index(path)));
        for path in removals {
            remove(&mut new, path)?;
        }
        Ok(new)
    }
}

fn last_index(path: &Path) -> usize {
    match path.inside.last() {
        Some(Step::Element(index)) => *index,
        _ => 0,
    }
}

const WRONG_TYPE: &str = "An operand in the update expression has an incorrect data type";

const INVALID_PATH: &str = "The document path provided in the update expression is invalid for update";

impl Term {
    fn of(&self, item: &Value) -> Result<Value, String> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Path(path) => path.find(item).cloned().ok_or_else(|| {
                "The provided expression refers to an attribute that does not exist in the item".to_owned()
            }),
            Self::Else(path, other) => path.find(item).map_or_else(|| other.of(item), |value| Ok(value.clone())),
            Self::Append(first, second) => match (parts(&first.of(item)?), parts(&second.of(item)?)) {
                (("L", Value::Array(first)), ("L", Value::Array(second))) => {
                    Ok(typed("L", first.iter().chain(second).cloned().collect()))
                }
                _ => Err(WRONG_TYPE.into()),
            },
            Self::Sum(left, right) => arithmetic(&left.of(item)?, &right.of(item)?, Number::plus),
            Self::Difference(left, right) => {
                arithmetic(&left.of(item)?, &right.of(item)?, |left, right| left.plus(right.negated()))
            }
        }
    }
}

fn arithmetic(
    left: &Value,
    right: &Value,
    with: impl Fn(Number, Number) -> Result<Number, String>,
) -> Result<Value, String> {
    let (left, right) = as_number(left).zip(as_number(right)).ok_or(WRONG_TYPE)?;
    Ok(typed("N", Value::from(with(left, right)?.to_string())))
}

fn sum_or_union(was: &Value, added: &Value) -> Result<Value, String> {
    match (parts(was), parts(added)) {
        (("N", _), ("N", _)) => arithmetic(was, added, Number::plus),
        ((left, Value::Array(members)), (right, Value::Array(more))) if left == right && left != "L" => {
            let new = more.iter().filter(|each| !members.contains(each));
            let union = typed(left, members.iter().chain(new).cloned().collect());
            attribute::normalised(&union).map_err(|error| error.message)
        }
        _ => Err(WRONG_TYPE.into()),
    }
}

/// A set without members of another; nothing where none is left, since no set is empty.
fn without(was: &Value, deleted: &Value) -> Result<Option<Value>, String> {
    match (parts(was), parts(deleted)) {
        ((left, Value::Array(members)), (right, Value::Array(fewer))) if left == right && left != "L" => {
            let rest: Vec<Value> = members.iter().filter(|each| !fewer.contains(each)).cloned().collect();
            Ok((!rest.is_empty()).then(|| typed(left, Value::Array(rest))))
        }
        _ => Err(WRONG_TYPE.into()),
    }
}

/// The map that holds a path's last step, or the list that does.
fn holder<'item>(item: &'item mut Value, path: &Path) -> Option<&'item mut Value> {
    let (_, before) = path.inside.split_last()?;
    let first = item.get_mut(&path.attribute)?;
    let holder = before.iter().try_fold(first, inner_mut)?;
    holder.get_mut(if holder.get("L").is_some() { "L" } else { "M" })
}

fn inner_mut<'item>(value: &'item mut Value, step: &Step) -> Option<&'item mut Value> {
    match step {
        Step::Member(name) => value.get_mut("M")?.get_mut(name),
        Step::Element(index) => value.get_mut("L")?.get_mut(index),
    }
}

fn put(item: &mut Value, path: &Path, value: Value) -> Result<(), String> {
    let Some(last) = path.inside.last() else {
        if let Some(attributes) = item.as_object_mut() {
            attributes.insert(path.attribute.clone(), value);
        }
        return Ok(());
    };
    match (holder(item, path), last) {
        (Some(Value::Object(members)), Step::Member(name)) => {
            members.insert(name.clone(), value);
        }
        (Some(Value::Array(members)), Step::Element(index)) => match members.get_mut(*index) {
            Some(member) => *member = value,
            // Past the end is the end.
            None => members.push(value),
        },
        _ => return Err(INVALID_PATH.into()),
    }
    Ok(())
}

/// What is not there is removed already; what it would be in has to be there.
fn remove(item: &mut Value, path: &Path) -> Result<(), String> {
    let Some(last) = path.inside.last() else {
        if let Some(attributes) = item.as_object_mut() {
            attributes.shift_remove(&path.attribute);
        }
        return Ok(());
    };
    match (holder(item, path), last) {
        (Some(Value::Object(members)), Step::Member(name)) => {
            members.shift_remove(name);
        }
        (Some(Value::Array(members)), Step::Element(index)) => {
            if *index < members.len() {
                members.remove(*index);
            }
        }
        _ => return Err(INVALID_PATH.into()),
    }
    Ok(())
}
