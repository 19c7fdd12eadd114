//! `healstack.yaml`: the environments that rules are compiled for.

use crate::diagnostics::{Problem, Problems, Source};
use crate::schema::{Schema, list, nearest};
use crate::yaml::{self, Node};
use healstack_model::{EnvironmentName, Names, Prefix};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// The file's name, which also marks a project's root.
pub const FILE: &str = "healstack.yaml";

/// The whole file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The environment that commands use without `--env`. May be left out when there is only one.
    pub default_environment: Option<EnvironmentName>,
    /// One account and region each.
    #[schemars(extend("minProperties" = 1))]
    pub environments: IndexMap<String, Environment>,
}

/// Where stacks are deployed, and who hears of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The AWS account, 12 digits in quotes. `deploy` refuses any other.
    #[schemars(regex(pattern = "^[0-9]{12}$"), extend("x-help" = "write the 12 digits of the account in quotes: \"111122223333\""))]
    pub account: String,
    /// The AWS region, for instance eu-west-1.
    #[schemars(regex(pattern = "^[a-z]{2}(-[a-z]+)+-[0-9]$"), extend("x-help" = "write a region's code, for instance eu-west-1"))]
    pub region: String,
    /// What every name in this environment begins with.
    #[serde(default)]
    pub prefix: Prefix,
    /// Who is told about healing.
    #[serde(default)]
    pub notifications: Notifications,
    /// Bounds over all rules together.
    #[serde(default)]
    pub budget: EnvironmentBudget,
    /// Quotas of the account and region that AWS has raised. Default: AWS's own.
    #[serde(default)]
    pub quotas: Quotas,
    /// An existing bucket for templates over 51,200 bytes. Without it, a stack that creates one is generated when it is needed.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    pub artifact_bucket: Option<String>,
    /// Values of parameters that rules refer to as `{parameter: <name>}`, by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"pattern": "^[A-Za-z0-9]{1,255}$", "x-help": "write the name with letters and digits only"}))]
    pub parameters: IndexMap<String, String>,
    /// The stacks of workloads that `deploy` deploys too, by the rule file's stack. Without one, `synth` writes the healed template
    /// and whoever owns the workload deploys it.
    #[serde(default)]
    pub workloads: IndexMap<String, WorkloadStack>,
    /// Whether Healstack turns on what must be on once in an account, such as resource tags on metrics. `false` when another team owns that.
    #[serde(default = "yes")]
    pub account_stack: bool,
}

/// The CloudFormation stack of a workload.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct WorkloadStack {
    /// Its name, for instance that of the stack that the template is deployed as today.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9-]{0,127}$"), extend("x-help" = "write the name of a CloudFormation stack: a letter, then letters, digits and hyphens"))]
    pub stack_name: String,
    /// Values of the template's parameters. One that is not given keeps its value, or has its default in a new stack.
    #[serde(default)]
    pub parameters: IndexMap<String, String>,
}

/// Subscribers of the notifications topic.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Notifications {
    /// E-mail addresses. Each must confirm its subscription once.
    #[schemars(inner(regex(pattern = "^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$")), extend("uniqueItems" = true))]
    pub email: Vec<String>,
}

/// Bounds over all rules of an environment.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct EnvironmentBudget {
    /// Healings by runbook at the same time, whatever their rules. At most the 100 automations that Systems Manager runs at once in an account.
    #[schemars(range(min = 1, max = 100))]
    pub concurrent: u32,
}

impl Default for EnvironmentBudget {
    /// Ten at once: a zone of failing hosts is healed in minutes, and no mistake in a rule can stop a fleet.
    fn default() -> Self {
        Self { concurrent: 10 }
    }
}

/// Quotas of an account and region, all of which Service Quotas can raise. What is not named has AWS's default.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Quotas {
    /// CloudWatch alarms. Default 5000.
    pub alarms: Option<u32>,
    /// CloudWatch alarms on a Metrics Insights query. Default 200.
    pub fleet_alarms: Option<u32>,
    /// EventBridge rules on the default event bus. Default 300, and 100 in some regions.
    pub event_rules: Option<u32>,
    /// Systems Manager documents. Default 500.
    pub documents: Option<u32>,
    /// Parameter Store's standard parameters. Default 10000.
    pub parameters: Option<u32>,
    /// IAM roles of the account. Default 1000.
    pub roles: Option<u32>,
}

fn yes() -> bool {
    true
}

impl Config {
    /// Parses the file, reporting everything that is wrong with it.
    pub fn parse(source: &Arc<Source>, problems: &mut Problems) -> Option<Self> {
        let node = problems.take(yaml::parse(source))?;
        let schema = Schema::of::<Self>();
        let found = schema.check(source, &node, "healstack.yaml");
        let mut names = environment_names(source, &node);
        names.extend(yaml::check_data(source, &node));
        if !found.is_empty() || !names.is_empty() {
            problems.extend(found);
            problems.extend(names);
            return None;
        }
        let config: Self = problems.take(
            serde_json::from_value(node.to_json())
                .map_err(|error| Problem::error(format!("healstack.yaml: {error}")).at(source, node.span)),
        )?;
        problems.extend(config.conflicts(source, &node));
        Some(config)
    }

