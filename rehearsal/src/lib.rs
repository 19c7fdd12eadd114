//! Healing seen to work before it is deployed: what the compiler generated, run in virtual time.
//!
//! **Invariant:** one clock ([`time::Millis`], handed in), one source of randomness ([`Random`]): the same seed gives the same run.
//! **Invariant:** what is not understood (an action, a field, a function, an intrinsic) is an error, [`Unsupported`], never skipped.

pub mod automation;
pub mod aws;
pub mod bridge;
pub mod dynamodb;
pub mod engine;
pub mod eventbridge;
pub mod faults;
pub mod figures;
pub mod log;
pub mod random;
pub mod rehearse;
pub mod scenario;
pub mod scripted;
mod select;
pub mod states;
pub mod storm;
pub mod template;
pub mod time;
pub mod timeline;
mod unsupported;
pub mod verdict;

pub use aws::{AwsError, Trouble, Workload};
pub use random::Random;
pub use time::Millis;
pub use unsupported::Unsupported;
