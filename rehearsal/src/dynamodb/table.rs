//! Tables as CloudFormation declares them: keys, indexes, items.

use super::attribute::{self, as_number, kind, parts};
use super::number::Number;
use super::{AwsError, invalid};
use crate::Unsupported;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Bytes of the largest item (developer guide, quotas).
const LARGEST_ITEM: usize = 400 * 1024;

/// Properties that say nothing about what a request is answered.
const WITHOUT_EFFECT: [&str; 9] = [
    "BillingMode",
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "ResourcePolicy",
    "SSESpecification",
    "TableClass",
    "Tags",
    "TableName",
];

/// A key attribute's value, in the order that queries answer in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyValue {
    Number(Number),
    Text(String),
}

impl KeyValue {
    pub(super) fn of(value: &Value) -> Option<Self> {
        match parts(value) {
            ("S", text) => text.as_str().map(|text| Self::Text(text.to_owned())),
            ("N", _) => as_number(value).map(Self::Number),
            _ => None,
        }
    }
}

/// The key of an item in the table.
pub(super) type ItemKey = (KeyValue, Option<KeyValue>);

/// The attributes of a key.
#[derive(Debug, Clone)]
pub(super) struct Schema {
    pub(super) hash: String,
    pub(super) range: Option<String>,
}

impl Schema {
    /// The key's attributes.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    fn read(properties: &Value, place: &str) -> Result<Self, Unsupported> {
        let wrong = || Unsupported::new(place, format!("the KeySchema {}", properties["KeySchema"]));
        let mut keys = properties["KeySchema"].as_array().ok_or_else(wrong)?.iter();
        let mut next = |wanted: &str| -> Result<Option<String>, Unsupported> {
            let Some(key) = keys.next() else { return Ok(None) };
            let name = key["AttributeName"].as_str().filter(|_| key["KeyType"] == wanted).ok_or_else(wrong)?;
            Ok(Some(name.to_owned()))
        };
        let hash = next("HASH")?.ok_or_else(wrong)?;
        let range = next("RANGE")?;
        if keys.next().is_some() { Err(wrong()) } else { Ok(Self { hash, range }) }
    }
}

/// A table with its items.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) name: String,
    pub(super) schema: Schema,
    /// Global secondary indexes by name. All of them project every attribute.
    pub(super) indexes: BTreeMap<String, Schema>,
    types: BTreeMap<String, String>,
    ttl: Option<String>,
    pub(super) items: BTreeMap<ItemKey, Value>,
}

impl Table {
    /// An empty table from the resolved properties of an `AWS::DynamoDB::Table`.
    pub fn from_properties(properties: &Value) -> Result<Self, Unsupported> {
        let name = properties["TableName"].as_str().unwrap_or_default().to_owned();
        let place = format!("table {name}");
        let unknown = |what: String| Unsupported::new(&place, what);
        let (mut types, mut indexes, mut ttl) = (BTreeMap::new(), BTreeMap::new(), None);
        if name.is_empty() {
            return Err(unknown("a table without the property `TableName`".into()));
        }
        for (property, value) in properties.as_object().into_iter().flatten() {
            match property.as_str() {
                "AttributeDefinitions" => {
                    for each in value.as_array().into_iter().flatten() {
                        let kind = each["AttributeType"].as_str().filter(|kind| ["S", "N"].contains(kind));
                        let (Some(name), Some(kind)) = (each["AttributeName"].as_str(), kind) else {
                            return Err(unknown(format!("the attribute definition {each}")));
                        };
                        types.insert(name.to_owned(), kind.to_owned());
                    }
                }
                "GlobalSecondaryIndexes" => {
                    for each in value.as_array().into_iter().flatten() {
                        let index =
                            each["IndexName"].as_str().filter(|_| each["Projection"]["ProjectionType"] == "ALL");
                        let Some(index) = index else { return Err(unknown(format!("the index {each}"))) };
                        indexes.insert(index.to_owned(), Schema::read(each, &place)?);
                    }
                }
                "TimeToLiveSpecification" => {
                    let enabled = [Value::from(true), Value::from("true")].contains(&value["Enabled"]);
                    ttl = value["AttributeName"].as_str().filter(|_| enabled).map(str::to_owned);
                }
                "KeySchema" => {}
                other if WITHOUT_EFFECT.contains(&other) => {}
                other => return Err(unknown(format!("the property `{other}`"))),
            }
        }
        let schema = Schema::read(properties, &place)?;
        let keys = indexes.values().chain([&schema]).flat_map(Schema::attributes);
        if let Some(key) = keys.into_iter().find(|key| !types.contains_key(*key)) {
            return Err(unknown(format!("the type of the key attribute {key}")));
        }
        Ok(Self { name, schema, indexes, types, ttl, items: BTreeMap::new() })
    }

    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every item, in the order of their keys.
    pub fn items(&self) -> impl Iterator<Item = &Value> {
        self.items.values()
    }

    /// Deletes what time to live says is over. AWS does it within a few days, and until then requests see the items
    /// (developer guide, time to live): whoever rehearses says when. Answers how many items went.
    pub fn expire(&mut self, now: crate::Millis) -> usize {
        let (Some(ttl), Ok(now)) = (&self.ttl, Number::parse(&(now / crate::time::SECOND).to_string())) else {
            return 0;
        };
        let before = self.items.len();
        self.items.retain(|_, item| item.get(ttl).and_then(as_number).is_none_or(|end| end > now));
        before - self.items.len()
    }

    /// The key that an item or a `Key` member has. Where `alone`, it may have nothing else.
    pub(super) fn key(&self, attributes: &Map<String, Value>, alone: bool) -> Result<ItemKey, AwsError> {
        if alone && attributes.len() != self.schema.attributes().count() {
            return Err(invalid("The provided key element does not match the schema"));
        }
        let part = |name: &String| -> Result<KeyValue, AwsError> {
            let value = attributes.get(name).ok_or_else(|| {
                invalid(if alone {
                    "The provided key element does not match the schema".to_owned()
                } else {
                    format!("One or more parameter values were invalid: Missing the key {name} in the item")
                })
            })?;
            self.checked(name, value, "")?;
            KeyValue::of(value).ok_or_else(|| invalid("The provided key element does not match the schema"))
        };
        Ok((part(&self.schema.hash)?, self.schema.range.as_ref().map(part).transpose()?))
    }

    /// That a key attribute has its type and is not empty.
    pub(super) fn checked(&self, name: &str, value: &Value, index: &str) -> Result<(), AwsError> {
        let expected = self.types.get(name).map_or("", String::as_str);
        if kind(value) != expected {
            let actual = kind(value);
            return Err(invalid(format!(
                "One or more parameter values were invalid: Type mismatch for key {name} expected: {expected} \
                 actual: {actual}{index}"
            )));
        }
        if parts(value).1.as_str() == Some("") {
            return Err(invalid(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
                 empty string value. Key: {name}{index}"
            )));
        }
        Ok(())
    }

    /// That an item may be kept: its index keys have their types, and it is not too large.
    pub(super) fn check(&self, item: &Value) -> Result<(), AwsError> {
        for (index, schema) in &self.indexes {
            for name in schema.attributes() {
                if let Some(value) = item.get(name) {
                    self.checked(name, value, &format!(" IndexName: {index}"))?;
                }
            }
        }
        if attribute::bytes_of_item(item) > LARGEST_ITEM {
            return Err(invalid("Item size has exceeded the maximum allowed size"));
        }
        Ok(())
    }
}
