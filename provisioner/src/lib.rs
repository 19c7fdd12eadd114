//! Compiles healing rules into CloudFormation, checks them and deploys them.

pub mod compile;
pub mod config;
pub mod diagnostics;
pub mod generated;
pub mod kinds;
pub mod project;
pub mod render;
pub mod rules;
pub mod schema;
pub mod yaml;
