//! Stacks that are deployed and that nothing asks for any more, such as that of a rule file which was renamed.

use aws_sdk_cloudformation::types::Stack;

use super::PlannedStack;
use super::error::DeployError;
use super::run::Context;

/// The stacks with the tag that are not among `planned`, in the order of their names. Each is destroyed before any planned
/// stack that others depend on.
pub(crate) async fn find(
    context: &Context,
    planned: &[PlannedStack],
    tag: (&str, &str),
) -> Result<Vec<PlannedStack>, DeployError> {
    let stacks = context.unless_interrupted(context.aws.stacks()).await?;
    let base: Vec<String> =
        planned.iter().filter(|stack| stack.depends_on.is_empty()).map(|stack| stack.name.clone()).collect();
    let mut found: Vec<PlannedStack> = stacks
        .iter()
        .filter(|stack| is_tagged(stack, tag) && !is_deleted(stack))
        .filter_map(Stack::stack_name)
        .filter(|name| planned.iter().all(|stack| stack.name != *name))
        .map(|name| PlannedStack {
            name: name.to_owned(),
            depends_on: base.clone(),
            left_over: true,
            ..PlannedStack::default()
        })
        .collect();
    found.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(found)
}

fn is_tagged(stack: &Stack, (key, value): (&str, &str)) -> bool {
    stack.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
}

fn is_deleted(stack: &Stack) -> bool {
    stack.stack_status().is_some_and(|status| status.as_str() == "DELETE_COMPLETE")
}
