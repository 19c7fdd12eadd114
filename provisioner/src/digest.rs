//! SHA-256, for names that change with their content.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The digest of the parts in their order, as 64 lower-case hexadecimal digits. Parts are kept apart: `ab`, `c` is not
/// `a`, `bc`.
pub(crate) fn sha256<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            hash.update([0]);
        }
        hash.update(part);
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_standards() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256(["abc"]), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_ne!(sha256(["ab", "c"]), sha256(["a", "bc"]));
    }
}
