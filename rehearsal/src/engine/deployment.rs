//! Generated templates, read once: what a rehearsal runs.

use crate::automation::Document;
use crate::dynamodb::Table;
use crate::eventbridge::Rule;
use crate::eventbridge::logs::MetricFilter;
use crate::states::Machine;
use crate::template::{Place, Resource, resolve};
use crate::time::MINUTE;
use crate::{Millis, Unsupported};
use healstack_model::alarm::AlarmDefinition;
use indexmap::IndexMap;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is deployed for a rehearsal: every template of an environment.
#[derive(Debug)]
pub struct Setup {
    /// Account and region.
    pub place: Place,
    /// What every name begins with.
    pub prefix: String,
    /// The templates as JSON with long intrinsics, in the order of deployment.
    pub templates: Vec<Value>,
    /// Values of their parameters.
    pub parameters: IndexMap<String, String>,
}

/// Templates that were read: parsed once, shared by every scenario.
#[derive(Debug)]
pub struct Deployment {
    /// Account and region.
    pub place: Place,
    /// What every name begins with.
    pub prefix: String,
    /// State machines by ARN.
    pub machines: IndexMap<String, Arc<Machine>>,
    /// EventBridge rules.
    pub rules: Vec<Rule>,
    /// Metric filters by log group.
    pub filters: IndexMap<String, Vec<MetricFilter>>,
    /// Alarms.
    pub alarms: Vec<AlarmDefinition>,
    /// Runbooks by name.
    pub documents: IndexMap<String, Arc<Document>>,
    /// Parameter Store by name.
    pub parameters: BTreeMap<String, String>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Schedules: their period, and the state machine that they start.
    pub schedules: Vec<(Millis, String)>,
    /// Pipes from queues to state machines: the queue's ARN, the machine's.
    pub pipes: Vec<(String, String)>,
    /// Topics that a queue is subscribed to: the topic's ARN, the queue's.
    pub subscriptions: Vec<(String, String)>,
    /// Resources that belong to the workload: things for its `given`.
    pub workload: Vec<Value>,
}

/// Types that a rehearsal needs not run: who may do what, where logs and messages lie, how they are encrypted.
const STILL: [&str; 18] = [
    "AWS::IAM::Role",
    "AWS::IAM::Policy",
    "AWS::IAM::ManagedPolicy",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::Logs::ResourcePolicy",
    "AWS::ObservabilityAdmin::TelemetryEnrichment",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::StepFunctions::StateMachineAlias",
    "AWS::StepFunctions::StateMachineVersion",
    // Started once a day, past the guard: no healing.
    "AWS::SSM::Association",
    // Not in force while a scenario runs unless it says so.
    "AWS::CloudWatch::AlarmMuteRule",
];

/// Types that are part of what is healed, or heal natively: the workload's behaviours have them.
const WORKLOAD: [&str; 8] = [
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::Backup::RestoreTestingPlan",
    "AWS::Backup::RestoreTestingSelection",
    "AWS::Route53::HealthCheck",
    "AWS::Route53::RecordSet",
    "AWS::SSM::PatchBaseline",
    "AWS::ARCZonalShift::AutoshiftObserverNotificationStatus",
    "AWS::ARCZonalShift::ZonalAutoshiftConfiguration",
];

impl Deployment {
    /// Reads templates. Whatever is in them and cannot be rehearsed is an error.
    pub fn load(setup: &Setup) -> Result<Self, Unsupported> {
        let mut deployment = Self {
            place: setup.place.clone(),
            prefix: setup.prefix.clone(),
            machines: IndexMap::new(),
            rules: Vec::new(),
            filters: IndexMap::new(),
            alarms: Vec::new(),
            documents: IndexMap::new(),
            parameters: BTreeMap::new(),
            tables: Vec::new(),
            schedules: Vec::new(),
            pipes: Vec::new(),
            subscriptions: Vec::new(),
            workload: Vec::new(),
        };
        for template in &setup.templates {
            for resource in resolve(&setup.place, template, &setup.parameters)? {
                deployment.add(&resource)?;
            }
        }
        Ok(deployment)
    }

    fn add(&mut self, resource: &Resource) -> Result<(), Unsupported> {
        let properties = &resource.properties;
        let named = |property: &str| resource.text(property).unwrap_or(&resource.id).to_owned();
        match resource.kind.as_str() {
            "AWS::StepFunctions::StateMachine" => {
                let Place { account, region } = &self.place;
                let arn = format!("arn:aws:states:{region}:{account}:stateMachine:{}", named("StateMachineName"));
                let machine = Machine::load(&arn, &properties["Definition"])?;
                self.machines.insert(arn, Arc::new(machine));
            }
            "AWS::Events::Rule" => {
                let name = named("Name");
                let arn = format!("arn:aws:events:{}:{}:rule/{name}", self.place.region, self.place.account);
                self.rules.push(Rule::load(&name, &arn, properties)?);
            }
            "AWS::Logs::MetricFilter" => {
                self.filters.entry(named("LogGroupName")).or_default().push(MetricFilter::load(properties)?);
            }
            "AWS::CloudWatch::Alarm" => {
                let alarm = AlarmDefinition::parse(properties)
                    .map_err(|error| Unsupported::new(format!("resource {}", resource.id), error.to_string()))?;
                self.alarms.push(alarm);
            }
            "AWS::SSM::Document" => {
                let name = named("Name");
                let document = Document::load(&name, &properties["Content"])?;
                self.documents.insert(name, Arc::new(document));
            }
            "AWS::SSM::Parameter" => {
                self.parameters.insert(named("Name"), named("Value"));
            }
            "AWS::DynamoDB::Table" => self.tables.push(Table::from_properties(properties)?),
            "AWS::Scheduler::Schedule" => {
                let period = period(properties).ok_or_else(|| {
                    Unsupported::new(format!("resource {}", resource.id), "a schedule that is not `rate(… minutes)`")
                })?;
                self.schedules.push((period, text(&properties["Target"]["Arn"])));
            }
            "AWS::Pipes::Pipe" => self.pipes.push((named("Source"), named("Target"))),
            "AWS::SNS::Subscription" => {
                // People's mail is read in what the topic was told.
                if resource.text("Protocol") == Some("sqs") {
                    self.subscriptions.push((named("TopicArn"), named("Endpoint")));
                }
            }
            kind if STILL.contains(&kind) => {}
            kind if WORKLOAD.contains(&kind) => {
                self.workload.push(json!({kind: resource.id, "properties": properties}));
            }
            kind => return Err(Unsupported::new(format!("resource {}", resource.id), format!("the type {kind}"))),
        }
        Ok(())
    }

    /// A machine by its ARN, or by the ARN of its alias or version.
    #[must_use]
    pub fn machine(&self, arn: &str) -> Option<&Arc<Machine>> {
        self.machines.get(arn).or_else(|| self.machines.get(arn.rsplit_once(':')?.0))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn period(schedule: &Value) -> Option<Millis> {
    let expression = schedule["ScheduleExpression"].as_str()?;
    let minutes = expression.strip_prefix("rate(")?.strip_suffix(" minutes)")?;
    Some(minutes.parse::<Millis>().ok()? * MINUTE)
}
