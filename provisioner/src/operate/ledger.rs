//! The calls on the table: pages, errors that say what is missing.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::types::AttributeValue;
use healstack_model::ledger::ItemKey;

use super::error::OperateError;
use super::filter::Expression;
use super::item::{Item, of_key};
use crate::deploy::DeployError;

/// The table.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    pub(super) dynamodb: Client,
    pub(super) table: String,
    pub(super) region: String,
}

/// What a query asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Select {
    /// The index; `None` asks the table itself, consistently.
    pub(super) index: Option<&'static str>,
    /// Condition on the keys, with its names and values.
    pub(super) keys: Expression,
    /// What of it is given.
    pub(super) filter: Option<Expression>,
    /// The attributes that are given; none gives all.
    pub(super) attributes: &'static [&'static str],
    /// Highest range key first.
    pub(super) backward: bool,
    /// At most this many items a page, before the filter. A page never has more than 1 MB.
    pub(super) page: Option<i32>,
}

impl Ledger {
    /// The pages of a query.
    pub(super) fn select(&self, select: Select) -> Pages<'_> {
        Pages { ledger: self, select, next: Next::First }
    }

    /// All items of a query. For what is small by nature: switches, disabled alarms.
    pub(super) async fn all(&self, select: Select) -> Result<Vec<Item>, OperateError> {
        let mut pages = self.select(select);
        let mut items = Vec::new();
        while let Some(page) = pages.next().await? {
            items.extend(page);
        }
        Ok(items)
    }

    /// Every item of a hash key.
    pub(super) async fn all_of(&self, pk: &str) -> Result<Vec<Item>, OperateError> {
        let keys = Expression::new("#pk = :pk").name("#pk", "pk").text(":pk", pk);
        self.all(Select { keys, ..Select::default() }).await
    }

    /// An item, read consistently.
    pub(super) async fn get(&self, key: &ItemKey) -> Result<Option<Item>, OperateError> {
        let call = self.dynamodb.get_item().table_name(&self.table).consistent_read(true).set_key(Some(of_key(key)));
        let answer = call.send().await.map_err(|error| self.error("dynamodb:GetItem", None, &error))?;
        Ok(answer.item)
    }

    /// Writes an item, whatever was there.
    pub(super) async fn put(&self, item: Item) -> Result<(), OperateError> {
        let call = self.dynamodb.put_item().table_name(&self.table).set_item(Some(item));
        call.send().await.map_err(|error| self.error("dynamodb:PutItem", None, &error))?;
        Ok(())
    }

    /// Writes an item if a condition holds of what is there; gives whether it did.
    pub(super) async fn put_if(&self, item: Item, condition: Expression) -> Result<bool, OperateError> {
        let Expression { text, names, values } = condition;
        let mut call = self.dynamodb.put_item().table_name(&self.table).set_item(Some(item)).condition_expression(text);
        call = call.set_expression_attribute_names(placeholders(names));
        call = call.set_expression_attribute_values(placeholders(values));
        held(call.send().await.map(drop).map_err(|error| self.error("dynamodb:PutItem", None, &error)))
    }

    /// Deletes an item, if it is there.
    pub(super) async fn delete(&self, key: &ItemKey) -> Result<(), OperateError> {
        let call = self.dynamodb.delete_item().table_name(&self.table).set_key(Some(of_key(key)));
        call.send().await.map_err(|error| self.error("dynamodb:DeleteItem", None, &error))?;
        Ok(())
    }

    /// Deletes an item if a condition holds of it; gives whether it did.
    pub(super) async fn delete_if(&self, key: &ItemKey, condition: Expression) -> Result<bool, OperateError> {
        let Expression { text, names, values } = condition;
        let mut call =
            self.dynamodb.delete_item().table_name(&self.table).set_key(Some(of_key(key))).condition_expression(text);
        call = call.set_expression_attribute_names(placeholders(names));
        call = call.set_expression_attribute_values(placeholders(values));
        held(call.send().await.map(drop).map_err(|error| self.error("dynamodb:DeleteItem", None, &error)))
    }

    /// Updates an item if a condition holds of it; gives whether it did. The names and values are those of both expressions.
    pub(super) async fn update_if(
        &self,
        key: &ItemKey,
        update: Expression,
        condition: &str,
    ) -> Result<bool, OperateError> {
        let Expression { text, names, values } = update;
        let mut call = self.dynamodb.update_item().table_name(&self.table).set_key(Some(of_key(key)));
        call = call.update_expression(text).condition_expression(condition);
        call = call.set_expression_attribute_names(placeholders(names));
        call = call.set_expression_attribute_values(placeholders(values));
        held(call.send().await.map(drop).map_err(|error| self.error("dynamodb:UpdateItem", None, &error)))
    }

    /// The error of a call. A table or an index that is not there has a way out of its own.
    fn error<E, R>(&self, operation: &'static str, index: Option<&'static str>, error: &SdkError<E, R>) -> OperateError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
        SdkError<E, R>: RequestId,
    {
        let table = self.table.clone();
        match (error.code(), index) {
            (Some("ResourceNotFoundException"), _) => OperateError::NoLedger { table, region: self.region.clone() },
            // The code is that of every malformed call; what is malformed is only in the words.
            (Some("ValidationException"), Some(index))
                if error.message().is_some_and(|text| text.contains("index")) =>
            {
                OperateError::OldLedger { table, index: index.to_owned() }
            }
            _ => DeployError::call(operation, None, error).into(),
        }
    }
}

