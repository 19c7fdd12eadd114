//! The part of JSON path that input transformers and metric filters have.

use serde_json::Value;

/// A step to a member or an element.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

/// A path such as `$.detail.items[0].name`; `$` alone is everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

impl Path {
    /// Reads a path: names in dot notation, with the characters that `EventBridge` has in names (user guide, input
    /// transformation), `['any name']`, and indices. Wildcards are not read.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            rest = rest.strip_prefix(".[").map_or(rest, |_| &rest[1..]);
            if let Some(after) = rest.strip_prefix("['") {
                let (name, after) = after.split_once("']")?;
                steps.push(Step::Member(name.to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']')?;
                steps.push(Step::Element(index.parse().ok()?));
                rest = after;
            } else {
                let after = rest.strip_prefix('.')?;
                let length = after.find(|each| !is_name(each)).unwrap_or(after.len());
                let (name, after) = after.split_at(length);
                if name.is_empty() {
                    return None;
                }
                steps.push(Step::Member(name.to_owned()));
                rest = after;
            }
        }
        Some(Self(steps))
    }

    /// The value there, if there is one.
    pub(super) fn find<'value>(&self, value: &'value Value) -> Option<&'value Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Member(name) => value.as_object()?.get(name),
            Step::Element(index) => value.as_array()?.get(*index),
        })
    }
}

/// Whether a character may stand in a name.
pub(super) fn is_name(character: char) -> bool {
    character.is_alphanumeric() || ['-', '_', '/'].contains(&character)
}

#[cfg(test)]
mod tests {
    use super::Path;
    use serde_json::json;

    #[test]
    fn paths_lead_through_objects_and_lists() {
        let value = json!({"detail-type": "x", "resources": ["a", {"b.c": 1}]});
        for (path, found) in [
            ("$", Some(value.clone())),
            ("$.detail-type", Some(json!("x"))),
            ("$.resources[0]", Some(json!("a"))),
            ("$.resources[1].['b.c']", Some(json!(1))),
            ("$.resources[2]", None),
            ("$.detail-type[0]", None),
            ("$.absent.more", None),
        ] {
            assert_eq!(Path::parse(path).unwrap().find(&value).cloned(), found, "{path}");
        }
        for wrong in ["detail", "$detail", "$..a", "$.a[*]", "$.*", "$.a[", "$.a[x]", "$.", "$.a b"] {
            assert_eq!(Path::parse(wrong), None, "{wrong}");
        }
    }
}
