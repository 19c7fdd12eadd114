//! State machines of Step Functions, run in virtual time: the part of the Amazon States Language that the guard, the
//! recorder and the sweeper are written in (Step Functions developer guide; `QueryLanguage: JSONata` only).
//!
//! A [`Machine`] is loaded once, its expressions parsed once. An [`Execution`] does nothing by itself:
//! [`Execution::advance`] runs every thread as far as it goes and returns what it asks of the outside, calls and
//! timers; [`Execution::answer`] and [`Execution::fire`] bring what became of them.
//!
//! **Invariant:** the same machine, input, answers, times and seed give the same actions in the same order.
//! **Invariant:** what is not understood is an [`crate::Unsupported`] when a machine is loaded. The few things that
//! only a value can show (`Items` that are an object) end the execution with `Rehearsal.Unsupported`, which no Catch
//! takes.

mod errors;
mod evaluation;
mod execution;
mod failure;
mod functions;
mod inspect;
mod integration;
mod load;
mod machine;
mod map;
mod names;
mod policy;
mod run;
mod template;
mod thread;
mod value;

pub use errors::task_error;
pub use execution::Execution;
pub use failure::TaskError;
pub use inspect::{Seen, evaluate};
pub use machine::Machine;
pub use thread::{Action, Entered, Status, Token};
