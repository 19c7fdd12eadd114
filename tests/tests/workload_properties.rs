//! Random templates, healed by random rules: nothing but what the rules say is another afterwards.
//!
//! What came of it is compared here by itself: by what the grammar knows of each value, and by the tree of what was written.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "workload_properties/choices.rs"]
mod choices;
#[path = "workload_properties/grammar.rs"]
mod grammar;
#[path = "workload_properties/writer.rs"]
mod writer;

use choices::{Choices, Val};
use grammar::{
    ALIAS, ATTRIBUTES, BALANCER, CACHE, CLUSTER, DATABASE, FUNCTION, GROUP, Grammar, INSTANCE, Resource, SERVICE,
    TARGETS, healed_paths,
};
use healstack::diagnostics::{Problem, Severity, Source};
use healstack::kinds::TemplateFiles;
use healstack::render::Renderer;
use healstack::workload::{Healed, Target, Template, Want};
use healstack::yaml::{self, Node, Span, Value};
use healstack_model::{EnvironmentName, Names, Prefix};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use writer::Writer;

static RENDERER: LazyLock<Renderer> = LazyLock::new(|| {
    let files = TemplateFiles::built_in().unwrap();
    let folders = files.paths().filter_map(|path| path.strip_suffix("/native.yaml.hbs")).collect();
    let names = Names {
        prefix: Prefix::new("heal").unwrap(),
        environment: EnvironmentName::new("test").unwrap(),
        region: "eu-west-1".to_owned(),
    };
    Renderer::new(&files, &folders, std::iter::empty(), &names).unwrap()
});

/// What one rule of a kind wants of resources.
fn want(number: usize, kind: &str, resources: &serde_json::Value, targets: &[(&str, &str)], overrides: bool) -> Want {
    let params = json!({"health_check_type": null, "deployment_alarms": null});
    let context = json!({"resources": resources, "params": params});
    let native = RENDERER.render(&format!("{kind}/native.yaml.hbs"), &context).unwrap();
    let target = |(id, kind): &(&str, &str)| Target {
        id: (*id).to_owned(),
        kind: (*kind).to_owned(),
        span: Span::default(),
        only: None,
        published: (format!("/heal/{id}"), Node::from(*id).tagged("Ref")),
        parameter: format!("Healstack{id}"),
    };
    Want {
        identity: format!("shop/rule{number}"),
        source: Source::new("rules/shop.yaml", ""),
        span: Span::default(),
        overrides,
        targets: targets.iter().map(target).collect(),
        native: yaml::parse(&native).unwrap(),
    }
}

/// A template, rules for it, and what must come of them.
#[derive(Debug)]
struct Case {
    resources: Vec<Resource>,
    text: String,
    wants: Vec<Want>,
    /// The ids that are healed.
    healed: BTreeSet<String>,
    /// Whether a rule without `override` finds a value that is too weak.
    refused: bool,
    /// Whether a rule with `override` finds one.
    replaces: bool,
}

impl Case {
    fn new(content: Vec<u16>, style: Vec<u16>) -> Self {
        let mut grammar = Grammar::new(content);
        let resources = grammar.resources();
        let mut sections: Vec<(String, Val)> = Vec::new();
        if grammar.c.chance(50) {
            sections.push(("AWSTemplateFormatVersion".to_owned(), Val::text("2010-09-09")));
        }
        sections.push((
            "Parameters".to_owned(),
            Val::map([("Some", Val::map([("Type", Val::text("String")), ("Default", Val::text(""))]))]),
        ));
        let condition = Val::call("Equals", Val::List(vec![Val::reference("Some"), Val::text("x")]));
        sections.push(("Conditions".to_owned(), Val::map([("Prod", condition)])));
        let with_type = |resource: &Resource, first: bool| {
            let Val::Map(mut body) = resource.body.clone() else { return (resource.id.clone(), Val::Null) };
            let at = if first { 0 } else { body.len() };
            body.insert(at, ("Type".to_owned(), Val::text(resource.kind)));
            (resource.id.clone(), Val::Map(body))
        };
        let first = !grammar.c.chance(20);
        sections.push((
            "Resources".to_owned(),
            Val::Map(resources.iter().map(|resource| with_type(resource, first)).collect()),
        ));
        if grammar.c.chance(40) {
            let value = grammar.filler(2);
            sections.push(("Metadata".to_owned(), Val::Map(vec![("Note".to_owned(), value)])));
        }
        if grammar.c.chance(40) {
            let value = grammar.filler(1);
            sections.push(("Outputs".to_owned(), Val::map([("X", Val::Map(vec![("Value".to_owned(), value)]))])));
        }
        grammar.c.shuffle(&mut sections);
        let text = Writer::write(style, &sections);
        let mut case =
            Self { resources, text, wants: Vec::new(), healed: BTreeSet::new(), refused: false, replaces: false };
        case.rules(&mut grammar.c);
        case
    }

