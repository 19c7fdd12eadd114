//! A workload that answers what it was told to: for tests, where no account is wanted.

use crate::aws::{AwsError, Datapoint, Trouble, Workload};
use crate::{Millis, Unsupported};
use serde_json::Value;
use std::collections::BTreeMap;

/// What answers an API.
type Answer<'a> = Box<dyn FnMut(Millis, &Value) -> Result<Value, AwsError> + 'a>;
/// What measures a minute.
type Measure<'a> = Box<dyn FnMut(Millis) -> Vec<Datapoint> + 'a>;
/// What a native action of an alarm does.
type Act<'a> = Box<dyn FnMut(Millis, &str, &BTreeMap<String, String>) + 'a>;

/// Answers by API. One that has none is unknown, and ends the rehearsal.
#[derive(Default)]
pub struct Scripted<'a> {
    answers: BTreeMap<String, Answer<'a>>,
    measure: Option<Measure<'a>>,
    act: Option<Act<'a>>,
}

impl<'a> Scripted<'a> {
    /// Answers `service:Api` from now on.
    pub fn on(&mut self, api: &str, answer: impl FnMut(Millis, &Value) -> Result<Value, AwsError> + 'a) {
        self.answers.insert(api.to_owned(), Box::new(answer));
    }

    /// Measures every minute.
    pub fn measure(&mut self, measure: impl FnMut(Millis) -> Vec<Datapoint> + 'a) {
        self.measure = Some(Box::new(measure));
    }

    /// Does what alarms do themselves.
    pub fn act_with(&mut self, act: impl FnMut(Millis, &str, &BTreeMap<String, String>) + 'a) {
        self.act = Some(Box::new(act));
    }
}

fn unknown(what: &str) -> Trouble {
    Unsupported::new("the scripted workload", what.to_owned()).into()
}

impl Workload for Scripted<'_> {
    fn given(&mut self, _: Millis, _: &Value) -> Result<(), Trouble> {
        Ok(())
    }

    fn ail(&mut self, _: Millis, thing: &Value) -> Result<(), Trouble> {
        Err(unknown(&format!("the ailment {thing}")))
    }

    fn call(&mut self, now: Millis, service: &str, api: &str, request: &Value) -> Result<Value, Trouble> {
        let name = format!("{service}:{api}");
        let answer = self.answers.get_mut(&name).ok_or_else(|| unknown(&format!("the API {name}")))?;
        Ok(answer(now, request)?)
    }

    fn validate(&mut self, _: &str, _: &str, _: &Value) -> Result<(), Trouble> {
        Ok(())
    }

    fn act(&mut self, now: Millis, action: &str, dimensions: &BTreeMap<String, String>) -> Result<(), Trouble> {
        let act = self.act.as_mut().ok_or_else(|| unknown(&format!("the alarm action {action}")))?;
        act(now, action, dimensions);
        Ok(())
    }

    fn command(&mut self, _: Millis, document: &str, _: &str, _: &Value) -> Result<(i64, String), Trouble> {
        Err(unknown(&format!("the document {document}")))
    }

    fn script(&mut self, _: &str, handler: &str, _: &Value) -> Result<Result<Value, String>, Trouble> {
        Err(unknown(&format!("the script {handler}")))
    }

    fn minute(&mut self, now: Millis) -> Result<Vec<Datapoint>, Trouble> {
        Ok(self.measure.as_mut().map(|measure| measure(now)).unwrap_or_default())
    }

    fn advance(&mut self, _: Millis) -> Result<(), Trouble> {
        Ok(())
    }

    fn events(&mut self) -> Vec<Value> {
        Vec::new()
    }

    fn due(&self) -> Option<Millis> {
        None
    }
}
