//! Alarms against what AWS documents about them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod composites;
mod fleets;
mod generated;
mod invariants;
mod missing_data;
mod queries;
mod refusals;
mod shapes;
mod stores;
mod support;
mod transitions;
mod yaml;
