//! One line of Prometheus's text format (version 0.0.4, with the quoted names of 1.0.0, and OpenMetrics' exemplars
//! passed over). Nothing is copied unless it holds an escape.

use std::borrow::Cow;

/// What a line is.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    /// Empty, or a comment: `# HELP`, `# TYPE`, `# EOF`.
    Nothing,
    /// A sample of a series.
    Sample(Sample<'a>),
}

/// A sample of a series. A histogram's buckets are series of their own, as they are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    /// The metric.
    pub metric: Cow<'a, str>,
    /// Its labels, not yet taken apart.
    pub labels: Labels<'a>,
    /// Its value; NaN and infinities included.
    pub value: f64,
    /// Milliseconds since 1970, where the page says so. OpenMetrics counts in seconds; there it is what is written,
    /// rounded down.
    pub timestamp: Option<i64>,
}

/// The labels of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labels<'a>(&'a str);

/// Why a line is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// The name of the metric is missing or holds what a name may not.
    #[error("no name of a metric")]
    Name,
    /// The labels are not `name="value"` in braces.
    #[error("malformed labels")]
    Labels,
    /// The value is missing or no number.
    #[error("no value")]
    Value,
    /// What follows the value is no timestamp.
    #[error("no timestamp")]
    Timestamp,
}

impl<'a> Line<'a> {
    /// Reads a line, without its end.
    pub fn parse(line: &'a [u8]) -> Result<Self, LineError> {
        let line = std::str::from_utf8(line).map_err(|_| LineError::Encoding)?.trim_matches(BLANKS);
        if line.is_empty() || line.starts_with('#') {
            return Ok(Self::Nothing);
        }
        Sample::parse(line).map(Self::Sample)
    }
}

/// What may stand between the parts of a line.
const BLANKS: [char; 2] = [' ', '\t'];

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Result<Self, LineError> {
        let name_end = line.find(|byte| !is_name(byte, true)).unwrap_or(line.len());
        let (name, rest) = line.split_at(name_end);
        let rest = rest.trim_start_matches(BLANKS);
        let (metric, labels, rest) = if let Some(inside) = rest.strip_prefix('{') {
            let (quoted, labels, rest) = braces(inside)?;
            match quoted {
                Some(quoted) if name.is_empty() => (quoted, labels, rest),
                None if !name.is_empty() => (Cow::Borrowed(name), labels, rest),
                _ => return Err(LineError::Name),
            }
        } else {
            (Cow::Borrowed(name), Labels(""), rest)
        };
        if metric.is_empty() || metric.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(LineError::Name);
        }
        // An exemplar begins at a `#`: neither value nor timestamp may hold one.
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let mut words = rest.split(BLANKS).filter(|word| !word.is_empty());
        let value = words.next().and_then(number).ok_or(LineError::Value)?;
        let timestamp = words.next().map(|word| timestamp(word).ok_or(LineError::Timestamp)).transpose()?;
        if words.next().is_some() {
            return Err(LineError::Timestamp);
        }
        Ok(Self { metric, labels, value, timestamp })
    }
}

impl<'a> Labels<'a> {
    /// Name and value of each.
    pub fn iter(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        let mut rest = self.0;
        // They were checked when the line was read, so that nothing ends early here.
        std::iter::from_fn(move || {
            loop {
                match item(rest).ok()?? {
                    (Item::Label(name, value), after) => {
                        rest = after;
                        return Some((name, value));
                    }
                    (Item::Metric(_), after) => rest = after,
                }
            }
        })
    }

    /// The value of a label; as in Prometheus, one that is absent is empty.
    #[must_use]
    pub fn get(self, name: &str) -> Cow<'a, str> {
        self.iter().find_map(|(key, value)| (key == name).then_some(value)).unwrap_or_default()
    }
}

enum Item<'a> {
    Metric(Cow<'a, str>),
    Label(Cow<'a, str>, Cow<'a, str>),
}

