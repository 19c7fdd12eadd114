//! The clients against real daemons: plain processes on loopback, in folders of their own.
//!
//! A daemon that is not installed fails its tests and says which package it is in; `cargo xtask test` installs them all.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod haproxy;
mod harness;
mod hostile;
mod http;
mod pgbouncer;
mod redis;
mod systemd;
