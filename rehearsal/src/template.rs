//! A generated template as CloudFormation would deploy it: names given, intrinsics resolved.

use crate::Unsupported;
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// Where a template is deployed.
#[derive(Debug, Clone)]
pub struct Place {
    /// The account, 12 digits.
    pub account: String,
    /// The region.
    pub region: String,
}

/// One resource of a template.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its logical id.
    pub id: String,
    /// `AWS::CloudWatch::Alarm`.
    pub kind: String,
    /// Its properties without intrinsics.
    pub properties: Value,
}

impl Resource {
    /// A property that is text.
    #[must_use]
    pub fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property).and_then(Value::as_str)
    }
}

/// Resolves a template: `template` is its JSON form (long intrinsics), `parameters` gives values to those without a default.
///
/// A resource that has no name of its own gets its logical id as one: CloudFormation would add random characters, which nothing that is
/// generated relies on.
pub fn resolve(
    place: &Place,
    template: &Value,
    parameters: &IndexMap<String, String>,
) -> Result<Vec<Resource>, Unsupported> {
    let empty = Map::new();
    let resources = template.get("Resources").and_then(Value::as_object).unwrap_or(&empty);
    let scope = Scope { place, resources, parameters, declared: template.get("Parameters") };
    resources
        .iter()
        .map(|(id, resource)| {
            let properties = resource
                .get("Properties")
                .map_or(Ok(Value::Object(Map::new())), |properties| scope.value(id, properties))?;
            let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
            Ok(Resource { id: id.clone(), kind, properties })
        })
        .collect()
}

struct Scope<'a> {
    place: &'a Place,
    resources: &'a Map<String, Value>,
    parameters: &'a IndexMap<String, String>,
    declared: Option<&'a Value>,
}

