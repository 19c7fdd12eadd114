//! Resources that every rule has: its parameter, and with a runbook the role and the document.

use super::{AlarmInfo, Compiler, Resource, Runbook, limits};
use crate::rules::HealingLoop;
use crate::yaml::{Entry, Node, Value as Yaml};
use healstack_model::StackName;
use serde_json::Value;

/// CloudWatch's limit, 2026-11: 100 alarms a mute rule (`MuteTargets` of `PutAlarmMuteRule`).
const MUTED_ALARMS: usize = 100;

impl Compiler<'_> {
    /// The rule's Parameter Store parameter.
    pub(super) fn parameter_resource(&self, stack: &StackName, healing: &HealingLoop, value: &Value) -> Resource {
        let properties = vec![
            Entry::new("Name", self.names.parameter(stack, &healing.rule.name)),
            Entry::new("Description", format!("Desired configuration of {stack}/{}", healing.rule.name)),
            Entry::new("Type", "String"),
            Entry::new("Tier", "Standard"),
            Entry::new("Value", limits::parameter_text(value)),
        ];
        let body = vec![Entry::new("Type", "AWS::SSM::Parameter"), Entry::new("Properties", Node::map(properties))];
        Resource {
            id: "Rule".to_owned(),
            comment: Some(
                "What the guard and the agent read. Pauses are kept elsewhere, so a deployment undoes none.".to_owned(),
            ),
            body: Node::map(body),
        }
    }

    /// The role that the rule's runbook assumes.
    pub(super) fn role_resource(&self, stack: &StackName, healing: &HealingLoop, statements: &[Node]) -> Resource {
        let name = &healing.rule.name;
        let role = AutomationRole {
            id: "RunbookRole",
            name: self.names.role(stack, name),
            path: self.names.runbook_role_path(),
            description: format!("Runbook of {stack}/{name}"),
            comment: "Derived from what the runbook calls, limited to what the rule's target selects.",
        };
        role.resource(statements)
    }

    /// The windows in which the rule's alarms are muted.
    pub(super) fn mute_resources(
        &self,
        stack: &StackName,
        healing: &HealingLoop,
        alarms: &[AlarmInfo],
    ) -> Vec<Resource> {
        let mut found = Vec::new();
        for window in &healing.rule.mute_windows {
            for alarms in alarms.chunks(MUTED_ALARMS) {
                let number = found.len() + 1;
                let mut schedule = vec![
                    Entry::new("Expression", window.schedule.as_str()),
                    Entry::new("Duration", window.iso_duration()),
                ];
                schedule.extend(window.timezone.as_deref().map(|zone| Entry::new("Timezone", zone)));
                let names: Vec<Node> = alarms.iter().map(|alarm| Node::from(alarm.name.as_str())).collect();
                let properties = vec![
                    Entry::new("Name", self.names.mute_rule(stack, &healing.rule.name, number)),
                    Entry::new("Description", format!("A mute window of {stack}/{}", healing.rule.name)),
                    Entry::new("Rule", Node::map(vec![Entry::new("Schedule", Node::map(schedule))])),
                    Entry::new("MuteTargets", Node::map(vec![Entry::new("AlarmNames", names)])),
                ];
                let body = vec![
                    Entry::new("Type", "AWS::CloudWatch::AlarmMuteRule"),
                    Entry::new("Properties", Node::map(properties)),
                ];
                found.push(Resource {
                    id: format!("MuteWindow{number}"),
                    comment: Some("Nothing is healed and nobody is told while it is open; what still fails then is offered again.".to_owned()),
                    body: Node::map(body),
                });
            }
        }
        found
    }

    /// The runbook, with its lease in seconds for the reader.
    pub(super) fn document_resource(
        &self,
        stack: &StackName,
        healing: &HealingLoop,
        runbook: &Runbook,
        lease: u64,
    ) -> Resource {
        let mut content = runbook.content.clone();
        if let Yaml::Mapping(entries) = &mut content.value {
            // After schemaVersion and description.
            let at = entries.len().min(2);
            entries.insert(at, Entry::new("assumeRole", Node::from("RunbookRole.Arn").tagged("GetAtt")));
        }
        automation_document(
            "Runbook",
            self.names.document(stack, &healing.rule.name),
            "/",
            content,
            format!("Takes at most {} s; its lease is {lease} s. {}", runbook.worst_case, runbook.description),
        )
    }
}

/// A role that Systems Manager's Automation assumes in this account, and nobody else.
pub(super) struct AutomationRole<'a> {
    /// Its logical id.
    pub(super) id: &'a str,
    /// Its name.
    pub(super) name: String,
    /// Its IAM path.
    pub(super) path: String,
    /// Its description.
    pub(super) description: String,
    /// For the reader of the template.
    pub(super) comment: &'a str,
}

impl AutomationRole<'_> {
    /// The role, with these statements.
    pub(super) fn resource(self, statements: &[Node]) -> Resource {
        let map = |entries: Vec<(&str, Node)>| {
            Node::map(entries.into_iter().map(|(key, value)| Entry::new(key, value)).collect())
        };
        let executions = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:automation-execution/*";
        let trust = map(vec![
            ("Effect", "Allow".into()),
            ("Principal", map(vec![("Service", "ssm.amazonaws.com".into())])),
            ("Action", "sts:AssumeRole".into()),
            (
                "Condition",
                map(vec![
                    ("StringEquals", map(vec![("aws:SourceAccount", Node::from("AWS::AccountId").tagged("Ref"))])),
                    ("ArnLike", map(vec![("aws:SourceArn", Node::from(executions).tagged("Sub"))])),
                ]),
            ),
        ]);
        let document =
            |statements: Vec<Node>| map(vec![("Version", "2012-10-17".into()), ("Statement", statements.into())]);
        let policy = map(vec![("PolicyName", "runbook".into()), ("PolicyDocument", document(statements.to_vec()))]);
        let properties = map(vec![
            ("RoleName", self.name.into()),
            ("Path", self.path.into()),
            ("Description", self.description.into()),
            ("AssumeRolePolicyDocument", document(vec![trust])),
            ("Policies", vec![policy].into()),
        ]);
        let body = map(vec![("Type", "AWS::IAM::Role".into()), ("Properties", properties)]);
        Resource { id: self.id.to_owned(), comment: Some(self.comment.to_owned()), body }
    }
}

/// An Automation document. `target_type` is the type of the resources that it is for, `/` where it is for any.
pub(super) fn automation_document(
    id: &str,
    name: String,
    target_type: &str,
    content: Node,
    comment: String,
) -> Resource {
    let properties = vec![
        Entry::new("Name", name),
        Entry::new("DocumentType", "Automation"),
        Entry::new("DocumentFormat", "YAML"),
        // A change makes a new version and keeps the name, so that a running automation goes on with its own.
        Entry::new("UpdateMethod", "NewVersion"),
        Entry::new("TargetType", target_type),
        Entry::new("Content", content),
    ];
    let body = vec![Entry::new("Type", "AWS::SSM::Document"), Entry::new("Properties", Node::map(properties))];
    Resource { id: id.to_owned(), comment: Some(comment), body: Node::map(body) }
}
