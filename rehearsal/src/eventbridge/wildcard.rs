//! Text with `*` for any characters, or none.

/// A pattern, split at its wildcards: `a*b` is `a`, `b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wildcard(Vec<String>);

impl Wildcard {
    /// Reads a pattern. Where `escapes`, `\*` and `\\` stand for the characters themselves, other escapes and two
    /// wildcards in a row are none (`EventBridge` user guide, matching using wildcards).
    pub(super) fn parse(text: &str, escapes: bool) -> Option<Self> {
        let mut parts = vec![String::new()];
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let part = parts.last_mut()?;
            match character {
                '\\' if escapes => part.push(characters.next().filter(|next| ['*', '\\'].contains(next))?),
                '*' if escapes && characters.peek() == Some(&'*') => return None,
                '*' => parts.push(String::new()),
                other => part.push(other),
            }
        }
        Some(Self(parts))
    }

    /// Whether a text is like the pattern.
    pub(super) fn matches(&self, text: &str) -> bool {
        let [first, rest @ ..] = &self.0[..] else { return false };
        let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
        let Some((last, middle)) = rest.split_last() else { return text.is_empty() };
        for part in middle {
            // The first place that fits leaves the most for what follows.
            let Some(at) = text.find(part.as_str()) else { return false };
            text = &text[at + part.len()..];
        }
        text.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Wildcard;

    #[test]
    fn a_wildcard_is_any_text() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*ba", "aba", true),
            ("ab*ba", "aba", false),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
        ] {
            assert_eq!(Wildcard::parse(pattern, true).unwrap().matches(text), expected, "{pattern} {text}");
        }
        assert!(Wildcard::parse("a**b", true).is_none() && Wildcard::parse(r"a\b", true).is_none());
    }
}
