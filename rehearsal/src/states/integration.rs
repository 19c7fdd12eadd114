//! What a Task's `Resource` calls, and in which form arguments go and results come
//! (Step Functions developer guide, integrating services).

use jsonata_core::value::JValue;
use serde_json::{Map, Value};

use super::failure::TaskError;
use super::value;

/// The services that the generated machines call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    CloudWatch,
    DynamoDb,
    Sns,
    Ssm,
    StepFunctions,
}

/// One API action by one kind of integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Integration {
    client: Client,
    /// In the API's own spelling: `UpdateItem`.
    api: String,
    /// An `aws-sdk:` integration, not an optimized one.
    sdk: bool,
}

/// Optimized integrations: resource and API.
const OPTIMIZED: [(&str, Client, &str); 6] = [
    ("dynamodb:deleteItem", Client::DynamoDb, "DeleteItem"),
    ("dynamodb:getItem", Client::DynamoDb, "GetItem"),
    ("dynamodb:putItem", Client::DynamoDb, "PutItem"),
    ("dynamodb:updateItem", Client::DynamoDb, "UpdateItem"),
    ("sns:publish", Client::Sns, "Publish"),
    ("states:startExecution", Client::StepFunctions, "StartExecution"),
];

/// Services of `aws-sdk:` integrations, as a resource names them.
const SDK: [(&str, Client); 5] = [
    ("cloudwatch", Client::CloudWatch),
    ("dynamodb", Client::DynamoDb),
    ("sfn", Client::StepFunctions),
    ("sns", Client::Sns),
    ("ssm", Client::Ssm),
];

impl Integration {
    /// Reads `arn:<partition>:states:::<what>`. The error says what of it is not known.
    pub(super) fn parse(resource: &str) -> Result<Self, String> {
        let unknown = || format!("the resource `{resource}`");
        let parts: Vec<&str> = resource.splitn(6, ':').collect();
        let ["arn", partition, "states", "", "", what] = parts.as_slice() else {
            return Err(unknown());
        };
        if !partition.starts_with("aws") {
            return Err(unknown());
        }
        if let Some((_, client, api)) = OPTIMIZED.iter().find(|(name, ..)| name == what) {
            return Ok(Self { client: *client, api: (*api).to_owned(), sdk: false });
        }
        let (service, action) =
            what.strip_prefix("aws-sdk:").and_then(|rest| rest.split_once(':')).ok_or_else(unknown)?;
        let (_, client) = SDK.iter().find(|(name, _)| *name == service).ok_or_else(unknown)?;
        if action.is_empty() || !action.chars().all(|letter| letter.is_ascii_alphanumeric()) {
            return Err(unknown());
        }
        Ok(Self { client: *client, api: capital(action), sdk: true })
    }

    /// The integration by which the generated machines mostly call boto3's `service`.
    pub(super) fn usual(service: &str) -> Option<Self> {
        let clients = [Client::CloudWatch, Client::DynamoDb, Client::Sns, Client::Ssm, Client::StepFunctions];
        let client = clients.into_iter().find(|client| client.boto3() == service)?;
        Some(Self { client, api: String::new(), sdk: matches!(client, Client::CloudWatch | Client::Ssm) })
    }

    pub(super) fn client(&self) -> Client {
        self.client
    }

