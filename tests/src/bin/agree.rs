//! Runs inputs through the generated state machines in the rehearsal's own interpreter:
//! `tests/guard/test_agreement.py` runs the same on the local AWS, and compares.
//!
//! Standard input has one JSON object a line. The first says what is deployed: `account`, `region`, `prefix`, and
//! `templates` with long intrinsics. Every other is an input, and is answered with one line.
//!
//! An input has `now` (milliseconds since 1970), `table` and its `items` (as `DynamoDB` writes them), `alarms` (states
//! by name), `muted` (names of alarms) and `steps`. A step is one of
//! * `{"start": <machine>, "name": <execution>, "input": …}`: an execution, to its end. `$run` in the input is the
//!   newest automation's id.
//! * `{"event": …}`: an event on the bus, and what it starts.
//! * `{"run": <request>}`: an automation that a person starts.
//! * `{"finish": …}`: the newest automation goes on to its end, which the recorder hears of.
//!
//! An answer has `executions`, `items`, `runs` and `messages` to people, in the order in which they came.

use healstack_rehearsal::engine::{Deployment, Engine, Setup};
use healstack_rehearsal::faults::None as NoFaults;
use healstack_rehearsal::log::{Log, Record, What};
use healstack_rehearsal::scripted::Scripted;
use healstack_rehearsal::template::Place;
use healstack_rehearsal::time::{HOUR, SECOND};
use healstack_rehearsal::{AwsError, Millis};
use indexmap::IndexMap;
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::process::ExitCode;

type Error = Box<dyn std::error::Error>;
type Rehearsed<'a> = Engine<'a, NoFaults>;

