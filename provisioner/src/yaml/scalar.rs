//! Scalars: what plain text means in YAML, and how text is written so that it means itself.

use super::Value;
use std::fmt::Write as _;

/// What an unquoted scalar is in the YAML 1.2 core schema.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "-.inf" => {
            return Value::String(text.to_owned());
        }
        _ => {}
    }
    let radix = |prefix: &str, radix| text.strip_prefix(prefix).and_then(|n| i64::from_str_radix(n, radix).ok());
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Value::Int(number);
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    if numeric {
        if let Ok(number) = text.parse::<i64>() {
            return Value::Int(number);
        }
        if let Ok(number) = text.parse::<f64>() {
            // 10.0 is 10: what asks for a whole number takes it, and no template says 10.0.
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
            return match number {
                whole if whole.fract() == 0.0 && whole.abs() < 1e15 => Value::Int(whole as i64),
                other => Value::Float(other),
            };
        }
    }
    Value::String(text.to_owned())
}

/// `text` as a double-quoted YAML scalar in ASCII. It stands wherever a scalar may stand and always means `text`:
/// JSON's own escapes leave U+0085, U+2028 and other characters that YAML reads as line breaks.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            // Writing to a String cannot fail.
            c if (c as u32) <= 0xFF => drop(write!(out, "\\x{:02X}", c as u32)),
            c if (c as u32) <= 0xFFFF => drop(write!(out, "\\u{:04X}", c as u32)),
            c => drop(write!(out, "\\U{:08X}", c as u32)),
        }
    }
    out.push('"');
    out
}

/// `text` in the most readable style that means it: plain, single-quoted, then double-quoted.
pub(super) fn style(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if text.chars().all(is_printable) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        quote(text)
    }
}

/// Characters that mean themselves in every style and in every editor.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{A1}'..='\u{AC}' | '\u{AE}'..='\u{2027}' | '\u{2030}'..='\u{D7FF}' | '\u{E000}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// Whether plain text is read as this text by YAML 1.2 and by the 1.1 parsers that many AWS tools use.
fn is_plain(text: &str) -> bool {
    let yaml_1_1 = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let lower = text.to_ascii_lowercase();
    let Some(first) = text.chars().next() else { return false };
    if !text.chars().all(is_printable)
        || text.ends_with([' ', ':'])
        || first.is_ascii_digit()
        || " -?:,[]{}#&*!|>'\"%@`=~+.<".contains(first)
        || yaml_1_1.contains(&lower.as_str())
    {
        return false;
    }
    !text.contains(": ") && !text.contains(" #")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_the_core_schema() {
        assert_eq!(resolve("true"), Value::Bool(true));
        assert_eq!(resolve("yes"), Value::String("yes".into()));
        assert_eq!(resolve("-12"), Value::Int(-12));
        assert_eq!(resolve("0x1F"), Value::Int(31));
        assert_eq!(resolve("1.5"), Value::Float(1.5));
        assert_eq!(resolve("10.0"), Value::Int(10));
        assert_eq!(resolve("10m"), Value::String("10m".into()));
        assert_eq!(resolve("2026-11-23"), Value::String("2026-11-23".into()));
        assert_eq!(resolve("-"), Value::String("-".into()));
    }

    #[test]
    fn quotes_what_would_change_meaning() {
        for text in ["", "yes", "No", "2012-10-17", "1", "1:30", "- a", "a: b", "a #b", "{{ X }}", "'", " a", "a ", "~"]
        {
            assert!(style(text).starts_with(['\'', '"']), "{text:?} became {}", style(text));
        }
        for text in ["AWS::SNS::Topic", "arn:${AWS::Partition}:sns", "Recover i-1", "heal--core", "a'b"] {
            assert_eq!(style(text), text);
        }
    }
}
