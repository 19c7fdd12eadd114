//! Items of the table as JSON and back, so that what an item means is said once, by the types of the model.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use healstack_model::ledger::ItemKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

/// An item as the service gives and takes it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// What an item says; the reason when it does not say that.
pub(super) fn read<T: DeserializeOwned>(item: &Item) -> Result<T, String> {
    let fields: Map<String, Value> = item.iter().map(|(name, value)| (name.clone(), to_json(value))).collect();
    serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
}

/// An item with its key. Fields that are null are left out.
pub(super) fn write(key: &ItemKey, value: &impl Serialize) -> Item {
    // Fails for maps with other keys than text, which no item's type has.
    let fields = serde_json::to_value(value).unwrap_or_default();
    let mut item: Item = match of_json(&fields) {
        Some(AttributeValue::M(item)) => item,
        _ => Item::new(),
    };
    item.extend(of_key(key));
    item
}

/// The key alone.
pub(super) fn of_key(key: &ItemKey) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(key.pk.clone())),
        ("sk".to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

/// An attribute's text.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// An attribute's whole number.
pub(super) fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn to_json(value: &AttributeValue) -> Value {
    let texts = |texts: &[String]| Value::Array(texts.iter().cloned().map(Value::String).collect());
    match value {
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::N(number) => to_number(number),
        AttributeValue::Bool(truth) => Value::Bool(*truth),
        AttributeValue::Ss(set) => texts(set),
        AttributeValue::Ns(set) => Value::Array(set.iter().map(|number| to_number(number)).collect()),
        AttributeValue::L(list) => Value::Array(list.iter().map(to_json).collect()),
        AttributeValue::M(map) => {
            Value::Object(map.iter().map(|(name, value)| (name.clone(), to_json(value))).collect())
        }
        // The ledger holds no bytes; what a later version adds is not known here.
        _ => Value::Null,
    }
}

fn to_number(text: &str) -> Value {
    serde_json::from_str::<Number>(text).map_or_else(|_| Value::String(text.to_owned()), Value::Number)
}

fn of_json(value: &Value) -> Option<AttributeValue> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => AttributeValue::Bool(*truth),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(items) => AttributeValue::L(items.iter().filter_map(of_json).collect()),
        Value::Object(fields) => {
            let fields = fields.iter().filter_map(|(name, value)| Some((name.clone(), of_json(value)?)));
            AttributeValue::M(fields.collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use healstack_model::ledger;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_item_is_its_fields_and_its_key() {
        let item = write(&ledger::event("e"), &json!({"a": "x", "n": 3, "none": null, "list": [true]}));
        assert_eq!((text(&item, "pk"), text(&item, "sk")), (Some("EVENT#e"), Some("EVENT")));
        assert_eq!((text(&item, "a"), number(&item, "n"), item.contains_key("none")), (Some("x"), Some(3), false));
        assert_eq!((text(&item, "n"), number(&item, "a")), (None, None));
    }

    #[test]
    fn sets_and_numbers_are_read() {
        let item = Item::from([
            ("set".to_owned(), AttributeValue::Ss(vec!["a".to_owned()])),
            ("n".to_owned(), AttributeValue::N("1.5".to_owned())),
        ]);
        assert_eq!(read::<Value>(&item), Ok(json!({"set": ["a"], "n": 1.5})));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{1,3}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in values()) {
            prop_assert_eq!(of_json(&value).map(|value| to_json(&value)), Some(value));
        }
    }
}
