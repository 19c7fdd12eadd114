//! The workload as moto keeps it: a Python process, one JSON object a line in and out (`local/rehearsal/bridge.py` is its other end).

use crate::aws::{AwsError, Datapoint, ErrorKind, Trouble, Workload};
use crate::{Millis, Unsupported};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running bridge. Scenarios use it one after the other, each after a [`Bridge::reset`].
#[derive(Debug)]
pub struct Bridge {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    account: String,
    region: String,
    events: Vec<Value>,
    due: Option<Millis>,
}

impl Bridge {
    /// Starts `bridge.py` in `folder` with this interpreter, which must have what `requirements-moto.txt` pins.
    pub fn start(python: &Path, folder: &Path, account: &str, region: &str) -> std::io::Result<Self> {
        let mut process = Command::new(python)
            .arg("bridge.py")
            .current_dir(folder)
            // The same seed gives the same run, whatever order Python's sets would have; nothing is written beside the sources.
            .envs([
                ("PYTHONHASHSEED", "0"),
                ("PYTHONDONTWRITEBYTECODE", "1"),
                ("MOTO_ACCOUNT_ID", account),
                ("TZ", "UTC"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let broken = || std::io::Error::other("the bridge has no input or output");
        let input = process.stdin.take().ok_or_else(broken)?;
        let output = BufReader::new(process.stdout.take().ok_or_else(broken)?);
        let (account, region) = (account.to_owned(), region.to_owned());
        Ok(Self { process, input, output, account, region, events: Vec::new(), due: None })
    }

    /// Begins with an empty account at `now`.
    pub fn reset(&mut self, seed: u64, now: Millis) -> Result<(), Trouble> {
        self.events.clear();
        self.due = None;
        // Python's generator takes any integer, JSON's readers agree on 53 bits.
        let seed = seed & ((1 << 53) - 1);
        let request = json!({"op": "reset", "account": self.account, "region": self.region, "seed": seed, "now": now});
        self.ask(&request).map(drop)
    }

    fn ask(&mut self, request: &Value) -> Result<Value, Trouble> {
        let answer = self.exchange(request).map_err(|error| {
            Unsupported::new(
                "the bridge to the rehearsed account",
                format!("how to go on: it ended or cannot be read ({error})"),
            )
        })?;
        let Value::Object(mut answer) = answer else {
            return Err(Unsupported::new("the bridge to the rehearsed account", format!("the answer {answer}")).into());
        };
        if let Some(Value::Array(events)) = answer.remove("events") {
            self.events.extend(events);
        }
        if let Some(due) = answer.get("due") {
            self.due = due.as_i64();
        }
        match answer.remove("error") {
            None => Ok(Value::Object(answer)),
            Some(error) => Err(trouble(request, &error)),
        }
    }

    fn exchange(&mut self, request: &Value) -> std::io::Result<Value> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.input.write_all(&line)?;
        self.input.flush()?;
        let mut answer = String::new();
        if self.output.read_line(&mut answer)? == 0 {
            return Err(std::io::Error::other("it has ended; what it printed is above"));
        }
        Ok(serde_json::from_str(&answer)?)
    }

    fn done(&mut self, request: &Value) -> Result<Value, Trouble> {
        Ok(self.ask(request)?.get_mut("ok").map(Value::take).unwrap_or_default())
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // It ends by itself with its input; a second that it hangs in is not worth waiting for. Both may fail only when it has ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn trouble(request: &Value, error: &Value) -> Trouble {
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if error.get("unknown").is_some() {
        let place = match (request["service"].as_str(), request["api"].as_str()) {
            (Some(service), Some(api)) => format!("the rehearsed account, {service}:{api}"),
            _ => format!("the rehearsed account, {}", request["op"].as_str().unwrap_or_default()),
        };
        return Unsupported::new(place, text("unknown")).into();
    }
    let kind = if error["status"].as_u64().is_some_and(|status| status >= 500) {
        ErrorKind::Server
    } else {
        ErrorKind::Client
    };
    AwsError { code: text("code"), message: text("message"), kind }.into()
}

impl Workload for Bridge {
    fn given(&mut self, now: Millis, thing: &Value) -> Result<(), Trouble> {
        self.done(&json!({"op": "given", "now": now, "thing": thing})).map(drop)
    }

    fn ail(&mut self, now: Millis, thing: &Value) -> Result<(), Trouble> {
        self.done(&json!({"op": "ail", "now": now, "thing": thing})).map(drop)
    }

    fn call(&mut self, now: Millis, service: &str, api: &str, request: &Value) -> Result<Value, Trouble> {
        self.done(&json!({"op": "call", "now": now, "service": service, "api": api, "request": request}))
    }

    fn validate(&mut self, service: &str, api: &str, request: &Value) -> Result<(), Trouble> {
        self.done(&json!({"op": "validate", "service": service, "api": api, "request": request})).map(drop)
    }

    fn act(&mut self, now: Millis, action: &str, dimensions: &BTreeMap<String, String>) -> Result<(), Trouble> {
        self.done(&json!({"op": "act", "now": now, "action": action, "dimensions": dimensions})).map(drop)
    }

    fn command(
        &mut self,
        now: Millis,
        document: &str,
        host: &str,
        parameters: &Value,
    ) -> Result<(i64, String), Trouble> {
        let request =
            json!({"op": "command", "now": now, "document": document, "host": host, "parameters": parameters});
        let answer = self.done(&request)?;
        match (answer[0].as_i64(), answer[1].as_str()) {
            (Some(seconds), Some(status)) => Ok((seconds, status.to_owned())),
            _ => Err(Unsupported::new(format!("Run Command {document}"), format!("the answer {answer}")).into()),
        }
    }

    fn script(&mut self, script: &str, handler: &str, payload: &Value) -> Result<Result<Value, String>, Trouble> {
        let mut answer =
            self.ask(&json!({"op": "script", "script": script, "handler": handler, "payload": payload}))?;
        Ok(match answer.get("raised").and_then(Value::as_str) {
            Some(raised) => Err(raised.to_owned()),
            None => Ok(answer["ok"].take()),
        })
    }

    fn minute(&mut self, now: Millis) -> Result<Vec<Datapoint>, Trouble> {
        let Value::Array(points) = self.done(&json!({"op": "advance", "now": now, "minute": true}))? else {
            return Ok(Vec::new());
        };
        points.into_iter().map(datapoint).collect()
    }

    fn advance(&mut self, now: Millis) -> Result<(), Trouble> {
        self.done(&json!({"op": "advance", "now": now, "minute": false})).map(drop)
    }

    fn events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    fn due(&self) -> Option<Millis> {
        self.due
    }
}

fn datapoint(point: Value) -> Result<Datapoint, Trouble> {
    let read =
        serde_json::from_value::<(String, String, BTreeMap<String, String>, Vec<f64>, BTreeMap<String, String>)>(point);
    let (namespace, name, dimensions, values, tags) = read
        .map_err(|error| Unsupported::new("the bridge to the rehearsed account", format!("a datapoint ({error})")))?;
    Ok(Datapoint { namespace, name, dimensions, values, tags })
}
