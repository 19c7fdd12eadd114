//! REL11-BP03's twelve rules, as that document writes them, against what is compiled: the shipped rule set has just these
//! values, every one of them is honoured, redefined with a warning or refused with an error, and nothing is ignored.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::compile::{CompiledStack, Core, Placement, Template, compile_all};
use healstack::config::Config;
use healstack::diagnostics::{Problems, Severity, Source};
use healstack::kinds::{Catalog, HealedBy, Kind, TemplateFiles};
use healstack::reference::{Verdict, rows};
use healstack::rules;
use healstack_model::Seconds;
use healstack_tests::CONFIG;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The document's rules: layer, trigger, action, parameters, cooldown in seconds, attempts.
fn document() -> Vec<(&'static str, [&'static str; 3], Value, u64, u64)> {
    let of = |layer, trigger, action| [layer, trigger, action];
    vec![
        (
            "ec2-instance-healing",
            of("infrastructure", "instance_status_check_failed", "replace"),
            json!({"health_check_grace_period": 300, "replacement_strategy": "immediate", "preserve_eip": true}),
            600,
            3,
        ),
        (
            "asg-capacity-healing",
            of("infrastructure", "unhealthy_instance_threshold", "scale"),
            json!({"scale_out_amount": 2, "health_check_type": "ELB", "terminate_unhealthy": true}),
            300,
            5,
        ),
        (
            "ebs-volume-healing",
            of("infrastructure", "volume_io_performance_degraded", "repair"),
            json!({"create_snapshot": true, "force_detach": false, "replacement_volume_type": "gp3"}),
            1800,
            2,
        ),
        (
            "ecs-service-healing",
            of("platform", "service_unhealthy_tasks", "restart"),
            json!({"force_new_deployment": true, "desired_count_adjustment": 1, "stop_unhealthy_tasks": true}),
            300,
            3,
        ),
        (
            "lambda-function-healing",
            of("platform", "high_error_rate", "rollback"),
            json!({"rollback_to_previous_version": true, "update_alias": true, "notification_required": true}),
            600,
            2,
        ),
        (
            "rds-instance-healing",
            of("platform", "database_connection_failures", "restart"),
            json!({"force_failover": false, "apply_pending_maintenance": false, "backup_before_restart": true}),
            1800,
            2,
        ),
        (
            "circuit-breaker-healing",
            of("application", "circuit_breaker_open", "repair"),
            json!({"reset_circuit_breaker": true, "gradual_recovery": true, "test_requests_percentage": 10}),
            300,
            5,
        ),
        (
            "memory-leak-healing",
            of("application", "high_memory_usage", "restart"),
            json!({"memory_threshold": 85, "graceful_shutdown": true, "heap_dump_before_restart": true}),
            600,
            3,
        ),
        (
            "connection-pool-healing",
            of("application", "connection_pool_exhausted", "repair"),
            json!({"reset_connections": true, "increase_pool_size": true, "connection_timeout_adjustment": 30}),
            180,
            4,
        ),
        (
            "database-corruption-healing",
            of("data", "data_corruption_detected", "rollback"),
            json!({"restore_from_backup": true, "point_in_time_recovery": true, "verify_data_integrity": true}),
            3600,
            2,
        ),
        (
            "cache-invalidation-healing",
            of("data", "cache_hit_rate_low", "repair"),
            json!({"warm_cache": true, "invalidate_stale_entries": true, "adjust_ttl": true}),
            300,
            3,
        ),
        (
            "backup-verification-healing",
            of("data", "backup_verification_failed", "repair"),
            json!({"create_new_backup": true, "test_restore_process": true, "update_backup_schedule": true}),
            7200,
            2,
        ),
    ]
}

struct Bench {
    catalog: Catalog,
    config: Config,
}

struct Told {
    errors: Vec<String>,
    warnings: Vec<String>,
    stacks: Vec<CompiledStack>,
}

impl Bench {
    fn new() -> Self {
        let mut problems = Problems::default();
        let catalog = Catalog::load(TemplateFiles::built_in().unwrap(), &mut problems).unwrap();
        let config = Config::parse(&Source::new("healstack.yaml", CONFIG), &mut problems).unwrap();
        assert!(!problems.has_errors());
        Self { catalog, config }
    }

    fn kind(&self, name: &str) -> &Kind {
        self.catalog.kinds.values().find(|kind| kind.id.ends_with(&format!("/{name}"))).unwrap()
    }

    /// Compiles one rule of the document with some of its values, on the example target of its kind.
    fn compile(&self, name: &str, fields: &Value) -> Told {
        let (_, [layer, trigger, action], ..) = document().into_iter().find(|rule| rule.0 == name).unwrap();
        let target = &self.catalog.targets[&self.kind(name).definition.targets[0]];
        let mut rule = format!(
            "stack: shop\nrules:\n  - name: {name}\n    layer: {layer}\n    trigger_condition: {trigger}\n    action: {action}\n    target: {{{}: {}}}\n",
            target.name, target.definition.example
        );
        for (field, value) in fields.as_object().unwrap() {
            let _ = writeln!(rule, "    {field}: {value}");
        }
        self.compile_text(&rule)
    }

    fn compile_text(&self, text: &str) -> Told {
        let mut problems = Problems::default();
        let set = rules::parse(&Source::new("rules", text), &self.catalog, &mut problems);
        let (name, environment) = self.config.select(None).unwrap();
        let placed = |_: &_, _: bool| Ok(Placement::new());
        let sets = set.into_iter().collect();
        let core = || Core::compile(&self.catalog.files, &name, environment);
        let stacks = compile_all(&self.catalog, &name, environment, &placed, sets, core, &mut problems);
        let of = |severity| problems.iter().filter(|p| p.severity == severity).map(ToString::to_string).collect();
        Told { errors: of(Severity::Error), warnings: of(Severity::Warning), stacks }
    }
}

