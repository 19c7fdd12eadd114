//! The rules that are deployed: the parameters in the templates of the environment's stacks.
//!
//! The templates are asked, not the parameters: CloudFormation gives a stack's rules in one call, and what it gives is what
//! guard and agent read, unless somebody changed a parameter by hand.

use healstack_model::ledger::RuleId;
use healstack_model::{Layer, Mode, Names};
use serde::Deserialize;
use serde_json::Value;

use super::connection::Connection;
use super::error::OperateError;
use crate::deploy::{ENVIRONMENT_TAG, jobs, left_over, template};

/// A deployed rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedRule {
    /// Which.
    pub id: RuleId,
    /// Its layer, if this version knows it.
    pub layer: Option<Layer>,
    /// Whether the rule file has it heal or observe: enabled, and its mode is not `off`.
    pub on: bool,
}

/// The rules that are deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployed {
    /// In the order of the stacks' names.
    pub rules: Vec<DeployedRule>,
    /// Rules whose parameter this version cannot read.
    pub unreadable: usize,
}

/// What a rule's parameter says of it that matters here.
#[derive(Deserialize)]
struct Parameter {
    rule: String,
    #[serde(default)]
    layer: String,
    enabled: bool,
    mode: Mode,
}

/// Every rule in the environment's deployed stacks, in the order of the stacks' names.
pub async fn deployed_rules(connection: &Connection) -> Result<Deployed, OperateError> {
    let names = &connection.names;
    let tag = (ENVIRONMENT_TAG, names.environment.as_str());
    let prefix = names.stack("");
    let stacks = left_over::find(&connection.context, &[], tag).await?;
    let templates = jobs::all_ok(stacks.into_iter().filter(|stack| stack.name.starts_with(&prefix)).map(|stack| {
        let aws = connection.context.aws.clone();
        async move { aws.template(&stack.name).await }
    }));
    let templates = connection.context.unless_interrupted(templates).await?;
    let mut deployed = Deployed::default();
    for text in templates.iter().flatten() {
        add(&mut deployed, text, names);
    }
    Ok(deployed)
}

/// Adds the rules in a template.
fn add(deployed: &mut Deployed, text: &str, names: &Names) {
    let prefix = format!("/{}/{}/", names.prefix, names.environment);
    let template = template::parse(text);
    let resources = template.get("Resources").and_then(Value::as_object);
    for value in
        resources.into_iter().flat_map(|resources| resources.values()).filter_map(|one| parameter(one, &prefix))
    {
        match of_value(value) {
            Some(rule) => deployed.rules.push(rule),
            None => deployed.unreadable += 1,
        }
    }
}

/// The value of a rule's parameter; empty where it is no text.
fn parameter<'a>(resource: &'a Value, prefix: &str) -> Option<&'a str> {
    let properties = resource.get("Properties")?;
    let is_ours = properties.get("Name")?.as_str()?.starts_with(prefix);
    let is_parameter = resource.get("Type")?.as_str()? == "AWS::SSM::Parameter";
    (is_ours && is_parameter).then(|| properties.get("Value").and_then(Value::as_str).unwrap_or_default())
}

fn of_value(value: &str) -> Option<DeployedRule> {
    let parameter: Parameter = serde_json::from_str(value).ok()?;
    let on = parameter.enabled && parameter.mode != Mode::Off;
    Some(DeployedRule { id: RuleId::parse(&parameter.rule).ok()?, layer: Layer::parse(&parameter.layer), on })
}

#[cfg(test)]
mod tests {
    use super::*;
    use healstack_model::{EnvironmentName, Prefix};

    #[test]
    fn rules_are_the_parameters_below_the_environments_path() {
        let names = Names {
            prefix: Prefix::default(),
            environment: EnvironmentName::new("dev").unwrap(),
            region: "eu-west-1".to_owned(),
        };
        let parameter = |name: &str, value: &str| {
            format!(
                "    Type: AWS::SSM::Parameter\n    Properties:\n      Name: {name}\n      Value: |-\n        {value}\n"
            )
        };
        let rule = |rule: &str, enabled: bool, mode: &str| {
            format!(r#"{{"rule": "{rule}", "layer": "platform", "enabled": {enabled}, "mode": "{mode}", "later": 1}}"#)
        };
        let text = format!(
            "Resources:\n  A:\n{}  B:\n{}  C:\n{}  D:\n{}  E:\n    Type: AWS::SNS::Topic\n",
            parameter("/heal/dev/checkout/web", &rule("checkout/web", true, "observe")),
            parameter("/heal/dev/checkout/off", &rule("checkout/off", true, "off")),
            parameter("/heal/prod/checkout/web", &rule("checkout/web", true, "enforce")),
            parameter("/heal/dev/checkout/other", "not JSON"),
        );
        let of = |text: &str| {
            let mut deployed = Deployed::default();
            add(&mut deployed, text, &names);
            deployed
        };
        let Deployed { rules: found, unreadable } = of(&text);
        assert_eq!(unreadable, 1, "what is no rule that this version reads is not taken for nothing");
        let shown: Vec<(String, bool)> = found.iter().map(|rule| (rule.id.to_string(), rule.on)).collect();
        assert_eq!(shown, [("checkout/web".to_owned(), true), ("checkout/off".to_owned(), false)]);
        assert_eq!(found[0].layer, Some(Layer::Platform));
        assert_eq!(of("Resources: ["), Deployed::default());
    }
}
