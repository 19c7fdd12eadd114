//! What `kind.yaml` and a target type's file say.

use healstack_model::{Action, Layer, Seconds};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `kind.yaml`: everything about a kind that is not its templates.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// One sentence: what the healing does.
    pub summary: String,
    /// What selects the kind, together with the target's type.
    #[serde(rename = "match")]
    pub matches: Match,
    /// The target types it heals.
    #[schemars(length(min = 1))]
    pub targets: Vec<String>,
    /// What a rule takes where it says nothing.
    pub defaults: Defaults,
    /// JSON Schema of each parameter, with its default; `x-unit` names the unit.
    #[serde(default)]
    pub parameters: IndexMap<String, Value>,
    /// Parameters that the reference's example of a rule sets, where it needs some.
    #[serde(default)]
    pub example: IndexMap<String, Value>,
    /// JSON Schema of each field of the rule's `signal`, with its default.
    #[serde(default)]
    pub signal: IndexMap<String, Value>,
    /// Parameters that mean something else than they say. A rule that sets one gets a warning.
    #[serde(default)]
    pub redefined: Vec<Decided>,
    /// Parameter values without a safe meaning. A rule that sets one does not compile.
    #[serde(default, rename = "unsafe")]
    pub unsafe_values: Vec<Decided>,
    /// How parameters must fit one another. A rule whose do not, does not compile.
    #[serde(default)]
    pub relations: Vec<Relation>,
    /// Bounds on the rule's own cooldown and attempts. A rule beyond one is held to it, with a warning.
    #[serde(default)]
    pub bounds: Bounds,
    /// REL11-BP03's rule of this kind, where it has one, as that document writes it.
    pub source: Option<SourceRule>,
    /// The kind's signals: the alarm suffixes, and what heals each.
    #[schemars(extend("minProperties" = 1))]
    pub signals: IndexMap<String, HealedBy>,
    /// What a resource is called, so that whatever heals it leases it under the same name.
    pub resource: ResourceName,
    /// How long a healing keeps its resource at the most. Default, and least: what the runbook can take and what may pass before it begins.
    pub lease: Option<Seconds>,
    /// What AWS heals itself, in sentences.
    #[schemars(length(min = 1))]
    pub native: Vec<String>,
    /// How it is known that the healing worked.
    pub verification: String,
    /// What the healing never does, and why, in sentences. Tests hold the templates against the most dangerous of these.
    #[schemars(length(min = 1))]
    pub never: Vec<String>,
    /// How to see the healing work on a real account, in sentences: what to break, what to watch.
    #[schemars(length(min = 1))]
    pub test: Vec<String>,
    /// What it needs besides its own resources.
    #[serde(default)]
    pub requires: Vec<Requirement>,
    /// What settings.yaml.hbs keeps set, where the kind has one.
    pub settings: Option<Settings>,
    /// What each API call of the runbook and of settings.yaml.hbs may touch, by `<Service>:<Api>` as they write them.
    #[serde(default)]
    pub permissions: IndexMap<String, Grants>,
}

/// The canonical name of a resource: `<service>:<type>/<values of the dimensions>`, which is also what an ARN of it says.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceName {
    /// The service as ARNs name it, for instance `ec2`.
    #[schemars(regex(pattern = "^[a-z0-9-]+$"))]
    pub service: String,
    /// The resource type as ARNs name it, for instance `instance`.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = "^[A-Za-z-]+$"))]
    pub kind: String,
    /// The dimensions of the kind's metrics that name it. The value of the last one is the runbook's `ResourceId`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<String>,
    /// The selector's field that names the one resource of a rule, by name or ARN, where the signals do not name it.
    #[serde(default, skip_serializing)]
    pub from: Option<String>,
    /// Further resources that a healing touches and leases with it, each named by one dimension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<FurtherResource>,
}

/// A resource that a healing touches besides its own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FurtherResource {
    /// The service as ARNs name it.
    pub service: String,
    /// The resource type as ARNs name it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The dimension of the kind's metrics that names it.
    pub dimension: String,
}

/// Layer, trigger and action of the rules that a kind compiles.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The layer, which is also the folder's parent.
    pub layer: Layer,
    /// The condition.
    pub trigger_condition: String,
    /// The action.
    pub action: Action,
}

/// Defaults of a rule's own fields.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// From the end of a healing to the next.
    pub cooldown_period: Seconds,
    /// Within the rule's window.
    pub max_attempts: u32,
}

/// What must hold between parameters, defaults included.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Relation {
    /// A number is at most some times another one.
    AtMost {
        /// The number.
        parameter: String,
        /// The other one.
        of: String,
        /// How many times.
        times: f64,
        /// Why.
        because: String,
    },
    /// One of some parameters is given.
    OneOf {
        /// The parameters.
        parameters: Vec<String>,
        /// Why.
        because: String,
    },
}

impl Relation {
    /// The parameters that it is about.
    #[must_use]
    pub fn parameters(&self) -> Vec<&str> {
        match self {
            Self::AtMost { parameter, of, .. } => vec![parameter, of],
            Self::OneOf { parameters, .. } => parameters.iter().map(String::as_str).collect(),
        }
    }
}

/// How far a rule may set its own figures.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// The shortest cooldown.
    pub cooldown_period: Option<LeastCooldown>,
    /// The most attempts.
    pub max_attempts: Option<MostAttempts>,
}