/// What stands in braces: a quoted name of the metric where it is there, the labels, and what follows the braces.
fn braces(inside: &str) -> Result<(Option<Cow<'_, str>>, Labels<'_>, &str), LineError> {
    let mut metric = None;
    let mut rest = inside;
    while let Some((found, after)) = item(rest)? {
        if let Item::Metric(name) = found
            && metric.replace(name).is_some()
        {
            return Err(LineError::Labels);
        }
        rest = after;
    }
    let end = rest.trim_start_matches(BLANKS);
    let after = end.strip_prefix('}').ok_or(LineError::Labels)?;
    let labels = &inside[..inside.len() - end.len()];
    Ok((metric, Labels(labels), after))
}

/// The next thing in braces with its comma, and what follows; `None` at the closing brace or the end.
fn item(text: &str) -> Result<Option<(Item<'_>, &str)>, LineError> {
    let text = text.trim_start_matches(BLANKS);
    if text.is_empty() || text.starts_with('}') {
        return Ok(None);
    }
    let (name, rest) = if text.starts_with('"') {
        string(text)?
    } else {
        let end = text.find(|character| !is_name(character, false)).unwrap_or(text.len());
        if end == 0 || text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(LineError::Labels);
        }
        let (name, rest) = text.split_at(end);
        (Cow::Borrowed(name), rest)
    };
    let rest = rest.trim_start_matches(BLANKS);
    let (found, rest) = match rest.strip_prefix('=') {
        Some(rest) => {
            let (value, rest) = string(rest.trim_start_matches(BLANKS))?;
            (Item::Label(name, value), rest)
        }
        None if text.starts_with('"') => (Item::Metric(name), rest),
        None => return Err(LineError::Labels),
    };
    let rest = rest.trim_start_matches(BLANKS);
    match rest.strip_prefix(',') {
        Some(rest) => Ok(Some((found, rest))),
        None if rest.is_empty() || rest.starts_with('}') => Ok(Some((found, rest))),
        None => Err(LineError::Labels),
    }
}

/// A string in quotes, where `\\`, `\"` and `\n` stand for what they do; and what follows it.
fn string(text: &str) -> Result<(Cow<'_, str>, &str), LineError> {
    let text = text.strip_prefix('"').ok_or(LineError::Labels)?;
    let mut unescaped: Option<String> = None;
    let mut start = 0;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => {
                let last = &text[start..at];
                let value = unescaped.map_or(Cow::Borrowed(last), |text| Cow::Owned(text + last));
                return Ok((value, &text[at + 1..]));
            }
            b'\\' => {
                let (_, escaped) = bytes.next().ok_or(LineError::Labels)?;
                let character = match escaped {
                    b'n' => '\n',
                    b'"' => '"',
                    b'\\' => '\\',
                    _ => return Err(LineError::Labels),
                };
                let so_far = unescaped.get_or_insert_default();
                so_far.push_str(&text[start..at]);
                so_far.push(character);
                start = at + 2;
            }
            _ => {}
        }
    }
    Err(LineError::Labels)
}

fn is_name(character: char, colon: bool) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || (colon && character == ':')
}

/// A float as Go reads it, as far as pages hold them: Rust's own grammar has the same `NaN`, `+Inf` and `-Inf`.
fn number(word: &str) -> Option<f64> {
    word.parse().ok()
}

