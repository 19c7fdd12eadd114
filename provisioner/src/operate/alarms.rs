//! Alarms whose actions are EC2's own: nothing but their own switch stops them.
//!
//! An alarm is marked in the ledger (`DISABLED`) before its actions are disabled, and the mark goes after they are enabled:
//! whatever stops in between, the sweeper knows which alarms are Healstack's to enable, and which a person disabled.

use aws_sdk_cloudwatch::types::{AlarmType, MetricAlarm};
use healstack_model::ledger::{self, RuleId, Scope};
use serde_json::json;

use super::connection::Connection;
use super::error::OperateError;
use super::item;
use super::overrides::Overrides;
use crate::deploy::{DeployError, jobs};

/// Alarms that one call switches (CloudWatch API reference, `DisableAlarmActions`, 2026-11).
const AT_ONCE: usize = 100;

/// An alarm with a native action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NativeAlarm {
    pub(super) name: String,
    pub(super) rule: RuleId,
    pub(super) enabled: bool,
    /// What EC2 does: `recover`, `reboot`, `stop`, `terminate`.
    pub(super) verbs: Vec<String>,
}

/// What to do with the alarms that Healstack has disabled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lifting {
    /// Enable their actions, then remove the marks.
    pub(super) enable: Vec<String>,
    /// Leave them: another override covers them.
    pub(super) keep: Vec<String>,
}

/// Alarms in `scope` with a native action.
pub(super) async fn native(connection: &Connection, scope: &Scope) -> Result<Vec<NativeAlarm>, OperateError> {
    let prefix = connection.names.prefix.as_str();
    let begin = match scope {
        Scope::All => format!("{prefix}--"),
        Scope::Stack(stack) => format!("{prefix}--{stack}--"),
        Scope::Rule(RuleId { stack, rule }) => format!("{prefix}--{stack}--{rule}--"),
    };
    let call = connection.cloudwatch.describe_alarms().alarm_name_prefix(begin).alarm_types(AlarmType::MetricAlarm);
    let mut pages = call.into_paginator().send();
    let mut alarms = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| DeployError::call("cloudwatch:DescribeAlarms", None, &error))?;
        alarms.extend(page.metric_alarms().iter().filter_map(|alarm| of_alarm(prefix, scope, alarm)));
    }
    Ok(alarms)
}

fn of_alarm(prefix: &str, scope: &Scope, alarm: &MetricAlarm) -> Option<NativeAlarm> {
    let name = alarm.alarm_name()?;
    let rule = RuleId::of_alarm(prefix, name).filter(|rule| scope.covers(rule))?;
    let verbs: Vec<String> = alarm.alarm_actions().iter().filter_map(|action| native_verb(action)).collect();
    let enabled = alarm.actions_enabled() == Some(true);
    (!verbs.is_empty()).then(|| NativeAlarm { name: name.to_owned(), rule, enabled, verbs })
}

/// `arn:<partition>:automate:<region>:ec2:<action>`.
fn native_verb(action: &str) -> Option<String> {
    let parts: Vec<&str> = action.split(':').collect();
    (parts.get(2) == Some(&"automate")).then(|| parts.last().map_or_else(String::new, |verb| (*verb).to_owned()))
}

/// Marks and disables the alarms; gives those of them that were disabled, and the first error.
pub(super) async fn disable(
    connection: &Connection,
    names: &[String],
    now: i64,
) -> (Vec<String>, Result<(), OperateError>) {
    let mut done = Vec::new();
    for names in names.chunks(AT_ONCE) {
        if let Err(error) = disable_some(connection, names, now).await {
            return (done, Err(error));
        }
        done.extend_from_slice(names);
    }
    (done, Ok(()))
}

async fn disable_some(connection: &Connection, names: &[String], now: i64) -> Result<(), OperateError> {
    each(names, |name| {
        let ledger = connection.ledger.clone();
        async move {
            let fields = json!({"since": now, "schema_version": ledger::SCHEMA_VERSION});
            ledger.put(item::write(&ledger::disabled(&name), &fields)).await
        }
    })
    .await?;
    let call = connection.cloudwatch.disable_alarm_actions().set_alarm_names(Some(names.to_vec()));
    call.send().await.map_err(|error| DeployError::call("cloudwatch:DisableAlarmActions", None, &error))?;
    Ok(())
}

