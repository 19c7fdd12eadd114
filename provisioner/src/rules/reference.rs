//! References: a selector names a resource by something that only CloudFormation knows when it deploys.
//!
//! ```yaml
//! names: [{resource: WebGroup}]                   # a logical id of the workload's template
//! names: [{import: checkout-web-group}]           # an export of another stack
//! names: [{ssm: /checkout/web/group}]             # a parameter of Parameter Store
//! names: [{parameter: WebGroup}]                  # a parameter of the rules' own stack
//! nodes: [{resource: OrdersCache, append: "-001"}]
//! ```
//! Wherever a selector takes text, it takes a reference. In the selector of a healing loop stands, in its place, its variable
//! between two characters of Unicode's private use area, which users' files may not contain; the compiler turns a text with
//! such a variable into `!Ref`, `!Sub` or `!ImportValue` after everything has been checked.

use crate::diagnostics::{Problem, Source};
use crate::schema::{list, nearest};
use crate::text::upper_first;
use crate::yaml::{HELD_CLOSE, HELD_OPEN, Node, Span, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::sync::Arc;

/// A value that CloudFormation fills in.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Its variable: what stands in the selector, and the name of the template's parameter, where it needs one.
    pub variable: String,
    /// Where the value comes from.
    pub origin: Origin,
    /// Where the rule says so.
    pub span: Span,
    /// What the value is, from the selector's schema, and the pattern that it has to match.
    pub description: String,
    /// The pattern of the selector's field.
    pub pattern: Option<String>,
}

/// Where the value of a reference comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A resource of the workload's template.
    Resource {
        /// Its logical id.
        id: String,
        /// The type that the target needs.
        kind: String,
        /// The value as a CloudFormation expression in long form over the resource.
        value: Json,
        /// Conditions of a workload's `Only` that the resource must fulfil; null for none.
        only: Json,
    },
    /// An export of another stack, by its name.
    Import(String),
    /// A parameter of Parameter Store, by its name.
    Ssm(String),
    /// A parameter of the rules' own stack.
    Parameter,
}

impl Reference {
    /// Whether it names a resource of the workload's template.
    #[must_use]
    pub fn is_in_template(&self) -> bool {
        matches!(self.origin, Origin::Resource { .. })
    }
}

/// The fields of a reference, one of which it has, and what each takes.
const FORMS: [(&str, &str); 4] = [
    ("resource", "a logical id of the workload's template"),
    ("import", "the name of another stack's export"),
    ("ssm", "the name of a parameter in Parameter Store"),
    ("parameter", "the name of a parameter of the rules' own stack"),
];
/// Text that follows the value.
const APPEND: &str = "append";

/// What a selector says with its references taken out.
#[derive(Debug)]
pub(super) struct Extracted {
    /// The selector, a variable in the place of each reference.
    pub(super) node: Node,
    /// The references.
    pub(super) references: Vec<Reference>,
    /// The selector with nothing but the logical ids: a tree of the same shape.
    pub(super) ids: Json,
    /// What is wrong with a reference.
    pub(super) problems: Vec<Problem>,
}

/// Takes the references out of a selector. `schema` is the selector's, `workload` says whether the file names a template.
pub(super) fn extract(source: &Arc<Source>, selector: &Node, schema: &Json, workload: bool) -> Extracted {
    let mut found = Finder { source, workload, references: Vec::new(), problems: Vec::new() };
    let mut node = selector.clone();
    let ids = found.walk(&mut node, schema);
    Extracted { node, references: found.references, ids, problems: found.problems }
}

struct Finder<'a> {
    source: &'a Arc<Source>,
    workload: bool,
    references: Vec<Reference>,
    problems: Vec<Problem>,
}