    /// Environments that would own the same AWS names or the same settings, and a default that does not exist.
    fn conflicts(&self, source: &Arc<Source>, node: &Node) -> Vec<Problem> {
        let mut found = Vec::new();
        for (index, (name, environment)) in self.environments.iter().enumerate() {
            let place = node.pointer(&format!("/environments/{name}")).map_or(node.span, |n| n.span);
            for (twin, other) in self.environments.iter().take(index) {
                if (&other.account, &other.region) != (&environment.account, &environment.region) {
                    continue;
                }
                let problem = if other.prefix == environment.prefix {
                    Problem::error(format!("environments `{twin}` and `{name}` share account, region and prefix"))
                        .help("give one of them another `prefix`: their stacks would overwrite each other")
                } else if other.account_stack && environment.account_stack {
                    Problem::error(format!(
                        "environments `{twin}` and `{name}` both own the settings of one account and region"
                    ))
                    .help(
                        "set `account_stack: false` in one of them: CloudFormation can create such a setting only once",
                    )
                } else {
                    continue;
                };
                found.push(problem.at(source, place));
            }
        }
        let missing = self.default_environment.as_ref().filter(|name| !self.environments.contains_key(name.as_str()));
        if let Some(name) = missing {
            let known: Vec<&str> = self.environments.keys().map(String::as_str).collect();
            let span = node.get("default_environment").map_or(node.span, |node| node.span);
            let problem = Problem::error(format!("there is no environment `{name}`")).at(source, span);
            found.push(problem.help(format!("the environments are {}", list(&known))));
        }
        found
    }

    /// The environment of `--env`, or the default one.
    pub fn select(&self, name: Option<&str>) -> Result<(EnvironmentName, &Environment), Problem> {
        let known: Vec<&str> = self.environments.keys().map(String::as_str).collect();
        let name = match (name, &self.default_environment, known.as_slice()) {
            (Some(name), _, _) => name,
            (None, Some(name), _) => name.as_str(),
            (None, None, [only]) => only,
            (None, None, _) => {
                return Err(Problem::error(format!("several environments: {}", list(&known)))
                    .help("name one with `--env`, or set `default_environment` in healstack.yaml"));
            }
        };
        let problem = |message: String| {
            let help = match nearest(name, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the environments of healstack.yaml are {}", list(&known)),
            };
            Problem::error(message).help(help)
        };
        let environment =
            self.environments.get(name).ok_or_else(|| problem(format!("there is no environment `{name}`")))?;
        let name = EnvironmentName::new(name).map_err(|error| problem(error.to_string()))?;
        Ok((name, environment))
    }
}

impl Environment {
    /// The names of this environment's resources.
    #[must_use]
    pub fn names(&self, name: &EnvironmentName) -> Names {
        Names { prefix: self.prefix.clone(), environment: name.clone(), region: self.region.clone() }
    }
}

fn environment_names(source: &Arc<Source>, node: &Node) -> Vec<Problem> {
    let environments = node.get("environments").map(Node::entries).unwrap_or_default();
    let wrong = environments.iter().filter_map(|entry| {
        let error = EnvironmentName::new(entry.key.as_str()).err()?;
        let help = match EnvironmentName::nearest(&entry.key) {
            Some(near) => format!("{}, for instance `{near}`", error.help()),
            None => error.help(),
        };
        Some(Problem::error(error.to_string()).at(source, entry.key_span).help(help))
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, Vec<String>> {
        let mut problems = Problems::default();
        let config = Config::parse(&Source::new(FILE, text), &mut problems);
        let told: Vec<String> =
            problems.iter().map(|problem| format!("{}: {problem}", problem.location().unwrap_or_default())).collect();
        if told.is_empty() { Ok(config.unwrap()) } else { Err(told) }
    }

    #[test]
    fn reads_an_environment() {
        let config = parse("environments:\n  prod:\n    account: \"111122223333\"\n    region: eu-west-1\n").unwrap();
        let (name, environment) = config.select(None).unwrap();
        assert_eq!(name.as_str(), "prod");
        assert_eq!(environment.names(&name).stack("core"), "heal--core");
        assert!(config.select(Some("prd")).unwrap_err().to_string().contains("no environment `prd`"));
    }

    #[test]
    fn reports_every_mistake_with_its_place() {
        let told = parse(
            "environments:\n  Prod:\n    account: 111122223333\n    regin: eu-west-1\n    notifications: {email: [nobody]}\n",
        )
        .unwrap_err();
        let told = told.join("\n");
        for part in [
            "healstack.yaml:2:3: `Prod` is not a name",
            "healstack.yaml:3:14: `account` must be text, this is the number 111122223333",
            "healstack.yaml:4:5: unknown field `regin`",
            "has no `region`",
            "item 1 of `email`",
        ] {
            assert!(told.contains(part), "{part} is not in\n{told}");
        }
    }

    #[test]
    fn refuses_environments_that_share_names() {
        let one = "{account: \"111122223333\", region: eu-west-1}";
        let told = parse(&format!("environments:\n  a: {one}\n  b: {one}\n")).unwrap_err();
        assert!(told[0].contains("share account, region and prefix"), "{told:?}");
        let other = one.replace('}', ", prefix: other}");
        let told = parse(&format!("environments:\n  a: {one}\n  b: {other}\n")).unwrap_err();
        assert!(told[0].contains("both own the settings"), "{told:?}");
        let without = one.replace('}', ", prefix: other, account_stack: false}");
        assert!(parse(&format!("environments:\n  a: {one}\n  b: {without}\n")).is_ok());
    }
}
