//! `JSONPath` as outputs and properties select by it (user guide, using action outputs as inputs).

use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Member(String),
    /// From the end where it is negative.
    Element(i64),
    All,
}

/// A selector such as `$.Reservations[0].Instances[-1].State.Name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector(Vec<Part>);

impl Selector {
    /// Reads a selector: names, `['any name']`, indices and `[*]`. Filters and deep scans are not read.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("['") {
                let (name, after) = after.split_once("']")?;
                parts.push(Part::Member(name.to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']')?;
                parts.push(if index == "*" { Part::All } else { Part::Element(index.parse().ok()?) });
                rest = after;
            } else {
                let after = rest.strip_prefix('.')?;
                let end = after.find(|each: char| !each.is_ascii_alphanumeric() && !['_', '-'].contains(&each));
                let (name, after) = after.split_at(end.unwrap_or(after.len()));
                if name.is_empty() {
                    return None;
                }
                parts.push(Part::Member(name.to_owned()));
                rest = after;
            }
        }
        Some(Self(parts))
    }

    /// What is there; a list where `[*]` selects. Nothing where there is nothing, or null.
    pub(super) fn find(&self, value: &Value) -> Option<Value> {
        let (mut found, mut several) = (vec![value], false);
        for part in &self.0 {
            several |= *part == Part::All;
            found = found.into_iter().flat_map(|value| part.of(value)).collect();
        }
        if several {
            return Some(found.into_iter().cloned().collect());
        }
        found.first().copied().filter(|value| !value.is_null()).cloned()
    }
}

impl Part {
    fn of<'value>(&self, value: &'value Value) -> Vec<&'value Value> {
        match (self, value) {
            (Self::Member(name), Value::Object(members)) => members.get(name).into_iter().collect(),
            (Self::All, Value::Array(elements)) => elements.iter().collect(),
            (Self::Element(index), Value::Array(elements)) => {
                let back = usize::try_from(index.unsigned_abs()).ok();
                let at = if *index < 0 { back.and_then(|back| elements.len().checked_sub(back)) } else { back };
                at.and_then(|at| elements.get(at)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Selector;
    use serde_json::json;

    #[test]
    fn selectors_find_what_is_there() {
        let value = json!({"A": [{"b": 1, "c-d": {"e.f": "x"}}, {"b": 2}], "n": null});
        for (selector, found) in [
            ("$", Some(value.clone())),
            ("$.A[0].b", Some(json!(1))),
            ("$.A[-1].b", Some(json!(2))),
            ("$.A[0].c-d['e.f']", Some(json!("x"))),
            ("$.A[*].b", Some(json!([1, 2]))),
            ("$.A[*].absent", Some(json!([]))),
            ("$.A[2].b", None),
            ("$.A[-3]", None),
            ("$.A.b", None),
            ("$.n", None),
        ] {
            assert_eq!(Selector::parse(selector).unwrap().find(&value), found, "{selector}");
        }
        for wrong in ["A", "$A", "$..A", "$.A[?(@.b == 1)]", "$.A[x]", "$.", "$.A[0", "$['a"] {
            assert_eq!(Selector::parse(wrong), None, "{wrong}");
        }
    }
}
