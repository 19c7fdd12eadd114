//! The section `storm` of a scenario file: how a number of the rule's resources are made, and made ill together.

use super::ScenarioError;
use super::fields::Fields;
use serde_json::{Map, Value};

/// Where the number of a resource stands in the section's texts.
const NUMBER: &str = "{n}";

/// Many resources of one rule. In every text `{n}` is a resource's number, as the 17 hexadecimal digits that ids of EC2 have.
#[derive(Debug, Clone)]
pub struct Storm {
    /// What a behaviour's `given` makes of each resource.
    given: Vec<Value>,
    /// The ailment of each.
    ail: Value,
    /// What the ledger and runbooks call it.
    resource: String,
    /// Which share AWS's own healing mends, and what is different about their ailment.
    native: (u64, Map<String, Value>),
}

/// One of the resources.
#[derive(Debug, Clone)]
pub struct Member {
    /// What makes it.
    pub given: Vec<Value>,
    /// What makes it ill.
    pub ail: Value,
    /// What the ledger calls it.
    pub resource: String,
}

impl Storm {
    /// Of a hundred resources, how many are mended by AWS's own healing.
    #[must_use]
    pub const fn native_percent(&self) -> u64 {
        self.native.0
    }

    /// The resource of a number.
    #[must_use]
    pub fn member(&self, number: u64, native: bool) -> Member {
        let digits = format!("{number:017x}");
        let mut ail = self.ail.clone();
        if native && let Some(members) = ail.as_object_mut() {
            members.extend(self.native.1.clone());
        }
        Member {
            given: self.given.iter().map(|thing| numbered(thing, &digits)).collect(),
            ail: numbered(&ail, &digits),
            resource: self.resource.replace(NUMBER, &digits),
        }
    }
}

fn numbered(value: &Value, digits: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(NUMBER, digits)),
        Value::Array(items) => items.iter().map(|item| numbered(item, digits)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace(NUMBER, digits), numbered(value, digits))).collect()
        }
        other => other.clone(),
    }
}

/// Reads the section.
pub(super) fn storm(value: Value) -> Result<Storm, ScenarioError> {
    let mut fields = Fields::new("storm", value)?;
    let given = fields.list("given")?;
    let ail = Fields::new("storm, ail", fields.required("ail")?)?.rest();
    let resource = fields.text("resource")?;
    if given.is_empty() || !resource.contains(NUMBER) {
        return Err(fields.error(format!("`given` must make a resource, and `resource` must contain {NUMBER}")));
    }
    let native = match fields.optional("native") {
        None => (0, Map::new()),
        Some(value) => {
            let mut native = Fields::new("storm, native", value)?;
            let percent = native.count("percent")?;
            let with = native.required("with")?;
            let Value::Object(with) = with else { return Err(native.error("`with` must be a mapping")) };
            if percent > 100 {
                return Err(native.error(format!("`percent` is {percent}; it may be 0 to 100")));
            }
            native.end()?;
            (percent, with)
        }
    };
    fields.end()?;
    Ok(Storm { given, ail, resource, native })
}

#[cfg(test)]
mod tests {
    use super::storm;
    use serde_json::json;

    #[test]
    fn each_resource_has_its_number() {
        let storm = storm(json!({
            "given": [{"instance": "i-{n}", "tags": {"app": "shop"}}],
            "ail": {"ail": "instance", "id": "i-{n}", "until": "start"},
            "native": {"percent": 90, "with": {"until": "reboot"}},
            "resource": "i-{n}",
        }))
        .unwrap();
        let member = storm.member(255, true);
        assert_eq!(member.resource, "i-000000000000000ff");
        assert_eq!(member.given[0]["instance"], "i-000000000000000ff");
        assert_eq!(member.ail, json!({"ail": "instance", "id": "i-000000000000000ff", "until": "reboot"}));
        assert_eq!(storm.member(255, false).ail["until"], "start");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, message) in [
            (json!({"given": [{"instance": "i-1"}], "ail": {}, "resource": "i-1"}), "must contain {n}"),
            (
                json!({"given": [{}], "ail": {}, "resource": "{n}", "native": {"percent": 101, "with": {}}}),
                "`percent` is 101",
            ),
            (json!({"given": [{}], "ail": {}, "resource": "{n}", "share": 1}), "`share` does not belong here"),
        ] {
            let error = storm(value).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
