//! What a template grants and denies, and how that differs between two templates.
//!
//! Every policy document in a template counts, wherever it stands: roles and their trust, topics, queues, keys, buckets,
//! documents written as JSON text. What grants without being a document counts too: managed policies attached to a role,
//! roles that a policy is attached to, a permissions boundary that goes, and Lambda permissions.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::template;

mod delta;

pub use delta::{IamChange, IamChangeKind, IamDelta};

/// One statement of a policy. Values are as in `!Sub`: `${Table.Arn}` is an attribute, `${AWS::Region}` a pseudo parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The logical id of the resource that holds the policy.
    pub resource: String,
    /// The type of that resource.
    pub resource_type: String,
    /// Where in the resource: the policy's name, or the property.
    pub policy: String,
    /// The statement's id.
    pub sid: Option<String>,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Who; `attached to …` for policies of their own; empty for policies that belong to a role.
    pub principals: Vec<String>,
    /// What may be done.
    pub actions: Vec<String>,
    /// On what; empty where the policy belongs to the resource.
    pub resources: Vec<String>,
    /// Under which conditions, one a line: `StringEquals aws:ResourceTag/app: checkout`.
    pub conditions: Vec<String>,
    /// `NotAction`, `NotResource` and `NotPrincipal` as they stand; statements with these are compared as a whole.
    pub inverted: Vec<String>,
}

/// The statements of a template, in its order. A template that cannot be parsed has none.
#[must_use]
pub fn iam_statements(template: &str) -> Vec<Statement> {
    of_template(&template::parse(template))
}

/// The statements of a parsed template.
pub(super) fn of_template(template: &Value) -> Vec<Statement> {
    let mut found = Vec::new();
    let resources = template.get("Resources").and_then(Value::as_object);
    for (name, resource) in resources.into_iter().flatten() {
        let resource_type = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
        let Some(properties) = resource.get("Properties") else {
            continue;
        };
        let mut own = Vec::new();
        let mut search = Search { resource: name, resource_type, found: &mut own };
        search.value(properties, "");
        search.managed_policies(properties);
        if resource_type == "AWS::Lambda::Permission" {
            search.permission(properties);
        }
        for statement in &mut own {
            statement.principals.extend(attachments(resource_type, properties));
            // A boundary limits what a role may do, not who may assume it.
            if let Some(boundary) = properties.get("PermissionsBoundary")
                && statement.policy != TRUST
            {
                statement.conditions.push(format!("within the boundary {}", template::text(boundary)));
            }
        }
        found.append(&mut own);
    }
    found
}

/// To whom a policy that is a resource of its own is attached.
fn attachments(resource_type: &str, properties: &Value) -> Vec<String> {
    if !matches!(resource_type, "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy") {
        return Vec::new();
    }
    let kinds = [("Groups", "group"), ("Roles", "role"), ("Users", "user")];
    let named = |(key, kind): (&str, &str)| {
        texts(properties.get(key)).into_iter().map(|name| format!("attached to {kind} {name}")).collect::<Vec<_>>()
    };
    kinds.into_iter().flat_map(named).collect()
}

/// The property with a role's trust policy.
const TRUST: &str = "AssumeRolePolicyDocument";

struct Search<'a> {
    resource: &'a str,
    resource_type: &'a str,
    found: &'a mut Vec<Statement>,
}