/// Placeholders as a call takes them; none at all where there are none, since an empty map is refused.
fn placeholders<T>(list: Vec<(String, T)>) -> Option<HashMap<String, T>> {
    (!list.is_empty()).then(|| list.into_iter().collect())
}

/// A write whose condition does not hold has not happened, which is an answer and no error.
fn held(result: Result<(), OperateError>) -> Result<bool, OperateError> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.is_condition() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The pages of a query, one at a time.
pub(super) struct Pages<'a> {
    ledger: &'a Ledger,
    select: Select,
    next: Next,
}

enum Next {
    First,
    After(Item),
    Nothing,
}

impl Pages<'_> {
    /// The next page; it may be empty although there are more, because a filter applies after reading.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Item>>, OperateError> {
        let start = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Nothing => return Ok(None),
            Next::First => None,
            Next::After(key) => Some(key),
        };
        let Select { index, keys, filter, attributes, backward, page } = &self.select;
        let mut call = self.ledger.dynamodb.query().table_name(&self.ledger.table);
        call = call.set_index_name(index.map(str::to_owned)).scan_index_forward(!backward).set_limit(*page);
        // An index is eventually consistent and refuses to be asked for more.
        call = call.set_consistent_read(index.is_none().then_some(true)).set_exclusive_start_key(start);
        call = call.key_condition_expression(&keys.text);
        call = call.set_filter_expression(filter.as_ref().map(|filter| filter.text.clone()));
        let mut names: Vec<(String, String)> = Vec::new();
        let mut values: Vec<(String, AttributeValue)> = Vec::new();
        for expression in std::iter::once(keys).chain(filter) {
            names.extend(expression.names.iter().cloned());
            values.extend(expression.values.iter().cloned());
        }
        if !attributes.is_empty() {
            let placeholders: Vec<String> = attributes.iter().map(|name| format!("#{name}")).collect();
            call = call.projection_expression(placeholders.join(", "));
            names.extend(placeholders.into_iter().zip(attributes.iter().map(|name| (*name).to_owned())));
        }
        call = call.set_expression_attribute_names(placeholders(names));
        call = call.set_expression_attribute_values(placeholders(values));
        let answer = call.send().await.map_err(|error| self.ledger.error("dynamodb:Query", *index, &error))?;
        if let Some(key) = answer.last_evaluated_key {
            self.next = Next::After(key);
        }
        Ok(Some(answer.items.unwrap_or_default()))
    }
}
