//! `Query`: the items of one partition, of the table or of an index.

use super::condition::{self, Condition};
use super::items::projected;
use super::parser::{Operand, Path, projection};
use super::request::Request;
use super::table::{ItemKey, KeyValue, Schema, Table};
use super::{Answer, AwsError, Database, attribute, invalid};
use serde_json::{Map, Value, json};

/// Bytes of items that one page reads at most (developer guide, paginating table query results).
const PAGE: usize = 1024 * 1024;

const KEYS: &str = "KeyConditionExpression";
const FILTER: &str = "FilterExpression";
const PROJECTION: &str = "ProjectionExpression";

pub(super) fn query(database: &Database, request: &Value) -> Answer {
    let known = [
        "TableName",
        "IndexName",
        "ConsistentRead",
        "Select",
        KEYS,
        FILTER,
        PROJECTION,
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "Limit",
        "ExclusiveStartKey",
        "ScanIndexForward",
    ];
    let request = Request::read(request, &known)?;
    let mut placeholders = request.placeholders(&[KEYS, FILTER, PROJECTION])?;
    let keys = request.expression(KEYS, &mut placeholders, condition::parse)?;
    let keys = keys.ok_or_else(|| {
        invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
    })?;
    let filter = request.expression(FILTER, &mut placeholders, condition::parse)?;
    let paths = request.expression(PROJECTION, &mut placeholders, projection)?;
    placeholders.all_used()?;
    let table = database.table(request.needed("TableName")?)?;
    let index = request.text("IndexName")?;
    let schema = match index {
        None => &table.schema,
        Some(index) => table
            .indexes
            .get(index)
            .ok_or_else(|| invalid(format!("The table does not have the specified index: {index}")))?,
    };
    if index.is_some() && request.flag("ConsistentRead", false)? {
        return Err(invalid("Consistent reads are not supported on global secondary indexes"));
    }
    let hash = partition(&keys, table, schema)?;
    if let Some(filter) = &filter {
        let of_key = |name: &&str| schema.attributes().any(|key| key == name);
        if let Some(name) = filter.attributes().iter().find(|name| of_key(name)) {
            return Err(invalid(format!(
                "Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
            )));
        }
    }
    let select = select(request, index, paths.as_deref())?;
    let limit = request.count("Limit")?;
    if limit == Some(0) {
        return Err(invalid(
            "Value '0' at 'limit' failed to satisfy constraint: Member must be greater than or equal to 1",
        ));
    }
    let start = request.object("ExclusiveStartKey")?;
    let start = start.map(|start| start_of(start, table, schema)).transpose()?;
    let forward = request.flag("ScanIndexForward", true)?;
    let found = partition_of(table, schema, &hash, forward);
    let rest = found.into_iter().filter(|(place, item)| {
        keys.holds(item) && start.as_ref().is_none_or(|start| if forward { place > start } else { place < start })
    });
    let page = Page::read(rest.map(|(_, item)| item), limit, filter.as_ref());
    let last = page.last.map(|item| last_key(item, table, schema));
    Ok(answer(&page.items, page.scanned, select, paths.as_deref(), last))
}

