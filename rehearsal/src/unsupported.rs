//! What a generated artefact has and the rehearsal does not know.

/// Something that AWS may know and the rehearsal does not: it would have to guess, so it stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: the rehearsal does not know {what}")]
pub struct Unsupported {
    /// Where it is: `state machine heal--core--guard, state Read`.
    pub place: String,
    /// What it is: ``the field `HeartbeatSeconds` ``.
    pub what: String,
}

impl Unsupported {
    /// Says where and what.
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}
