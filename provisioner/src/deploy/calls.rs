//! The CloudFormation calls, one function each: paging, and errors that name the stack.

use aws_sdk_cloudformation::types::{
    Capability, ChangeSetType, Parameter, Stack, StackEvent, StackResourceSummary, Tag, TemplateStage,
};

use super::PlannedStack;
use super::artifact::TemplateSource;
use super::aws::Aws;
use super::clock;
use super::error::DeployError;

impl Aws {
    /// The stack, by name or id; `None` when there is none of that name.
    pub(super) async fn stack(&self, name: &str) -> Result<Option<Stack>, DeployError> {
        let answer = self.cloudformation.describe_stacks().stack_name(name).send().await;
        match answer.map_err(|error| DeployError::call("cloudformation:DescribeStacks", Some(name), &error)) {
            Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next()),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every stack of the region that is not deleted.
    pub(super) async fn stacks(&self) -> Result<Vec<Stack>, DeployError> {
        let mut pages = self.cloudformation.describe_stacks().into_paginator().send();
        let mut stacks = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| DeployError::call("cloudformation:DescribeStacks", None, &error))?;
            stacks.extend(page.stacks.unwrap_or_default());
        }
        Ok(stacks)
    }

    /// The template as it was sent; `None` when the stack has none (yet).
    pub(crate) async fn template(&self, name: &str) -> Result<Option<String>, DeployError> {
        let answer =
            self.cloudformation.get_template().stack_name(name).template_stage(TemplateStage::Original).send().await;
        match answer.map_err(|error| DeployError::call("cloudformation:GetTemplate", Some(name), &error)) {
            Ok(answer) => Ok(answer.template_body),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The resources of a stack.
    pub(super) async fn resources(&self, name: &str) -> Result<Vec<StackResourceSummary>, DeployError> {
        let mut pages = self.cloudformation.list_stack_resources().stack_name(name).into_paginator().send();
        let mut resources = Vec::new();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| DeployError::call("cloudformation:ListStackResources", Some(name), &error))?;
            resources.extend(page.stack_resource_summaries.unwrap_or_default());
        }
        Ok(resources)
    }

    /// The events of a stack that are newer than the event `after`, oldest first; all events without `after`. None when there
    /// is no such stack: an empty one, which a change set made, leaves nothing behind.
    pub(super) async fn events(&self, stack_id: &str, after: Option<&str>) -> Result<Vec<StackEvent>, DeployError> {
        let mut pages = self.cloudformation.describe_stack_events().stack_name(stack_id).into_paginator().send();
        let mut events = Vec::new();
        'pages: while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| DeployError::call("cloudformation:DescribeStackEvents", Some(stack_id), &error));
            if page.as_ref().is_err_and(is_missing) {
                break;
            }
            let page = page?;
            for event in page.stack_events.unwrap_or_default() {
                if after.is_some() && event.event_id() == after {
                    break 'pages;
                }
                events.push(event);
            }
        }
        events.reverse();
        Ok(events)
    }

    /// The id of the newest event of a stack.
    pub(super) async fn newest_event(&self, stack_id: &str) -> Result<Option<String>, DeployError> {
        let answer = self.cloudformation.describe_stack_events().stack_name(stack_id).send().await;
        let answer =
            answer.map_err(|error| DeployError::call("cloudformation:DescribeStackEvents", Some(stack_id), &error))?;
        Ok(answer.stack_events.unwrap_or_default().into_iter().next().and_then(|event| event.event_id))
    }

    /// Begins a change set: its id and the stack's id.
    pub(super) async fn create_change_set(
        &self,
        stack: &PlannedStack,
        template: &TemplateSource,
        parameters: Vec<Parameter>,
        name: &str,
        new: bool,
    ) -> Result<(String, String), DeployError> {
        let mut call = self
            .cloudformation
            .create_change_set()
            .stack_name(&stack.name)
            .change_set_name(name)
            // A repeated call finds the change set that the first one made, instead of the name taken.
            .client_token(clock::unique_token())
            .change_set_type(if new { ChangeSetType::Create } else { ChangeSetType::Update })
            // A retained resource of an earlier deployment, such as the ledger, comes back into its stack.
            .import_existing_resources(new && stack.workload.is_none())
            .set_parameters((!parameters.is_empty()).then_some(parameters))
            .capabilities(Capability::CapabilityNamedIam);
        if stack.workload.is_some() {
            // Transforms, such as that of the Serverless Application Model, are macros.
            call = call.capabilities(Capability::CapabilityAutoExpand);
        }
        call = match template {
            TemplateSource::Inline(body) => call.template_body(body),
            TemplateSource::Url(url) => call.template_url(url),
        };
        for (key, value) in &stack.tags {
            call = call.tags(Tag::builder().key(key).value(value).build());
        }
        let answer = call.send().await;
        let answer =
            answer.map_err(|error| DeployError::call("cloudformation:CreateChangeSet", Some(&stack.name), &error))?;
        Ok((answer.id.unwrap_or_default(), answer.stack_id.unwrap_or_default()))
    }

    /// Executes a change set; its events carry `token`.
    pub(super) async fn execute_change_set(
        &self,
        stack: &str,
        change_set: &str,
        token: &str,
    ) -> Result<(), DeployError> {
        let call = self.cloudformation.execute_change_set().change_set_name(change_set).client_request_token(token);
        let answer = call.send().await;
        answer.map_err(|error| DeployError::call("cloudformation:ExecuteChangeSet", Some(stack), &error))?;
        Ok(())
    }

    /// Deletes a change set; one that is gone is fine.
    pub(super) async fn delete_change_set(&self, stack: &str, change_set: &str) -> Result<(), DeployError> {
        let answer = self.cloudformation.delete_change_set().change_set_name(change_set).send().await;
        match answer.map_err(|error| DeployError::call("cloudformation:DeleteChangeSet", Some(stack), &error)) {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Begins to delete a stack; its events carry `token`.
    pub(super) async fn delete_stack(&self, stack: &str, stack_id: &str, token: &str) -> Result<(), DeployError> {
        let answer = self.cloudformation.delete_stack().stack_name(stack_id).client_request_token(token).send().await;
        answer.map_err(|error| DeployError::call("cloudformation:DeleteStack", Some(stack), &error))?;
        Ok(())
    }

    /// Switches termination protection.
    pub(super) async fn set_protection(&self, stack: &str, on: bool) -> Result<(), DeployError> {
        let call =
            self.cloudformation.update_termination_protection().stack_name(stack).enable_termination_protection(on);
        let answer = call.send().await;
        answer.map_err(|error| DeployError::call("cloudformation:UpdateTerminationProtection", Some(stack), &error))?;
        Ok(())
    }
}

fn is_missing(error: &DeployError) -> bool {
    matches!(error, DeployError::Aws { failure, .. } if failure.is_missing())
}