    /// Rules for some of the resources, some of them twice.
    fn rules(&mut self, c: &mut Choices) {
        let overrides = c.chance(50);
        for resource in &self.resources {
            // Of two rules for one resource both do, or neither: what one replaces may be enough for the other.
            let replaces = overrides && c.chance(90);
            for _ in 0..c.pick(&[1, 1, 0, 2]) {
                let id = resource.id.as_str();
                let (kind, selected) = match resource.kind {
                    DATABASE => (
                        c.pick(&["platform/rds-instance-healing", "data/database-corruption-healing"]),
                        json!({"ids": [id]}),
                    ),
                    GROUP => ("infrastructure/asg-capacity-healing", json!({"names": [id]})),
                    CLUSTER => ("platform/aurora-cluster-healing", json!({"ids": [id]})),
                    CACHE => ("data/cache-scale-healing", json!({"replication_group": id})),
                    TARGETS if c.chance(50) => {
                        ("network/dns-failover-healing", json!({"primary": {"target_group": id}}))
                    }
                    TARGETS => ("network/alb-reroute-healing", json!({"primary": id, "standby": null})),
                    BALANCER => ("network/zonal-shift-healing", json!({"name": id})),
                    SERVICE => ("platform/ecs-service-healing", json!({"names": [id]})),
                    INSTANCE => ("infrastructure/ec2-instance-healing", json!({"ids": [id]})),
                    ALIAS => {
                        ("platform/lambda-function-healing", json!({"alias": id, "names": [resource.refers.as_ref()]}))
                    }
                    _ => continue,
                };
                self.healed.insert(id.to_owned());
                let mut targets = vec![(id, resource.kind)];
                let mut weak = resource.weak;
                if let Some(refers) = &resource.refers {
                    self.healed.insert(refers.clone());
                    weak |= self.resources.iter().any(|other| other.id == *refers && other.weak);
                    if resource.kind == ALIAS {
                        targets.push((refers, FUNCTION));
                    }
                }
                self.refused |= weak && !replaces;
                self.replaces |= weak && replaces;
                self.wants.push(want(self.wants.len(), kind, &selected, &targets, replaces));
            }
        }
    }

    fn heal(&self, text: &str) -> Result<Healed, Vec<String>> {
        let template = Template::parse(&Source::new("template", text)).map_err(|problem| vec![problem.to_string()])?;
        let (healed, problems) = template.heal(&self.wants);
        let errors: Vec<String> = problems
            .iter()
            .filter(|problem: &&Problem| problem.severity == Severity::Error)
            .map(|problem| format!("{}: {problem}", problem.location().unwrap_or_default()))
            .collect();
        healed.filter(|_| errors.is_empty()).ok_or(errors)
    }

    /// Everything that is not as it must be; `None` where the text is none that the parser takes.
    fn check(&self) -> Option<Result<(), String>> {
        let before = parse(&self.text)?;
        Some(self.held_against(&before))
    }

    fn held_against(&self, before: &Node) -> Result<(), String> {
        let healed = match self.heal(&self.text) {
            Ok(healed) => healed,
            Err(errors) => {
                let fault = errors.iter().any(|error| error.contains("would not be this one"));
                let expected = self.refused && !fault;
                return if expected { Ok(()) } else { Err(format!("is refused: {errors:#?}")) };
            }
        };
        if self.refused {
            return Err(format!("is not refused:\n{}", healed.text));
        }
        let after = parse(&healed.text).ok_or_else(|| format!("became no YAML:\n{}", healed.text))?;
        let told = |what: String| format!("{what}\n--- healed:\n{}", healed.text);
        self.compare_templates(before, &after).map_err(told)?;
        for resource in self.resources.iter().filter(|resource| self.healed.contains(&resource.id)) {
            for path in &resource.absent {
                let path: Vec<&str> = ["Resources", &resource.id].into_iter().chain(path.iter().copied()).collect();
                if after.path(&path).is_none() {
                    return Err(told(format!("{} is not there", path.join("."))));
                }
            }
        }
        if !self.replaces {
            check_lines(&self.text, &healed.text).map_err(told)?;
        }
        if self.text.ends_with('\n') != healed.text.ends_with('\n') {
            return Err(told("ends otherwise".to_owned()));
        }
        if self.text.contains("\r\n") && healed.text.replace("\r\n", "").contains('\n') {
            return Err(told("has a line that ends otherwise".to_owned()));
        }
        match self.heal(&healed.text) {
            Ok(again) if again.text == healed.text && again.changes.is_empty() => Ok(()),
            Ok(again) => Err(told(format!("is healed again: {:#?}\n{}", again.changes, again.text))),
            Err(errors) => Err(told(format!("is not healed again: {errors:#?}"))),
        }
    }

