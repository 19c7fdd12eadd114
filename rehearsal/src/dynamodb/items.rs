//! Calls that name their items by key.

use super::condition::{self, Condition};
use super::parser::{Path, Step, projection};
use super::request::Request;
use super::update::{self, Update};
use super::{Answer, AwsError, Database, attribute, invalid};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Keys that one `BatchGetItem` may ask for (API reference).
const LARGEST_BATCH: usize = 100;

pub(super) fn get(database: &Database, request: &Value) -> Answer {
    let known = ["TableName", "Key", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"];
    let request = Request::read(request, &known)?;
    request.flag("ConsistentRead", false)?;
    let mut placeholders = request.placeholders(&["ProjectionExpression"])?;
    let paths = request.expression("ProjectionExpression", &mut placeholders, projection)?;
    placeholders.all_used()?;
    let table = database.table(request.needed("TableName")?)?;
    let key = table.key(&attribute::all_normalised(request.needed_object("Key")?)?, true)?;
    Ok(table.items.get(&key).map_or_else(|| json!({}), |item| json!({"Item": projected(item, paths.as_deref())})))
}

/// An answer never leaves keys unprocessed: it would take items of 16 MB, and no ledger's are.
pub(super) fn batch_get(database: &Database, request: &Value) -> Answer {
    let asked = Request::read(request, &["RequestItems"])?.needed_object("RequestItems")?;
    let (mut responses, mut count) = (Map::new(), 0);
    for (name, request) in asked {
        let known = ["Keys", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"];
        let keys = request["Keys"].as_array().filter(|keys| !keys.is_empty());
        let keys = keys.ok_or_else(|| invalid("1 validation error detected: Keys must have at least one member"))?;
        let request = Request::read(request, &known)?;
        request.flag("ConsistentRead", false)?;
        let mut placeholders = request.placeholders(&["ProjectionExpression"])?;
        let paths = request.expression("ProjectionExpression", &mut placeholders, projection)?;
        placeholders.all_used()?;
        let table = database.table(name)?;
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        for key in keys {
            let key = key.as_object().ok_or_else(|| invalid("A key is an object"))?;
            let key = table.key(&attribute::all_normalised(key)?, true)?;
            found.extend(table.items.get(&key).map(|item| projected(item, paths.as_deref())));
            if !seen.insert(key) {
                return Err(invalid("Provided list of item keys contains duplicates"));
            }
        }
        count += keys.len();
        responses.insert(name.clone(), Value::Array(found));
    }
    if count == 0 || count > LARGEST_BATCH {
        return Err(invalid("Too many items requested for the BatchGetItem call"));
    }
    Ok(json!({"Responses": responses, "UnprocessedKeys": {}}))
}

const CONDITION: &str = "ConditionExpression";
const WRITE: [&str; 5] = [
    "TableName",
    CONDITION,
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
];

pub(super) fn put(database: &mut Database, request: &Value) -> Answer {
    let request = Request::read(request, &[&WRITE[..], &["Item", "ReturnValues"]].concat())?;
    let mut placeholders = request.placeholders(&[CONDITION])?;
    let condition = request.expression(CONDITION, &mut placeholders, condition::parse)?;
    placeholders.all_used()?;
    let wanted = common(request, &["NONE", "ALL_OLD"])?;
    let table = database.table_mut(request.needed("TableName")?)?;
    let item = attribute::all_normalised(request.needed_object("Item")?)?;
    let key = table.key(&item, false)?;
    let item = Value::Object(item);
    table.check(&item)?;
    let old = table.items.get(&key).cloned();
    check(condition.as_ref(), old.as_ref())?;
    table.items.insert(key, item);
    Ok(returned(old.filter(|_| wanted == "ALL_OLD")))
}

pub(super) fn delete(database: &mut Database, request: &Value) -> Answer {
    let request = Request::read(request, &[&WRITE[..], &["Key", "ReturnValues"]].concat())?;
    let mut placeholders = request.placeholders(&[CONDITION])?;
    let condition = request.expression(CONDITION, &mut placeholders, condition::parse)?;
    placeholders.all_used()?;
    let wanted = common(request, &["NONE", "ALL_OLD"])?;
    let table = database.table_mut(request.needed("TableName")?)?;
    let key = table.key(&attribute::all_normalised(request.needed_object("Key")?)?, true)?;
    check(condition.as_ref(), table.items.get(&key))?;
    Ok(returned(table.items.remove(&key).filter(|_| wanted == "ALL_OLD")))
}

pub(super) fn update(database: &mut Database, request: &Value) -> Answer {
    let request = Request::read(request, &[&WRITE[..], &["Key", "ReturnValues", "UpdateExpression"]].concat())?;
    let mut placeholders = request.placeholders(&[CONDITION, "UpdateExpression"])?;
    let update = request.expression("UpdateExpression", &mut placeholders, update::parse)?.unwrap_or_default();
    let condition = request.expression(CONDITION, &mut placeholders, condition::parse)?;
    placeholders.all_used()?;
    let wanted = common(request, &["NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"])?;
    let table = database.table_mut(request.needed("TableName")?)?;
    if let Some(path) = update.paths().iter().find(|path| table.schema.attributes().any(|key| *key == path.attribute)) {
        return Err(invalid(format!(
            "One or more parameter values were invalid: Cannot update attribute {}. This attribute is part of the key",
            path.attribute
        )));
    }
    let given = attribute::all_normalised(request.needed_object("Key")?)?;
    let key = table.key(&given, true)?;
    let old = table.items.get(&key).cloned();
    check(condition.as_ref(), old.as_ref())?;
    let new = update.apply(old.as_ref().unwrap_or(&Value::Object(given))).map_err(invalid)?;
    table.check(&new)?;
    table.items.insert(key, new.clone());
    Ok(returned(match wanted {
        "ALL_OLD" => old,
        "ALL_NEW" => Some(new),
        "UPDATED_OLD" => old.and_then(|old| touched(&update, &old)),
        "UPDATED_NEW" => touched(&update, &new),
        _ => None,
    }))
}

/// Which values a write returns.
fn common(request: Request, returns: &[&'static str]) -> Result<&'static str, AwsError> {
    request.word("ReturnValuesOnConditionCheckFailure", &["NONE", "ALL_OLD"])?;
    request.word("ReturnValues", returns)
}

fn check(condition: Option<&Condition>, item: Option<&Value>) -> Result<(), AwsError> {
    let nothing = Value::Object(Map::new());
    if condition.is_none_or(|condition| condition.holds(item.unwrap_or(&nothing))) {
        return Ok(());
    }
    Err(AwsError::client("ConditionalCheckFailedException", "The conditional request failed"))
}

fn returned(attributes: Option<Value>) -> Value {
    attributes.map_or_else(|| json!({}), |attributes| json!({"Attributes": attributes}))
}

/// What an item has at the paths that an update wrote.
fn touched(update: &Update, item: &Value) -> Option<Value> {
    let paths: Vec<Path> = update.paths().into_iter().cloned().collect();
    Some(projected(item, Some(&paths))).filter(|touched| touched.as_object().is_some_and(|map| !map.is_empty()))
}

/// What an item has at the paths, or all of it.
pub(super) fn projected(item: &Value, paths: Option<&[Path]>) -> Value {
    let Some(paths) = paths else { return item.clone() };
    let mut found = Map::new();
    for (path, value) in paths.iter().filter_map(|path| path.find(item).map(|value| (path, value))) {
        insert(found.entry(path.attribute.clone()).or_insert(Value::Null), &path.inside, value);
    }
    Value::Object(found)
}

/// Puts a value where a path leads, with the maps and lists on the way; a list's elements come in the order of the
/// paths.
fn insert(place: &mut Value, inside: &[Step], value: &Value) {
    let Some((step, rest)) = inside.split_first() else {
        *place = value.clone();
        return;
    };
    match step {
        Step::Member(name) => {
            if place.get("M").is_none() {
                *place = json!({"M": {}});
            }
            insert(&mut place["M"][name.as_str()], rest, value);
        }
        Step::Element(_) => {
            if place.get("L").is_none() {
                *place = json!({"L": []});
            }
            if let Some(members) = place.get_mut("L").and_then(Value::as_array_mut) {
                let mut member = Value::Null;
                insert(&mut member, rest, value);
                members.push(member);
            }
        }
    }
}
