//! `DynamoDB` in memory: what generated state machines and runbooks ask of the ledger, answered as the service does.
//!
//! **Invariant:** a request with a member, an expression or a type that is not understood is a `ValidationException`.
//! **Invariant:** a refused request changes nothing.

mod attribute;
mod condition;
mod items;
mod lexer;
mod number;
mod parser;
mod query;
mod request;
mod table;
mod update;

use crate::{AwsError, Millis};
use serde_json::Value;
use std::collections::BTreeMap;
pub use table::Table;

/// What a call answers.
type Answer = Result<Value, AwsError>;

/// A refusal of what a request says.
fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("ValidationException", message)
}

/// The tables of an account in a region.
#[derive(Debug, Clone, Default)]
pub struct Database {
    tables: BTreeMap<String, Table>,
}

impl Database {
    /// Adds a table, in place of one with its name.
    pub fn add(&mut self, table: Table) {
        self.tables.insert(table.name().to_owned(), table);
    }

    /// Answers a call. `api` is the operation (`UpdateItem`), `request` and the answer have the API's own member names.
    ///
    /// `AwsError` has no place for the item that `ReturnValuesOnConditionCheckFailure` asks for: the member is checked,
    /// and the item left out. State machines cannot read it either.
    pub fn call(&mut self, api: &str, request: &Value) -> Result<Value, AwsError> {
        match api {
            "GetItem" => items::get(self, request),
            "BatchGetItem" => items::batch_get(self, request),
            "PutItem" => items::put(self, request),
            "UpdateItem" => items::update(self, request),
            "DeleteItem" => items::delete(self, request),
            "Query" => query::query(self, request),
            _ => Err(AwsError::client("UnknownOperationException", format!("The rehearsal does not know {api}"))),
        }
    }

    /// Every item of a table, in the order of their keys; none where there is no such table.
    pub fn items(&self, table: &str) -> impl Iterator<Item = &Value> {
        self.tables.get(table).into_iter().flat_map(Table::items)
    }

    /// The tables by name.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    /// Deletes what time to live says is over, in every table: [`Table::expire`].
    pub fn expire(&mut self, now: Millis) -> usize {
        self.tables.values_mut().map(|table| table.expire(now)).sum()
    }

    fn table(&self, name: &str) -> Result<&Table, AwsError> {
        self.tables.get(name).ok_or_else(not_found)
    }

    fn table_mut(&mut self, name: &str) -> Result<&mut Table, AwsError> {
        self.tables.get_mut(name).ok_or_else(not_found)
    }
}

fn not_found() -> AwsError {
    AwsError::client("ResourceNotFoundException", "Requested resource not found")
}
