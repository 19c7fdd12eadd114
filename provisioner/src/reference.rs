//! The reference of rules, written from the kinds themselves: what can be healed, how a rule says so, and what each
//! parameter means. `docs/rules.md` is its output.

use crate::kinds::{Catalog, Decided, Kind, Target};
use crate::text::lower_first;
use healstack_model::Layer;
use serde_json::Value;
use std::fmt::Write as _;

/// The layers in the order of REL11-BP03.
pub const LAYERS: [Layer; 5] =
    [Layer::Infrastructure, Layer::Platform, Layer::Application, Layer::Data, Layer::Network];

/// The whole reference as Markdown.
#[must_use]
pub fn markdown(catalog: &Catalog) -> String {
    let mut out = String::from(INTRODUCTION);
    out.push_str("\n| field | meaning |\n|---|---|\n");
    let schema = catalog.rule_files.json();
    let fields = schema.pointer("/properties/rules/items/properties").and_then(Value::as_object);
    for (name, field) in fields.into_iter().flatten() {
        let description = field.get("description").and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(out, "| `{name}` | {description}{} |", words(field));
    }
    for layer in LAYERS {
        for kind in catalog.of_layer(layer) {
            write_kind(&mut out, kind, catalog);
        }
    }
    out.push_str("\n## Targets\n\n| target | selects | for instance |\n|---|---|---|\n");
    for target in catalog.targets.values() {
        let Target { summary, example, .. } = &target.definition;
        let _ = writeln!(out, "| `{}` | {summary} | `{}: {example}` |", target.name, target.name);
    }
    out
}

const INTRODUCTION: &str = "# Rules

Written by `cargo xtask docs` from the types and the kinds in `templates/`; not edited by hand.

A file in `rules/` is one CloudFormation stack. Durations are seconds (`600`) or a number with a unit of s, m, h or d
(`10m`).

```yaml
stack: shop                  # unique in the project; at most 40 lower-case letters, digits and single hyphens
defaults: {mode: observe}    # for rules that say nothing: mode, window, stable_for, budget, notify, suppress_while
rules:
  - name: …                  # and so on, as below
```

Attempts, cooldown, budget, `suppress_while` and `escalate_to` are kept by the guard (guard.md). EC2's own alarm actions (recover,
reboot) are not bound by them, only by a pause.

## Fields of every rule

A rule's `layer`, `trigger_condition`, `action` and target type select its kind.
";

/// The words that a field takes, where it takes words.
fn words(schema: &Value) -> String {
    let options = schema.get("enum").and_then(Value::as_array);
    let options: Vec<String> = options.into_iter().flatten().map(|option| format!("`{}`", bare(option))).collect();
    if options.is_empty() { String::new() } else { format!(" One of {}.", options.join(", ")) }
}

fn write_kind(out: &mut String, kind: &Kind, catalog: &Catalog) {
    let definition = &kind.definition;
    let matches = &definition.matches;
    let name = kind.id.split('/').next_back().unwrap_or_default();
    let _ = write!(
        out,
        "\n## {name}\n\n{}\n\n```yaml\n  - name: {name}\n    layer: {}\n    trigger_condition: {}\n    action: {}\n",
        definition.summary, matches.layer, matches.trigger_condition, matches.action,
    );
    if let Some(target) = definition.targets.first().and_then(|target| catalog.targets.get(target)) {
        let _ = writeln!(out, "    target:\n      {}: {}", target.name, target.definition.example);
    }
    let _ = write!(
        out,
        "```\n\nCooldown {}, {} attempts, unless the rule says otherwise. Healed when: {}\n",
        definition.defaults.cooldown_period,
        definition.defaults.max_attempts,
        lower_first(&definition.verification),
    );
    table(out, "parameters", &definition.parameters);
    table(out, "signal", &definition.signal);
    list(out, "What AWS heals by itself, and what it needs", definition.native.iter().cloned());
    list(out, "Means something else than it says (a warning)", definition.redefined.iter().map(decided));
    list(out, "Unsafe (an error)", definition.unsafe_values.iter().map(decided));
}

fn table(out: &mut String, field: &str, schemas: &indexmap::IndexMap<String, Value>) {
    if schemas.is_empty() {
        return;
    }
    let _ = write!(out, "\n| `{field}` | default | allowed | meaning |\n|---|---|---|---|\n");
    for (name, schema) in schemas {
        let text = |key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default();
        let default = schema.get("default").map_or_else(|| "none".to_owned(), |value| format!("`{}`", bare(value)));
        let _ = writeln!(out, "| `{name}` | {default} | {} | {} |", allowed(schema), text("description"));
    }
}

/// What a schema allows, in a few words.
fn allowed(schema: &Value) -> String {
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return options.iter().map(|option| format!("`{}`", bare(option))).collect::<Vec<_>>().join(", ");
    }
    let unit = schema.get("x-unit").and_then(Value::as_str).map(|unit| format!(" {unit}")).unwrap_or_default();
    match (schema.get("minimum"), schema.get("maximum"), schema.get("type").and_then(Value::as_str)) {
        (Some(least), Some(most), _) => format!("{least} to {most}{unit}"),
        (Some(least), None, _) => format!("{least} or more{unit}"),
        (_, _, Some("boolean")) => "`true`, `false`".to_owned(),
        (_, _, Some("string")) => "text".to_owned(),
        (_, _, other) => other.unwrap_or_default().to_owned(),
    }
}

fn list(out: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if !items.is_empty() {
        let _ = write!(out, "\n{title}:\n\n");
        for item in items {
            let _ = writeln!(out, "- {item}");
        }
    }
}

fn decided(decided: &Decided) -> String {
    let value = decided.equals.as_ref().map(|value| format!(": {}", bare(value))).unwrap_or_default();
    let help = decided.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("`{}{value}`: {}{help}", decided.parameter, decided.because)
}

fn bare(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{Problems, Source};
    use crate::kinds::TemplateFiles;
    use crate::rules;

    /// Every example of the reference, as a rule file of its own.
    #[test]
    fn every_example_compiles_as_it_stands() {
        let mut problems = Problems::default();
        let catalog = Catalog::load(TemplateFiles::built_in().unwrap(), &mut problems).unwrap();
        let reference = markdown(&catalog);
        let examples: Vec<&str> = reference
            .split("```yaml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .filter(|example| example.starts_with("  - name"))
            .collect();
        assert_eq!(examples.len(), catalog.kinds.len());
        for example in examples {
            let source = Source::new("example", format!("stack: shop\nrules:\n{example}"));
            let set = rules::parse(&source, &catalog, &mut problems);
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(set.is_some() && told.is_empty(), "{told:?} in\n{example}");
        }
    }
}
