//! The engine: everything that is deployed, run against a workload in virtual time.
//!
//! One queue of things that are due. A call takes two moments, its arrival and its answer, so that calls of different executions
//! interleave as they do on AWS, and faults may strike between the two.

mod bus;
mod calls;
mod deployment;
mod executions;
mod queue;
mod runs;
mod watch;

pub use deployment::{Deployment, Setup};

use crate::automation::{self, Document};
use crate::dynamodb::Database;
use crate::faults::Faults;
use crate::log::{Log, What};
use crate::time::MINUTE;
use crate::{AwsError, Millis, Random, Trouble, Unsupported, Workload, states};
use executions::Executions;
use queue::Queue;
use runs::Runs;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use watch::Watch;

/// A call's way to AWS and back, in milliseconds: at least, and what is added at random. Both ways have half of it.
const CALL: (Millis, u64) = (20, 100);

/// What is due.
enum Due {
    /// A call arrives.
    Arrive(Asker, Call, bool),
    /// A call's answer arrives.
    Answer(Asker, Result<Value, AwsError>),
    /// A timer of an execution or a run.
    Timer(Asker),
    /// An event comes to a target.
    Deliver(bus::Delivery),
    /// A minute ends: metrics, then alarms.
    Minute,
    /// Alarms are evaluated.
    Evaluate,
    /// An execution begins that was planned.
    Start(usize),
    /// A schedule starts its machine.
    Schedule(usize),
    /// The workload does something by itself.
    Workload,
    /// Automation may begin what waits in its queue.
    Queued,
}

/// Who waits for an answer or a timer.
#[derive(Clone)]
enum Asker {
    Execution(usize, states::Token),
    Run(String, automation::Token),
}

/// A call of healing.
struct Call {
    service: String,
    api: String,
    request: Value,
    /// Who makes it, for the log: a machine's or a document's name.
    by: String,
}

/// Everything that runs.
pub struct Engine<'a, F: Faults> {
    deployment: &'a Deployment,
    workload: &'a mut dyn Workload,
    /// What goes wrong.
    pub faults: F,
    /// What happened.
    pub log: Log,
    now: Millis,
    random: Random,
    queue: Queue<Due>,
    database: Database,
    executions: Executions,
    runs: Runs,
    watch: Watch,
    parameters: BTreeMap<String, String>,
    /// When the queue has the workload's next own doing.
    planned: Option<Millis>,
    /// Milliseconds after a full minute at which alarms are evaluated.
    evaluation: Millis,
}

impl<'a, F: Faults> Engine<'a, F> {
    /// Everything as it is after a deployment at `start`, which should be a full minute. `replaced` are runbooks that are others than
    /// deployed ones.
    pub fn new(
        deployment: &'a Deployment,
        workload: &'a mut dyn Workload,
        faults: F,
        log: Log,
        seed: u64,
        start: Millis,
        replaced: &[(String, Arc<Document>)],
    ) -> Result<Self, Trouble> {
        let mut random = Random::new(seed);
        let mut database = Database::default();
        for table in &deployment.tables {
            database.add(table.clone());
        }
        let mut documents = deployment.documents.clone();
        documents.extend(replaced.iter().cloned());
        let mut queue = Queue::new();
        // CloudWatch evaluates once a minute, at a second of its own choosing.
        let evaluation = i64::try_from(random.below(50_000)).unwrap_or_default() + 5_000;
        queue.push(start + MINUTE, Due::Minute);
        for (index, (period, _)) in deployment.schedules.iter().enumerate() {
            let first = i64::try_from(random.below(u64::try_from(*period).unwrap_or(1))).unwrap_or_default();
            queue.push(start + first, Due::Schedule(index));
        }
        let engine = Self {
            deployment,
            workload,
            faults,
            log,
            now: start,
            queue,
            database,
            executions: Executions::default(),
            runs: Runs::new(&documents),
            watch: Watch::new(&deployment.alarms, start),
            parameters: deployment.parameters.clone(),
            planned: None,
            evaluation,
            random,
        };
        for thing in &deployment.workload {
            engine.workload.given(start, thing)?;
        }
        Ok(engine)
    }

    /// The moment that it is.
    pub const fn now(&self) -> Millis {
        self.now
    }

    /// The ledger and whatever other tables there are.
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The ledger and whatever other tables there are, for people's own writes.
    pub const fn database_mut(&mut self) -> &mut Database {
        &mut self.database
    }

    /// The workload, for what happens to it.
    pub fn workload(&mut self) -> &mut dyn Workload {
        self.workload
    }

    /// Runs until a moment, and everything that is due by then.
    pub fn run_until(&mut self, until: Millis) -> Result<(), Unsupported> {
        self.follow_workload();
        while let Some((at, due)) = self.queue.pop(until) {
            self.now = at;
            self.perform(due)?;
            self.follow_workload();
        }
        self.now = until;
        Ok(())
    }

