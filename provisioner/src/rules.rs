//! From rule files to typed healing loops: the kind is selected, defaults are filled in, and everything that a rule
//! says has been checked.

use crate::diagnostics::{Problem, Problems, Source};
use crate::kinds::{Catalog, Decided, Kind};
use crate::schema::{Schema, list, nearest};
use crate::yaml::{self, Entry, Node, Span};
use healstack_model::rule::{DEFAULT_WINDOW, Defaults, default_stable_for};
use healstack_model::{Budget, Mode, Notify, Rule, RuleFile, RuleName, Seconds, StackName};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Largest rule file in bytes: over ten thousand rules. A larger one is not a rule file.
pub const MAX_FILE: u64 = 4 * 1024 * 1024;

/// The rules of one file.
#[derive(Debug)]
pub struct RuleSet {
    /// The stack that they become.
    pub stack: StackName,
    /// The file.
    pub source: Arc<Source>,
    /// The rules, sorted by name, so that their order in the file changes nothing.
    pub loops: Vec<HealingLoop>,
}

/// One rule with everything filled in.
#[derive(Debug)]
pub struct HealingLoop {
    /// What the user wrote.
    pub rule: Rule,
    /// The kind's identity, `<layer>/<kind>`.
    pub kind: String,
    /// The target's type.
    pub target_type: String,
    /// The target's selector.
    pub selector: Value,
    /// Parameters with defaults.
    pub parameters: Map<String, Value>,
    /// The signal's threshold and datapoints with defaults.
    pub signal: Map<String, Value>,
    /// From the end of a healing to the next.
    pub cooldown: Seconds,
    /// Within `window`.
    pub max_attempts: u32,
    /// The span in which attempts count.
    pub window: Seconds,
    /// How long a resource must stay healthy until its attempts start again.
    pub stable_for: Seconds,
    /// Healings at once and in an hour.
    pub budget: Budget,
    /// What the rule may do.
    pub mode: Mode,
    /// What is reported.
    pub notify: Notify,
    /// An alarm that stops healing.
    pub suppress_while: Option<String>,
    /// Where the rule stands.
    pub span: Span,
}

impl HealingLoop {
    /// Whether the rule acts: it is on, and neither observing nor off.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.rule.enabled && self.mode == Mode::Enforce
    }

    /// Whether the rule's alarms do anything at all.
    #[must_use]
    pub fn signals(&self) -> bool {
        self.rule.enabled && self.mode != Mode::Off
    }
}

/// Reads every rule file of a folder, in the order of their names.
pub fn load(dir: &Path, shown: &str, catalog: &Catalog, problems: &mut Problems) -> Vec<RuleSet> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            let problem = Problem::error(format!("cannot read the rules in {shown}/: {error}"));
            problems.push(problem.help("run `healstack init` to begin with an example"));
            return Vec::new();
        }
    };
    let mut paths: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"))
        .collect();
    paths.sort();
    if paths.is_empty() {
        problems.push(
            Problem::error(format!("there are no rule files in {shown}/"))
                .help("write one, for instance with `healstack init`"),
        );
    }
    let mut sets: Vec<RuleSet> = Vec::new();
    for path in paths {
        let name = format!("{shown}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let Some(source) = problems.take(read(&path, &name)) else { continue };
        let Some(set) = parse(&source, catalog, problems) else { continue };
        if let Some(twin) = sets.iter().find(|other| other.stack == set.stack) {
            let message = format!("the stack `{}` is also that of {}", set.stack, twin.source.name());
            problems.push(
                Problem::error(message)
                    .at(&source, Span::default())
                    .help("give each rule file a `stack` of its own, or put the rules into one file"),
            );
        }
        sets.push(set);
    }
    sets
}