/// The shortest cooldown of a kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeastCooldown {
    /// From the end of a healing to the next.
    pub least: Seconds,
    /// As many periods of the rule's own signal, where that is longer: an alarm that looks back over several of them is still on for
    /// what happened before the healing.
    pub periods: Option<u64>,
    /// Why.
    pub because: String,
}

impl LeastCooldown {
    /// The shortest cooldown of a rule with this signal, whose `period` is in seconds.
    #[must_use]
    pub fn of(&self, signal: &Map<String, Value>) -> Seconds {
        let period = signal.get("period").and_then(Value::as_u64);
        let reach = self.periods.zip(period).map(|(periods, period)| Seconds::clamped(periods.saturating_mul(period)));
        reach.map_or(self.least, |reach| reach.max(self.least))
    }
}

/// The most attempts of a kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MostAttempts {
    /// Within the rule's window.
    pub most: u32,
    /// Why.
    pub because: String,
}

/// A rule as REL11-BP03 writes it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceRule {
    /// Its parameters.
    pub parameters: IndexMap<String, Value>,
    /// Its cooldown.
    pub cooldown_period: Seconds,
    /// Its attempts.
    pub max_attempts: u32,
}

/// What was decided about a parameter, or about one value of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The parameter.
    pub parameter: String,
    /// The value that it is about. Without it, every value.
    pub equals: Option<Value>,
    /// Why.
    pub because: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Decided {
    /// Whether it is about this value of this parameter.
    #[must_use]
    pub fn is_about(&self, parameter: &str, value: &Value) -> bool {
        self.parameter == parameter && self.equals.as_ref().is_none_or(|equals| equals == value)
    }
}

/// What heals the failure that a signal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealedBy {
    /// AWS itself; Healstack records it.
    Native,
    /// The kind's runbook, through the guard.
    Runbook,
    /// The agent on the host; the signal says that it did not succeed.
    Agent,
}

impl ResourceName {
    /// The canonical name of the one resource that a selector names, where it does: `<service>:<type>/<name>`, or what an ARN of
    /// the same service says. An ARN of another service names something that this service keeps about that resource, a
    /// backup for one, and is a name of its own: healing that must not keep others from the resource itself.
    #[must_use]
    pub fn key(&self, selector: &Value) -> Option<String> {
        let named = selector.get(self.from.as_ref()?)?.as_str()?;
        Some(match named.splitn(6, ':').collect::<Vec<_>>().as_slice() {
            ["arn", _, service, _, _, resource] if *service == self.service => {
                format!("{service}:{}", resource.replacen(':', "/", 1))
            }
            ["arn", _, service, _, _, resource] => {
                format!("{}:{}/{service}/{}", self.service, self.kind, resource.replacen(':', "/", 1))
            }
            _ => format!("{}:{}/{named}", self.service, self.kind),
        })
    }
}

impl HealedBy {
    /// What the guard does with the signal.
    #[must_use]
    pub fn guard(self) -> &'static str {
        match self {
            Self::Native => "record",
            Self::Runbook => "runbook",
            Self::Agent => "agent",
        }
    }
}

/// What a kind needs besides its own resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Resource tags on metrics, for fleet alarms that select by tag. On once in an account and region, in the `account` stack.
    TelemetryEnrichment,
    /// A metric that only the agent's probes publish.
    AgentProbe,
}

/// AWS's own healing that a kind keeps set on the resources of a rule, which others own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is set, from which value on it is left as it is, and what is left alone, in sentences.
    #[schemars(length(min = 1))]
    pub sets: Vec<String>,
    /// The selector's fields that name the resources, each a text or a list of texts; `primary.target_group` is a field within a
    /// field. A rule without any of them has nothing to set.
    #[schemars(length(min = 1))]
    pub resources: Vec<String>,
    /// The CloudFormation type of the resources, for selectors that can select by `tag`.
    #[schemars(regex(pattern = "^AWS::[A-Za-z0-9]+::[A-Za-z0-9]+$"))]
    pub resource_type: Option<String>,
    /// Why it is only reported, whatever the rule says, where setting it would cost something or take the resource away.
    pub only_reported: Option<String>,
}

/// What one API call needs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Grants {
    /// One IAM statement.
    One(Grant),
    /// Several.
    Many(Vec<Grant>),
}

impl Grants {
    /// Each of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Grant] {
        match self {
            Self::One(grant) => std::slice::from_ref(grant),
            Self::Many(grants) => grants,
        }
    }
}

/// One permission.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The IAM action, where it is not named like the call.
    pub action: Option<String>,
    /// On what.
    pub resources: GrantResources,
    /// IAM condition, besides the one that the target brings.
    pub condition: Option<Value>,
}

/// On what a permission is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum GrantResources {
    /// `any` (the action takes no resources), `alarms` (those of the account and region, for `DescribeAlarms`), `ledger` (the items of
    /// it that settings.yaml.hbs reads), or a scope of the target type: `target` covers what the rule selects.
    Scope(String),
    /// These ARNs; `${AWS::Region}` and the like stay CloudFormation's.
    Arns(Vec<String>),
}

/// A target type: how resources are selected, and what an IAM statement about them looks like.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// One sentence.
    pub summary: String,
    /// A selector as a rule writes it, in YAML's flow style, for the reference.
    pub example: String,
    /// JSON Schema of the selector.
    pub selector: Value,
    /// Templates of `Resource` and `Condition` of IAM statements, by name: `target` covers the selected resources and
    /// no others, other names what belongs to them.
    pub scopes: IndexMap<String, String>,
}
