//! The reference of rules, written from the kinds themselves: an index by layer with the fields of every rule, a page for
//! each kind, and REL11-BP03's own rules value by value. `docs/` holds its output.

mod page;
mod source;

pub use source::{Row, Verdict, rows};

use crate::compile::{CompiledRule, CompiledStack, Core, Placement, compile_all};
use crate::config::Config;
use crate::describe::flow;
use crate::diagnostics::{Problem, Problems, Severity, Source};
use crate::kinds::{Catalog, HealedBy, Kind, Target};
use crate::render::Renderer;
use crate::rules;
use crate::text::{bare, seconds};
use crate::workload::{self, Wanted};
use crate::yaml;
use healstack_model::{Layer, Names, StackName};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The layers in the order of REL11-BP03.
pub const LAYERS: [Layer; 5] =
    [Layer::Infrastructure, Layer::Platform, Layer::Application, Layer::Data, Layer::Network];

/// One file of the reference.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its path below `docs/`.
    pub path: String,
    /// Its Markdown.
    pub text: String,
}

/// Every page: the index first, then a page for each kind by layer, then the source document's values.
pub fn pages(catalog: &Catalog) -> Result<Vec<Page>, Vec<Problem>> {
    let faults = catalog.faults();
    if !faults.is_empty() {
        return Err(faults);
    }
    let compiled = examples(catalog)?;
    let rule_of =
        |kind: &Kind| compiled.iter().flat_map(|stack| &stack.rules).find(|rule| rule.healing.kind == kind.id);
    let mut pages = vec![Page { path: "rules.md".to_owned(), text: index(catalog, &compiled) }];
    let folders = kinds(catalog).filter(|kind| kind.has_native).map(|kind| kind.id.as_str()).collect();
    let names = example_names()?;
    let renderer = Renderer::new(&catalog.files, &folders, std::iter::empty(), &names)?;
    for kind in kinds(catalog) {
        let Some(rule) = rule_of(kind) else { continue };
        let wanted = wanted(catalog, kind, rule, &renderer).map_err(|problem| vec![problem])?;
        let text = page::write(kind, catalog, rule, &wanted);
        pages.push(Page { path: format!("rules/{}.md", name(kind)), text });
    }
    pages.push(Page { path: "rel11-bp03.md".to_owned(), text: source::page(kinds(catalog)) });
    Ok(pages)
}

/// The whole reference as one text.
pub fn markdown(catalog: &Catalog) -> Result<String, Vec<Problem>> {
    Ok(pages(catalog)?.into_iter().map(|page| page.text).collect::<Vec<_>>().join("\n"))
}

/// The kinds by layer.
fn kinds(catalog: &Catalog) -> impl Iterator<Item = &Kind> {
    LAYERS.into_iter().flat_map(|layer| catalog.of_layer(layer))
}

/// The folder's name, which is the name of a kind's page.
fn name(kind: &Kind) -> &str {
    kind.id.split('/').next_back().unwrap_or_default()
}

/// A text as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// The smallest rule of a kind.
fn example(kind: &Kind, catalog: &Catalog) -> String {
    let matches = &kind.definition.matches;
    let mut out = format!(
        "  - name: {}\n    layer: {}\n    trigger_condition: {}\n    action: {}\n",
        name(kind),
        matches.layer,
        matches.trigger_condition,
        matches.action,
    );
    if let Some(target) = kind.definition.targets.first().and_then(|target| catalog.targets.get(target)) {
        let _ = writeln!(out, "    target:\n      {}: {}", target.name, target.definition.example);
    }
    if !kind.definition.example.is_empty() {
        out.push_str("    parameters:\n");
        for (name, value) in &kind.definition.example {
            let _ = writeln!(out, "      {name}: {}", flow(value));
        }
    }
    out
}