/// Reads a rule file within its limits.
fn read(path: &Path, name: &str) -> Result<Arc<Source>, Problem> {
    let unreadable = |error: std::io::Error| Problem::error(format!("cannot read {name}: {error}"));
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE {
        #[expect(clippy::cast_precision_loss, reason = "a size for people, one decimal")]
        let megabytes = size as f64 / (1024.0 * 1024.0);
        return Err(Problem::error(format!("{name} has {megabytes:.1} MiB, the limit for a rule file is 4 MiB"))
            .help("split it into several stacks, one file each"));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text.strip_prefix('\u{FEFF}').unwrap_or(&text))),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
            let (line, column) = Source::new(name, before.clone()).position(before.len());
            Err(Problem::error(format!("{name}:{line}:{column}: not UTF-8 text, byte {valid} of the file"))
                .help("save the file as UTF-8"))
        }
    }
}

/// Parses one rule file, reporting everything that is wrong with it.
pub fn parse(source: &Arc<Source>, catalog: &Catalog, problems: &mut Problems) -> Option<RuleSet> {
    let node = problems.take(yaml::parse(source))?;
    let schema = problems.take(Schema::of::<RuleFile>().map_err(Problem::error))?;
    let found = schema.check(source, &node, "the rule file");
    let rules = node.get("rules").map(Node::items).unwrap_or_default();
    let broken = !found.is_empty();
    problems.extend(found);
    problems.extend(duplicates(source, rules));
    if broken {
        // What each kind says about its rules can be told even when another part of the file is wrong.
        let with_target = |rule: &&Node| rule.get("target").is_some_and(|target| target.entries().len() == 1);
        for rule in rules.iter().filter(with_target) {
            if let Ok(typed) = serde_json::from_value::<Rule>(rule.to_json()) {
                resolve(source, rule, typed, &Defaults::default(), catalog, problems);
            }
        }
        return None;
    }
    let file: RuleFile = problems.take(
        serde_json::from_value(node.to_json()).map_err(|error| Problem::error(error.to_string()).at(source, node.span)),
    )?;
    if file.stack.is_reserved() {
        let span = node.get("stack").map_or(node.span, |node| node.span);
        problems.push(
            Problem::error(format!("the stack name `{}` is Healstack's own", file.stack))
                .at(source, span)
                .help(format!("choose another; reserved are {}", list(&StackName::RESERVED))),
        );
    }
    let names: Vec<RuleName> = file.rules.iter().map(|rule| rule.name.clone()).collect();
    let mut loops = Vec::new();
    for (rule, node) in file.rules.into_iter().zip(rules) {
        problems.extend(escalation(source, node, &rule, &names));
        loops.extend(resolve(source, node, rule, &file.defaults, catalog, problems));
    }
    problems.extend(escalation_cycle(source, &loops));
    loops.sort_by(|left, right| left.rule.name.cmp(&right.rule.name));
    Some(RuleSet { stack: file.stack, source: Arc::clone(source), loops })
}

fn duplicates(source: &Arc<Source>, rules: &[Node]) -> Vec<Problem> {
    let mut first: HashMap<&str, Span> = HashMap::new();
    let mut found = Vec::new();
    for name in rules.iter().filter_map(|rule| rule.get("name")) {
        let Some(text) = name.as_str() else { continue };
        if let Some(span) = first.get(text) {
            let (line, _) = source.position(span.start);
            let message = format!("the rule `{text}` is already defined on line {line}");
            found.push(Problem::error(message).at(source, name.span).help("rename one: a rule's name is its identity"));
        } else {
            first.insert(text, name.span);
        }
    }
    found
}

fn escalation(source: &Arc<Source>, node: &Node, rule: &Rule, names: &[RuleName]) -> Option<Problem> {
    let target = rule.escalate_to.as_ref()?;
    if names.contains(target) {
        return None;
    }
    let known: Vec<&str> = names.iter().map(RuleName::as_str).collect();
    let help = match nearest(target.as_str(), &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the rules of this stack are {}", list(&known)),
    };
    let span = node.get("escalate_to").map_or(node.span, |node| node.span);
    Some(
        Problem::error(format!("`escalate_to` names `{target}`, which is no rule of this stack"))
            .at(source, span)
            .help(help),
    )
}

