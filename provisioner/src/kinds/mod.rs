//! Kinds of rules: folders under `templates/`. Nothing in Rust lists them, so a new kind is a new folder.
//!
//! ```text
//! templates/targets/<type>.yaml                    a target type: its selector's schema, its IAM scope
//! templates/partials/<name>.yaml.hbs               text that several templates share
//! templates/<layer>/<kind>/kind.yaml               what the compiler knows of the kind
//! templates/<layer>/<kind>/stack.yaml.hbs          its resources: signals and native healing
//! templates/<layer>/<kind>/runbook.yaml.hbs        its runbook, where native healing is not enough
//! templates/<layer>/<kind>/native.yaml.hbs         AWS's own healing, as properties of a workload's resources
//! templates/<layer>/<kind>/settings.yaml.hbs       what keeps AWS's own healing set on resources that others own
//! templates/<layer>/<kind>/scenarios.yaml.hbs      failures to rehearse, and what must be seen
//! templates/core|account|artifacts/stack.yaml.hbs  Healstack's own stacks
//! ```
//! The folders are built into the binary. A project's own `templates/` adds to them; a file there replaces the
//! built-in file of the same path.

mod definition;
mod files;

pub use definition::{
    Decided, Definition, Grant, GrantResources, Grants, HealedBy, Relation, Requirement, ResourceName, Settings, Target,
};
pub use files::TemplateFiles;

use crate::diagnostics::{Problem, Problems, Source};
use crate::schema::Schema;
use crate::yaml::{self, Node};
use healstack_model::{Action, Layer, RuleFile};
use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

/// A kind of rule, ready to check rules with.
#[derive(Debug)]
pub struct Kind {
    /// `<layer>/<folder>`, the kind's identity.
    pub id: String,
    /// What `kind.yaml` says.
    pub definition: Definition,
    /// Where it says it.
    pub source: Arc<Source>,
    /// The file's tree, for the places of problems.
    pub node: Node,
    /// The schema of `parameters`.
    pub parameters: Schema,
    /// The schema of `signal`.
    pub signal: Schema,
    /// Whether the folder holds a runbook.
    pub has_runbook: bool,
    /// Whether the folder says what AWS heals itself, as properties of a workload's resources.
    pub has_native: bool,
}

/// The file of a kind's scenarios.
pub(crate) const SCENARIOS: &str = "scenarios.yaml.hbs";

impl Kind {
    /// The template of the kind's resources.
    #[must_use]
    pub fn stack_template(&self) -> String {
        format!("{}/stack.yaml.hbs", self.id)
    }

    /// The template of what the kind wants of a workload's resources.
    #[must_use]
    pub fn native_template(&self) -> String {
        format!("{}/native.yaml.hbs", self.id)
    }

    /// The scenarios that show it, where the kind has some. Not compiled with the others: only a rehearsal asks for them.
    #[must_use]
    pub fn scenarios_template(&self) -> String {
        format!("{}/{SCENARIOS}", self.id)
    }

    /// The template of the kind's runbook.
    #[must_use]
    pub fn runbook_template(&self) -> String {
        format!("{}/runbook.yaml.hbs", self.id)
    }

    /// The template that keeps AWS's own healing set. The kind has one exactly where `settings` says what it sets.
    #[must_use]
    pub fn settings_template(&self) -> String {
        format!("{}/settings.yaml.hbs", self.id)
    }
}

/// A target type, ready to check selectors with.
#[derive(Debug)]
pub struct TargetType {
    /// The word in `target:`.
    pub name: String,
    /// What the file says.
    pub definition: Target,
    /// The schema of the selector.
    pub selector: Schema,
}

/// Every kind and target type there is.
#[derive(Debug)]
pub struct Catalog {
    /// By identity, sorted.
    pub kinds: IndexMap<String, Kind>,
    /// By name, sorted.
    pub targets: IndexMap<String, TargetType>,
    /// The schema of rule files, without what the kinds add.
    pub rule_files: Schema,
    /// The files behind them.
    pub files: TemplateFiles,
}

impl Catalog {
    /// Reads every kind, reporting everything that is wrong with any of them.
    pub fn load(files: TemplateFiles, problems: &mut Problems) -> Option<Self> {
        let rule_files = Schema::of::<RuleFile>();
        let targets = Schema::of::<Target>();
        let kinds = Schema::of::<Definition>();
        let mut catalog = Self { kinds: IndexMap::new(), targets: IndexMap::new(), rule_files, files };
        let paths: Vec<String> = catalog.files.paths().map(str::to_owned).collect();
        for path in paths {
            let parts: Vec<&str> = path.split('/').collect();
            match parts.as_slice() {
                ["targets", file] => {
                    if let Some(name) = file.strip_suffix(".yaml") {
                        catalog.load_target(&targets, name, &path, problems);
                    }
                }
                [layer, folder, "kind.yaml"] => catalog.load_kind(&kinds, layer, folder, &path, problems),
                _ => {}
            }
        }
        catalog.check_targets(problems);
        Some(catalog)
    }

