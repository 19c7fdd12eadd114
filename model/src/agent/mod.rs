//! The agent's decisions, without its hands.

pub mod config;
pub mod event;
pub mod journal;
mod machine;
pub mod observe;
pub mod plan;
pub mod polling;
pub mod samples;
pub mod slope;
pub mod state;
#[cfg(test)]
mod testing;
pub mod time;

pub use machine::{Agent, Input, LeaseAnswer, Output, Watch, WatchId};