/// Every kind's example, compiled.
fn examples(catalog: &Catalog) -> Result<Vec<CompiledStack>, Vec<Problem>> {
    let mut problems = Problems::default();
    let written: String = kinds(catalog).map(|kind| example(kind, catalog)).collect();
    let set =
        rules::parse(&Source::new("the examples", format!("stack: shop\nrules:\n{written}")), catalog, &mut problems);
    let config = Config::parse(&Source::new("healstack.yaml", CONFIG), &mut problems);
    let stacks = match (set, &config) {
        (Some(set), Some(config)) => {
            let (environment_name, environment) = config.select(None).map_err(|problem| vec![problem])?;
            let placed = |_: &StackName, _: bool| Ok(Placement::new());
            let core = || Core::compile(&catalog.files, &environment_name, environment);
            compile_all(catalog, &environment_name, environment, &placed, vec![set], core, &mut problems)
        }
        _ => Vec::new(),
    };
    let errors: Vec<Problem> = problems.into_iter().filter(|problem| problem.severity == Severity::Error).collect();
    if errors.is_empty() { Ok(stacks) } else { Err(errors) }
}

/// What a kind wants of the resources in a workload's template.
fn wanted(catalog: &Catalog, kind: &Kind, rule: &CompiledRule, renderer: &Renderer) -> Result<Vec<Wanted>, Problem> {
    let Some(target) = catalog.targets.get(&rule.healing.target_type).filter(|_| kind.has_native) else {
        return Ok(Vec::new());
    };
    let mut ids = Vec::new();
    let resources = rules::reference::example_ids(target.selector.json(), "", &mut ids);
    let context = json!({"resources": resources, "params": rule.healing.parameters});
    let native = yaml::parse(&renderer.render(&kind.native_template(), &context)?)?;
    Ok(workload::wanted(&native, &ids))
}

/// The names of what the examples are compiled for.
fn example_names() -> Result<Names, Vec<Problem>> {
    let mut problems = Problems::default();
    let config = Config::parse(&Source::new("healstack.yaml", CONFIG), &mut problems);
    let Some(config) = config else { return Err(problems.into_iter().collect()) };
    let (name, environment) = config.select(None).map_err(|problem| vec![problem])?;
    Ok(environment.names(&name))
}

/// What the examples are compiled for.
const CONFIG: &str = "environments:\n  docs:\n    account: \"111122223333\"\n    region: eu-west-1\n";

fn index(catalog: &Catalog, compiled: &[CompiledStack]) -> String {
    let mut out = String::from(INTRODUCTION);
    for layer in LAYERS {
        let _ = write!(
            out,
            "\n### {}\n\n| rule | detects | within | heals | runbook at most |\n|---|---|---|---|---|\n",
            crate::text::upper_first(layer.as_str())
        );
        for kind in catalog.of_layer(layer) {
            let rule = compiled.iter().flat_map(|stack| &stack.rules).find(|rule| rule.healing.kind == kind.id);
            let within = rule.and_then(|rule| rule.alarms.iter().map(|alarm| alarm.detection_seconds).min());
            let runbook = rule.and_then(|rule| rule.runbook.as_ref()).map(|runbook| seconds(runbook.worst_case));
            let has = |wanted| kind.definition.signals.values().any(|healed_by| *healed_by == wanted);
            let healers = [(HealedBy::Native, "AWS"), (HealedBy::Runbook, "runbook"), (HealedBy::Agent, "agent")];
            let healers: Vec<&str> = healers.into_iter().filter(|(by, _)| has(*by)).map(|(_, word)| word).collect();
            let _ = writeln!(
                out,
                "| [{0}](rules/{0}.md) | `{1}`: {2} | {3} | {4} | {5} |",
                name(kind),
                kind.definition.matches.trigger_condition,
                cell(&kind.definition.summary),
                within.map(seconds).unwrap_or_default(),
                healers.join(", "),
                runbook.unwrap_or_default(),
            );
        }
    }
    out.push_str(FIELDS);
    let schema = catalog.rule_files.json();
    let fields = schema.pointer("/properties/rules/items/properties").and_then(Value::as_object);
    for (name, field) in fields.into_iter().flatten() {
        let description = field.get("description").and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(out, "| `{name}` | {}{} |", cell(description), words(field));
    }
    out.push_str(
        "\n## Targets\n\nWherever a selector takes text it takes a reference: `{resource: <logical id>}` of the file's `workload`, `{import: <export>}`, `{ssm: <name>}` or\n`{parameter: <name>}` ([workloads.md](workloads.md)).\n\n| target | selects | for instance |\n|---|---|---|\n",
    );
    for target in catalog.targets.values() {
        let Target { summary, example, .. } = &target.definition;
        let _ = writeln!(out, "| `{}` | {} | `{}: {example}` |", target.name, cell(summary), target.name);
    }
    out
}