impl Scope<'_> {
    fn value(&self, at: &str, value: &Value) -> Result<Value, Unsupported> {
        match value {
            Value::Array(items) => items.iter().map(|item| self.value(at, item)).collect(),
            Value::Object(members) => match members.iter().next() {
                Some((name, inner)) if members.len() == 1 && (name == "Ref" || name.starts_with("Fn::")) => {
                    self.intrinsic(at, name, inner)
                }
                _ => {
                    let members = members.iter().map(|(key, item)| Ok((key.clone(), self.value(at, item)?)));
                    members.collect::<Result<Map<_, _>, _>>().map(Value::Object)
                }
            },
            other => Ok(other.clone()),
        }
    }

    fn intrinsic(&self, at: &str, name: &str, inner: &Value) -> Result<Value, Unsupported> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match (name, inner) {
            ("Ref", Value::String(to)) => self.reference(at, to).map(Value::String),
            ("Fn::GetAtt", Value::Array(parts)) if parts.len() == 2 => match (text(&parts[0]), text(&parts[1])) {
                (Some(id), Some(attribute)) => self.attribute(at, &id, &attribute).map(Value::String),
                _ => Err(unknown(at, "a `Fn::GetAtt` of something else than texts")),
            },
            ("Fn::GetAtt", Value::String(joined)) => match joined.split_once('.') {
                Some((id, attribute)) => self.attribute(at, id, attribute).map(Value::String),
                None => Err(unknown(at, "a `Fn::GetAtt` without an attribute")),
            },
            ("Fn::Sub", Value::String(template)) => self.substitute(at, template).map(Value::String),
            ("Fn::Select", Value::Array(parts)) if parts.len() == 2 => {
                let index = self.value(at, &parts[0])?;
                let index = index.as_u64().or_else(|| index.as_str().and_then(|text| text.parse().ok()));
                let list = self.value(at, &parts[1])?;
                let found = index.and_then(|index| usize::try_from(index).ok()).and_then(|index| list.get(index));
                found.cloned().ok_or_else(|| unknown(at, "a `Fn::Select` that selects nothing"))
            }
            ("Fn::Split", Value::Array(parts)) if parts.len() == 2 => {
                match (parts[0].as_str(), self.value(at, &parts[1])?) {
                    (Some(by), Value::String(whole)) => Ok(whole.split(by).map(Value::from).collect()),
                    _ => Err(unknown(at, "a `Fn::Split` of something else than a text")),
                }
            }
            ("Fn::Join", Value::Array(parts)) if parts.len() == 2 => {
                let items = self.value(at, &parts[1])?;
                let items: Option<Vec<&str>> =
                    items.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
                match (parts[0].as_str(), items) {
                    (Some(by), Some(items)) => Ok(Value::String(items.join(by))),
                    _ => Err(unknown(at, "a `Fn::Join` of something else than texts")),
                }
            }
            _ => Err(unknown(at, &format!("the intrinsic `{name}` with this argument"))),
        }
    }

    fn substitute(&self, at: &str, template: &str) -> Result<String, Unsupported> {
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(start) = rest.find("${") {
            text.push_str(&rest[..start]);
            let after = &rest[start + 2..];
            let end = after.find('}').ok_or_else(|| unknown(at, "a `Fn::Sub` without its `}`"))?;
            let name = &after[..end];
            if let Some(literal) = name.strip_prefix('!') {
                text.push_str("${");
                text.push_str(literal);
                text.push('}');
            } else if let Some((id, attribute)) = name.split_once('.') {
                text.push_str(&self.attribute(at, id, attribute)?);
            } else {
                text.push_str(&self.reference(at, name)?);
            }
            rest = &after[end + 1..];
        }
        text.push_str(rest);
        Ok(text)
    }

    fn reference(&self, at: &str, to: &str) -> Result<String, Unsupported> {
        let Place { account, region } = self.place;
        match to {
            "AWS::AccountId" => return Ok(account.clone()),
            "AWS::Region" => return Ok(region.clone()),
            "AWS::Partition" => return Ok("aws".to_owned()),
            "AWS::URLSuffix" => return Ok("amazonaws.com".to_owned()),
            _ => {}
        }
        if let Some(value) = self.parameters.get(to) {
            return Ok(value.clone());
        }
        if let Some(parameter) = self.declared.and_then(|declared| declared.get(to)) {
            let default = parameter.get("Default").and_then(Value::as_str);
            return default.map(str::to_owned).ok_or_else(|| unknown(at, &format!("a value of the parameter `{to}`")));
        }
        let (kind, name) = self.physical(at, to)?;
        Ok(match kind.as_str() {
            "AWS::SNS::Topic" => format!("arn:aws:sns:{region}:{account}:{name}"),
            "AWS::StepFunctions::StateMachine" => format!("arn:aws:states:{region}:{account}:stateMachine:{name}"),
            // A version's machine has its number, an alias its name, after the machine's ARN.
            "AWS::StepFunctions::StateMachineVersion" => {
                format!("{}:1", self.inner(at, to, "StateMachineArn")?)
            }
            "AWS::StepFunctions::StateMachineAlias" => {
                let preference = self.property(to, "DeploymentPreference");
                let route = self.property(to, "RoutingConfiguration").and_then(|routes| routes.get(0));
                let version = preference.or(route).and_then(|to| to.get("StateMachineVersionArn"));
                let version = self.value(at, version.unwrap_or(&Value::Null))?;
                let machine = version.as_str().and_then(|arn| arn.rsplit_once(':')).map(|(machine, _)| machine);
                format!("{}:{name}", machine.ok_or_else(|| unknown(at, "an alias without a version"))?)
            }
            "AWS::SQS::Queue" => format!("https://sqs.{region}.amazonaws.com/{account}/{name}"),
            "AWS::AutoScaling::ScalingPolicy" => {
                format!(
                    "arn:aws:autoscaling:{region}:{account}:scalingPolicy:00000000-0000-4000-8000-000000000000:policyName/{name}"
                )
            }
            _ => name,
        })
    }

    fn attribute(&self, at: &str, id: &str, attribute: &str) -> Result<String, Unsupported> {
        let Place { account, region } = self.place;
        let (kind, name) = self.physical(at, id)?;
        Ok(match (kind.as_str(), attribute) {
            ("AWS::SQS::Queue", "Arn") => format!("arn:aws:sqs:{region}:{account}:{name}"),
            ("AWS::SQS::Queue", "QueueName") => name,
            ("AWS::IAM::Role", "Arn") => {
                let path = self.property(id, "Path").and_then(Value::as_str).unwrap_or("/");
                format!("arn:aws:iam::{account}:role{path}{name}")
            }
            ("AWS::DynamoDB::Table", "Arn") => format!("arn:aws:dynamodb:{region}:{account}:table/{name}"),
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{name}"),
            ("AWS::KMS::Key", "Arn") => format!("arn:aws:kms:{region}:{account}:key/{name}"),
            ("AWS::Logs::LogGroup", "Arn") => format!("arn:aws:logs:{region}:{account}:log-group:{name}:*"),
            ("AWS::StepFunctions::StateMachine", "StateMachineRevisionId") => "INITIAL".to_owned(),
            ("AWS::StepFunctions::StateMachine", "Arn") => {
                format!("arn:aws:states:{region}:{account}:stateMachine:{name}")
            }
            ("AWS::Backup::RestoreTestingPlan", "RestoreTestingPlanArn") => {
                format!("arn:aws:backup:{region}:{account}:restore-testing-plan:{name}")
            }
            ("AWS::CloudWatch::Alarm", "Arn") => format!("arn:aws:cloudwatch:{region}:{account}:alarm:{name}"),
            _ => return Err(unknown(at, &format!("the attribute `{attribute}` of {kind}"))),
        })
    }

    /// The type of a resource, and what it is called.
    fn physical(&self, at: &str, id: &str) -> Result<(String, String), Unsupported> {
        let kind = self.resources.get(id).and_then(|resource| resource.get("Type")).and_then(Value::as_str);
        let kind = kind.ok_or_else(|| unknown(at, &format!("the resource or parameter `{id}`")))?;
        let property = match kind {
            "AWS::StepFunctions::StateMachine" => "StateMachineName",
            "AWS::SNS::Topic" => "TopicName",
            "AWS::SQS::Queue" => "QueueName",
            "AWS::S3::Bucket" => "BucketName",
            "AWS::IAM::Role" => "RoleName",
            "AWS::DynamoDB::Table" => "TableName",
            "AWS::Logs::LogGroup" => "LogGroupName",
            "AWS::CloudWatch::Alarm" => "AlarmName",
            "AWS::Backup::RestoreTestingPlan" => "RestoreTestingPlanName",
            "AWS::AutoScaling::ScalingPolicy" => "PolicyName",
            _ => "Name",
        };
        let name = match self.property(id, property) {
            Some(name) => self.value(at, name)?.as_str().unwrap_or(id).to_owned(),
            None => id.to_owned(),
        };
        Ok((kind.to_owned(), name))
    }

    fn property(&self, id: &str, name: &str) -> Option<&Value> {
        self.resources.get(id)?.get("Properties")?.get(name)
    }

    fn inner(&self, at: &str, id: &str, property: &str) -> Result<String, Unsupported> {
        let value = self.property(id, property).ok_or_else(|| unknown(at, &format!("{id} without `{property}`")))?;
        let value = self.value(at, value)?;
        value.as_str().map(str::to_owned).ok_or_else(|| unknown(at, &format!("a `{property}` that is no text")))
    }
}

