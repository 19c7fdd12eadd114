//! One healing event: REL11-BP03's `HealingEvent`, and where it came from.

use crate::rule::Layer;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How far a healing is. Statuses move forward only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Claimed by the guard.
    Pending,
    /// Begun.
    InProgress,
    /// Ended well.
    Completed,
    /// Ended badly, or nobody knows how.
    Failed,
    /// Refused by the guard; nothing was touched.
    Skipped,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Pending, Self::InProgress, Self::Completed, Self::Failed, Self::Skipped];

    /// The word for it in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Whether it can still change.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A rule's runbook.
    Runbook,
    /// AWS itself.
    Native,
    /// The agent on the host.
    Agent,
    /// A person: a switch or an unlock. No healing.
    Operator,
}

impl Source {
    /// The word for it in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Runbook => "runbook",
            Self::Native => "native",
            Self::Agent => "agent",
            Self::Operator => "operator",
        }
    }

    /// Whether what it does is a healing.
    #[must_use]
    pub const fn heals(self) -> bool {
        !matches!(self, Self::Operator)
    }
}

/// One item `EVENT#<event id>`. What a writer may leave out is optional or empty, and unknown attributes are ignored: the
/// table is shared between versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealingEvent {
    /// The id.
    pub event_id: String,
    /// The rule's stack; `*` when a person switched everything.
    #[serde(default)]
    pub stack: String,
    /// The rule's name in its stack; `*` when a person switched the whole stack.
    #[serde(default)]
    pub rule_name: String,
    /// The rule's layer; `-` when it is not known. See [`HealingEvent::layer`].
    #[serde(default)]
    pub layer: String,
    /// What the rule does, or the person did.
    #[serde(default)]
    pub action: String,
    /// The resource as people write it.
    #[serde(default)]
    pub resource_id: String,
    /// The resource's canonical key.
    #[serde(default)]
    pub resource_key: String,
    /// How far it is.
    pub status: Status,
    /// Why it was skipped or failed, one word; why a person switched, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it began, RFC 3339.
    #[serde(default)]
    pub start_time: String,
    /// When it ended, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// Which attempt in the rule's window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_count: Option<u32>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Who acted.
    pub source: Source,
    /// What was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The AWS account.
    #[serde(default)]
    pub account: String,
    /// The AWS region.
    #[serde(default)]
    pub region: String,
    /// The Systems Manager automation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
    /// The rule's cooldown in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<u64>,
    /// What the rule reports: a word of rule files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<String>,
    /// What the healing has taken besides its resource, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<String>,
    /// The signal of a healing by AWS itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The execution that told that the runbook takes longer than its worst case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<String>,
    /// The day of the last change, `2026-11-24`.
    #[serde(default)]
    pub day: String,
    /// The time of the last change in milliseconds, `#`, and the event id.
    #[serde(default)]
    pub at: String,
    /// [`super::OPEN`] until the event is final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// When the sweeper closes it, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i64>,
    /// The execution that claimed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// The execution that made it final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorder: Option<String>,
    /// When it is deleted, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// The version of the item.
    #[serde(default)]
    pub schema_version: u32,
}

impl HealingEvent {
    /// The rule's layer, where it is known.
    #[must_use]
    pub fn layer(&self) -> Option<Layer> {
        Layer::parse(&self.layer)
    }

    /// The rule's identity: `<stack>/<rule>`, `<stack>` for a whole stack, `*` for everything.
    #[must_use]
    pub fn rule(&self) -> String {
        match (self.stack.as_str(), self.rule_name.as_str()) {
            ("", rule) => rule.to_owned(),
            (stack, "" | "*") => stack.to_owned(),
            (stack, rule) => format!("{stack}/{rule}"),
        }
    }

    /// When it last changed, RFC 3339.
    #[must_use]
    pub fn changed(&self) -> &str {
        self.at.split_once('#').map_or(&self.at, |(time, _)| time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_those_of_the_ledger() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for source in [Source::Runbook, Source::Native, Source::Agent, Source::Operator] {
            assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
        }
    }

    #[test]
    fn a_reader_ignores_what_it_does_not_know_and_does_without_what_it_need_not_have() {
        let event: HealingEvent = serde_json::from_value(json!({
            "event_id": "e", "status": "in_progress", "source": "agent", "stack": "a", "rule_name": "b",
            "at": "2026-11-24T10:00:00.000Z#e", "invented_later": {"x": 1},
            "signal": "system", "overdue": "arn:o", "recorder": "arn:r", "holder": "arn:h",
        }))
        .unwrap();
        assert_eq!((event.rule().as_str(), event.changed()), ("a/b", "2026-11-24T10:00:00.000Z"));
        assert_eq!(event.layer(), None);
        let written = serde_json::to_value(&event).unwrap();
        assert!(written.get("reason").is_none() && written.get("open").is_none());
        let kept = ["signal", "overdue", "recorder", "holder"].map(|name| written[name].as_str());
        assert_eq!(kept, ["system", "arn:o", "arn:r", "arn:h"].map(Some));
        assert_eq!(serde_json::from_value::<HealingEvent>(written).unwrap(), event);
    }

    #[test]
    fn a_switch_names_what_it_was_about() {
        let rule = |stack: &str, rule_name: &str| {
            let event = json!({"event_id": "e", "status": "completed", "source": "operator", "stack": stack, "rule_name": rule_name});
            serde_json::from_value::<HealingEvent>(event).unwrap().rule()
        };
        assert_eq!(rule("*", "*"), "*");
        assert_eq!(rule("checkout", "*"), "checkout");
        assert_eq!(rule("checkout", "web"), "checkout/web");
    }
}