    fn compare_templates(&self, before: &Node, after: &Node) -> Result<(), String> {
        let kinds: BTreeMap<&str, &str> =
            self.resources.iter().map(|resource| (resource.id.as_str(), resource.kind)).collect();
        same_keys(before, after, "the template", |_| false)?;
        for entry in before.entries().iter().filter(|entry| entry.key != "Resources") {
            compare(&entry.value, after.get(&entry.key).unwrap(), &mut Vec::new(), &[], false)?;
        }
        let (before, after) = (before.get("Resources").unwrap(), after.get("Resources").unwrap());
        let parts = ["Application", "DeploymentGroup", "DeploymentRole", "Errors"];
        let added = |key: &str| {
            let told = key.strip_prefix("Healstack").is_some_and(|id| self.healed.contains(id));
            told || parts.iter().any(|part| key.strip_suffix(part).is_some_and(|id| self.healed.contains(id)))
        };
        same_keys(before, after, "Resources", added)?;
        for entry in before.entries() {
            let paths = if self.healed.contains(&entry.key) { healed_paths(kinds[entry.key.as_str()]) } else { &[] };
            compare(&entry.value, after.get(&entry.key).unwrap(), &mut Vec::new(), paths, self.replaces)
                .map_err(|what| format!("{}: {what}", entry.key))?;
        }
        Ok(())
    }
}

fn parse(text: &str) -> Option<Node> {
    let source: Arc<Source> = Source::new("template", text.trim_start_matches('\u{FEFF}'));
    yaml::parse(&source).ok()
}

/// Whether a map has the keys that it had, in their order, and only such new ones as may be added.
fn same_keys(before: &Node, after: &Node, what: &str, added: impl Fn(&str) -> bool) -> Result<(), String> {
    let old: Vec<&str> = before.entries().iter().map(|entry| entry.key.as_str()).collect();
    let (kept, new): (Vec<&str>, Vec<&str>) =
        after.entries().iter().map(|entry| entry.key.as_str()).partition(|key| old.contains(key));
    if kept != old {
        return Err(format!("{what} has {kept:?}, and had {old:?}"));
    }
    match new.into_iter().find(|key| !added(key)) {
        Some(key) => Err(format!("{what} got {key}")),
        None => Ok(()),
    }
}

/// Compares a value with what it became. `healed` are the paths at which it may be another.
fn compare(before: &Node, after: &Node, path: &mut Vec<String>, healed: &[&str], replaces: bool) -> Result<(), String> {
    let here = path.join(".");
    let is_healed = healed.contains(&here.as_str());
    let is_above = healed.iter().any(|healed| here.is_empty() || healed.starts_with(&format!("{here}.")));
    if replaces && (is_healed || is_above) && is_weak(before) {
        return Ok(());
    }
    if before.tag != after.tag {
        return Err(format!("{here}: the tag"));
    }
    match (&before.value, &after.value) {
        (Value::Null, Value::Mapping(new)) if is_above => {
            let allowed = |key: &str| may_be_added(&here, key, healed);
            new.iter()
                .find(|entry| !allowed(&entry.key))
                .map_or(Ok(()), |entry| Err(format!("{here} got {}", entry.key)))
        }
        (Value::Mapping(old), Value::Mapping(_)) => {
            same_keys(before, after, &here, |key| may_be_added(&here, key, healed))?;
            for entry in old {
                // The branches of a condition stand for what the condition does.
                let function = entry.key.starts_with("Fn::") && old.len() == 1;
                if !function {
                    path.push(entry.key.clone());
                }
                compare(&entry.value, after.get(&entry.key).unwrap(), path, healed, replaces)?;
                if !function {
                    path.pop();
                }
            }
            Ok(())
        }
        (Value::Sequence(old), Value::Sequence(new)) => {
            let added = |item: &&Node| {
                let key = item.get("Key").and_then(Node::as_str).unwrap_or_default();
                let attribute = ATTRIBUTES.contains(&key) && item.entries().len() == 2;
                attribute && !old.iter().any(|old| old.get("Key").and_then(Node::as_str) == Some(key))
            };
            let kept: Vec<&Node> = new.iter().filter(|item| !(is_healed && added(item))).collect();
            if kept.len() != old.len() {
                return Err(format!("{here} has {} items, and had {}", kept.len(), old.len()));
            }
            let item = path.last().is_some_and(|key| key == "ContainerDefinitions");
            for (old, new) in old.iter().zip(kept) {
                if item {
                    path.push("*".to_owned());
                }
                let attribute = old.get("Key").and_then(Node::as_str).is_some_and(|key| ATTRIBUTES.contains(&key));
                if !(replaces && is_healed && attribute) {
                    compare(old, new, path, healed, replaces)?;
                }
                if item {
                    path.pop();
                }
            }
            Ok(())
        }
        (old, new) if old == new => Ok(()),
        (old, new) => Err(format!("{here} is {new:?}, and was {old:?}")),
    }
}