/// Whether the answer only counts.
fn select(request: Request, index: Option<&str>, paths: Option<&[Path]>) -> Result<bool, AwsError> {
    let words = ["", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT"];
    let select = request.word("Select", &words)?;
    if select == "ALL_PROJECTED_ATTRIBUTES" && index.is_none() {
        return Err(invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"));
    }
    if select == "SPECIFIC_ATTRIBUTES" && paths.is_none() {
        return Err(invalid(
            "Must specify the AttributesToGet or ProjectionExpression when choosing SPECIFIC_ATTRIBUTES",
        ));
    }
    if paths.is_some() && !["", "SPECIFIC_ATTRIBUTES"].contains(&select) {
        return Err(invalid(format!("Cannot specify the ProjectionExpression when choosing to get {select}")));
    }
    Ok(select == "COUNT")
}

/// The partition that a key condition names, after checking that it is one: the hash key equals a value, and at most
/// one condition on the range key besides (API reference, `Query`).
fn partition(keys: &Condition, table: &Table, schema: &Schema) -> Result<KeyValue, AwsError> {
    let parts = match keys {
        Condition::All(parts) => &parts[..],
        one => std::slice::from_ref(one),
    };
    let (mut hash, mut range) = (None, false);
    for part in parts {
        let (name, equal, operands) = match part {
            Condition::Compare(operand, sign, value) if *sign != "<>" => (operand, *sign == "=", vec![value]),
            Condition::Between(operand, low, high) => (operand, false, vec![low, high]),
            Condition::BeginsWith(operand, beginning) => (operand, false, vec![beginning]),
            _ => return Err(invalid("Query key condition not supported")),
        };
        let name = match name {
            Operand::Path(path) if path.inside.is_empty() => &path.attribute,
            _ => return Err(invalid("Query key condition not supported")),
        };
        for operand in &operands {
            match operand {
                Operand::Value(value) => table.checked(name, value, "")?,
                _ => return Err(invalid("Query key condition not supported")),
            }
        }
        let again = if equal && *name == schema.hash {
            match operands[..] {
                [Operand::Value(value)] => hash.replace(value).is_some(),
                _ => true,
            }
        } else if Some(name) == schema.range.as_ref() {
            std::mem::replace(&mut range, true)
        } else {
            return Err(invalid(format!("Query condition missed key schema element: {}", schema.hash)));
        };
        if again {
            return Err(invalid("Invalid KeyConditionExpression: more than one condition per key"));
        }
    }
    let missed = || invalid(format!("Query condition missed key schema element: {}", schema.hash));
    hash.and_then(KeyValue::of).ok_or_else(missed)
}

/// Where an item stands in a partition: by the range key, then, in an index, by the key of the table.
type Place = (Option<KeyValue>, ItemKey);

/// The items of a partition in the order asked for. In an index, items that lack a key attribute are not there.
fn partition_of<'table>(
    table: &'table Table,
    schema: &Schema,
    hash: &KeyValue,
    forward: bool,
) -> Vec<(Place, &'table Value)> {
    let of = |item: &Value, name: &String| item.get(name).and_then(KeyValue::of);
    let here = table.items.iter().filter(|(_, item)| of(item, &schema.hash).as_ref() == Some(hash));
    let mut found: Vec<_> = here
        .map(|(key, item)| ((schema.range.as_ref().and_then(|range| of(item, range)), key.clone()), item))
        .filter(|((range, _), _)| schema.range.is_none() || range.is_some())
        .collect();
    found.sort_by(|(left, _), (right, _)| if forward { left.cmp(right) } else { right.cmp(left) });
    found
}

fn start_of(start: &Map<String, Value>, table: &Table, schema: &Schema) -> Result<Place, AwsError> {
    let start = attribute::all_normalised(start)?;
    let wanted: std::collections::BTreeSet<&String> = schema.attributes().chain(table.schema.attributes()).collect();
    if start.keys().collect::<std::collections::BTreeSet<_>>() != wanted {
        return Err(invalid("The provided starting key is invalid"));
    }
    let key = table.key(&start, false)?;
    Ok((schema.range.as_ref().and_then(|range| start.get(range)).and_then(KeyValue::of), key))
}

fn last_key(item: &Value, table: &Table, schema: &Schema) -> Value {
    let names = table.schema.attributes().chain(schema.attributes());
    names.filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect::<Map<_, _>>().into()
}

/// What one call reads.
struct Page<'table> {
    items: Vec<&'table Value>,
    scanned: u64,
    /// The last item read, where there may be more.
    last: Option<&'table Value>,
}

impl<'table> Page<'table> {
    /// Reads until the limit or the page's size is reached. Both count items before the filter, and after either the
    /// service says where to go on, whether something comes there or not.
    fn read(found: impl Iterator<Item = &'table Value>, limit: Option<u64>, filter: Option<&Condition>) -> Self {
        let (mut page, mut bytes) = (Self { items: Vec::new(), scanned: 0, last: None }, 0);
        for item in found {
            page.scanned += 1;
            bytes += attribute::bytes_of_item(item);
            if filter.is_none_or(|filter| filter.holds(item)) {
                page.items.push(item);
            }
            if Some(page.scanned) == limit || bytes >= PAGE {
                page.last = Some(item);
                break;
            }
        }
        page
    }
}

fn answer(items: &[&Value], scanned: u64, count_only: bool, paths: Option<&[Path]>, last: Option<Value>) -> Value {
    let mut answer = Map::new();
    if !count_only {
        answer.insert("Items".into(), items.iter().map(|item| projected(item, paths)).collect());
    }
    answer.insert("Count".into(), json!(items.len()));
    answer.insert("ScannedCount".into(), json!(scanned));
    answer.extend(last.map(|last| ("LastEvaluatedKey".to_owned(), last)));
    Value::Object(answer)
}