/// A rule that would, over others, escalate to itself.
fn escalation_cycle(source: &Arc<Source>, loops: &[HealingLoop]) -> Option<Problem> {
    let next: HashMap<&RuleName, &RuleName> =
        loops.iter().filter_map(|healing| Some((&healing.rule.name, healing.rule.escalate_to.as_ref()?))).collect();
    loops.iter().find_map(|healing| {
        let start = &healing.rule.name;
        let mut path = vec![start.as_str()];
        let mut at = start;
        while let Some(to) = next.get(at) {
            path.push(to.as_str());
            if *to == start {
                let message = format!("escalation runs in a circle: {}", path.join(" -> "));
                return Some(
                    Problem::error(message).at(source, healing.span).help("end the chain: the last rule calls a human"),
                );
            }
            if path.len() > loops.len() {
                return None;
            }
            at = to;
        }
        None
    })
}

/// Selects the kind and fills in defaults; `None` when something is wrong, which is then among the problems.
fn resolve(
    source: &Arc<Source>,
    node: &Node,
    rule: Rule,
    defaults: &Defaults,
    catalog: &Catalog,
    problems: &mut Problems,
) -> Option<HealingLoop> {
    let before = problems.count(crate::diagnostics::Severity::Error);
    let (kind, target_type) = problems.take(select(source, node, &rule, catalog))?;
    let selector_path = format!("/target/{target_type}");
    let selector = node.pointer(&selector_path).unwrap_or(node);
    if let Some(target) = catalog.targets.get(&target_type) {
        problems.extend(target.selector.check(source, selector, &format!("`{target_type}`")));
    }
    let empty = Node { value: yaml::Value::Mapping(Vec::new()), span: node.span, tag: None };
    for (field, schema) in [("parameters", &kind.parameters), ("signal", &kind.signal)] {
        let written = node.get(field).unwrap_or(&empty);
        problems.extend(schema.check(source, written, &format!("`{field}` of {}", rule.name)));
    }
    let parameters = with_defaults(&kind.definition.parameters, &rule.parameters);
    let signal = with_defaults(&kind.definition.signal, &rule.signal);
    problems.extend(decisions(source, node, kind, &rule.parameters));

    let cooldown = rule.cooldown_period.unwrap_or(kind.definition.defaults.cooldown_period);
    let max_attempts = rule.max_attempts.unwrap_or(kind.definition.defaults.max_attempts);
    let window = rule.window.or(defaults.window).or_else(|| Seconds::new(DEFAULT_WINDOW).ok())?;
    let stable_for =
        rule.stable_for.or(defaults.stable_for).or_else(|| Seconds::new(default_stable_for(cooldown.get())).ok())?;
    if window <= cooldown {
        let span = node.get("window").or_else(|| node.get("cooldown_period")).map_or(node.span, |node| node.span);
        problems.push(
            Problem::error(format!("`window` is {window}, not longer than the cooldown of {cooldown}"))
                .at(source, span)
                .help(format!("make `window` longer than {cooldown}: else max_attempts never counts to 2")),
        );
    }
    (problems.count(crate::diagnostics::Severity::Error) == before).then(|| HealingLoop {
        kind: kind.id.clone(),
        selector: selector.to_json(),
        target_type,
        parameters,
        signal,
        cooldown,
        max_attempts,
        window,
        stable_for,
        budget: rule.budget.or(defaults.budget).unwrap_or_default(),
        mode: rule.mode.or(defaults.mode).unwrap_or_default(),
        notify: rule.notify.or(defaults.notify).unwrap_or_default(),
        suppress_while: rule.suppress_while.clone().or_else(|| defaults.suppress_while.clone()),
        span: node.span,
        rule,
    })
}

