//! `EventBridge`: which rules an event matches, and what their targets are given; and the metric filters of log groups
//! that events are sent to.
//!
//! **Invariant:** what is not understood (an operator, a property, a path) is an [`crate::Unsupported`] when a rule is
//! loaded, so matching an event cannot fail.

mod filter;
pub mod logs;
mod path;
mod pattern;
mod rule;
mod transformer;
mod wildcard;

pub use rule::{Retry, Rule, Target};
