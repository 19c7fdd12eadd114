//! stub
use crate::{AwsError, Millis, Random, Unsupported};
use serde_json::{Map, Value};
use std::sync::Arc;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(u64);
#[derive(Debug, Clone)]
pub struct Document;
impl Document {
    pub fn load(_n: &str, _c: &Value) -> Result<Self, Unsupported> {
        Ok(Self)
    }
    pub fn step_names(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
    pub fn without_step(&self, _n: &str) -> Option<Document> {
        None
    }
}
pub enum Action {
    Call { token: Token, service: String, api: String, request: Value },
    Script { token: Token, script: String, handler: String, payload: Value },
    Command { token: Token, request: Value },
    Approval { token: Token, request: Value },
    Timer { token: Token, at: Millis },
}
#[derive(Clone)]
pub struct Run;
