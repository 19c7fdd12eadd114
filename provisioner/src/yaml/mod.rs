//! YAML with positions: read into a tree that remembers where everything stood, written in one canonical form.
//!
//! Rule files and rendered templates go through the same tree. A parser crate gives the events; the tree, its limits
//! and the writer are ours because errors need byte spans and generated templates need tags and comments.

mod data;
mod emit;
mod node;
mod parse;
mod scalar;

pub use data::{HELD_CLOSE, HELD_OPEN, check_data};
pub use emit::Writer;
pub use node::{Entry, Mapping, Node, Span, Value};
pub use parse::parse;
pub use scalar::quote;
