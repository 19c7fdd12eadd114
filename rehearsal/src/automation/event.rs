//! The event of an automation's end.

use super::run::Run;
use super::text;
use serde_json::{Value, json};

/// `EC2 Automation Execution Status-change Notification` as the default bus gets it (user guide, Automation event
/// examples): `source`, `detail-type`, `resources`, `detail`.
#[must_use]
pub fn status_event(run: &Run, account: &str, region: &str) -> Value {
    let arn = format!("arn:aws:ssm:{region}:{account}");
    let (id, name) = (run.id(), run.document().name());
    let ended = run.ended();
    let mut detail = json!({
        "ExecutionId": id,
        "Definition": name,
        "DefinitionVersion": 1.0,
        "Status": run.status().name(),
        "StartTime": text::event_time(run.started()),
        "ExecutedBy": format!("arn:aws:sts::{account}:assumed-role/rehearsal/healstack"),
    });
    if let Some(ended) = ended {
        detail["EndTime"] = json!(text::event_time(ended));
        // Milliseconds, with a decimal point in AWS's example.
        #[expect(clippy::cast_precision_loss, reason = "no automation takes 2^53 milliseconds")]
        let time = (ended - run.started()) as f64;
        detail["Time"] = json!(time);
    }
    json!({
        "source": "aws.ssm",
        "detail-type": "EC2 Automation Execution Status-change Notification",
        "resources": [
            format!("{arn}:automation-execution/{id}"),
            format!("{arn}:automation-definition/{name}:1"),
        ],
        "detail": detail,
    })
}
