//! API calls of healing: Healstack's own resources answer here, everything else is the workload.

use super::{Call, Engine};
use crate::faults::Faults;
use crate::log::What;
use crate::{AwsError, Trouble, Unsupported};
use serde_json::{Map, Value, json};

impl<F: Faults> Engine<'_, F> {
    /// Answers a call.
    pub(super) fn serve(&mut self, call: &Call) -> Result<Result<Value, AwsError>, Unsupported> {
        let Call { service, api, request, .. } = call;
        let own = match (service.as_str(), api.as_str()) {
            ("dynamodb" | "cloudwatch" | "stepfunctions" | "sns", _)
            | ("ssm", "StartAutomationExecution" | "GetAutomationExecution" | "DescribeAutomationExecutions") => true,
            ("ssm", "GetParameter") => request["Name"].as_str().is_some_and(|name| self.parameters.contains_key(name)),
            _ => false,
        };
        if !own {
            let answer = answered(self.workload.call(self.now, service, api, request))?;
            if api == "CreateOpsItem" && answer.is_ok() {
                let title = request["Title"].as_str().unwrap_or_default().to_owned();
                self.log.add(self.now, What::People { title });
            }
            return Ok(answer);
        }
        // Who answers must not change what is accepted.
        if let Err(error) = answered(self.workload.validate(service, api, request))? {
            return Ok(Err(error));
        }
        match service.as_str() {
            "dynamodb" => {
                let answer = self.database.call(api, request);
                if answer.is_ok() {
                    self.record_ledger(api, request);
                }
                Ok(answer)
            }
            "cloudwatch" => self.call_cloudwatch(api, request),
            "stepfunctions" => self.call_step_functions(api, request),
            "sns" => self.publish(api, request),
            _ => self.call_systems_manager(api, request),
        }
    }

    fn call_step_functions(&mut self, api: &str, request: &Value) -> Result<Result<Value, AwsError>, Unsupported> {
        if api != "StartExecution" {
            return Err(unknown("stepfunctions", api));
        }
        let target = request["stateMachineArn"].as_str().unwrap_or_default().to_owned();
        let input = match &request["input"] {
            Value::String(text) => serde_json::from_str(text).map_err(|error| {
                Unsupported::new("stepfunctions:StartExecution", format!("an input that is no JSON: {error}"))
            })?,
            _ => Value::Object(Map::new()),
        };
        let name = request["name"].as_str().map_or_else(|| self.random.uuid(), str::to_owned);
        Ok(self.start_machine(&target, name, input))
    }

    fn publish(&mut self, api: &str, request: &Value) -> Result<Result<Value, AwsError>, Unsupported> {
        if api != "Publish" {
            return Err(unknown("sns", api));
        }
        let text = |name: &str| request[name].as_str().unwrap_or_default();
        self.log.add(self.now, What::Notified { text: format!("{}: {}", text("Subject"), text("Message")) });
        Ok(Ok(json!({"MessageId": self.random.uuid()})))
    }

    fn call_systems_manager(&mut self, api: &str, request: &Value) -> Result<Result<Value, AwsError>, Unsupported> {
        match api {
            "GetParameter" => {
                let name = request["Name"].as_str().unwrap_or_default();
                let value = self.parameters.get(name).cloned().unwrap_or_default();
                Ok(Ok(json!({"Parameter": {"Name": name, "Type": "String", "Value": value, "Version": 1}})))
            }
            "StartAutomationExecution" => self.start_run(request),
            "GetAutomationExecution" => Ok(self.describe_run(request)),
            "DescribeAutomationExecutions" => Ok(self.list_runs(request)),
            _ => Err(unknown("ssm", api)),
        }
    }

    /// Writes down what an event of the ledger is after a write.
    fn record_ledger(&mut self, api: &str, request: &Value) {
        let key = match api {
            "PutItem" => &request["Item"],
            "UpdateItem" => &request["Key"],
            _ => return,
        };
        let Some(pk) = key["pk"]["S"].as_str().filter(|pk| pk.starts_with("EVENT#")) else { return };
        let get = json!({"TableName": request["TableName"], "Key": {"pk": {"S": pk}, "sk": {"S": "EVENT"}}});
        if let Ok(found) = self.database.call("GetItem", &get)
            && let Some(item) = found.get("Item")
        {
            self.log.add(self.now, What::Ledger(plain(item)));
        }
    }
}

/// An answer of AWS, whether it is one or an error of it.
pub(super) fn answered<T>(result: Result<T, Trouble>) -> Result<Result<T, AwsError>, Unsupported> {
    match result {
        Ok(answer) => Ok(Ok(answer)),
        Err(Trouble::Aws(error)) => Ok(Err(error)),
        Err(Trouble::Unsupported(unsupported)) => Err(unsupported),
    }
}

pub(super) fn unknown(service: &str, api: &str) -> Unsupported {
    Unsupported::new("a call of healing", format!("the API {service}:{api}"))
}

/// An item without DynamoDB's types: numbers as numbers, texts as texts; sets, lists and maps are left out.
pub(crate) fn plain(item: &Value) -> Map<String, Value> {
    let attributes = item.as_object().into_iter().flatten().filter_map(|(name, typed)| {
        let (kind, value) = typed.as_object()?.iter().next()?;
        let value = match (kind.as_str(), value) {
            ("S", Value::String(_)) | ("BOOL", _) => value.clone(),
            ("N", Value::String(number)) => serde_json::from_str(number).ok()?,
            _ => return None,
        };
        Some((name.clone(), value))
    });
    attributes.collect()
}