impl Finder<'_> {
    /// Replaces the references below `node`, and gives their logical ids.
    fn walk(&mut self, node: &mut Node, schema: &Json) -> Json {
        let text = schema.get("type").and_then(Json::as_str) == Some("string");
        match &mut node.value {
            Value::Mapping(_) if text => {
                let (written, id) = self.reference(node, schema);
                node.value = Value::String(written);
                id.map_or(Json::Null, Json::from)
            }
            Value::Mapping(entries) => {
                let properties = schema.get("properties").and_then(Json::as_object);
                let mut ids = Map::new();
                for entry in entries {
                    let below = properties.and_then(|known| known.get(&entry.key));
                    let below = below.or_else(|| schema.get("additionalProperties")).unwrap_or(&Json::Null);
                    ids.insert(entry.key.clone(), self.walk(&mut entry.value, below));
                }
                // A template may ask for what a selector leaves out.
                for field in properties.into_iter().flat_map(Map::keys) {
                    ids.entry(field.clone()).or_insert(Json::Null);
                }
                Json::Object(ids)
            }
            Value::Sequence(items) => {
                let below = schema.get("items").unwrap_or(&Json::Null);
                let ids: Vec<Json> = items.iter_mut().map(|item| self.walk(item, below)).collect();
                ids.into_iter().filter(|id| !id.is_null()).collect()
            }
            _ => Json::Null,
        }
    }

    /// One reference: its text, and its logical id where it names a resource of the template.
    fn reference(&mut self, node: &Node, schema: &Json) -> (String, Option<String>) {
        let told = self.problems.len();
        let reference = self.read(node, schema);
        let Some((reference, append)) = reference.filter(|_| self.problems.len() == told) else {
            // Something that no later check complains about, since what is wrong was told.
            return (held(&format!("Wrong{}", node.span.start)), None);
        };
        let text = format!("{}{append}", held(&reference.variable));
        let id = match &reference.origin {
            Origin::Resource { id, .. } if append.is_empty() => Some(id.clone()),
            _ => None,
        };
        let known = self.references.iter().any(|known| known.variable == reference.variable);
        if !known {
            self.references.push(reference);
        }
        (text, id)
    }

    fn problem(&mut self, message: impl Into<String>, span: Span, help: impl Into<String>) {
        self.problems.push(Problem::error(message).at(self.source, span).help(help));
    }

    fn read(&mut self, node: &Node, schema: &Json) -> Option<(Reference, String)> {
        let forms = FORMS.map(|(form, _)| form);
        for entry in node.entries() {
            if !forms.contains(&entry.key.as_str()) && entry.key != APPEND {
                let help = match nearest(&entry.key, &forms) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write text, or a reference: one of {}, and perhaps `{APPEND}`", list(&forms)),
                };
                self.problem(format!("a reference has no field `{}`", entry.key), entry.key_span, help);
            }
        }
        let given: Vec<_> = node.entries().iter().filter(|entry| forms.contains(&entry.key.as_str())).collect();
        let [entry] = given.as_slice() else {
            if self.problems.is_empty() || given.len() > 1 {
                let message = "a reference names one thing";
                self.problem(message, node.span, format!("write one of {}", list(&forms)));
            }
            return None;
        };
        let value = self.text(&entry.key, &entry.value)?;
        let append = match node.get(APPEND) {
            None => String::new(),
            Some(append) => self.text(APPEND, append)?,
        };
        if let Some(because) = schema.get("x-literal").and_then(Json::as_str) {
            self.problem("this cannot be a reference", node.span, format!("write the value itself: {because}"));
            return None;
        }
        if let Some(words) = schema.get("enum").and_then(Json::as_array) {
            let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
            self.problem("this cannot be a reference", node.span, format!("write one of {}", list(&words)));
            return None;
        }
        let text = |key: &str| schema.get(key).and_then(Json::as_str).map(str::to_owned);
        let pattern = text("pattern");
        let strange =
            append.chars().find(|c| !c.is_ascii_alphanumeric() && !pattern.as_ref().is_none_or(|p| p.contains(*c)));
        if let Some(strange) = strange {
            let span = node.get(APPEND).map_or(node.span, |append| append.span);
            let help = format!("it must match the pattern {}", pattern.unwrap_or_default());
            self.problem(format!("`{APPEND}` cannot have {strange} here"), span, help);
            return None;
        }
        let (variable, origin) = match entry.key.as_str() {
            "resource" => self.resource(&value, entry.value.span, schema)?,
            "import" => (format!("Import{}", variable(&value)), Origin::Import(value)),
            "ssm" => (format!("Ssm{}", variable(&value)), Origin::Ssm(value)),
            _ => (value, Origin::Parameter),
        };
        let description = text("description").unwrap_or_else(|| "What a rule heals.".to_owned());
        let reference = Reference { variable, origin, span: node.span, description, pattern };
        Some((reference, append))
    }

    fn resource(&mut self, id: &str, span: Span, schema: &Json) -> Option<(String, Origin)> {
        if !self.workload {
            let help = "add `workload: <path of the template>` to the rule file, beside `stack`";
            self.problem(format!("`{id}` is a logical id, and the file names no template"), span, help);
            return None;
        }
        let Some(known) = schema.get("x-resource") else {
            let help = "write the value itself, or `import`, `ssm` or `parameter`";
            self.problem("this cannot be a resource of the template", span, help);
            return None;
        };
        let text = |key: &str| known.get(key).and_then(Json::as_str).unwrap_or_default();
        // Ids and attributes are both letters: `Web` and `Name` would be `WebName`, which another resource may be called.
        let variable = match text("attribute") {
            "" => id.to_owned(),
            attribute => format!("{attribute}Of{id}"),
        };
        let value = known.get("value").cloned().unwrap_or_default();
        let mut value = if value.is_null() { json!({"Ref": RESOURCE}) } else { value };
        name_resource(&mut value, id);
        let only = known.get("only").cloned().unwrap_or_default();
        Some((variable, Origin::Resource { id: id.to_owned(), kind: text("type").to_owned(), value, only }))
    }

    /// The text of a field, when it is one that the field may have.
    fn text(&mut self, field: &str, node: &Node) -> Option<String> {
        let allowed = |c: char| match field {
            "resource" | "parameter" => c.is_ascii_alphanumeric(),
            // Export names are letters, digits, colons and hyphens (CloudFormation user guide, "Outputs").
            "import" => c.is_ascii_alphanumeric() || ":-".contains(c),
            // Parameter Store's names, and the value that follows: nothing that `!Sub` or a pattern would read.
            _ => c.is_ascii_alphanumeric() || "_.-/:".contains(c),
        };
        let text = node.as_str().filter(|text| !text.is_empty() && text.len() <= 255 && text.chars().all(allowed));
        if text.is_none() {
            let what =
                FORMS.iter().find(|(form, _)| *form == field).map_or("text that follows the value", |(_, what)| what);
            let allowed = match field {
                "resource" | "parameter" => "letters and digits",
                "import" => "letters, digits, : and -",
                _ => "letters, digits and _ . - / :",
            };
            let written = self.source.text().get(node.span.start..node.span.end).unwrap_or_default();
            let shown = node.as_str().unwrap_or_else(|| written.lines().next().unwrap_or_default().trim_end());
            let help = format!("{} is {what}: {allowed}, 255 at most", upper_first(field));
            self.problem(format!("`{field}` cannot be `{shown}`"), node.span, help);
        }
        text.map(str::to_owned)
    }
}

