//! One scenario, from a healthy account to a verdict.

use crate::aws::{AwsError, Trouble, Workload};
use crate::engine::{Deployment, Engine};
use crate::faults::Scripted;
use crate::figures::{Figures, figures};
use crate::log::{Log, Record, What};
use crate::scenario::{Cause, Expectation, Injection, Scenario, Sight};
use crate::select::select;
use crate::time::MINUTE;
use crate::verdict::{Found, Subject, Verdict, judge};
use crate::{Millis, Unsupported, automation};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// When every rehearsal begins: Monday, 2026-01-05T12:00:00Z. Any moment would do; a fixed one keeps runs the same.
pub const BEGIN: Millis = 1_767_614_400_000;
/// How long a healthy account runs before a scenario begins, so that alarms are OK.
pub const HEALTHY: Millis = 10 * MINUTE;

/// What came of a scenario.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// When it began, after the healthy time.
    pub begin: Millis,
    /// What happened.
    pub records: Vec<Record>,
    /// Each expectation, judged.
    pub verdicts: Vec<Verdict>,
    /// How long the parts took.
    pub figures: Figures,
}

impl Outcome {
    /// Whether everything was as expected.
    #[must_use]
    pub fn held(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.held)
    }
}

/// Runs a scenario on a workload that is new. `replaced` are runbooks that are others than the deployed ones.
pub fn rehearse(
    deployment: &Deployment,
    subject: &Subject,
    scenario: &Scenario,
    workload: &mut dyn Workload,
    seed: u64,
    replaced: &[(String, Arc<automation::Document>)],
) -> Result<Outcome, Unsupported> {
    let begin = BEGIN + HEALTHY;
    let failed = |trouble: Trouble| Unsupported::new(format!("scenario {}", scenario.name), trouble.to_string());
    for thing in &scenario.given {
        workload.given(BEGIN, thing).map_err(failed)?;
    }
    let mut engine = Engine::new(deployment, workload, Scripted::default(), Log::default(), seed, BEGIN, replaced)
        .map_err(failed)?;
    engine.run_until(begin)?;
    let mut actor = Actor { engine, subject, scenario, begin, found: vec![None; scenario.then.len()] };
    let mut injections = scenario.when.iter().peekable();
    let end = begin + scenario.lasts;
    let mut now = begin;
    while now <= end {
        while let Some(injection) = injections.next_if(|injection| begin + injection.at <= now) {
            actor.inject(injection)?;
        }
        actor.look(now, false)?;
        // From minute to minute, or to the next thing that the scenario does.
        let next = injections.peek().map_or(Millis::MAX, |injection| begin + injection.at);
        now = (now + MINUTE).min(next);
        actor.engine.run_until(now.min(end))?;
    }
    actor.look(end, true)?;
    let Actor { engine, found, .. } = actor;
    let records = engine.log.records().to_vec();
    let judged = scenario.then.iter().zip(&found);
    let verdicts = judged.map(|(each, found)| judge(subject, begin, &records, each, found.as_ref())).collect();
    let failure = begin + scenario.when.first().map_or(0, |injection| injection.at);
    let figures = figures(subject, failure, &records);
    Ok(Outcome { name: scenario.name.clone(), begin, records, verdicts, figures })
}

struct Actor<'a> {
    engine: Engine<'a, Scripted>,
    subject: &'a Subject,
    scenario: &'a Scenario,
    begin: Millis,
    found: Found,
}

