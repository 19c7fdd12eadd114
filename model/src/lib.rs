//! The language of Healstack as plain values: rules, names, durations and the ledger.
//!
//! **Invariant:** this crate does no I/O and reads no clock. What it decides, it decides from its arguments, so the
//! compiler, the agent and the rehearsal can share one set of decisions and every test can run in virtual time.

pub mod agent;
pub mod alarm;
pub mod duration;
pub mod guard;
pub mod ledger;
pub mod name;
pub mod naming;
pub mod rule;

pub use duration::Seconds;
pub use name::{EnvironmentName, Prefix, RuleName, StackName};
pub use naming::Names;
pub use rule::{Action, Budget, Layer, Mode, MuteWindow, Notify, Rule, RuleFile};
