//! The reference of rules, written from the kinds themselves: what can be healed, how a rule says so, and what each
//! parameter means. `docs/rules.md` is its output.

use crate::kinds::{Catalog, Decided, Kind};
use healstack_model::Layer;
use serde_json::Value;
use std::fmt::Write as _;

/// The layers in the order of REL11-BP03.
pub const LAYERS: [Layer; 5] =
    [Layer::Infrastructure, Layer::Platform, Layer::Application, Layer::Data, Layer::Network];

/// The whole reference as Markdown.
#[must_use]
pub fn markdown(catalog: &Catalog) -> String {
    let mut out = String::from(
        "# Rules\n\nWritten by `cargo xtask docs` from the kinds in `templates/`; not edited by hand.\n\n\
         A rule's `layer`, `trigger_condition`, `action` and target type select its kind. Fields that every rule has are in\n\
         `healstack schema`.\n",
    );
    for layer in LAYERS {
        for kind in catalog.of_layer(layer) {
            write_kind(&mut out, kind);
        }
    }
    out.push_str("\n# Targets\n");
    for target in catalog.targets.values() {
        let _ = write!(out, "\n## {}\n\n{}\n", target.name, target.definition.summary);
        if let Some(example) = target.definition.selector.get("x-help").and_then(Value::as_str) {
            let _ = write!(out, "\nTo select them, {example}.\n");
        }
    }
    out
}

fn write_kind(out: &mut String, kind: &Kind) {
    let definition = &kind.definition;
    let matches = &definition.matches;
    let name = kind.id.split('/').next_back().unwrap_or_default();
    let _ = write!(
        out,
        "\n## {name}\n\n{}\n\n```yaml\nlayer: {}\ntrigger_condition: {}\naction: {}\ntarget: {{{}: …}}\n```\n",
        definition.summary,
        matches.layer,
        matches.trigger_condition,
        matches.action,
        definition.targets.join(" | "),
    );
    let _ = write!(
        out,
        "\nCooldown {}, {} attempts, unless the rule says otherwise. Healed when: {}\n",
        definition.defaults.cooldown_period,
        definition.defaults.max_attempts,
        lower_first(&definition.verification),
    );
    table(out, "parameters", &definition.parameters);
    table(out, "signal", &definition.signal);
    list(out, "What AWS heals by itself", definition.native.iter().cloned());
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

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