/// Names that stand for two things, by the rules of one file.
pub(super) fn clashes<'r>(source: &Arc<Source>, references: impl Iterator<Item = &'r Reference>) -> Vec<Problem> {
    let mut known: HashMap<&str, &Reference> = HashMap::new();
    let mut found = Vec::new();
    for reference in references {
        let first = *known.entry(reference.variable.as_str()).or_insert(reference);
        if first.origin != reference.origin {
            let line = source.position(first.span.start).0;
            let message = format!("`{}` stands for something else in line {line}", reference.variable);
            found.push(Problem::error(message).at(source, reference.span).help("rename the parameter"));
        }
    }
    found
}

/// What editors are told of references, by the names that [`in_schema`] refers to: with a logical id, and without.
pub(crate) fn definitions() -> Json {
    let field =
        |pattern: &str, what: &str| json!({"type": "string", "pattern": pattern, "description": upper_first(what)});
    let forms = |from: usize| -> Json {
        let patterns =
            ["^[A-Za-z0-9]{1,255}$", "^[A-Za-z0-9:-]{1,255}$", "^[A-Za-z0-9_.:/-]{1,255}$", "^[A-Za-z0-9]{1,255}$"];
        let forms = FORMS.iter().zip(patterns).skip(from);
        let mut properties: Map<String, Json> =
            forms.clone().map(|((form, what), pattern)| ((*form).to_owned(), field(pattern, what))).collect();
        properties.insert(APPEND.to_owned(), field("^[A-Za-z0-9_.:/-]{1,255}$", "text that follows the value"));
        let one_of: Vec<Json> = forms.map(|((form, _), _)| json!({"required": [form]})).collect();
        json!({
            "description": "A reference: something that only CloudFormation knows when it deploys.",
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
            "oneOf": one_of,
        })
    };
    json!({"reference": forms(0), "value": forms(1)})
}

