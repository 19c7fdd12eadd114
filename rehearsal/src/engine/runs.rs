//! stub
use super::Engine;
use crate::automation::{self, Document};
use crate::faults::Faults;
use crate::{AwsError, Unsupported};
use indexmap::IndexMap;
use serde_json::Value;
use std::sync::Arc;
pub(super) struct Runs;
impl Runs {
    pub(super) fn new(_d: IndexMap<String, Arc<Document>>) -> Self {
        Self
    }
}
impl<F: Faults> Engine<'_, F> {
    pub(super) fn answer_run(
        &mut self,
        _r: &str,
        _t: automation::Token,
        _a: Result<Value, AwsError>,
    ) -> Result<(), Unsupported> {
        Ok(())
    }
    pub(super) fn fire_run(&mut self, _r: &str, _t: automation::Token) -> Result<(), Unsupported> {
        Ok(())
    }
    pub(super) fn begin_queued(&mut self) -> Result<(), Unsupported> {
        Ok(())
    }
    pub fn start_run(&mut self, _q: &Value) -> Result<Result<Value, AwsError>, Unsupported> {
        Ok(Err(AwsError::client("X", "stub")))
    }
    pub(super) fn describe_run(&self, _q: &Value) -> Result<Value, AwsError> {
        Err(AwsError::client("X", "stub"))
    }
    pub(super) fn list_runs(&self, _q: &Value) -> Result<Result<Value, AwsError>, Unsupported> {
        Ok(Err(AwsError::client("X", "stub")))
    }
    pub fn answer_approvals(&mut self, _a: bool) -> Result<(), Unsupported> {
        Ok(())
    }
}
