//! Rules and their targets.

use super::path::Path;
use super::pattern::Pattern;
use super::transformer::Transformer;
use crate::{AwsError, Millis, Unsupported};
use serde_json::Value;

/// How long and how often delivery is tried where a target says nothing (`EventBridge` user guide, retry policy), and
/// the most that it may say (API reference, `RetryPolicy`).
const LONGEST: Retry = Retry { maximum_age_s: 86_400, maximum_attempts: 185 };
/// The least that `MaximumEventAgeInSeconds` may say (API reference, `RetryPolicy`).
const LEAST_AGE_S: u64 = 60;

/// How long and how often a delivery that fails is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Seconds since the event, after which there is no further attempt.
    pub maximum_age_s: u64,
    /// Attempts after the first.
    pub maximum_attempts: u64,
}

/// A rule of the default bus.
#[derive(Debug, Clone)]
pub struct Rule {
    name: String,
    arn: String,
    enabled: bool,
    pattern: Pattern,
    targets: Vec<Target>,
}

/// What a rule sends its events to.
#[derive(Debug, Clone)]
pub struct Target {
    /// The target's id, one in its rule.
    pub id: String,
    /// The state machine, its version or alias, or the log group.
    pub arn: String,
    /// When delivery is given up.
    pub retry: Retry,
    /// The queue for what could not be delivered.
    pub dead_letter: Option<String>,
    /// The rule's name and ARN, which a template may name.
    rule: (String, String),
    input: Input,
}

#[derive(Debug, Clone)]
enum Input {
    Event,
    Constant(Value),
    Path(Path),
    Template(Transformer),
}

impl Rule {
    /// Reads the resolved properties of an `AWS::Events::Rule`.
    pub fn load(name: &str, arn: &str, properties: &Value) -> Result<Self, Unsupported> {
        let place = format!("rule {name}");
        let unknown = |property: &str, value: &Value| {
            Unsupported::new(&place, format!("the property `{property}` with the value {value}"))
        };
        let mut enabled = true;
        for (property, value) in properties.as_object().into_iter().flatten() {
            match (property.as_str(), value.as_str()) {
                ("State", Some("DISABLED")) => enabled = false,
                ("State", Some("ENABLED"))
                | ("EventBusName", Some("default"))
                | ("Name" | "Description" | "EventPattern" | "Targets" | "Tags", _) => {}
                _ => return Err(unknown(property, value)),
            }
        }
        let targets = properties["Targets"].as_array().map_or(&[][..], Vec::as_slice);
        let targets = targets.iter().map(|target| Target::load(&place, (name, arn), target));
        let targets = targets.collect::<Result<_, _>>()?;
        let pattern = Pattern::load(&place, &properties["EventPattern"])?;
        Ok(Self { name: name.to_owned(), arn: arn.to_owned(), enabled, pattern, targets })
    }

    /// The rule's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rule's ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Whether an event (with `source`, `detail-type`, `detail`) goes to the rule's targets. None does while the rule
    /// is disabled.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.enabled && self.pattern.matches(Some(event))
    }

    /// What the rule sends its events to.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }
}

impl Target {
    fn load(rule: &str, names: (&str, &str), properties: &Value) -> Result<Self, Unsupported> {
        let text = |property: &str| properties[property].as_str().map(str::to_owned);
        let (Some(id), Some(arn)) = (text("Id"), text("Arn")) else {
            return Err(Unsupported::new(rule, format!("a target without `Id` and `Arn`: {properties}")));
        };
        let place = format!("{rule}, target {id}");
        let unknown = |property: &str, value: &Value| {
            Unsupported::new(&place, format!("the property `{property}` with the value {value}"))
        };
        let (mut retry, mut dead_letter, mut input) = (LONGEST, None, Input::Event);
        for (property, value) in properties.as_object().into_iter().flatten() {
            let given = match (property.as_str(), value) {
                ("Id" | "Arn" | "RoleArn", _) => continue,
                ("RetryPolicy", Value::Object(_)) => {
                    retry = retry_of(value).ok_or_else(|| unknown(property, value))?;
                    continue;
                }
                ("DeadLetterConfig", Value::Object(members)) => {
                    dead_letter = members.get("Arn").and_then(Value::as_str).map(str::to_owned);
                    if dead_letter.is_none() || members.len() > 1 {
                        return Err(unknown(property, value));
                    }
                    continue;
                }
                ("Input", Value::String(text)) => {
                    Input::Constant(serde_json::from_str(text).map_err(|_| unknown(property, value))?)
                }
                ("InputPath", Value::String(text)) => {
                    Input::Path(Path::parse(text).ok_or_else(|| unknown(property, value))?)
                }
                ("InputTransformer", Value::Object(_)) => Input::Template(Transformer::load(&place, value)?),
                _ => return Err(unknown(property, value)),
            };
            // One of the three at most; a log group takes events as they are, or a form that nothing generated has.
            if !matches!(input, Input::Event) || arn.split(':').nth(2) == Some("logs") {
                return Err(unknown(property, value));
            }
            input = given;
        }
        let rule = (names.0.to_owned(), names.1.to_owned());
        Ok(Self { id, arn, retry, dead_letter, rule, input })
    }

    /// What the target is given for an event that the bus received at `ingested`; an error is the target's refusal.
    pub fn input(&self, event: &Value, ingested: Millis) -> Result<Value, AwsError> {
        match &self.input {
            Input::Event => Ok(event.clone()),
            Input::Constant(value) => Ok(value.clone()),
            Input::Path(path) => path.find(event).cloned().ok_or_else(|| {
                AwsError::client("InvalidExecutionInput", format!("target {}: its InputPath finds nothing", self.id))
            }),
            Input::Template(template) => template.apply(event, (&self.rule.0, &self.rule.1), ingested),
        }
    }
}

fn retry_of(policy: &Value) -> Option<Retry> {
    let mut retry = LONGEST;
    for (member, value) in policy.as_object()? {
        let value = value.as_u64()?;
        match member.as_str() {
            "MaximumEventAgeInSeconds" if (LEAST_AGE_S..=LONGEST.maximum_age_s).contains(&value) => {
                retry.maximum_age_s = value;
            }
            "MaximumRetryAttempts" if value <= LONGEST.maximum_attempts => retry.maximum_attempts = value,
            _ => return None,
        }
    }
    Some(retry)
}