/// The seed of every run; any would do: what chance decides is not compared.
const SEED: u64 = 1;
/// How far time moves between two looks at what has ended.
const TICK: Millis = SECOND / 10;
/// An automation begins a second after its start was answered, and an event comes in less than one.
const MOMENT: Millis = SECOND + SECOND / 2;
/// What has not ended then never does.
const PATIENCE: Millis = 2 * HOUR;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Error> {
    let mut lines = std::io::stdin().lock().lines();
    let first = lines.next().ok_or("nothing says what is deployed")??;
    let deployment = deployed(serde_json::from_str(&first)?)?;
    let mut output = std::io::stdout().lock();
    for line in lines {
        let answer = answer(&deployment, &serde_json::from_str(&line?)?)?;
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn deployed(mut setup: Value) -> Result<Deployment, Error> {
    let text = |name: &str| Ok::<_, Error>(setup[name].as_str().ok_or(format!("`{name}` is missing"))?.to_owned());
    let (place, prefix) = (Place { account: text("account")?, region: text("region")? }, text("prefix")?);
    let Value::Array(templates) = setup["templates"].take() else { return Err("`templates` is missing".into()) };
    let mut deployment = Deployment::load(&Setup { place, prefix, templates, parameters: IndexMap::new() })?;
    // Only what an input starts is to run.
    deployment.schedules.clear();
    Ok(deployment)
}

fn answer(deployment: &Deployment, input: &Value) -> Result<Value, Error> {
    let now = input["now"].as_i64().ok_or("`now` is missing")?;
    let table = input["table"].as_str().ok_or("`table` is missing")?;
    let mut workload = Scripted::default();
    workload.on("ssm:GetParameter", |_, _| Err(AwsError::client("ParameterNotFound", "")));
    workload.on("ec2:RebootInstances", |_, _| Err(AwsError::client("UnauthorizedOperation", "You may not")));
    let mut engine = Engine::new(deployment, &mut workload, NoFaults, Log::default(), SEED, now, &[])?;
    for item in input["items"].as_array().ok_or("`items` is missing")? {
        engine.database_mut().call("PutItem", &json!({"TableName": table, "Item": item}))?;
    }
    for (alarm, state) in input["alarms"].as_object().ok_or("`alarms` is missing")? {
        engine.set_alarms(alarm, state.as_str().unwrap_or_default())?;
    }
    for alarm in input["muted"].as_array().ok_or("`muted` is missing")? {
        engine.mute(alarm.as_str().unwrap_or_default(), now + HOUR);
    }
    for step in input["steps"].as_array().ok_or("`steps` is missing")? {
        perform(&mut engine, step)?;
    }
    let records = engine.log.records();
    Ok(json!({
        "executions": executions(records),
        "items": engine.database().items(table).collect::<Vec<_>>(),
        "runs": runs(records),
        "messages": records.iter().filter_map(message).collect::<Vec<_>>(),
    }))
}

fn perform(engine: &mut Rehearsed<'_>, step: &Value) -> Result<(), Error> {
    if let Some(machine) = step["start"].as_str() {
        let text = step["input"].to_string().replace("$run", newest_run(engine).unwrap_or_default());
        let name = step["name"].as_str().ok_or("an execution without a name")?.to_owned();
        engine.start_machine(machine, name, serde_json::from_str(&text)?)?;
    } else if step.get("event").is_some() {
        engine.put_event(step["event"].clone());
    } else if step.get("run").is_some() {
        engine.start_run(&step["run"])??;
    } else if step.get("finish").is_some() {
        let run = newest_run(engine).ok_or("no automation was started")?.to_owned();
        let is_over = |record: &Record| matches!(&record.what, What::RunEnded { run: ended, .. } if *ended == run);
        until(engine, |records| records.iter().any(is_over))?;
    } else {
        return Err(format!("the step {step} is not known").into());
    }
    // An event is on its way first, and an automation is about to begin last.
    for _ in 0..2 {
        let moment = engine.now() + MOMENT;
        engine.run_until(moment)?;
        until(engine, all_ended)?;
    }
    Ok(())
}

fn all_ended(records: &[Record]) -> bool {
    let count = |is: fn(&What) -> bool| records.iter().filter(|record| is(&record.what)).count();
    count(|what| matches!(what, What::Began { .. })) == count(|what| matches!(what, What::Ended { .. }))
}

/// Lets time pass until this holds.
fn until(engine: &mut Rehearsed<'_>, holds: impl Fn(&[Record]) -> bool) -> Result<(), Error> {
    let latest = engine.now() + PATIENCE;
    while !holds(engine.log.records()) {
        if engine.now() > latest {
            return Err("it does not come to its end".into());
        }
        let next = engine.now() + TICK;
        engine.run_until(next)?;
    }
    Ok(())
}

fn newest_run<'a>(engine: &'a Rehearsed<'_>) -> Option<&'a str> {
    engine.log.records().iter().rev().find_map(|record| match &record.what {
        What::RunBegan { run, .. } => Some(run.as_str()),
        _ => None,
    })
}

/// Every execution that has ended, with Step Functions' own names of statuses.
fn executions(records: &[Record]) -> Vec<Value> {
    let shown = records.iter().filter_map(|record| match &record.what {
        What::Ended { machine, status, output, .. } => Some(match status.as_str() {
            "Succeeded" => json!({"machine": machine, "status": "SUCCEEDED", "output": output}),
            "States.Timeout" if output.is_null() => json!({"machine": machine, "status": "TIMED_OUT"}),
            error => json!({"machine": machine, "status": "FAILED", "error": error, "cause": output}),
        }),
        _ => None,
    });
    shown.collect()
}

fn runs(records: &[Record]) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for record in records {
        match &record.what {
            What::RunBegan { document, run, resource, event } => found.push(json!({
                "id": run, "document": document, "resource": resource, "event": event, "status": "InProgress",
            })),
            What::Step { run, name, failure, .. } if !failure.is_empty() => change(&mut found, run, "failed", name),
            What::RunEnded { run, status } => change(&mut found, run, "status", status),
            _ => {}
        }
    }
    found
}

fn change(runs: &mut [Value], run: &str, member: &str, value: &str) {
    for each in runs.iter_mut().filter(|each| each["id"] == run) {
        each[member] = json!(value);
    }
}

fn message(record: &Record) -> Option<&str> {
    match &record.what {
        What::Notified { text } => Some(text),
        _ => None,
    }
}
