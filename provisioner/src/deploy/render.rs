//! Reports as text for people.
//!
//! The text is coloured with ANSI sequences. Print it with `anstream`, which takes the colours out when the output is not a
//! terminal or `NO_COLOR` is set.

mod changes;
mod results;
mod state;
pub(crate) mod style;
mod values;

pub use changes::diff;
pub(super) use results::removals;
pub use results::{deploy, destroy};
pub use state::status;

#[cfg(test)]
#[path = "render/render_test.rs"]
mod tests;
