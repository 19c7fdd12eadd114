//! The agent's decisions, without its hands.

pub mod config;
pub mod polling;
pub mod samples;
pub mod slope;
pub mod time;