/// The kind that layer, trigger, action and target type select.
fn select<'a>(
    source: &Arc<Source>,
    node: &Node,
    rule: &Rule,
    catalog: &'a Catalog,
) -> Result<(&'a Kind, String), Problem> {
    let at = |field: &str| node.get(field).map_or(node.span, |node| node.span);
    let kinds = catalog.select(rule.layer, &rule.trigger_condition, rule.action);
    if kinds.is_empty() {
        let of_layer: Vec<String> = catalog
            .of_layer(rule.layer)
            .map(|kind| {
                format!("{} with action {}", kind.definition.matches.trigger_condition, kind.definition.matches.action)
            })
            .collect();
        let triggers: Vec<&str> =
            catalog.of_layer(rule.layer).map(|kind| kind.definition.matches.trigger_condition.as_str()).collect();
        let known = triggers.contains(&rule.trigger_condition.as_str());
        let help = match (nearest(&rule.trigger_condition, &triggers), of_layer.is_empty()) {
            (_, true) => format!("there is no kind of rule for the {} layer", rule.layer),
            (Some(near), _) if !known => {
                format!("did you mean `{near}`? The {} layer has: {}", rule.layer, of_layer.join("; "))
            }
            _ => format!("the {} layer has: {}", rule.layer, of_layer.join("; ")),
        };
        let field = if known { "action" } else { "trigger_condition" };
        let message = format!(
            "no kind of rule heals `{}` on the {} layer with action `{}`",
            rule.trigger_condition, rule.layer, rule.action
        );
        return Err(Problem::error(message).at(source, at(field)).help(help));
    }
    let accepted: Vec<&str> =
        kinds.iter().flat_map(|kind| kind.definition.targets.iter().map(String::as_str)).collect();
    let written = node.get("target").map(Node::entries).unwrap_or_default().first();
    let Some(Entry { key, key_span, .. }) = written else {
        return Err(Problem::error(format!("{} has no target", rule.name)).at(source, at("target")));
    };
    let kind = kinds.into_iter().find(|kind| kind.definition.targets.contains(key)).ok_or_else(|| {
        let help = match nearest(key, &accepted) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its target is one of {}", list(&accepted)),
        };
        Problem::error(format!("`{}` does not heal `{key}`", rule.name)).at(source, *key_span).help(help)
    })?;
    Ok((kind, key.clone()))
}

/// What the user wrote over the schema's defaults, in the schema's order.
fn with_defaults(schemas: &indexmap::IndexMap<String, Value>, written: &Map<String, Value>) -> Map<String, Value> {
    schemas
        .iter()
        .map(|(name, schema)| {
            let value = written.get(name).or_else(|| schema.get("default")).cloned().unwrap_or(Value::Null);
            (name.clone(), value)
        })
        .collect()
}

/// Errors for values without a safe meaning, warnings for parameters that mean something else than they say.
fn decisions(source: &Arc<Source>, node: &Node, kind: &Kind, written: &Map<String, Value>) -> Vec<Problem> {
    let applies = |decided: &&Decided| {
        written
            .get(&decided.parameter)
            .is_some_and(|value| decided.equals.as_ref().is_none_or(|equals| equals == value))
    };
    let told = |decided: &Decided, unsafe_value: bool| {
        let name = &decided.parameter;
        let value = written.get(name).map(Value::to_string).unwrap_or_default();
        let span = node.pointer(&format!("/parameters/{name}")).map_or(node.span, |node| node.span);
        let problem = if unsafe_value {
            Problem::error(format!("`{name}: {value}` is unsafe: {}", decided.because))
        } else {
            Problem::warning(format!("`{name}: {value}` means something else here: {}", decided.because))
        };
        let problem = problem.at(source, span);
        match &decided.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    };
    let definition = &kind.definition;
    let refused = definition.unsafe_values.iter().filter(applies).map(|decided| told(decided, true));
    let redefined = definition.redefined.iter().filter(applies).map(|decided| told(decided, false));
    refused.chain(redefined).collect()
}
