//! Automation documents, run step by step.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod answers;
mod documents;
mod drive;
mod generated;
mod service;
mod steps;
mod template;
