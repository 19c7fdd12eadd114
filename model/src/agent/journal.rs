//! The journal: how entries are written, and how the state comes back from them.
//!
//! One entry a line: eight hexadecimal digits of CRC-32 (ISO-HDLC) over the rest, a space, the entry as JSON, a line feed.
//!
//! What the edge does, so that a crash at any moment loses nothing:
//! 1. Entries are appended in their order, and synchronised (`fdatasync`) before anything is done that the core names after them.
//! 2. A line that could not be written whole is cut off before the next is written.
//! 3. A new file begins with a checkpoint, then the entries of events that are not acknowledged, with the numbers that they have.
//!    It takes the old one's place by a rename, after it was synchronised.
//! 4. What the reporter has published is acknowledged in the order of the entries.
//!
//! A torn last line is what a crash leaves: its entry was not synchronised, so nothing that follows from it was done. A line
//! in the middle that does not match its checksum is damage: it is skipped and counted.

use super::event::AgentEvent;
use super::state::{Entry, Record, State};
use super::time::Now;

/// Longest line in bytes. A longer one is damage, and is not read into memory.
pub const MAX_LINE: usize = 1 << 20;

/// Why a line is no entry.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It does not begin with a checksum and a space, or is not UTF-8.
    #[error("the line has no checksum")]
    Shape,
    /// What it says is not what was written.
    #[error("the line's checksum is {written:08x}, its content's {found:08x}")]
    Checksum {
        /// As the line says.
        written: u32,
        /// Of the line's content.
        found: u32,
    },
    /// It was written by another version, whose records this one does not know.
    #[error("the entry is not known: {0}")]
    Unknown(#[from] serde_json::Error),
}

/// An entry as one line, with its line feed.
pub fn encode(entry: &Entry) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(entry)?;
    Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())))
}

/// The entry of a line, with or without its line feed.
pub fn decode(line: &[u8]) -> Result<Entry, LineError> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let (sum, json) = line.split_at_checked(9).ok_or(LineError::Shape)?;
    let sum = sum.strip_suffix(b" ").and_then(|sum| std::str::from_utf8(sum).ok()).ok_or(LineError::Shape)?;
    if !sum.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(LineError::Shape);
    }
    let written = u32::from_str_radix(sum, 16).map_err(|_| LineError::Shape)?;
    let found = crc32fast::hash(json);
    if written != found {
        return Err(LineError::Checksum { written, found });
    }
    Ok(serde_json::from_slice(json)?)
}

/// What a journal says.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// The state.
    pub state: State,
    /// Events that are not published yet, with the numbers of their entries, in order.
    pub unpublished: Vec<(u64, AgentEvent)>,
    /// Lines in the middle that were no entries.
    pub damaged: u64,
    /// Entries that are missing between others.
    pub missing: u64,
    /// Whether the last line was not whole.
    pub torn: bool,
}

/// Folds lines into the state. It reads a journal line by line, so a large one takes no more memory than what it comes to.
#[derive(Debug)]
pub struct Fold {
    folded: Folded,
    /// Whether an entry was applied, so that a gap before the next one is one.
    begun: bool,
}

impl Fold {
    /// A fold that begins with a fresh state.
    #[must_use]
    pub fn new(origin: u128, now: &Now) -> Self {
        let state = State::fresh(origin, now);
        let folded = Folded { state, unpublished: Vec::new(), damaged: 0, missing: 0, torn: false };
        Self { folded, begun: false }
    }

    /// Takes a line in, with its line feed. A line without one is torn, whatever it holds: it was not synchronised.
    pub fn line(&mut self, line: &[u8]) {
        if std::mem::take(&mut self.folded.torn) {
            // It was not the last one.
            self.folded.damaged += 1;
        }
        if !line.ends_with(b"\n") {
            self.folded.torn = true;
            return;
        }
        match decode(line) {
            Ok(entry) => self.entry(&entry),
            Err(_) => self.folded.damaged += 1,
        }
    }

    fn entry(&mut self, entry: &Entry) {
        let folded = &mut self.folded;
        let checkpoint = matches!(entry.record, Record::Checkpoint(_));
        // An entry from before a checkpoint is in it already. Events are carried over behind one until they are published.
        if checkpoint || !self.begun || entry.number >= folded.state.next_entry {
            if self.begun {
                folded.missing += entry.number.saturating_sub(folded.state.next_entry);
            }
            folded.state.apply(entry);
            self.begun = true;
        }
        if let Some(event) = entry.record.event() {
            folded.unpublished.push((entry.number, event.clone()));
        }
        if let Record::Acknowledged { .. } | Record::Checkpoint(_) = entry.record {
            let acknowledged = folded.state.acknowledged;
            folded.unpublished.retain(|(number, _)| *number > acknowledged);
        }
    }

    /// What the lines said.
    #[must_use]
    pub fn end(mut self) -> Folded {
        let acknowledged = self.folded.state.acknowledged;
        self.folded.unpublished.retain(|(number, _)| *number > acknowledged);
        self.folded.unpublished.sort_by_key(|(number, _)| *number);
        self.folded.unpublished.dedup_by_key(|(number, _)| *number);
        self.folded
    }
}

/// Folds a whole journal.
#[must_use]
pub fn fold(journal: &[u8], origin: u128, now: &Now) -> Folded {
    let mut fold = Fold::new(origin, now);
    for line in journal.split_inclusive(|byte| *byte == b'\n') {
        fold.line(line);
    }
    fold.end()
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