    fn perform(&mut self, due: Due) -> Result<(), Unsupported> {
        match due {
            Due::Arrive(asker, call, answered) => self.arrive(asker, &call, answered),
            Due::Answer(Asker::Execution(index, token), answer) => {
                self.answer_execution(index, token, answer);
                Ok(())
            }
            Due::Answer(Asker::Run(run, token), answer) => self.answer_run(&run, token, answer),
            Due::Timer(Asker::Execution(index, token)) => {
                self.fire_execution(index, token);
                Ok(())
            }
            Due::Timer(Asker::Run(run, token)) => self.fire_run(&run, token),
            Due::Deliver(delivery) => {
                self.deliver(delivery);
                Ok(())
            }
            Due::Start(index) => {
                self.start_pending(index);
                Ok(())
            }
            Due::Minute => self.minute(),
            Due::Evaluate => self.evaluate(),
            Due::Schedule(index) => {
                let (period, target) = &self.deployment.schedules[index];
                self.queue.push(self.now + period, Due::Schedule(index));
                // The schedule retries nothing (MaximumRetryAttempts 0), and the next is the next.
                let name = self.random.uuid();
                if self.start_machine(target, name, Value::Object(serde_json::Map::new())).is_err() {
                    self.log.add(self.now, What::DeadLetter { target: target.clone() });
                }
                Ok(())
            }
            Due::Workload => {
                self.planned = None;
                settled(self.workload.advance(self.now))
            }
            Due::Queued => self.begin_queued(),
        }
    }

    /// Takes the workload's events onto the bus, and plans what it does next by itself.
    fn follow_workload(&mut self) {
        for event in self.workload.events() {
            let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut detail = event.get("detail").map(Value::to_string).unwrap_or_default();
            detail.truncate(detail.char_indices().nth(160).map_or(detail.len(), |(end, _)| end));
            self.log.add(self.now, What::Event { source: text("source"), kind: text("detail-type"), detail });
            self.put_event(event);
        }
        if let Some(due) = self.workload.due()
            && self.planned.is_none_or(|planned| due < planned)
        {
            self.planned = Some(due);
            self.queue.push(due.max(self.now), Due::Workload);
        }
    }

    /// Sends a call on its way: to arrive, or to fail before that.
    fn send(&mut self, asker: Asker, call: Call) {
        use crate::faults::CallFate;
        let way = CALL.0 + i64::try_from(self.random.below(CALL.1)).unwrap_or_default();
        let fate = self.faults.call(self.now, &mut self.random, &call.service, &call.api);
        match fate {
            CallFate::Answered => self.queue.push(self.now + way / 2, Due::Arrive(asker, call, true)),
            CallFate::Late(late) => self.queue.push(self.now + way / 2 + late, Due::Arrive(asker, call, true)),
            CallFate::Refused(error) => {
                self.record_call(&call, &error.code);
                self.queue.push(self.now + way, Due::Answer(asker, Err(error)));
            }
            CallFate::Unanswered { done } => {
                // A run has no time limit of its own calls: botocore gives up after its read time-out of 60 s (botocore Config).
                if let Asker::Run(..) = asker {
                    let error = AwsError {
                        code: "ReadTimeoutError".to_owned(),
                        message: "Read timeout on endpoint".to_owned(),
                        kind: crate::aws::ErrorKind::Timeout,
                    };
                    self.queue.push(self.now + MINUTE, Due::Answer(asker.clone(), Err(error)));
                }
                self.record_call(&call, "timeout");
                if done {
                    self.queue.push(self.now + way / 2, Due::Arrive(asker, call, false));
                }
            }
        }
    }

    /// A call is done; whether its answer finds its way back is decided already.
    fn arrive(&mut self, asker: Asker, call: &Call, answered: bool) -> Result<(), Unsupported> {
        let answer = self.serve(call)?;
        if answered {
            self.record_call(call, answer.as_ref().err().map_or("", |error| error.code.as_str()));
            let way = CALL.0 + i64::try_from(self.random.below(CALL.1)).unwrap_or_default();
            self.queue.push(self.now + way / 2, Due::Answer(asker, answer));
        }
        Ok(())
    }

    fn record_call(&mut self, call: &Call, error: &str) {
        if matches!(call.service.as_str(), "dynamodb" | "stepfunctions" | "sns") {
            return;
        }
        let reads = ["Describe", "Get", "List", "Query"];
        self.log.add(
            self.now,
            What::Call {
                by: call.by.clone(),
                api: format!("{}:{}", call.service, call.api),
                changes: !reads.iter().any(|read| call.api.starts_with(read)),
                error: error.to_owned(),
            },
        );
    }
}

/// What happens by itself cannot be refused.
fn settled<T>(result: Result<T, Trouble>) -> Result<T, Unsupported> {
    result.map_err(|trouble| match trouble {
        Trouble::Unsupported(unsupported) => unsupported,
        Trouble::Aws(error) => Unsupported::new("the rehearsed account", format!("what follows from {error}")),
    })
}