impl Told {
    /// Everything that the rule compiled to, but for the parameter that repeats what the rule says.
    fn effect(&self) -> String {
        let stack = self.stacks.iter().find(|stack| stack.folder == "shop").unwrap();
        let mut template = Template::default();
        for block in &stack.template.blocks {
            let mut block = block.clone();
            block.heading.clear();
            block.resources.retain(|resource| resource.kind() != "AWS::SSM::Parameter");
            template.blocks.push(block);
        }
        template.emit()
    }
}

#[test]
fn the_shipped_rules_are_the_documents_and_compile() {
    let bench = Bench::new();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/checkout.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let told = bench.compile_text(&text);
    assert_eq!(told.errors, Vec::<String>::new());
    let shipped: Vec<_> = told.stacks.iter().flat_map(|stack| &stack.rules).map(|rule| &rule.healing.rule).collect();
    for (name, triple, parameters, cooldown, attempts) in document() {
        let rule =
            shipped.iter().find(|rule| rule.name.as_str() == name).unwrap_or_else(|| panic!("{name} is missing"));
        let words = [rule.layer.as_str(), rule.trigger_condition.as_str(), rule.action.as_str()];
        assert_eq!(words, triple, "{name}");
        let written: Map<String, Value> = parameters.as_object().unwrap().clone();
        let same = written.iter().all(|(key, value)| rule.parameters.get(key) == Some(value));
        assert!(same, "{name}: {:?} is not {written:?}", rule.parameters);
        assert_eq!(rule.cooldown_period.map(Seconds::get), Some(cooldown), "{name}");
        assert_eq!(rule.max_attempts.map(u64::from), Some(attempts), "{name}");
        assert!(rule.enabled, "{name}");
    }
}

#[test]
fn the_kinds_know_every_value_of_the_document() {
    let bench = Bench::new();
    for (name, _, parameters, cooldown, attempts) in document() {
        let found: Map<String, Value> = rows(bench.kind(name)).into_iter().map(|row| (row.field, row.value)).collect();
        let mut expected = parameters.as_object().unwrap().clone();
        expected.insert("cooldown_period".to_owned(), cooldown.into());
        expected.insert("max_attempts".to_owned(), attempts.into());
        assert_eq!(found, expected, "{name}");
    }
    let known: Vec<&str> = document().into_iter().map(|rule| rule.0).collect();
    let sourced = bench.catalog.kinds.values().filter(|kind| kind.definition.source.is_some());
    for kind in sourced {
        let name = kind.id.split('/').next_back().unwrap();
        // Aurora's kind is the same rule of the document on another type of target.
        assert!(known.contains(&name) || name == "aurora-cluster-healing", "{name}");
    }
}

#[test]
fn every_row_of_the_table_is_what_the_compiler_does() {
    let bench = Bench::new();
    for (name, ..) in document() {
        let silent = bench.compile(name, &json!({}));
        assert_eq!(silent.errors, Vec::<String>::new(), "{name} alone");
        for row in rows(bench.kind(name)) {
            let own = ["cooldown_period", "max_attempts"].contains(&row.field.as_str());
            let fields = json!({row.field.as_str(): row.value.clone()});
            let fields = if own { fields } else { json!({"parameters": fields}) };
            let told = bench.compile(name, &fields);
            let about = |texts: &[String]| texts.iter().any(|text| text.contains(&format!("`{}: ", row.field)));
            let verdict = match (about(&told.errors), about(&told.warnings)) {
                (true, _) => Verdict::Refused,
                (false, true) => Verdict::Redefined,
                (false, false) => Verdict::Honoured,
            };
            assert_eq!(verdict, row.verdict, "{name}: {} = {}", row.field, row.value);
            assert!(!row.what.is_empty(), "{name}: {} says nothing", row.field);
        }
    }
}

/// Another value than the document's, of the same type; `None` where there is no other.
fn other(schema: &Value, value: &Value) -> Option<Value> {
    match value {
        Value::Bool(value) => Some((!value).into()),
        Value::Number(number) => {
            let number = number.as_i64().unwrap();
            let most = schema.get("maximum").and_then(Value::as_i64).unwrap_or(i64::MAX);
            Some(if number < most { (number + 1).into() } else { (number - 1).into() })
        }
        text => {
            let options = schema.get("enum").and_then(Value::as_array).unwrap();
            options.iter().find(|option| *option != text).cloned()
        }
    }
}

/// What is honoured changes what is compiled when it changes, or says why it may not. Agents read the parameter itself.
#[test]
fn no_honoured_parameter_is_ignored() {
    let bench = Bench::new();
    for (name, ..) in document() {
        let kind = bench.kind(name);
        let by_agent = kind.definition.signals.values().any(|healed_by| *healed_by == HealedBy::Agent);
        let honoured = rows(kind).into_iter().filter(|row| row.verdict == Verdict::Honoured);
        for row in honoured.filter(|row| kind.definition.parameters.contains_key(&row.field)) {
            let with = |value: &Value| bench.compile(name, &json!({"parameters": {row.field.as_str(): value}}));
            let Some(other) = other(&kind.definition.parameters[&row.field], &row.value) else { continue };
            let changed = with(&other);
            let about = |texts: &[String]| texts.iter().any(|text| text.contains(&format!("`{}", row.field)));
            let spoken = about(&changed.errors) || about(&changed.warnings);
            let reads = by_agent && !kind.has_runbook;
            assert!(
                spoken || reads || changed.effect() != with(&row.value).effect(),
                "{name} compiles to the same whatever `{}` is",
                row.field
            );
        }
    }
}
