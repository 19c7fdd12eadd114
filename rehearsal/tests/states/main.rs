//! State machines, from outside: small ones for each feature, and those that the compiler generated.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod drive;
mod expressions;
mod failures;
mod generated;
mod guard;
mod maps;
mod template;
mod times;
mod unknown;
mod variables;
