//! One step of a runbook: what it calls, whether it changes or proves something, and how long it takes.

use crate::diagnostics::{Problem, Source};
use crate::yaml::{Node, Span, Value};
use std::sync::Arc;

/// Systems Manager's own limit on one `aws:executeAwsApi` call, in seconds (Automation actions reference, 2026-11).
pub(super) const API_TIMEOUT: u64 = 25;
/// Actions whose worst case, permissions and verification the compiler understands.
const ACTIONS: [&str; 8] = [
    "aws:executeAwsApi",
    "aws:waitForAwsResourceProperty",
    "aws:assertAwsResourceProperty",
    "aws:branch",
    "aws:sleep",
    "aws:runCommand",
    "aws:approve",
    "aws:executeScript",
];
/// What a script may not hold. One without any of these computes from its input and can call nothing, so it needs no
/// permission and changes nothing.
const NO_SCRIPT: [&str; 9] =
    ["import", "__", "open(", "eval(", "exec(", "compile(", "globals(", "getattr(", "breakpoint("];
/// What `aws:runCommand` calls with the runbook's role (Automation actions reference, 2026-11): it sends the command and
/// asks until every invocation has ended.
const COMMAND_CALLS: [&str; 3] = ["ssm:SendCommand", "ssm:ListCommands", "ssm:ListCommandInvocations"];
/// How the names of calls begin that take away what no other call gives back.
const DESTROYING: [&str; 6] = ["Delete", "Terminate", "Purge", "Deregister", "Release", "Flush"];

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// `aws:executeAwsApi` and the like.
    pub action: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its inputs.
    pub inputs: Node,
    /// The names of its outputs.
    pub outputs: Vec<String>,
    /// Limit of one attempt, in seconds.
    pub timeout: u64,
    /// How often it is tried.
    pub attempts: u64,
    /// Where it goes on success.
    pub next: Vec<String>,
    /// Where it goes on failure: `Ok` a step, `Err` what else `onFailure` says, `Abort` where it says nothing.
    pub on_failure: Result<String, String>,
    /// Whether its failure fails the automation.
    pub is_critical: bool,
    /// Whether the automation ends here.
    pub is_end: bool,
    /// Where it stands in the rendered template.
    pub span: Span,
}

impl Step {
    /// `Service:Api` when the step calls AWS.
    #[must_use]
    pub fn call(&self) -> Option<String> {
        let text = |key| self.inputs.get(key).and_then(Node::as_str);
        Some(format!("{}:{}", text("Service")?, text("Api")?))
    }

    /// Every `Service:Api` that the step calls with the runbook's role.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        match self.action.as_str() {
            "aws:runCommand" => COMMAND_CALLS.map(str::to_owned).to_vec(),
            "aws:approve" if self.inputs.get("NotificationArn").is_some() => vec!["sns:Publish".to_owned()],
            "aws:approve" => Vec::new(),
            _ => self.call().into_iter().collect(),
        }
    }

    /// Whether the step changes something. What a command does on a host is not known here, so it counts as a change.
    #[must_use]
    pub fn writes(&self) -> bool {
        let api = self.inputs.get("Api").and_then(Node::as_str).unwrap_or_default();
        match self.action.as_str() {
            "aws:executeAwsApi" => !self.calls_a_human() && !is_read(api),
            action => action == "aws:runCommand",
        }
    }

    /// Whether the step opens an `OpsItem`, which is how a runbook gives up.
    #[must_use]
    pub fn calls_a_human(&self) -> bool {
        self.call().as_deref() == Some("ssm:CreateOpsItem")
    }

    /// Whether the step ends a healing that failed, by the `OpsItem`'s severity: 1 and 2 ask people to act, 3 and 4 tell them
    /// what is left to do after one that succeeded (`OpsCenter`'s words are critical, high, medium, low).
    #[must_use]
    pub fn gives_up(&self) -> bool {
        let severity = self.inputs.get("Severity").and_then(Node::as_str).unwrap_or_default();
        self.calls_a_human() && !["3", "4"].contains(&severity)
    }

    /// Whether the step can fail for reasons that are not the runbook's own.
    #[must_use]
    pub fn can_fail(&self) -> bool {
        let by_itself = matches!(self.action.as_str(), "aws:approve" | "aws:executeScript");
        (by_itself || !self.calls().is_empty()) && !self.calls_a_human()
    }

    /// Whether the step proves something. A script does when it fails unless something holds, which no selector can say.
    #[must_use]
    pub fn verifies(&self) -> bool {
        match self.action.as_str() {
            "aws:waitForAwsResourceProperty" | "aws:assertAwsResourceProperty" => true,
            "aws:executeScript" => self.script().contains("raise "),
            _ => false,
        }
    }

    /// The text of a script; empty elsewhere.
    #[must_use]
    pub fn script(&self) -> &str {
        self.inputs.get("Script").and_then(Node::as_str).unwrap_or_default()
    }

    /// Longest time that the step takes, in seconds.
    #[must_use]
    pub fn worst_case(&self) -> u64 {
        self.timeout * self.attempts
    }
}

/// Whether an API call or IAM action only reads, by AWS's naming of them.
#[must_use]
pub(super) fn is_read(api: &str) -> bool {
    ["Describe", "Get", "List", "Search", "BatchGet", "Query"].iter().any(|verb| api.starts_with(verb))
}

