//! A change set's resource changes in our terms. Adds nothing that the change set does not hold, with one exception: where it
//! names a changed property without its values (emulators; AWS gives them), the values are taken from the two templates.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{
    ChangeAction, ChangeSource, PolicyAction, Replacement, RequiresRecreation, ResourceChange, ResourceChangeDetail,
};
use serde_json::Value;

use super::plan::{Change, ChangeKind, PropertyChange, Recreation};
use super::template;

/// The templates before and after, parsed; null when there is none or it cannot be parsed.
#[derive(Debug, Default)]
pub(super) struct Templates {
    /// The deployed template.
    pub(super) before: Value,
    /// The planned template.
    pub(super) after: Value,
}

/// The change of one resource.
pub(super) fn change(change: &ResourceChange, templates: &Templates) -> Change {
    let logical_id = change.logical_resource_id().unwrap_or_default();
    Change {
        kind: kind(change),
        logical_id: logical_id.to_owned(),
        resource_type: change.resource_type().unwrap_or_default().to_owned(),
        physical_id: change.physical_resource_id().filter(|id| !id.is_empty()).map(str::to_owned),
        policy: policy(change.policy_action()),
        properties: properties(logical_id, change.details(), templates),
    }
}

/// The resources of a template as additions, for a stack whose change set cannot exist yet.
pub(super) fn additions(template: &Value) -> Vec<Change> {
    let Some(resources) = template.get("Resources").and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut changes: Vec<Change> = resources
        .iter()
        .map(|(name, resource)| Change {
            kind: ChangeKind::Add,
            logical_id: name.clone(),
            resource_type: resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned(),
            physical_id: None,
            policy: None,
            properties: Vec::new(),
        })
        .collect();
    changes.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
    changes
}

fn kind(change: &ResourceChange) -> ChangeKind {
    match change.action() {
        Some(ChangeAction::Add) => ChangeKind::Add,
        Some(ChangeAction::Remove) => ChangeKind::Remove,
        Some(ChangeAction::Import) => ChangeKind::Import,
        Some(ChangeAction::Modify) => match change.replacement() {
            Some(Replacement::True) => ChangeKind::Replace,
            Some(Replacement::Conditional) => ChangeKind::MayReplace,
            _ => ChangeKind::Modify,
        },
        _ => ChangeKind::Dynamic,
    }
}

fn policy(action: Option<&PolicyAction>) -> Option<String> {
    match action {
        Some(PolicyAction::Retain | PolicyAction::ReplaceAndRetain) => Some("Retain".to_owned()),
        Some(PolicyAction::Snapshot | PolicyAction::ReplaceAndSnapshot) => Some("Snapshot".to_owned()),
        _ => None,
    }
}

/// One entry a path: a change set can name a property twice, for its own change and for one that another resource causes.
fn properties(logical_id: &str, details: &[ResourceChangeDetail], templates: &Templates) -> Vec<PropertyChange> {
    let mut found: BTreeMap<String, PropertyChange> = BTreeMap::new();
    for detail in details {
        let Some(property) = property(logical_id, detail, templates) else {
            continue;
        };
        match found.get_mut(&property.path) {
            Some(known) => {
                known.recreation = known.recreation.max(property.recreation);
                known.before = known.before.take().or(property.before);
                known.after = known.after.take().or(property.after);
                known.because_of = known.because_of.take().or(property.because_of);
            }
            None => {
                found.insert(property.path.clone(), property);
            }
        }
    }
    found.into_values().collect()
}

fn property(logical_id: &str, detail: &ResourceChangeDetail, templates: &Templates) -> Option<PropertyChange> {
    let target = detail.target()?;
    let attribute = target.attribute().map_or("", |attribute| attribute.as_str());
    let direct = matches!(detail.change_source(), Some(ChangeSource::DirectModification) | None);
    let (mut before, mut after) = (target.before_value().map(known), target.after_value().map(known));
    if before.is_none() && after.is_none() && direct {
        let steps: Vec<&str> =
            std::iter::once(attribute).chain(target.name()).filter(|step| !step.is_empty()).collect();
        before = in_template(&templates.before, logical_id, &steps);
        after = in_template(&templates.after, logical_id, &steps);
    }
    let recreation = match target.requires_recreation() {
        Some(RequiresRecreation::Always) => Recreation::Always,
        Some(RequiresRecreation::Conditionally) => Recreation::Conditionally,
        _ => Recreation::Never,
    };
    Some(PropertyChange {
        path: path(attribute, target.name(), target.path()),
        before,
        after,
        recreation,
        because_of: detail.causing_entity().filter(|cause| !direct && !cause.is_empty()).map(str::to_owned),
    })
}

/// `/Properties/Environment/Variables/MODE` as `Environment.Variables.MODE`; without a path, the property's name or the attribute.
fn path(attribute: &str, name: Option<&str>, path: Option<&str>) -> String {
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        let path = path.trim_start_matches('/');
        return path.strip_prefix("Properties/").unwrap_or(path).replace('/', ".");
    }
    name.filter(|name| !name.is_empty()).unwrap_or(attribute).to_owned()
}

fn in_template(template: &Value, logical_id: &str, steps: &[&str]) -> Option<String> {
    let mut value = template.get("Resources")?.get(logical_id)?;
    for step in steps {
        value = value.get(step)?;
    }
    Some(template::text(value))
}

/// CloudFormation's placeholder for a value that only the deployment makes, such as the ARN of a new resource, in words.
fn known(value: &str) -> String {
    value.replace("{{changeSet:KNOWN_AFTER_APPLY}}", "(known after the deployment)")
}

#[cfg(test)]
#[path = "classify_test.rs"]
mod tests;
