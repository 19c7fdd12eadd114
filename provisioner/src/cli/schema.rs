//! `healstack schema`: the rule language as JSON Schema, with every kind that the project has.

use super::{Exit, Session};
use crate::config::Config;
use crate::diagnostics::{Problem, Problems};
use crate::kinds::{Catalog, Kind};
use crate::rules::reference;
use crate::schema::generate;
use healstack_model::RuleFile;
use serde_json::{Value, json};

/// Options of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The schema of healstack.yaml instead.
    #[arg(long)]
    config: bool,
}

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    if options.config {
        return print(&titled(generate::<Config>(), "healstack.yaml"));
    }
    let mut problems = Problems::default();
    let catalog = session.catalog(&mut problems);
    let Some(catalog) = catalog.filter(|_| !problems.has_errors()) else {
        return session.printer.failure(&problems);
    };
    match rule_files(&catalog) {
        Some(schema) => print(&schema),
        None => session.printer.fail(Problem::error("the rule file's schema has no rules")),
    }
}

fn print(schema: &Value) -> Exit {
    anstream::println!("{schema:#}");
    Exit::Success
}

fn titled(mut schema: Value, title: &str) -> Value {
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = title.into();
    schema
}

/// The schema of rule files: the language's own, and for each kind what it says of target, parameters and signal.
pub(crate) fn rule_files(catalog: &Catalog) -> Option<Value> {
    let mut schema = titled(generate::<RuleFile>(), "Healstack rule file");
    let rule = schema.pointer_mut("/properties/rules/items")?.as_object_mut()?;
    let branches: Vec<Value> = catalog.kinds.values().map(|kind| branch(catalog, kind)).collect();
    rule.insert("allOf".to_owned(), branches.into());
    schema["$defs"] = reference::definitions();
    Some(schema)
}

fn branch(catalog: &Catalog, kind: &Kind) -> Value {
    let matches = &kind.definition.matches;
    let targets: serde_json::Map<String, Value> = kind
        .definition
        .targets
        .iter()
        .filter_map(|name| Some((name.clone(), reference::in_schema(catalog.targets.get(name)?.selector.json()))))
        .collect();
    let one_of: Vec<Value> = targets.keys().map(|name| json!({"required": [name]})).collect();
    json!({
        "if": {
            "properties": {
                "layer": {"const": matches.layer},
                "trigger_condition": {"const": matches.trigger_condition},
                "action": {"const": matches.action},
                "target": {"type": "object", "anyOf": one_of},
            },
            "required": ["layer", "trigger_condition", "action", "target"],
        },
        "then": {
            "description": kind.definition.summary,
            "properties": {
                "target": {"type": "object", "additionalProperties": false, "properties": targets},
                "parameters": kind.parameters.json(),
                "signal": kind.signal.json(),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::diagnostics::Source;
    use crate::kinds::TemplateFiles;
    use crate::yaml;

    #[test]
    fn editors_are_told_what_the_compiler_takes() {
        let mut problems = Problems::default();
        let catalog = Catalog::load(TemplateFiles::built_in().unwrap(), &mut problems).unwrap();
        assert!(!problems.has_errors());
        let schema = rule_files(&catalog).unwrap();
        let validator = jsonschema::draft202012::options().build(&schema).unwrap();
        let rules = |text: &str| yaml::parse(&Source::new("rules.yaml", text)).unwrap().to_json();
        let example = include_str!("../../../examples/checkout/rules/checkout.yaml");
        let errors: Vec<String> = validator.iter_errors(&rules(example)).map(|error| format!("{error}")).collect();
        assert_eq!(errors, Vec::<String>::new());
        assert!(example.contains("resource: WebGroup"), "the example has no reference");
        for wrong in ["resorce: WebGroup", "resource: WebGroup, import: x", "resource: Web-Group"] {
            let changed = example.replacen("resource: WebGroup", wrong, 1);
            assert!(!validator.is_valid(&rules(&changed)), "{wrong}");
        }
    }
}