impl Actor<'_> {
    fn inject(&mut self, injection: &Injection) -> Result<(), Unsupported> {
        let now = self.engine.now();
        let place = format!("scenario {}", self.scenario.name);
        let failed = |trouble: Trouble| Unsupported::new(place.clone(), trouble.to_string());
        let said = match &injection.cause {
            Cause::Ail(thing) => {
                self.engine.workload().ail(now, thing).map_err(failed)?;
                format!("fails: {}", said(thing))
            }
            Cause::Fault(fault) => {
                self.engine.faults.begin(now, fault.clone());
                format!("{}:{} answers {}", fault.service, fault.api, fault.error)
            }
            Cause::Event(event) => {
                self.engine.put_event(event.clone());
                format!("event {}", event["detail-type"].as_str().unwrap_or_default())
            }
            Cause::Metric { namespace, name, dimensions, tags, values, lasts } => {
                self.engine.add_series(namespace, name, dimensions, tags, values, now + lasts);
                format!("{namespace} {name} is {values:?}")
            }
            Cause::Call { service, api, request } => {
                self.engine.workload().call(now, service, api, request).map_err(failed)?;
                format!("somebody calls {service}:{api}")
            }
            Cause::Switch { mode, scope } => self.switch(mode, scope).map_err(|error| failed(error.into()))?,
            Cause::Lease { key, rule, lasts } => {
                self.lease(key, rule, now + lasts).map_err(|error| failed(error.into()))?
            }
            Cause::Alarm { signal, state } => {
                self.engine.set_alarms(&format!("{}{signal}", self.subject.alarms), state)?;
                format!("{signal} is set to {state}")
            }
            Cause::Agent(message) => {
                let topic = format!("{}agent-events", self.subject.guard.trim_end_matches("guard"));
                self.engine.publish_agent_event(&topic, message);
                format!("an agent says {}", message["status"].as_str().unwrap_or_default())
            }
            Cause::Answer { approve } => {
                self.engine.answer_approvals(*approve)?;
                format!("people {} what the runbook asks", if *approve { "approve" } else { "reject" })
            }
            Cause::Mute { lasts } => {
                self.engine.mute(&self.subject.alarms, now + lasts);
                "the rule's alarms are muted".to_owned()
            }
            Cause::Busy { lasts } => {
                self.engine.occupy_automation(now + lasts);
                "other automations have every place".to_owned()
            }
            Cause::Settings { resource } => {
                let request = json!({"DocumentName": self.subject.settings, "Parameters": {"ResourceId": [resource]}});
                if let Err(error) = self.engine.start_run(&request)? {
                    return Err(failed(error.into()));
                }
                format!("the association looks at {resource}")
            }
        };
        self.engine.log.add(now, What::Scenario(said));
        Ok(())
    }

    /// What an operator's command writes: docs/guard.md, item CONTROL.
    fn switch(&mut self, mode: &str, scope: &str) -> Result<String, AwsError> {
        let scope = match scope {
            "stack" => self.subject.stack.clone(),
            "rule" => format!("{}/{}", self.subject.stack, self.subject.rule),
            _ => "ALL".to_owned(),
        };
        let key = json!({"pk": {"S": "CONTROL"}, "sk": {"S": scope}});
        if mode == "resume" {
            self.write("DeleteItem", &json!({"Key": key}))?;
        } else {
            let mut item = key;
            item["mode"] = json!({"S": mode});
            item["reason"] = json!({"S": "rehearsed"});
            item["schema_version"] = json!({"N": "1"});
            self.write("PutItem", &json!({"Item": item}))?;
        }
        Ok(format!("{mode} {scope}"))
    }

    /// What another rule's guard writes: docs/guard.md, item RES#.
    fn lease(&mut self, key: &str, rule: &str, until: Millis) -> Result<String, AwsError> {
        let rule = if rule.contains('/') { rule.to_owned() } else { format!("{}/{rule}", self.subject.stack) };
        let item = json!({
            "pk": {"S": format!("RES#{key}")}, "sk": {"S": "STATE"}, "schema_version": {"N": "1"},
            "leaseUntil": {"N": (until / 1000).to_string()}, "leaseOwner": {"S": "another-healing"},
            "leaseHolder": {"S": "another-execution"}, "leaseRule": {"S": rule},
        });
        self.write("PutItem", &json!({"Item": item}))?;
        Ok(format!("{rule} heals {key}"))
    }

    fn write(&mut self, api: &str, request: &Value) -> Result<(), AwsError> {
        let table = format!("{}ledger", self.subject.guard.trim_end_matches("guard"));
        let mut request = request.clone();
        request["TableName"] = Value::String(table);
        self.engine.database_mut().call(api, &request).map(drop)
    }

    /// Asks the APIs of expectations that are still open: once a minute where they have a time, and at the end.
    fn look(&mut self, now: Millis, last: bool) -> Result<(), Unsupported> {
        for (index, expectation) in self.scenario.then.iter().enumerate() {
            let Expectation { what: Sight::State { service, api, request, path, is }, within, never, .. } = expectation
            else {
                continue;
            };
            let is_due =
                within.is_some_and(|within| now <= self.begin + within) || (within.is_none() && (last || *never));
            let is_settled = matches!(&self.found[index], Some(Ok(found)) if found == is);
            if !is_due || is_settled {
                continue;
            }
            let answer = match self.engine.workload().call(now, service, api, request) {
                Ok(answer) => answer,
                Err(Trouble::Aws(error)) => {
                    self.found[index] = Some(Err(error.to_string()));
                    continue;
                }
                Err(Trouble::Unsupported(unsupported)) => return Err(unsupported),
            };
            let place = format!("scenario {}", self.scenario.name);
            let found = select(&answer, path).map_err(|what| Unsupported::new(place, what))?;
            self.found[index] = Some(Ok(found.cloned().unwrap_or_default()));
        }
        Ok(())
    }
}

/// The members of a thing on one line.
fn said(thing: &Value) -> String {
    let empty = Map::new();
    let members = thing.as_object().unwrap_or(&empty).iter().filter(|(name, _)| name.as_str() != "at");
    let members = members.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {other}"),
    });
    members.collect::<Vec<_>>().join(", ")
}