/// A selector's schema with a reference beside each text that may be one.
pub(crate) fn in_schema(schema: &Json) -> Json {
    match schema {
        Json::Object(map) if map.get("type").is_some_and(|kind| kind == "string") => {
            if map.contains_key("x-literal") || map.contains_key("enum") {
                return schema.clone();
            }
            let name = if map.contains_key("x-resource") { "reference" } else { "value" };
            let mut text = map.clone();
            let description = text.remove("description");
            let mut either = json!({"anyOf": [text, {"$ref": format!("#/$defs/{name}")}]});
            if let Some(description) = description {
                either["description"] = description;
            }
            either
        }
        Json::Object(map) => {
            // What a key may be, and texts of the schema itself, are no values of a selector.
            let kept = |key: &str| key == "propertyNames" || key.starts_with("x-");
            map.iter()
                .map(|(key, value)| (key.clone(), if kept(key) { value.clone() } else { in_schema(value) }))
                .collect()
        }
        Json::Array(items) => items.iter().map(in_schema).collect(),
        other => other.clone(),
    }
}

/// Logical ids for a selector's schema, in the shape in which [`extract`] gives those of a rule: each is called as its type is,
/// with the field before it where another one is called so. `ids` gets all of them.
pub(crate) fn example_ids(schema: &Json, field: &str, ids: &mut Vec<String>) -> Json {
    if let Some(kind) = schema.pointer("/x-resource/type").and_then(Json::as_str) {
        let kind = kind.rsplit("::").next().unwrap_or(kind);
        let taken = ids.iter().any(|id| id == kind);
        let id = if taken { format!("{}{kind}", upper_first(field)) } else { kind.to_owned() };
        ids.push(id.clone());
        return id.into();
    }
    if let Some(items) = schema.get("items") {
        return Some(example_ids(items, field, ids)).into_iter().filter(|id| !id.is_null()).collect();
    }
    match schema.get("properties").and_then(Json::as_object) {
        Some(fields) => fields.iter().map(|(key, below)| (key.clone(), example_ids(below, key, ids))).collect(),
        None => Json::Null,
    }
}

/// Stands for the logical id in a target type's `x-resource.value`.
const RESOURCE: &str = "Resource";

fn name_resource(value: &mut Json, id: &str) {
    match value {
        Json::String(text) if text == RESOURCE => id.clone_into(text),
        Json::Array(items) => items.iter_mut().for_each(|item| name_resource(item, id)),
        Json::Object(map) => map.values_mut().for_each(|value| name_resource(value, id)),
        _ => {}
    }
}

/// A variable as it stands in a selector.
fn held(variable: &str) -> String {
    format!("{HELD_OPEN}{variable}{HELD_CLOSE}")
}

/// A name of letters and digits for a path or an export, unlike that of any other.
fn variable(text: &str) -> String {
    healstack_model::naming::logical_suffix(text)
}

#[cfg(test)]
#[path = "reference_test.rs"]
mod tests;