impl Search<'_> {
    /// A mapping with `Statement` whose members have an `Effect` is a policy document.
    fn value(&mut self, value: &Value, at: &str) {
        match value {
            Value::Object(entries) => {
                if let Some(statements) = entries.get("Statement") {
                    self.document(statements, at);
                }
                // An inline policy is named by the entry beside its document.
                let name = entries.get("PolicyName").map(template::text);
                for (key, value) in entries {
                    let at = match &name {
                        Some(name) if key == "PolicyDocument" => name.clone(),
                        _ if at.is_empty() => key.clone(),
                        _ => format!("{at}.{key}"),
                    };
                    self.value(value, &at);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(item, &format!("{at}[{index}]"));
                }
            }
            // `AWS::Logs::ResourcePolicy` takes its document as text.
            Value::String(text) if text.contains("\"Statement\"") => {
                if let Ok(document) = serde_json::from_str::<Value>(text) {
                    self.value(&document, at);
                }
            }
            _ => {}
        }
    }

    fn document(&mut self, statements: &Value, policy: &str) {
        for statement in as_list(statements) {
            let Some(entries) = statement.as_object() else {
                continue;
            };
            // Either branch of a condition can come to be.
            if let Some(Value::Array(branches)) = entries.get("Fn::If") {
                branches.iter().skip(1).for_each(|branch| self.document(branch, policy));
                continue;
            }
            let Some(effect) = entries.get("Effect").map(template::text) else {
                continue;
            };
            let statement = Statement {
                sid: entries.get("Sid").map(template::text),
                effect,
                principals: principals(entries.get("Principal")),
                actions: texts(entries.get("Action")),
                resources: texts(entries.get("Resource")),
                conditions: conditions(entries.get("Condition")),
                inverted: inverted(entries),
                ..self.statement(policy)
            };
            self.found.push(statement);
        }
    }

    fn managed_policies(&mut self, properties: &Value) {
        for policy in texts(properties.get("ManagedPolicyArns")) {
            let statement =
                Statement { actions: vec![format!("(all of {policy})")], ..self.statement("ManagedPolicyArns") };
            self.found.push(statement);
        }
    }

    fn permission(&mut self, properties: &Value) {
        let conditions = ["SourceArn", "SourceAccount", "PrincipalOrgID"]
            .into_iter()
            .filter_map(|key| properties.get(key).map(|value| format!("{key}: {}", template::text(value))))
            .collect();
        let statement = Statement {
            principals: texts(properties.get("Principal")),
            actions: texts(properties.get("Action")),
            resources: texts(properties.get("FunctionName")),
            conditions,
            ..self.statement("Permission")
        };
        self.found.push(statement);
    }

    fn statement(&self, policy: &str) -> Statement {
        Statement {
            resource: self.resource.to_owned(),
            resource_type: self.resource_type.to_owned(),
            policy: policy.to_owned(),
            sid: None,
            effect: "Allow".to_owned(),
            principals: Vec::new(),
            actions: Vec::new(),
            resources: Vec::new(),
            conditions: Vec::new(),
            inverted: Vec::new(),
        }
    }
}

fn as_list(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        single => std::slice::from_ref(single),
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let mut texts: Vec<String> = value.map(as_list).unwrap_or_default().iter().map(template::text).collect();
    texts.sort();
    texts
}

/// `{Service: [a, b]}` as `Service a`, `Service b`; `*` as it is.
fn principals(value: Option<&Value>) -> Vec<String> {
    let mut found = match value {
        None => Vec::new(),
        Some(Value::Object(kinds)) => kinds
            .iter()
            .flat_map(|(kind, names)| as_list(names).iter().map(move |name| format!("{kind} {}", template::text(name))))
            .collect(),
        Some(single) => vec![template::text(single)],
    };
    found.sort();
    found
}

fn conditions(value: Option<&Value>) -> Vec<String> {
    let mut found = BTreeMap::new();
    for (operator, keys) in value.and_then(Value::as_object).into_iter().flatten() {
        let Some(keys) = keys.as_object() else {
            found.insert(operator.clone(), template::text(keys));
            continue;
        };
        for (key, values) in keys {
            found.insert(format!("{operator} {key}"), texts(Some(values)).join(", "));
        }
    }
    found.into_iter().map(|(key, values)| format!("{key}: {values}")).collect()
}

fn inverted(entries: &Map<String, Value>) -> Vec<String> {
    let lists = ["NotAction", "NotResource"].into_iter().filter_map(|key| Some((key, texts(Some(entries.get(key)?)))));
    let who = entries.get("NotPrincipal").map(|value| ("NotPrincipal", principals(Some(value))));
    lists.chain(who).map(|(key, values)| format!("{key}: {}", values.join(", "))).collect()
}