#[expect(clippy::cast_possible_truncation, reason = "a float is taken only within the range of the integer")]
fn timestamp(word: &str) -> Option<i64> {
    let whole = || {
        let float = word.parse::<f64>().ok()?;
        // 2^53: beyond it a float is no exact count of anything.
        (float.abs() < 9_007_199_254_740_992.0).then_some(float.floor() as i64)
    };
    word.parse().ok().or_else(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(line: &str) -> Sample<'_> {
        match Line::parse(line.as_bytes()) {
            Ok(Line::Sample(sample)) => sample,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn labels(sample: &Sample<'_>) -> Vec<(String, String)> {
        sample.labels.iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "what was written is read exactly")]
    fn samples() {
        let plain = sample("up 1");
        assert_eq!((plain.metric.as_ref(), plain.value, plain.timestamp), ("up", 1.0, None));
        let full = sample("  http_requests:total\t{ method = \"post\" , code=\"200\", } 1.5e3  1395066363000");
        assert_eq!((full.metric.as_ref(), full.value), ("http_requests:total", 1500.0));
        assert_eq!(full.timestamp, Some(1_395_066_363_000));
        assert_eq!((full.labels.get("code").as_ref(), full.labels.get("none").as_ref()), ("200", ""));
        let bucket = sample("latency_bucket{le=\"+Inf\"} +Inf -5");
        assert_eq!((bucket.value, bucket.timestamp), (f64::INFINITY, Some(-5)));
        assert_eq!(sample("x -Inf").value, f64::NEG_INFINITY);
        assert!(sample("x NaN").value.is_nan());
        assert_eq!(labels(&sample("x{} 1")), []);
    }

    #[test]
    fn escapes_quoted_names_and_exemplars() {
        let escaped = sample(r#"msdos{path="C:\\DIR\\FILE.TXT",error="Cannot \"find\":\n}{,=#"} 1"#);
        assert_eq!(escaped.labels.get("path"), r"C:\DIR\FILE.TXT");
        assert_eq!(escaped.labels.get("error"), "Cannot \"find\":\n}{,=#");
        let quoted = sample(r#"{"my.metric","a.b"="c",d="e"} 2"#);
        assert_eq!(quoted.metric, "my.metric");
        assert_eq!(labels(&quoted), [("a.b".into(), "c".into()), ("d".into(), "e".into())]);
        let exemplar = sample(r#"b_bucket{le="1"} 3 1520879607.789 # {trace="x"} 0.6 1520879607"#);
        assert_eq!((exemplar.value, exemplar.timestamp), (3.0, Some(1_520_879_607)));
    }

    #[test]
    fn nothing() {
        for line in ["", "  ", "# HELP up is it", "#", "\t# EOF"] {
            assert_eq!(Line::parse(line.as_bytes()), Ok(Line::Nothing), "{line}");
        }
    }

    #[test]
    fn what_is_no_line() {
        for (line, error) in [
            ("up", LineError::Value),
            ("up one", LineError::Value),
            ("up 1 now", LineError::Timestamp),
            ("up 1 2 3", LineError::Timestamp),
            ("9up 1", LineError::Name),
            ("{a=\"b\"} 1", LineError::Name),
            ("a{\"b\"} 1", LineError::Name),
            ("{\"a\",\"b\"} 1", LineError::Labels),
            ("<html>", LineError::Name),
            ("a{b} 1", LineError::Labels),
            ("a{b=c} 1", LineError::Labels),
            ("a{b=\"c} 1", LineError::Labels),
            ("a{b=\"c\"d=\"e\"} 1", LineError::Labels),
            ("a{b=\"\\x\"} 1", LineError::Labels),
            ("a{b=\"c\" 1", LineError::Labels),
            ("a{9=\"c\"} 1", LineError::Labels),
        ] {
            assert_eq!(Line::parse(line.as_bytes()), Err(error), "{line}");
        }
        assert_eq!(Line::parse(b"up\xff 1"), Err(LineError::Encoding));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            values in proptest::collection::vec(("[a-z_][a-z0-9_]{0,5}", any::<String>()), 0..5),
            value in any::<f64>(),
            timestamp in proptest::option::of(any::<i64>()),
        ) {
            let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let inside: Vec<_> = values.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
            let timestamp_text = timestamp.map(|time| format!(" {time}")).unwrap_or_default();
            let line = format!("m{{{}}} {value}{timestamp_text}", inside.join(","));
            let read = sample(&line);
            prop_assert_eq!(labels(&read), values);
            prop_assert!(read.value.to_bits() == value.to_bits() || (read.value.is_nan() && value.is_nan()));
            prop_assert_eq!(read.timestamp, timestamp);
        }
    }
}
