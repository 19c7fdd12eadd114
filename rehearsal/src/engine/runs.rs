//! Runs of runbooks: Systems Manager Automation.

use super::calls::answered;
use super::{Asker, Call, Due, Engine};
use crate::automation::{self, Action, Document, Service, Status, status_event};
use crate::faults::Faults;
use crate::log::What;
use crate::time::SECOND;
use crate::{AwsError, Millis, Unsupported};
use indexmap::IndexMap;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Automation, and what the log has of it.
pub(super) struct Runs {
    service: Service,
    /// Steps of a run that the log has, by the run.
    told: BTreeMap<String, BTreeSet<usize>>,
    /// Approvals that a run waits for.
    approvals: Vec<(String, automation::Token)>,
    /// Until when others have every place.
    occupied: Millis,
}

impl Runs {
    pub(super) fn new(documents: &IndexMap<String, Arc<Document>>) -> Self {
        let mut service = Service::default();
        documents.values().for_each(|document| service.add(Arc::clone(document)));
        Self { service, told: BTreeMap::new(), approvals: Vec::new(), occupied: Millis::MIN }
    }
}

impl<F: Faults> Engine<'_, F> {
    /// `StartAutomationExecution`.
    pub fn start_run(&mut self, request: &Value) -> Result<Result<Value, AwsError>, Unsupported> {
        let id = match self.runs.service.start(self.now, request, &mut self.random) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        // A run begins after its start was answered.
        self.queue.push(self.now + SECOND, Due::Queued);
        Ok(Ok(json!({"AutomationExecutionId": id})))
    }

    pub(super) fn describe_run(&self, request: &Value) -> Result<Value, AwsError> {
        self.runs.service.get(request)
    }

    pub(super) fn list_runs(&self, request: &Value) -> Result<Value, AwsError> {
        self.runs.service.describe(request)
    }

    /// Others have every place until then.
    pub fn occupy_automation(&mut self, until: Millis) {
        self.runs.occupied = until;
        self.queue.push(until, Due::Queued);
    }

    /// Lets those begin that have a place.
    pub(super) fn begin_queued(&mut self) -> Result<(), Unsupported> {
        if self.now < self.runs.occupied {
            return Ok(());
        }
        for id in self.runs.service.due() {
            if let Some(run) = self.runs.service.run(&id) {
                let described = run.describe();
                let parameter = |name: &str| described["Parameters"][name][0].as_str().unwrap_or_default().to_owned();
                self.log.add(
                    self.now,
                    What::RunBegan {
                        document: run.document().name().to_owned(),
                        run: id.clone(),
                        resource: parameter("ResourceId"),
                        event: parameter("HealEventId"),
                    },
                );
            }
            self.drive_run(&id)?;
        }
        Ok(())
    }

    pub(super) fn answer_run(
        &mut self,
        id: &str,
        token: automation::Token,
        answer: Result<Value, AwsError>,
    ) -> Result<(), Unsupported> {
        if let Some(run) = self.runs.service.run_mut(id) {
            run.answer(token, answer);
        }
        self.drive_run(id)
    }

    pub(super) fn fire_run(&mut self, id: &str, token: automation::Token) -> Result<(), Unsupported> {
        if let Some(run) = self.runs.service.run_mut(id) {
            run.fire(token);
        }
        self.drive_run(id)
    }

    /// People answer everything that runs ask them.
    pub fn answer_approvals(&mut self, approve: bool) -> Result<(), Unsupported> {
        let status = if approve { "Approved" } else { "Rejected" };
        for (id, token) in std::mem::take(&mut self.runs.approvals) {
            self.answer_run(&id, token, Ok(json!({"ApprovalStatus": status})))?;
        }
        Ok(())
    }

    fn drive_run(&mut self, id: &str) -> Result<(), Unsupported> {
        let Some(run) = self.runs.service.run_mut(id) else { return Ok(()) };
        if run.status().is_final() {
            return Ok(());
        }
        let actions = run.advance(self.now, &mut self.random);
        let status = run.status();
        let document = run.document().name().to_owned();
        self.tell_steps(id);
        for action in actions {
            match action {
                Action::Call { token, service, api, request } => {
                    self.send(Asker::Run(id.to_owned(), token), Call { service, api, request, by: document.clone() });
                }
                Action::Script { token, script, handler, payload } => {
                    let answer = answered(self.workload.script(&script, &handler, &payload))?;
                    let answer =
                        answer.and_then(|returned| returned.map_err(|raised| AwsError::client("ScriptRaised", raised)));
                    // A script's environment takes a moment to start; AWS names no figure.
                    self.queue.push(self.now + 2 * SECOND, Due::Answer(Asker::Run(id.to_owned(), token), answer));
                }
                Action::Command { token, request } => self.run_command(id, token, &request)?,
                Action::Approval { token, .. } => self.runs.approvals.push((id.to_owned(), token)),
                Action::Timer { token, at } => self.queue.push(at, Due::Timer(Asker::Run(id.to_owned(), token))),
            }
        }
        if status.is_final() {
            self.end_run(id, status);
        }
        Ok(())
    }

    fn run_command(&mut self, id: &str, token: automation::Token, request: &Value) -> Result<(), Unsupported> {
        let document = request["DocumentName"].as_str().unwrap_or_default();
        let hosts = request["InstanceIds"].as_array().cloned().unwrap_or_default();
        if hosts.is_empty() {
            return Err(Unsupported::new(format!("Run Command {document}"), "a command without `InstanceIds`"));
        }
        let (mut seconds, mut status) = (0, "Success".to_owned());
        for host in hosts.iter().filter_map(Value::as_str) {
            match answered(self.workload.command(self.now, document, host, &request["Parameters"]))? {
                Ok((takes, ended)) => {
                    seconds = seconds.max(takes);
                    if ended != "Success" {
                        status = ended;
                    }
                }
                Err(error) => {
                    self.queue.push(self.now + SECOND, Due::Answer(Asker::Run(id.to_owned(), token), Err(error)));
                    return Ok(());
                }
            }
        }
        let answer = json!({"Status": status, "CommandId": self.random.uuid()});
        self.queue.push(self.now + seconds * SECOND, Due::Answer(Asker::Run(id.to_owned(), token), Ok(answer)));
        Ok(())
    }

    /// Writes down the steps that have ended, in the order in which they did.
    fn tell_steps(&mut self, id: &str) {
        let Some(run) = self.runs.service.run(id) else { return };
        let told = self.runs.told.entry(id.to_owned()).or_default();
        let ended = run.steps().iter().enumerate().filter(|(at, step)| step.end.is_some() && !told.contains(at));
        let mut ended: Vec<_> = ended.collect();
        ended.sort_by_key(|(at, step)| (step.start, *at));
        for (at, step) in ended {
            told.insert(at);
            self.log.add(
                self.now,
                What::Step {
                    run: id.to_owned(),
                    name: step.name.clone(),
                    status: step.status.name().to_owned(),
                    failure: step.failure.clone().unwrap_or_default(),
                },
            );
        }
    }

    fn end_run(&mut self, id: &str, status: Status) {
        self.log.add(self.now, What::RunEnded { run: id.to_owned(), status: status.name().to_owned() });
        self.runs.told.remove(id);
        let place = &self.deployment.place;
        if let Some(run) = self.runs.service.run(id) {
            let event = status_event(run, &place.account, &place.region);
            self.put_event(event);
        }
        self.queue.push(self.now, Due::Queued);
    }
}
