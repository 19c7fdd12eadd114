//! Automation documents, run step by step.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "tests read better without `&` and `Some`"
)]

mod answers;
mod documents;
mod drive;
mod generated;
mod service;
mod steps;
mod template;