    pub(super) fn service(&self) -> &'static str {
        self.client.boto3()
    }

    pub(super) fn api(&self) -> &str {
        &self.api
    }

    /// What stands before an error's name.
    pub(super) fn prefix(&self) -> &'static str {
        match (self.client, self.sdk) {
            (Client::CloudWatch, _) => "CloudWatch",
            (Client::DynamoDb, true) => "DynamoDb",
            (Client::DynamoDb, false) => "DynamoDB",
            (Client::Sns, true) => "Sns",
            (Client::Sns, false) => "SNS",
            (Client::Ssm, _) => "Ssm",
            (Client::StepFunctions, true) => "Sfn",
            (Client::StepFunctions, false) => "StepFunctions",
        }
    }

    /// What an error is called whose code the service's model does not have.
    pub(super) fn base_exception(&self) -> &'static str {
        match (self.client, self.sdk) {
            (Client::CloudWatch, _) => "CloudWatchException",
            (Client::DynamoDb, true) => "DynamoDbException",
            (Client::DynamoDb, false) => "AmazonDynamoDBException",
            (Client::Sns, _) => "SnsException",
            (Client::Ssm, _) => "SsmException",
            (Client::StepFunctions, _) => "SfnException",
        }
    }

    /// Whether an error keeps its code whatever the service's model has.
    pub(super) fn names_every_code(&self) -> bool {
        !self.sdk && self.client != Client::DynamoDb
    }

    /// The service's name in causes of the first Java SDK, which optimized integrations use.
    pub(super) fn first_sdk(&self) -> Option<&'static str> {
        match (self.client, self.sdk) {
            (Client::DynamoDb, false) => Some("AmazonDynamoDBv2"),
            (Client::Sns, false) => Some("AmazonSNS"),
            (Client::StepFunctions, false) => Some("AWSStepFunctions"),
            _ => None,
        }
    }

    /// The API's request from a task's `Arguments`.
    pub(super) fn request(&self, arguments: &JValue) -> Result<Value, TaskError> {
        let Value::Object(mut members) = value::to_json(arguments) else {
            return Err(TaskError::query("The field 'Arguments' is no object"));
        };
        if !self.sdk {
            // Both take an object where the API takes text.
            let texts = match self.client {
                Client::StepFunctions => "Input",
                Client::Sns => "Message",
                _ => "",
            };
            if let Some(member) = members.get_mut(texts)
                && !member.is_string()
            {
                *member = Value::String(member.to_string());
            }
        }
        // Step Functions' own API is the only one here whose members begin with small letters.
        Ok(Value::Object(if self.client == Client::StepFunctions { renamed(members, small) } else { members }))
    }

    /// A task's result from the API's answer.
    pub(super) fn result(&self, answer: Value) -> JValue {
        match answer {
            Value::Object(members) if self.client == Client::StepFunctions => {
                JValue::from(Value::Object(renamed(members, capital)))
            }
            answer => JValue::from(answer),
        }
    }
}

impl Client {
    fn boto3(self) -> &'static str {
        match self {
            Self::CloudWatch => "cloudwatch",
            Self::DynamoDb => "dynamodb",
            Self::Sns => "sns",
            Self::Ssm => "ssm",
            Self::StepFunctions => "stepfunctions",
        }
    }
}

fn renamed(members: Map<String, Value>, name: fn(&str) -> String) -> Map<String, Value> {
    members.into_iter().map(|(member, value)| (name(&member), value)).collect()
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().into_iter().map(|letter| letter.to_ascii_uppercase()).chain(letters).collect()
}

fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().into_iter().map(|letter| letter.to_ascii_lowercase()).chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(what: &str) -> Integration {
        Integration::parse(&format!("arn:aws:states:::{what}")).unwrap()
    }

    #[test]
    fn resources_are_read() {
        let update = parsed("dynamodb:updateItem");
        assert_eq!((update.service(), update.api(), update.prefix()), ("dynamodb", "UpdateItem", "DynamoDB"));
        let query = parsed("aws-sdk:dynamodb:query");
        assert_eq!((query.service(), query.api(), query.prefix()), ("dynamodb", "Query", "DynamoDb"));
    }

    #[test]
    fn what_is_no_plain_call_is_refused() {
        for resource in [
            "arn:aws:states:::states:startExecution.sync:2",
            "arn:aws:states:::aws-sdk:ssm:startAutomationExecution.waitForTaskToken",
            "arn:aws:states:::aws-sdk:ec2:describeInstances",
            "arn:aws:states:::lambda:invoke",
            "arn:aws:lambda:eu-west-1:123456789012:function:x",
            "arn:aws:states:::aws-sdk:ssm:",
        ] {
            assert!(Integration::parse(resource).is_err(), "{resource}");
        }
    }

    #[test]
    fn an_executions_input_goes_as_text_and_its_arn_comes_capitalized() {
        let start = parsed("states:startExecution");
        let request = start.request(&JValue::from(json!({"StateMachineArn": "m", "Name": "n", "Input": {"a": 1}})));
        assert_eq!(request.unwrap(), json!({"stateMachineArn": "m", "name": "n", "input": "{\"a\":1}"}));
        assert_eq!(value::to_json(&start.result(json!({"executionArn": "e"}))), json!({"ExecutionArn": "e"}));
    }

    #[test]
    fn a_message_goes_as_text() {
        let request = parsed("sns:publish").request(&JValue::from(json!({"TopicArn": "t", "Message": {"a": 1}})));
        assert_eq!(request.unwrap(), json!({"TopicArn": "t", "Message": "{\"a\":1}"}));
    }
}
