//! Compiles healing rules into CloudFormation, checks them and deploys them.

pub mod cli;
pub mod compile;
pub mod config;
#[cfg(feature = "deploy")]
pub mod deploy;
mod describe;
pub mod diagnostics;
mod digest;
pub mod generated;
pub mod kinds;
pub mod local;
#[cfg(feature = "operate")]
pub mod operate;
pub mod project;
pub mod reference;
#[cfg(feature = "rehearse")]
pub mod rehearse;
pub mod render;
pub mod rules;
pub mod schema;
mod table;
mod text;
pub mod workload;
pub mod yaml;