const INTRODUCTION: &str = "# Rules

Written by `cargo xtask docs` from the types and the kinds in `templates/`; not edited by hand. What REL11-BP03's own values mean here:
[rel11-bp03.md](rel11-bp03.md).

A file in `rules/` is one CloudFormation stack. Durations are seconds (`600`) or a number with a unit of s, m, h or d
(`10m`).

```yaml
stack: shop                  # unique in the project; at most 40 lower-case letters, digits and single hyphens
workload: workloads/shop.yaml  # your own template, whose resources targets may name: workloads.md
defaults: {mode: observe}    # for rules that say nothing: mode, window, stable_for, budget, notify, suppress_while
rules:
  - name: …                  # and so on, as below
```

```mermaid
flowchart LR
  failure([failure]) --> native[AWS heals it itself]
  failure --> signal[alarm or service event]
  failure --> agent[agent on the host]
  signal --> guard{guard: paused? muted? cooling down?<br>attempts, budget, in flight?}
  sweeper[sweeper, every 5 min:<br>still in ALARM?] --> guard
  guard -- no, with a reason --> ledger[(ledger)]
  guard -- yes, with a lease --> runbook[runbook: look, act, verify, undo]
  runbook -- not healed --> human[OpsItem: a human]
  runbook --> recorder[recorder: release, cooldown, notify]
  native --> recorder
  agent --> recorder
  recorder --> ledger
  agent -- attempts spent --> guard
```

## Kinds of rules

*Within*: from the failure to the first alarm, at the least.
";

const FIELDS: &str = "
## Fields of every rule

A rule's `layer`, `trigger_condition`, `action` and target type select its kind. Attempts, cooldown, budget, `suppress_while` and `escalate_to` are
kept by the guard (guard.md). EC2's own alarm actions (recover, reboot) are not bound by them, only by a pause, and by `mute_windows`.

| field | meaning |
|---|---|
";

/// The words that a field takes, where it takes words.
fn words(schema: &Value) -> String {
    let options = schema.get("enum").and_then(Value::as_array);
    let options: Vec<String> = options.into_iter().flatten().map(|option| format!("`{}`", bare(option))).collect();
    if options.is_empty() { String::new() } else { format!(" One of {}.", options.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::TemplateFiles;

    /// Every example of the reference, as a rule file of its own, without a word against it.
    #[test]
    fn every_example_compiles_as_it_stands() {
        let mut problems = Problems::default();
        let catalog = Catalog::load(TemplateFiles::built_in().unwrap(), &mut problems).unwrap();
        let pages = pages(&catalog).unwrap();
        let examples = pages.iter().filter_map(|page| page.text.split("```yaml\n  - name").nth(1)?.split("```").next());
        let mut count = 0;
        for example in examples {
            count += 1;
            let source = Source::new("example", format!("stack: shop\nrules:\n  - name{example}"));
            let set = rules::parse(&source, &catalog, &mut problems);
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(set.is_some() && told.is_empty(), "{told:?} in\n{example}");
        }
        assert_eq!(count, catalog.kinds.len());
    }
}
