//! Which keys are meant, and for how long they may live.

use std::time::Duration;

/// The longest prefix in bytes: far beyond any naming scheme, and far below what would matter on the wire.
const LONGEST_PREFIX: usize = 512;

/// The keys to work on: all that begin with these bytes. It is never empty, since that would be every key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrefix(Vec<u8>);

/// Why bytes are no prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyPrefixError {
    /// It would be every key.
    #[error("an empty prefix would be every key")]
    Empty,
    /// Too long.
    #[error("a prefix of {0} bytes is longer than {LONGEST_PREFIX}")]
    TooLong(usize),
}

impl KeyPrefix {
    /// Takes a prefix literally: `*` in it is a star.
    pub fn try_new(prefix: impl Into<Vec<u8>>) -> Result<Self, KeyPrefixError> {
        let prefix = prefix.into();
        match prefix.len() {
            0 => Err(KeyPrefixError::Empty),
            length if length > LONGEST_PREFIX => Err(KeyPrefixError::TooLong(length)),
            _ => Ok(Self(prefix)),
        }
    }

    /// Whether a key begins with it.
    #[must_use]
    pub fn matches(&self, key: &[u8]) -> bool {
        key.starts_with(&self.0)
    }

    /// The pattern of `SCAN … MATCH`, with everything that it would read as more than a byte escaped.
    pub(super) fn pattern(&self) -> Vec<u8> {
        let mut pattern = Vec::with_capacity(self.0.len() + 2);
        for &byte in &self.0 {
            if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^' | b'-') {
                pattern.push(b'\\');
            }
            pattern.push(byte);
        }
        pattern.push(b'*');
        pattern
    }
}

/// A walk over the keys with a prefix, batch by batch, which its owner paces. Redis promises that a key which is there
/// from beginning to end is met, perhaps more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    pub(super) prefix: KeyPrefix,
    pub(super) cursor: u64,
    pub(super) done: bool,
}

impl Walk {
    /// At the beginning.
    #[must_use]
    pub fn new(prefix: KeyPrefix) -> Self {
        Self { prefix, cursor: 0, done: false }
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }
}

/// How long a key lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// There is no such key.
    Missing,
    /// For ever.
    Persistent,
    /// This long.
    Left(Duration),
}

/// What a changed lifetime may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TtlBounds {
    least: Duration,
    most: Duration,
}

/// Why a lifetime, or bounds of one, are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TtlError {
    /// No lifetime is within these bounds, or one of them is below what Redis counts in.
    #[error("no lifetime is between {} ms and {} ms; the least is 1 ms", .least.as_millis(), .most.as_millis())]
    Bounds {
        /// The lower one.
        least: Duration,
        /// The upper one.
        most: Duration,
    },
    /// Outside its bounds.
    #[error("a lifetime of {} ms is outside of {} ms to {} ms", .wanted.as_millis(), .bounds.least.as_millis(), .bounds.most.as_millis())]
    Outside {
        /// What was wanted.
        wanted: Duration,
        /// What is allowed.
        bounds: TtlBounds,
    },
}

impl TtlBounds {
    /// Bounds, both included. `PEXPIRE` with 0 or less deletes the key, so the least is a millisecond.
    pub fn try_new(least: Duration, most: Duration) -> Result<Self, TtlError> {
        if least < Duration::from_millis(1) || least > most {
            return Err(TtlError::Bounds { least, most });
        }
        Ok(Self { least, most })
    }

    pub(super) fn admit(self, wanted: Duration) -> Result<(), TtlError> {
        if wanted < self.least || wanted > self.most {
            return Err(TtlError::Outside { wanted, bounds: self });
        }
        Ok(())
    }
}

/// What became of a change of a lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtlChange {
    /// Done.
    Changed {
        /// What was left before.
        from: Duration,
    },
    /// The key is not there (any more).
    Missing,
    /// The key lives for ever and still does: to make it expire could lose what is in no other place.
    Persistent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_literal_and_never_empty() {
        assert_eq!(KeyPrefix::try_new(""), Err(KeyPrefixError::Empty));
        assert_eq!(KeyPrefix::try_new(vec![b'x'; 513]), Err(KeyPrefixError::TooLong(513)));
        let prefix = KeyPrefix::try_new("a*b[c]?\\").unwrap();
        assert_eq!(prefix.pattern(), br"a\*b\[c\]\?\\*");
        assert!(prefix.matches(b"a*b[c]?\\1") && !prefix.matches(b"axb"));
    }

    #[test]
    fn lifetimes_stay_within_bounds() {
        let seconds = Duration::from_secs;
        assert!(TtlBounds::try_new(seconds(0), seconds(1)).is_err());
        assert!(TtlBounds::try_new(seconds(2), seconds(1)).is_err());
        let bounds = TtlBounds::try_new(seconds(1), seconds(60)).unwrap();
        assert_eq!(bounds.admit(seconds(1)), Ok(()));
        assert_eq!(bounds.admit(seconds(60)), Ok(()));
        assert!(bounds.admit(seconds(61)).is_err() && bounds.admit(Duration::from_millis(999)).is_err());
    }
}