    fn load_target(&mut self, schema: &Schema, name: &str, path: &str, problems: &mut Problems) {
        let source = self.files.source(path);
        let Some((mut definition, node)) = read::<Target>(schema, &source, "a target type", problems) else { return };
        self.inline_selectors(&mut definition.selector, SELECTOR_DEPTH);
        let span = node.get("selector").map_or(node.span, |node| node.span);
        let selector = Schema::written(definition.selector.clone(), "selector", &source, span);
        self.targets.insert(name.to_owned(), TargetType { name: name.to_owned(), definition, selector });
    }

    /// Puts another target type's selector wherever one refers to it: `{x-selector: instances}`.
    fn inline_selectors(&self, schema: &mut Value, mut depth: usize) {
        if let Some(name) = schema.get("x-selector").and_then(Value::as_str) {
            let path = format!("targets/{name}.yaml");
            let selector =
                yaml::parse(&self.files.source(&path)).ok().and_then(|node| Some(node.get("selector")?.to_json()));
            let selector = selector.filter(|_| depth > 0);
            depth = depth.saturating_sub(1);
            *schema = selector.unwrap_or_else(|| json!({"$ref": format!("no-such-target-type:{name}")}));
        }
        match schema {
            Value::Array(items) => items.iter_mut().for_each(|item| self.inline_selectors(item, depth)),
            Value::Object(map) => map.values_mut().for_each(|value| self.inline_selectors(value, depth)),
            _ => {}
        }
    }

    fn load_kind(&mut self, schema: &Schema, layer: &str, folder: &str, path: &str, problems: &mut Problems) {
        let source = self.files.source(path);
        let Some((definition, node)) = read::<Definition>(schema, &source, "a kind", problems) else { return };
        let id = format!("{layer}/{folder}");
        if definition.matches.layer.as_str() != layer {
            let span = node.path(&["match", "layer"]).map_or(node.span, |node| node.span);
            let message = format!("the kind is in templates/{layer}/ but matches layer `{}`", definition.matches.layer);
            problems.push(Problem::error(message).at(&source, span).help("move the folder, or change `match.layer`"));
        }
        if !self.files.contains(&format!("{id}/stack.yaml.hbs")) {
            let message = format!("the kind `{id}` has no stack.yaml.hbs");
            problems.push(Problem::error(message).at(&source, node.span).help("add the template of its resources"));
        }
        for decided in definition.redefined.iter().chain(&definition.unsafe_values) {
            if !definition.parameters.contains_key(&decided.parameter) {
                let message = format!("`{}` is no parameter of this kind", decided.parameter);
                problems.push(Problem::error(message).at(&source, node.span));
            }
        }
        let resource = &definition.resource;
        if resource.dimensions.is_empty() == resource.from.is_none() {
            let span = node.get("resource").map_or(node.span, |node| node.span);
            problems.push(
                Problem::error("`resource` needs `dimensions`, or `from`, and not both").at(&source, span).help(
                    "the guard must know what to lease: by the dimensions of the alarms, or by a field of the selector that names one resource",
                ),
            );
        }
        if definition.settings.is_some() != self.files.contains(&format!("{id}/settings.yaml.hbs")) {
            let span = node.get("settings").map_or(node.span, |node| node.span);
            problems.push(
                Problem::error(format!("the kind `{id}` has only one of `settings` and settings.yaml.hbs"))
                    .at(&source, span)
                    .help("`settings` in kind.yaml says for people what settings.yaml.hbs sets: add the other, or remove it"),
            );
        }
        let known = |name: &str| definition.parameters.contains_key(name);
        if let Some(name) = definition.relations.iter().flat_map(Relation::parameters).find(|name| !known(name)) {
            let span = node.get("relations").map_or(node.span, |node| node.span);
            problems.push(Problem::error(format!("`{name}` is no parameter of this kind")).at(&source, span));
        }
        if let Some(name) = definition.source.iter().flat_map(|rule| rule.parameters.keys()).find(|name| !known(name)) {
            let span = node.path(&["source", "parameters", name]).map_or(node.span, |node| node.span);
            let message = format!("REL11-BP03 gives this kind the parameter `{name}`, which it does not have");
            problems.push(Problem::error(message).at(&source, span).help("add it to `parameters`"));
        }
        for (field, schemas) in [("parameters", &definition.parameters), ("signal", &definition.signal)] {
            for (name, schema) in schemas {
                if let Some(fault) = parameter_fault(schema) {
                    let span = node.path(&[field, name]).map_or(node.span, |node| node.span);
                    problems.push(Problem::error(format!("`{name}` in `{field}`: {fault}")).at(&source, span));
                }
            }
        }
        let schema = |field: &str, properties: &IndexMap<String, Value>| {
            let json = json!({"type": "object", "additionalProperties": false, "properties": properties});
            let span = node.get(field).map_or(node.span, |node| node.span);
            Schema::written(json, field, &source, span)
        };
        let parameters = schema("parameters", &definition.parameters);
        let signal = schema("signal", &definition.signal);
        let has_runbook = self.files.contains(&format!("{id}/runbook.yaml.hbs"));
        let has_native = self.files.contains(&format!("{id}/native.yaml.hbs"));
        self.kinds
            .insert(id.clone(), Kind { id, definition, source, node, parameters, signal, has_runbook, has_native });
    }

