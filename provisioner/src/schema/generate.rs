//! JSON Schema of Rust types, in the form that people and editors read best.

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema as Generated, generate::SchemaSettings};
use serde_json::{Value, json};

/// The JSON Schema of a type, self-contained, in the form that [`super::Schema`] and editors read best.
#[must_use]
pub fn generate<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(RecursiveTransform(Readable));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Turns what is generated for Rust's types into what people mean by them.
#[derive(Debug, Clone)]
struct Readable;

impl Transform for Readable {
    fn transform(&mut self, schema: &mut Generated) {
        let Some(object) = schema.as_object_mut() else { return };
        // An optional field is left out, it is not null.
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(options)) = object.get_mut("enum") {
            options.retain(|option| !option.is_null());
        }
        if let Some(Value::Array(options)) = object.get("anyOf").cloned()
            && let [Value::Object(only), null] = options.as_slice()
            && null == &json!({"type": "null"})
        {
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        // Documented words are one list of words.
        if let Some(Value::Array(options)) = object.get("oneOf") {
            let words: Option<Vec<Value>> = options.iter().map(|option| option.get("const").cloned()).collect();
            if let Some(words) = words {
                object.remove("oneOf");
                object.insert("enum".to_owned(), words.into());
            }
        }
        for noise in ["default", "title"] {
            if object.get(noise).is_some_and(|value| value.is_null() || noise == "title") {
                object.remove(noise);
            }
        }
    }
}