fn unknown(at: &str, what: &str) -> Unsupported {
    Unsupported::new(format!("resource {at}"), what)
}

#[cfg(test)]
mod tests {
    use super::{Place, resolve};
    use indexmap::IndexMap;
    use serde_json::json;

    fn place() -> Place {
        Place { account: "111122223333".into(), region: "eu-west-1".into() }
    }

    #[test]
    fn names_and_arns_are_what_aws_gives() {
        let template = json!({"Resources": {
            "Guard": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"StateMachineName": "heal--core--guard"}},
            "V1": {"Type": "AWS::StepFunctions::StateMachineVersion", "Properties": {"StateMachineArn": {"Ref": "Guard"}}},
            "Live": {"Type": "AWS::StepFunctions::StateMachineAlias", "Properties": {
                "Name": "live", "RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "V1"}, "Weight": 100}]}},
            "Rule": {"Type": "AWS::Events::Rule", "Properties": {
                "Targets": [{"Arn": {"Ref": "Live"}}], "Name": {"Fn::Sub": "${AWS::Region}-${!Literal}"}}},
        }});
        let resources = resolve(&place(), &template, &IndexMap::new()).unwrap();
        assert_eq!(
            resources[3].properties,
            json!({
                "Targets": [{"Arn": "arn:aws:states:eu-west-1:111122223333:stateMachine:heal--core--guard:live"}],
                "Name": "eu-west-1-${Literal}",
            })
        );
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for properties in [
            json!({"A": {"Fn::Cidr": []}}),
            json!({"A": {"Ref": "Nobody"}}),
            json!({"A": {"Fn::GetAtt": ["Q", "Url"]}}),
        ] {
            let template = json!({"Resources": {
                "R": {"Type": "AWS::Events::Rule", "Properties": properties},
                "Q": {"Type": "AWS::SQS::Queue", "Properties": {}},
            }});
            assert!(resolve(&place(), &template, &IndexMap::new()).is_err());
        }
    }
}
