//! Systems Manager Automation: documents of schema 0.3, run step by step in virtual time (user guide, Automation
//! actions reference).
//!
//! A [`Document`] is loaded once. A [`Run`] does nothing by itself: [`Run::advance`] goes on as far as it can and
//! returns what it asks of the outside; [`Run::answer`] and [`Run::fire`] bring what became of it. [`Service`] starts
//! runs, holds back those that have no place, and answers for them.
//!
//! **Invariant:** the same document, parameters, answers, times and seed give the same actions in the same order.
//! **Invariant:** what is not understood (an action, a field, an operator, a type) is an [`crate::Unsupported`] when a
//! document is loaded.
//!
//! Where AWS documents nothing, this is what is taken for true:
//! * A selector that finds nothing leaves its output without a value, as examples of the user guide need. A branch that
//!   compares such an output is false there, and a step that is given one fails.
//! * `maxAttempts` tries again after a second, then after twice as long each time, up to eight.
//! * A wait looks after 2 s, then after twice as long each time, up to 15 s, and up to a second more. AWS says nothing
//!   of the interval; looks more often than that would cost time and show nothing else.
//! * A call that is refused fails a wait. One that fails on the service's side is made again at the next look.
//! * A script or a call that is not answered in its time has timed out.
//! * An automation whose critical steps failed and timed out has failed.

mod branch;
mod document;
mod event;
mod flow;
mod output;
mod parameter;
mod record;
mod run;
mod selector;
mod service;
mod step;
mod text;
mod variable;

pub use document::Document;
pub use event::status_event;
pub use record::{Status, StepRecord};
pub use run::{Action, Run, Token};
pub use service::{Limits, Service};