/// Reads one step; `None` when it cannot be told apart from others.
pub(super) fn read(source: &Arc<Source>, node: &Node, problems: &mut Vec<Problem>) -> Option<Step> {
    let text = |key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
    let Some(name) = text("name") else {
        problems.push(Problem::error("a step has no `name`").at(source, node.span));
        return None;
    };
    let Some(action) = text("action") else {
        problems.push(Problem::error(format!("step `{name}` has no `action`")).at(source, node.span));
        return None;
    };
    let inputs = node.get("inputs").cloned().unwrap_or_else(|| Node::map(Vec::new()));
    let number = |key: &str| node.get(key).and_then(Node::as_int).and_then(|number| u64::try_from(number).ok());
    if !ACTIONS.contains(&action.as_str()) {
        let message = format!("step `{name}` uses {action}, which the compiler does not know");
        problems.push(Problem::error(message).at(source, node.span).help(format!("use one of {}", ACTIONS.join(", "))));
    }
    let attempts = match node.get("maxAttempts") {
        None => Some(1),
        Some(attempts) => attempts.as_int().and_then(|attempts| u64::try_from(attempts).ok()).filter(|n| *n > 0),
    };
    let attempts = attempts.unwrap_or_else(|| {
        problems.push(
            Problem::error(format!("`maxAttempts` of step `{name}` must be a whole number")).at(source, node.span),
        );
        1
    });
    let timeout = match action.as_str() {
        "aws:executeAwsApi" | "aws:branch" => API_TIMEOUT,
        "aws:sleep" => {
            let duration = inputs.get("Duration").and_then(Node::as_str).and_then(iso_seconds);
            duration.unwrap_or_else(|| {
                let message = format!("step `{name}` has no `Duration` of hours, minutes and seconds");
                problems.push(Problem::error(message).at(source, node.span).help("write one like PT5M or PT1H30M"));
                0
            })
        }
        _ => number("timeoutSeconds").unwrap_or_else(|| {
            let message = format!("step `{name}` has no `timeoutSeconds`, so its worst case is not known");
            problems.push(Problem::error(message).at(source, node.span));
            0
        }),
    };
    let on_failure = text("onFailure").unwrap_or_else(|| "Abort".to_owned());
    let on_failure = on_failure.strip_prefix("step:").map(str::to_owned).ok_or(on_failure);
    let mut next: Vec<String> = text("nextStep").into_iter().collect();
    if action == "aws:branch" {
        let choices = inputs.get("Choices").map(Node::items).unwrap_or_default();
        next.extend(choices.iter().filter_map(|choice| choice.get("NextStep")?.as_str().map(str::to_owned)));
        next.extend(inputs.get("Default").and_then(Node::as_str).map(str::to_owned));
    }
    let outputs = node.get("outputs").map(Node::items).unwrap_or_default();
    Some(Step {
        description: text("description"),
        outputs: outputs.iter().filter_map(|output| output.get("Name")?.as_str().map(str::to_owned)).collect(),
        attempts,
        is_critical: !matches!(node.get("isCritical").map(|node| &node.value), Some(Value::Bool(false))),
        is_end: matches!(node.get("isEnd").map(|node| &node.value), Some(Value::Bool(true))),
        span: node.span,
        name,
        action,
        inputs,
        timeout,
        next,
        on_failure,
    })
}

/// What healing never does, whatever the kind: nothing can give back what was deleted or terminated, and a forced detach
/// loses what was not yet written.
pub(super) fn irrevocable(step: &Step, source: &Arc<Source>) -> Option<Problem> {
    let call = step.call()?;
    let (_, api) = call.split_once(':')?;
    let forced = api == "DetachVolume"
        && step.inputs.get("Force").is_some_and(|force| !matches!(force.value, Value::Bool(false)));
    let destroys = DESTROYING.iter().any(|verb| api.starts_with(verb)) || call == "ecs:StopTask" || forced;
    destroys.then(|| {
        let message = format!("step `{}` calls {call}, which cannot be taken back", step.name);
        Problem::error(message).at(source, step.span).help("heal without it, or call a human")
    })
}

/// A script that might call something, by itself or through what it imports.
pub(super) fn impure(step: &Step, source: &Arc<Source>) -> Option<Problem> {
    let word = NO_SCRIPT.iter().find(|word| step.script().contains(**word))?;
    let message = format!("the script of step `{}` has `{word}`: it may only compute from its input", step.name);
    Some(Problem::error(message).at(source, step.span).help("read by aws:executeAwsApi and give the script the result"))
}

/// Seconds of an ISO 8601 duration of hours, minutes and seconds, as `aws:sleep` takes it.
fn iso_seconds(text: &str) -> Option<u64> {
    let mut total = 0;
    let mut rest = text.strip_prefix("PT")?;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        total += number
            * match rest.get(digits..=digits)? {
                "H" => 3600,
                "M" => 60,
                "S" => 1,
                _ => return None,
            };
        rest = &rest[digits + 1..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_aws_sleep() {
        assert_eq!(iso_seconds("PT5M"), Some(300));
        assert_eq!(iso_seconds("PT1H30M10S"), Some(5410));
        for wrong in ["5M", "PT5", "PTM", "P1D"] {
            assert_eq!(iso_seconds(wrong), None, "{wrong}");
        }
    }
}
