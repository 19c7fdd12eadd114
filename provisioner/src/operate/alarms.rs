//! Alarms whose actions are EC2's own: nothing but their own switch stops them.
//!
//! An alarm is marked in the ledger (`DISABLED`) before its actions are disabled, and the mark goes after they are enabled:
//! whatever stops in between, the sweeper knows which alarms are Healstack's to enable, and which a person disabled.

use aws_sdk_cloudwatch::types::{AlarmType, MetricAlarm};
use healstack_model::ledger::{self, Override, RuleId, Scope, effect};
use serde_json::json;

use super::connection::Connection;
use super::error::OperateError;
use super::item;
use crate::deploy::{DeployError, jobs};

/// Alarms that one call switches (CloudWatch API reference, `DisableAlarmActions`, 2026-11).
const AT_ONCE: usize = 100;

/// An alarm with a native action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NativeAlarm {
    pub(super) name: String,
    pub(super) rule: RuleId,
    pub(super) enabled: bool,
}

/// What to do with the alarms that Healstack has disabled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lifting {
    /// Enable their actions, then remove the marks.
    pub(super) enable: Vec<String>,
    /// Remove the marks: they are enabled already, are gone, or have no native action any more.
    pub(super) forget: Vec<String>,
    /// Leave them: another override covers them.
    pub(super) keep: Vec<(String, Scope)>,
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
    let is_native = alarm.alarm_actions().iter().any(|action| is_native(action));
    is_native.then(|| NativeAlarm { name: name.to_owned(), rule, enabled: alarm.actions_enabled() == Some(true) })
}

/// `arn:<partition>:automate:<region>:ec2:<action>`.
fn is_native(action: &str) -> bool {
    action.split(':').nth(2) == Some("automate")
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
        if let Err(error) = forget(connection, names).await {
            return (done, Err(error));
        }
    }
    (done, Ok(()))
}

/// Removes the marks.
pub(super) async fn forget(connection: &Connection, names: &[String]) -> Result<(), OperateError> {
    each(names, |name| {
        let ledger = connection.ledger.clone();
        async move { ledger.delete(&ledger::disabled(&name)).await }
    })
    .await
}

/// Names of the alarms that are marked.
pub(super) async fn marked(connection: &Connection) -> Result<Vec<String>, OperateError> {
    let items = connection.ledger.all_of(ledger::DISABLED).await?;
    Ok(items.iter().filter_map(|item| item::text(item, "sk")).map(str::to_owned).collect())
}

/// What to do with the marked alarms of a scope, once its override is gone. An alarm that is not among `alarms` has no
/// native action now, and is left as the deployed template has it: its rule's file may say that it is off.
pub(super) fn lifting(
    (prefix, scope): (&str, &Scope),
    marked: &[String],
    alarms: &[NativeAlarm],
    overrides: &[Override],
    now: i64,
) -> Lifting {
    let mut lifting = Lifting::default();
    for name in marked {
        let Some(rule) = RuleId::of_alarm(prefix, name).filter(|rule| scope.covers(rule)) else { continue };
        if let Some(other) = effect(overrides, &rule, now) {
            lifting.keep.push((name.clone(), other.scope.clone()));
        } else if alarms.iter().any(|alarm| alarm.name == *name && !alarm.enabled) {
            lifting.enable.push(name.clone());
        } else {
            lifting.forget.push(name.clone());
        }
    }
    lifting
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
    use healstack_model::ledger::Switch;

    fn alarm(name: &str, enabled: bool) -> NativeAlarm {
        NativeAlarm { name: name.to_owned(), rule: RuleId::of_alarm("heal", name).unwrap(), enabled }
    }

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
        assert_eq!(of("arn:aws:automate:eu-west-1:ec2:recover"), Some(alarm("heal--a--b--system", true)));
        assert_eq!(of("arn:aws:sns:eu-west-1:111122223333:heal--core--notifications"), None);
        let other = Scope::parse("a/c").unwrap();
        assert_eq!(of_alarm("heal", &other, &with("arn:aws-cn:automate:cn-north-1:ec2:reboot")), None);
    }

    #[test]
    fn what_another_override_covers_stays_disabled() {
        let marked = ["heal--a--x--s", "heal--a--y--s", "heal--b--x--s"].map(str::to_owned);
        let alarms = [alarm("heal--a--x--s", false), alarm("heal--a--y--s", false), alarm("heal--b--x--s", false)];
        let rule = Scope::parse("a/y").unwrap();
        let overrides = [pause(rule.clone(), None), pause(Scope::All, Some(100))];
        let stack = Scope::parse("a").unwrap();
        let lifted = lifting(("heal", &stack), &marked, &alarms, &overrides, 100);
        assert_eq!(lifted.enable, ["heal--a--x--s"]);
        assert_eq!(lifted.keep, [("heal--a--y--s".to_owned(), rule)]);
        assert!(lifted.forget.is_empty());
        assert!(lifting(("heal", &stack), &marked, &alarms, &overrides, 99).enable.is_empty());
    }

    #[test]
    fn what_is_gone_or_enabled_already_is_only_forgotten() {
        let marked = ["heal--a--x--s", "heal--a--y--s"].map(str::to_owned);
        let lifted = lifting(("heal", &Scope::All), &marked, &[alarm("heal--a--x--s", true)], &[], 0);
        assert_eq!(lifted, Lifting { forget: marked.to_vec(), ..Lifting::default() });
    }
}