/// Enables the alarms and removes their marks; gives those of them that were enabled, and the first error.
pub(super) async fn enable(connection: &Connection, names: &[String]) -> (Vec<String>, Result<(), OperateError>) {
    let mut done = Vec::new();
    for names in names.chunks(AT_ONCE) {
        let call = connection.cloudwatch.enable_alarm_actions().set_alarm_names(Some(names.to_vec()));
        if let Err(error) = call.send().await {
            return (done, Err(DeployError::call("cloudwatch:EnableAlarmActions", None, &error).into()));
        }
        done.extend_from_slice(names);
        let forgotten = each(names, |name| {
            let ledger = connection.ledger.clone();
            async move { ledger.delete(&ledger::disabled(&name)).await }
        });
        if let Err(error) = forgotten.await {
            return (done, Err(error));
        }
    }
    (done, Ok(()))
}

/// Names of the alarms that are marked.
pub(super) async fn marked(connection: &Connection) -> Result<Vec<String>, OperateError> {
    let items = connection.ledger.all_of(ledger::DISABLED).await?;
    Ok(items.iter().filter_map(|item| item::text(item, "sk")).map(str::to_owned).collect())
}

/// What to do with the marked alarms of a scope, once its override is gone: what the sweeper does. Every one that nothing holds
/// any more is enabled, whatever its actions are by now, so that it does not matter who comes first.
pub(super) fn lifting((prefix, scope): (&str, &Scope), marked: &[String], overrides: &Overrides, now: i64) -> Lifting {
    let ours = marked.iter().filter_map(|name| {
        let rule = RuleId::of_alarm(prefix, name).filter(|rule| scope.covers(rule))?;
        Some((name.clone(), overrides.hold(&rule, now)))
    });
    let (keep, enable): (Vec<_>, Vec<_>) = ours.partition(|(_, held)| *held);
    let names = |alarms: Vec<(String, bool)>| alarms.into_iter().map(|(name, _)| name).collect();
    Lifting { enable: names(enable), keep: names(keep) }
}

/// Does something for each, several at once; gives the first error after all were tried.
async fn each<F, R>(names: &[String], job: F) -> Result<(), OperateError>
where
    F: Fn(String) -> R,
    R: Future<Output = Result<(), OperateError>> + Send + 'static,
{
    jobs::all(names.iter().cloned().map(job)).await?.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::overrides::UnreadableSwitch;
    use healstack_model::ledger::{Override, Switch};

    fn pause(scope: Scope, until: Option<i64>) -> Override {
        let (reason, by, since_time) = Default::default();
        Override { scope, switch: Switch::Pause, until, reason, by, since_time }
    }

    #[test]
    fn only_alarms_with_an_action_of_ec2_are_native() {
        let with = |action: &str| {
            MetricAlarm::builder().alarm_name("heal--a--b--system").actions_enabled(true).alarm_actions(action).build()
        };
        let of = |action: &str| of_alarm("heal", &Scope::All, &with(action));
        let found = of("arn:aws:automate:eu-west-1:ec2:recover").unwrap();
        assert_eq!((found.name.as_str(), found.rule.to_string().as_str()), ("heal--a--b--system", "a/b"));
        assert_eq!((found.enabled, found.verbs), (true, vec!["recover".to_owned()]));
        assert_eq!(of("arn:aws:sns:eu-west-1:111122223333:heal--core--notifications"), None);
        let other = Scope::parse("a/c").unwrap();
        assert_eq!(of_alarm("heal", &other, &with("arn:aws-cn:automate:cn-north-1:ec2:reboot")), None);
    }

    #[test]
    fn every_marked_alarm_is_enabled_that_nothing_holds() {
        let marked = ["heal--a--x--s", "heal--a--y--s", "heal--a--z--s", "heal--b--x--s"].map(str::to_owned);
        let unreadable = UnreadableSwitch {
            key: "CONTROL/a/z".to_owned(),
            scope: Scope::parse("a/z").ok(),
            reason: "its mode is `stop`".to_owned(),
            delete: String::new(),
        };
        let overrides = Overrides {
            readable: vec![pause(Scope::parse("a/y").unwrap(), None), pause(Scope::All, Some(100))],
            unreadable: vec![unreadable],
        };
        let stack = Scope::parse("a").unwrap();
        let lifted = lifting(("heal", &stack), &marked, &overrides, 100);
        assert_eq!((lifted.enable, lifted.keep), (vec![marked[0].clone()], marked[1..3].to_vec()));
        assert!(lifting(("heal", &stack), &marked, &overrides, 99).enable.is_empty());
        assert_eq!(lifting(("heal", &Scope::All), &marked, &Overrides::default(), 0).enable, marked);
    }
}
