//! Resources that every rule has, and the stacks that are Healstack's own.

use super::{Block, CompiledStack, Compiler, Resource, Runbook, Template, limits, output, template};
use crate::diagnostics::{Problem, Problems, Source};
use crate::kinds::Requirement;
use crate::rules::HealingLoop;
use crate::yaml::{self, Entry, Node, Value as Yaml, quote};
use healstack_model::{Mode, StackName};
use serde_json::{Value, json};

impl Compiler<'_> {
    /// The rule's Parameter Store parameter.
    pub(super) fn parameter_resource(&self, stack: &StackName, healing: &HealingLoop, value: &Value) -> Resource {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        let properties = vec![
            Entry::new("Name", self.names.parameter(stack, &healing.rule.name)),
            Entry::new("Description", format!("Desired configuration of {stack}/{}", healing.rule.name)),
            Entry::new("Type", "String"),
            Entry::new("Tier", "Standard"),
            Entry::new("Value", text),
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
    pub(super) fn role_resource(
        &self,
        stack: &StackName,
        healing: &HealingLoop,
        statements: &[Node],
    ) -> Result<Resource, Problem> {
        let text = format!(
            "Type: AWS::IAM::Role
Properties:
  RoleName: {name}
  Path: {path}
  Description: {description}
  AssumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement:
      - Effect: Allow
        Principal: {{Service: ssm.amazonaws.com}}
        Action: sts:AssumeRole
        Condition:
          StringEquals: {{'aws:SourceAccount': !Ref 'AWS::AccountId'}}
          ArnLike: {{'aws:SourceArn': !Sub 'arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:automation-execution/*'}}
  Policies: []
",
            name = quote(&self.names.role(stack, &healing.rule.name)),
            path = quote(&self.names.runbook_role_path()),
            description = quote(&format!("Runbook of {stack}/{}", healing.rule.name)),
        );
        let mut body = yaml::parse(&Source::new("role", text))?;
        let document =
            Node::map(vec![Entry::new("Version", "2012-10-17"), Entry::new("Statement", statements.to_vec())]);
        let policy = Node::map(vec![Entry::new("PolicyName", "runbook"), Entry::new("PolicyDocument", document)]);
        body.walk_mut(&mut |node| {
            if let Yaml::Mapping(entries) = &mut node.value
                && let Some(policies) = entries.iter_mut().find(|entry| entry.key == "Policies")
            {
                policies.value = vec![policy.clone()].into();
            }
        });
        Ok(Resource {
            id: "RunbookRole".to_owned(),
            comment: Some("Derived from what the runbook calls, limited to what the rule's target selects.".to_owned()),
            body,
        })
    }

    /// The runbook.
    pub(super) fn document_resource(&self, stack: &StackName, healing: &HealingLoop, runbook: &Runbook) -> Resource {
        let mut content = runbook.content.clone();
        if let Yaml::Mapping(entries) = &mut content.value {
            // After schemaVersion and description.
            let at = entries.len().min(2);
            entries.insert(at, Entry::new("assumeRole", Node::from("RunbookRole.Arn").tagged("GetAtt")));
        }
        let properties = vec![
            Entry::new("Name", self.names.document(stack, &healing.rule.name)),
            Entry::new("DocumentType", "Automation"),
            Entry::new("DocumentFormat", "YAML"),
            // A change makes a new version and keeps the name, so that a running healing goes on with its own.
            Entry::new("UpdateMethod", "NewVersion"),
            Entry::new("TargetType", "/"),
            Entry::new("Content", content),
        ];
        let body = vec![Entry::new("Type", "AWS::SSM::Document"), Entry::new("Properties", Node::map(properties))];
        Resource {
            id: "Runbook".to_owned(),
            comment: Some(format!("Takes at most {} s. {}", runbook.worst_case, runbook.description)),
            body: Node::map(body),
        }
    }

    /// The core stack, and those that some rule or template size asks for.
    pub(super) fn own_stacks(&self, rules: &[CompiledStack], problems: &mut Problems) -> Vec<CompiledStack> {
        let mut stacks = Vec::new();
        if self.environment.account_stack && self.needs(rules, Requirement::TelemetryEnrichment) {
            stacks.extend(self.own_stack("account", "settings of the whole account and region", problems));
        }
        stacks.extend(self.own_stack("core", "ledger, topics and dead letters", problems));
        let large = |stack: &CompiledStack| stack.text.len() > limits::MAX_INLINE_TEMPLATE;
        if self.environment.artifact_bucket.is_none() && (rules.iter().any(large) || stacks.iter().any(large)) {
            let mut artifacts = self.own_stack("artifacts", "bucket for large templates", problems);
            if let Some(stack) = &mut artifacts {
                let bucket = Node::from("Bucket").tagged("Ref");
                stack.template.outputs.push(output("ArtifactBucketName", "Where large templates are uploaded", bucket));
                stack.text = stack.template.emit();
                stack.provides_artifact_bucket = true;
            }
            stacks.splice(0..0, artifacts);
        }
        stacks
    }

    /// Whether a rule that selects by tag needs an account setting.
    fn needs(&self, rules: &[CompiledStack], requirement: Requirement) -> bool {
        rules.iter().flat_map(|stack| &stack.rules).any(|rule| {
            let by_tag = rule.healing.selector.get("tag").is_some();
            by_tag
                && rule.healing.mode != Mode::Off
                && self.catalog.kinds[&rule.healing.kind].definition.requires.contains(&requirement)
        })
    }

    fn own_stack(&self, folder: &str, what: &str, problems: &mut Problems) -> Option<CompiledStack> {
        let path = format!("{folder}/stack.yaml.hbs");
        let context = json!({"env": self.environment_context()});
        let source = problems.take(self.renderer.render(&path, &context))?;
        let node = problems.take(yaml::parse(&source))?;
        let resources = match template::resources(&source, node) {
            Ok(resources) => resources,
            Err(found) => {
                problems.extend(found);
                return None;
            }
        };
        problems.extend(limits::check_references(folder, &resources));
        let template = Template {
            header: format!(
                "Generated by `healstack synth` from templates/{path} for environment {}. Do not edit.",
                self.environment_name
            ),
            description: format!("Healstack: {what}"),
            blocks: vec![Block { heading: String::new(), resources }],
            outputs: Vec::new(),
        };
        let text = template.emit();
        Some(CompiledStack {
            folder: folder.to_owned(),
            name: self.names.stack(folder),
            depends_on: Vec::new(),
            termination_protection: folder == "core",
            provides_artifact_bucket: false,
            template,
            text,
            rules: Vec::new(),
        })
    }
}