/// `AWS::NoValue` or a literal, which an override replaces with a value of any form.
fn is_weak(node: &Node) -> bool {
    if node.tag.is_none() && !matches!(node.value, Value::Mapping(_) | Value::Sequence(_)) {
        return true;
    }
    let reference =
        if node.tag.as_deref() == Some("Ref") { node.text() } else { node.get("Ref").and_then(Node::as_str) };
    reference == Some("AWS::NoValue")
}

fn may_be_added(here: &str, key: &str, healed: &[&str]) -> bool {
    let below = if here.is_empty() { key.to_owned() } else { format!("{here}.{key}") };
    healed.iter().any(|healed| *healed == below || healed.starts_with(&format!("{below}.")))
}

/// Whether every line is there in its order, or is contained in one that stands in its place.
fn check_lines(before: &str, after: &str) -> Result<(), String> {
    let mut rest = after.lines();
    for line in before.lines() {
        let contained = |longer: &str| {
            let mut rest = longer.chars();
            line.chars().all(|c| rest.any(|other| other == c))
        };
        // In brackets a line may go on, and so may that of a key without a value.
        let bracketed = line.contains(['{', '[', ',', '}', ']'])
            || line.split(" #").next().is_some_and(|key| key.trim_end().ends_with(':'));
        if !rest.any(|new| new == line || (bracketed && new.len() > line.len() && contained(new))) {
            return Err(format!("the line {line:?} is gone"));
        }
    }
    Ok(())
}

fn words(most: usize) -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 0..most)
}

proptest! {
    // As many as take a few seconds, and the same ones each time; PROPTEST_CASES and PROPTEST_RNG_SEED say otherwise.
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1500),
        rng_seed: match ProptestConfig::default().rng_seed {
            RngSeed::Random => RngSeed::Fixed(5),
            RngSeed::Fixed(chosen) => RngSeed::Fixed(chosen),
        },
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn healing_changes_nothing_else(content in words(400), style in words(900)) {
        let case = Case::new(content, style);
        let checked = case.check();
        prop_assume!(checked.is_some());
        if let Some(Err(what)) = checked {
            prop_assert!(false, "{}\n--- original:\n{}\n{:?}\n{:?}", what, case.text, case.text, case.wants.iter().map(|want| &want.identity).collect::<Vec<_>>());
        }
    }
}

/// The grammar writes what the parser takes, and cases of every sort.
#[test]
fn the_grammar_makes_cases_of_every_sort() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut parsed, mut refused, mut replacing, mut healing) = (0, 0, 0, 0);
    for _ in 0..300 {
        let (content, style) = (words(400), words(900)).new_tree(&mut runner).unwrap().current();
        let case = Case::new(content, style);
        if parse(&case.text).is_none() {
            continue;
        }
        parsed += 1;
        refused += usize::from(case.refused);
        replacing += usize::from(case.replaces && !case.refused);
        healing += usize::from(!case.wants.is_empty() && !case.refused);
    }
    let counted = format!("{parsed} parsed, {refused} refused, {replacing} replacing, {healing} healing");
    assert!(parsed >= 290 && refused >= 10 && replacing >= 10 && healing >= 200, "{counted}");
}
