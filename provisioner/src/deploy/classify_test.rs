use aws_sdk_cloudformation::types::{ResourceAttribute, ResourceTargetDefinition};
use serde_json::json;

use super::*;

fn modify(replacement: &str, details: Vec<ResourceChangeDetail>) -> ResourceChange {
    ResourceChange::builder()
        .action(ChangeAction::Modify)
        .logical_resource_id("Topic")
        .physical_resource_id("arn:topic")
        .resource_type("AWS::SNS::Topic")
        .replacement(replacement.into())
        .set_details(Some(details))
        .build()
}

fn detail(name: &str, recreation: &str) -> ResourceChangeDetail {
    let target = ResourceTargetDefinition::builder()
        .attribute(ResourceAttribute::Properties)
        .name(name)
        .requires_recreation(recreation.into());
    ResourceChangeDetail::builder().target(target.build()).change_source(ChangeSource::DirectModification).build()
}

#[test]
fn replacement_says_what_happens_to_a_modified_resource() {
    let kind = |replacement: &str| change(&modify(replacement, Vec::new()), &Templates::default()).kind;
    assert_eq!(kind("True"), ChangeKind::Replace);
    assert_eq!(kind("Conditional"), ChangeKind::MayReplace);
    assert_eq!(kind("False"), ChangeKind::Modify);
}

#[test]
fn every_action_has_a_kind_and_an_unknown_one_is_not_taken_for_harmless() {
    let kind =
        |action: &str| change(&ResourceChange::builder().action(action.into()).build(), &Templates::default()).kind;
    assert_eq!(kind("Add"), ChangeKind::Add);
    assert_eq!(kind("Remove"), ChangeKind::Remove);
    assert_eq!(kind("Import"), ChangeKind::Import);
    assert_eq!(kind("Dynamic"), ChangeKind::Dynamic);
    assert_eq!(kind("SomethingNew"), ChangeKind::Dynamic);
}

#[test]
fn the_deletion_policy_is_what_becomes_of_the_old_resource() {
    let policy = |action: &str| {
        let removed = ResourceChange::builder().action(ChangeAction::Remove).policy_action(action.into()).build();
        change(&removed, &Templates::default()).policy
    };
    assert_eq!(policy("Retain").as_deref(), Some("Retain"));
    assert_eq!(policy("ReplaceAndRetain").as_deref(), Some("Retain"));
    assert_eq!(policy("ReplaceAndSnapshot").as_deref(), Some("Snapshot"));
    assert_eq!(policy("Delete"), None);
}

#[test]
fn given_values_and_paths_win_over_the_templates() {
    let target = ResourceTargetDefinition::builder()
        .attribute(ResourceAttribute::Properties)
        .name("Environment")
        .path("/Properties/Environment/Variables/MODE")
        .before_value("observe")
        .after_value("enforce")
        .build();
    let detail = ResourceChangeDetail::builder().target(target).build();
    let found = change(&modify("False", vec![detail]), &Templates::default());
    assert_eq!(
        found.properties,
        [PropertyChange {
            path: "Environment.Variables.MODE".to_owned(),
            before: Some("observe".to_owned()),
            after: Some("enforce".to_owned()),
            recreation: Recreation::Never,
            because_of: None,
        }]
    );
}

#[test]
fn values_that_the_change_set_leaves_out_come_from_the_templates() {
    let template = |name: &str| json!({"Resources": {"Topic": {"Properties": {"TopicName": name}}}});
    let templates = Templates { before: template("old"), after: template("new") };
    let found = change(&modify("True", vec![detail("TopicName", "Always")]), &templates);
    let property = &found.properties[0];
    assert_eq!((property.before.as_deref(), property.after.as_deref()), (Some("old"), Some("new")));
    assert_eq!(property.recreation, Recreation::Always);
}

#[test]
fn substitutions_and_values_that_do_not_exist_yet_are_readable() {
    let template = |name: &str| json!({"Resources": {"Topic": {"Properties": {"TopicName": {"Fn::Sub": name}}}}});
    let templates = Templates { before: template("${AWS::Region}-old"), after: template("${AWS::Region}-new") };
    let found = change(&modify("True", vec![detail("TopicName", "Always")]), &templates);
    assert_eq!(found.properties[0].before.as_deref(), Some("${AWS::Region}-old"));
    let target = ResourceTargetDefinition::builder()
        .attribute(ResourceAttribute::Properties)
        .name("KmsMasterKeyId")
        .before_value("alias/old")
        .after_value("{{changeSet:KNOWN_AFTER_APPLY}}")
        .build();
    let detail = ResourceChangeDetail::builder().target(target).build();
    let found = change(&modify("False", vec![detail]), &Templates::default());
    assert_eq!(found.properties[0].after.as_deref(), Some("(known after the deployment)"));
}

#[test]
fn a_property_named_twice_is_one_change_with_its_gravest_consequence() {
    let target = ResourceTargetDefinition::builder()
        .attribute(ResourceAttribute::Properties)
        .name("TopicName")
        .requires_recreation(RequiresRecreation::Always);
    let caused = ResourceChangeDetail::builder()
        .target(target.build())
        .change_source(ChangeSource::ResourceAttribute)
        .causing_entity("Key.Arn")
        .build();
    let found = change(&modify("True", vec![detail("TopicName", "Never"), caused]), &Templates::default());
    assert_eq!(found.properties.len(), 1);
    assert_eq!(found.properties[0].recreation, Recreation::Always);
    assert_eq!(found.properties[0].because_of.as_deref(), Some("Key.Arn"));
}

#[test]
fn an_attribute_other_than_a_property_is_named_by_itself() {
    let target = ResourceTargetDefinition::builder().attribute(ResourceAttribute::Tags).build();
    let found =
        change(&modify("False", vec![ResourceChangeDetail::builder().target(target).build()]), &Templates::default());
    assert_eq!(found.properties[0].path, "Tags");
}

#[test]
fn a_template_s_resources_are_its_additions() {
    let found = additions(&json!({"Resources": {"B": {"Type": "T::B"}, "A": {"Type": "T::A"}}}));
    let named: Vec<(&str, &str)> = found.iter().map(|c| (c.logical_id.as_str(), c.resource_type.as_str())).collect();
    assert_eq!(named, [("A", "T::A"), ("B", "T::B")]);
    assert!(additions(&Value::Null).is_empty());
}
