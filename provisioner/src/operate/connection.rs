//! What every command over the ledger has: the account, the services, the names.

use std::sync::Arc;

use healstack_model::Names;

use super::error::OperateError;
use super::ledger::Ledger;
use crate::deploy::aws::Identity;
use crate::deploy::run::Context;
use crate::deploy::{Account, Ui};

/// An environment's ledger and what belongs to it.
#[derive(Clone)]
pub struct Connection {
    /// CloudFormation, STS, the user, Ctrl-C.
    pub(super) context: Context,
    /// Alarms.
    pub(super) cloudwatch: aws_sdk_cloudwatch::Client,
    /// The table.
    pub(super) ledger: Ledger,
    /// The environment's names.
    pub(super) names: Names,
}

impl Connection {
    /// Connects, and refuses the wrong account as a deployment does.
    pub async fn open(account: &Account, names: Names, ui: &Arc<dyn Ui>) -> Result<Self, OperateError> {
        let context = Context::connect(account, ui).await?;
        let config = &context.aws.config;
        let ledger = Ledger {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            table: names.core("ledger"),
            region: context.aws.region.clone(),
        };
        let cloudwatch = aws_sdk_cloudwatch::Client::new(config);
        Ok(Self { context, cloudwatch, ledger, names })
    }

    /// The result of something that only looks, or an interruption as soon as Ctrl-C is pressed.
    pub async fn unless_interrupted<T>(
        &self,
        looking: impl Future<Output = Result<T, OperateError>>,
    ) -> Result<T, OperateError> {
        tokio::select! {
            result = looking => result,
            () = self.context.interrupt.pressed() => Err(crate::deploy::DeployError::Interrupted.into()),
        }
    }

    /// Asks, unless `yes`. Nobody to ask is an error.
    pub async fn confirm(&self, question: &str, yes: bool) -> Result<bool, OperateError> {
        Ok(self.context.confirm(question, yes).await?)
    }

    /// Shows text that the next question is about.
    pub fn show(&self, text: &str) {
        self.context.ui.show(text);
    }

    /// Who acts.
    pub(super) async fn identity(&self) -> Result<Identity, OperateError> {
        Ok(self.context.aws.identity().await?)
    }
}