    /// What is wrong with the schemas of kinds and target types, of which a run otherwise looks only at those that it needs.
    pub fn faults(&self) -> Vec<Problem> {
        let kinds = self.kinds.values().flat_map(|kind| [&kind.parameters, &kind.signal]);
        kinds.chain(self.targets.values().map(|target| &target.selector)).filter_map(Schema::fault).collect()
    }

    fn check_targets(&self, problems: &mut Problems) {
        let known: Vec<&str> = self.targets.keys().map(String::as_str).collect();
        for kind in self.kinds.values() {
            for target in kind.definition.targets.iter().filter(|target| !known.contains(&target.as_str())) {
                let help = format!("add templates/targets/{target}.yaml; there are {}", crate::schema::list(&known));
                problems.push(Problem::error(format!("`{}` heals unknown targets `{target}`", kind.id)).help(help));
            }
            if let Some(field) = &kind.definition.resource.from {
                let texts = |target: &&String| {
                    let selector = self.targets.get(*target).map(|target| target.selector.json());
                    let kind = selector.and_then(|selector| selector.get("properties")?.get(field)?.get("type"));
                    kind.is_some_and(|kind| kind == "string")
                };
                if let Some(target) = kind.definition.targets.iter().find(|target| !texts(target)) {
                    let span = kind.node.path(&["resource", "from"]).map_or(kind.node.span, |node| node.span);
                    let message =
                        format!("`{field}` of `{target}` names no resource: it must be a text of its selector");
                    problems.push(Problem::error(message).at(&kind.source, span));
                }
            }
            for other in self.kinds.values().filter(|other| other.id > kind.id) {
                let shared = kind.definition.targets.iter().find(|target| other.definition.targets.contains(target));
                if let (true, Some(target)) = (kind.definition.matches == other.definition.matches, shared) {
                    let message = format!("`{}` and `{}` both heal `{target}` on the same trigger", kind.id, other.id);
                    problems.push(Problem::error(message).help("a rule must select one kind: change one `match`"));
                }
            }
        }
    }

    /// The kinds of a layer, with the trigger and action that select each.
    pub fn of_layer(&self, layer: Layer) -> impl Iterator<Item = &Kind> {
        self.kinds.values().filter(move |kind| kind.definition.matches.layer == layer)
    }

    /// The kinds that a layer, trigger and action select; the target type decides between them.
    #[must_use]
    pub fn select(&self, layer: Layer, trigger: &str, action: Action) -> Vec<&Kind> {
        self.of_layer(layer)
            .filter(|kind| {
                let matches = &kind.definition.matches;
                matches.trigger_condition == trigger && matches.action == action
            })
            .collect()
    }
}

/// How many selectors may refer to one another in a row. One that refers to itself ends here, as an error.
const SELECTOR_DEPTH: usize = 4;

/// Keywords that a parameter's schema may use: JSON Schema's own for scalars and lists, and ours. JSON Schema ignores
/// every other word, and with it a misspelled limit.
const KEYWORDS: [&str; 15] = [
    "type",
    "enum",
    "const",
    "default",
    "description",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "items",
    "minItems",
    "maxItems",
    "x-unit",
    "x-help",
];

/// What is wrong with the schema of a parameter, besides its being one.
fn parameter_fault(schema: &Value) -> Option<String> {
    let map = schema.as_object()?;
    let unknown = map.keys().find(|keyword| !KEYWORDS.contains(&keyword.as_str()));
    if let Some(keyword) = unknown {
        let near = crate::schema::nearest(keyword, &KEYWORDS).map(|near| format!(", did you mean `{near}`?"));
        return Some(format!("`{keyword}` is no keyword of a parameter{}", near.unwrap_or_default()));
    }
    if !map.contains_key("description") {
        return Some("it has no `description`".to_owned());
    }
    (!map.contains_key("type") && !map.contains_key("enum")).then(|| "it has neither `type` nor `enum`".to_owned())
}

/// Reads one definition file.
fn read<T: DeserializeOwned>(
    schema: &Schema,
    source: &Arc<Source>,
    what: &str,
    problems: &mut Problems,
) -> Option<(T, Node)> {
    let node = problems.take(yaml::parse(source))?;
    let found = schema.check(source, &node, what);
    if !found.is_empty() {
        problems.extend(found);
        return None;
    }
    let value =
        serde_json::from_value(node.to_json()).map_err(|error| Problem::error(error.to_string()).at(source, node.span));
    Some((problems.take(value)?, node))
}
