//! Alarms against what AWS documents about them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail with the test")]

mod missing_data;
mod support;
