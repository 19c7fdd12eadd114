//! A CloudFormation template as the compiler builds it: blocks of resources, each with the reason why it is there.

use crate::diagnostics::{Problem, Source};
use crate::yaml::{Entry, Node, Value, Writer};
use std::collections::HashSet;
use std::sync::Arc;

/// One resource.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its logical id.
    pub id: String,
    /// Why it is there.
    pub comment: Option<String>,
    /// `Type`, `Properties` and the rest.
    pub body: Node,
}

impl Resource {
    /// `AWS::Service::Type`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.body.get("Type").and_then(Node::as_str).unwrap_or_default()
    }

    /// A property by its path of keys.
    #[must_use]
    pub fn property(&self, path: &[&str]) -> Option<&Node> {
        self.body.get("Properties")?.path(path)
    }
}

/// Resources that belong together: those of one rule, or a whole stack of Healstack's own.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// What they are, as a comment.
    pub heading: String,
    /// The resources.
    pub resources: Vec<Resource>,
}

/// A template.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// Comment at the top.
    pub header: String,
    /// CloudFormation's description.
    pub description: String,
    /// The resources.
    pub blocks: Vec<Block>,
    /// Outputs, by name.
    pub outputs: Vec<Entry>,
}

/// Resource attributes in the order in which they are written.
const ATTRIBUTES: [&str; 7] =
    ["Type", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata", "Properties"];

impl Template {
    /// Every resource.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.blocks.iter().flat_map(|block| &block.resources)
    }

    /// The template's text.
    #[must_use]
    pub fn emit(&self) -> String {
        let mut writer = Writer::default();
        writer.comment(0, &self.header);
        writer.entry(0, "AWSTemplateFormatVersion", &"2010-09-09".into());
        writer.entry(0, "Description", &self.description.as_str().into());
        writer.blank();
        writer.section(0, "Resources");
        for (index, block) in self.blocks.iter().enumerate() {
            if index > 0 {
                writer.blank();
            }
            if !block.heading.is_empty() {
                writer.comment(1, &block.heading);
            }
            for (index, resource) in block.resources.iter().enumerate() {
                if index > 0 {
                    writer.blank();
                }
                if let Some(comment) = &resource.comment {
                    writer.comment(1, comment);
                }
                writer.entry(1, &resource.id, &resource.body);
            }
        }
        if !self.outputs.is_empty() {
            writer.blank();
            writer.section(0, "Outputs");
            self.outputs.iter().for_each(|output| writer.entry(1, &output.key, &output.value));
        }
        writer.finish()
    }
}

/// Reads a rendered map of resources.
pub(super) fn resources(source: &Arc<Source>, node: Node) -> Result<Vec<Resource>, Vec<Problem>> {
    let Value::Mapping(entries) = node.value else {
        if matches!(node.value, Value::Null) {
            return Ok(Vec::new());
        }
        return Err(vec![Problem::error("a stack template must be a map of resources").at(source, node.span)]);
    };
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for entry in entries {
        let mut body = entry.value;
        let comment = body.remove("Comment").and_then(|node| node.text().map(str::to_owned));
        if body.get("Type").and_then(Node::as_str).is_none() {
            problems.push(Problem::error(format!("resource `{}` has no Type", entry.key)).at(source, entry.key_span));
            continue;
        }
        if !entry.key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let message = format!("`{}` is no logical id: letters and digits only", entry.key);
            problems.push(Problem::error(message).at(source, entry.key_span));
        }
        problems.extend(body.entries().iter().filter(|attribute| !ATTRIBUTES.contains(&attribute.key.as_str())).map(
            |attribute| {
                Problem::error(format!("resource `{}` has no attribute `{}`", entry.key, attribute.key))
                    .at(source, attribute.key_span)
                    .help("properties stand under `Properties`")
            },
        ));
        let order = |key: &str| ATTRIBUTES.iter().position(|attribute| *attribute == key);
        if let Value::Mapping(attributes) = &mut body.value {
            attributes.sort_by_key(|attribute| order(&attribute.key));
        }
        drop_empty(&mut body);
        found.push(Resource { id: entry.key, comment, body });
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// Takes out entries without a value: a template writes a property's key and then, for some rules, nothing below it.
fn drop_empty(node: &mut Node) {
    node.walk_mut(&mut |node| {
        if let Value::Mapping(entries) = &mut node.value {
            entries.retain(|entry| entry.value.value != Value::Null);
        }
    });
}

/// Gives local logical ids the prefix of their rule, in the resources and in every reference to them.
pub(super) fn qualify(resources: &mut [Resource], prefix: &str) {
    let local: HashSet<String> = resources.iter().map(|resource| resource.id.clone()).collect();
    let qualified = |id: &str| local.contains(id).then(|| format!("{prefix}{id}"));
    for resource in resources {
        resource.id = format!("{prefix}{}", resource.id);
        resource.body.walk_mut(&mut |node| {
            let tag = node.tag.clone();
            if let (Some(tag), Value::String(text)) = (tag, &mut node.value) {
                match tag.as_str() {
                    "Ref" | "GetAtt" => {
                        let (id, attribute) = text.split_once('.').unwrap_or((text, ""));
                        if let Some(id) = qualified(id) {
                            *text = if attribute.is_empty() { id } else { format!("{id}.{attribute}") };
                        }
                    }
                    "Sub" => *text = qualify_sub(text, &qualified),
                    _ => {}
                }
            }
        });
        if let Some(depends) = resource.body.remove("DependsOn") {
            let items = if depends.text().is_some() { vec![depends] } else { depends.items().to_vec() };
            let items: Vec<Node> = items
                .iter()
                .filter_map(Node::text)
                .map(|id| qualified(id).unwrap_or_else(|| id.to_owned()).into())
                .collect();
            if let Value::Mapping(attributes) = &mut resource.body.value {
                attributes.insert(1, Entry::new("DependsOn", items));
            }
        }
    }
}

fn qualify_sub(text: &str, qualified: &dyn Fn(&str) -> Option<String>) -> String {
    let mut parts = text.split("${");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("${");
        let name = part.split(['}', '.']).next().unwrap_or_default();
        match qualified(name) {
            Some(id) => {
                out.push_str(&id);
                out.push_str(&part[name.len()..]);
            }
            None => out.push_str(part),
        }
    }
    out
}

/// The logical ids and pseudo parameters that a resource refers to.
pub(super) fn references(node: &Node) -> Vec<String> {
    let mut found = Vec::new();
    node.walk(&mut |node| match (node.tag.as_deref(), node.text()) {
        (Some("Ref"), Some(text)) => found.push(text.to_owned()),
        (Some("GetAtt"), Some(text)) => found.push(text.split('.').next().unwrap_or_default().to_owned()),
        (Some("Sub"), Some(text)) => found.extend(
            text.split("${")
                .skip(1)
                .filter(|part| !part.starts_with('!'))
                .map(|part| part.split(['}', '.']).next().unwrap_or_default().to_owned()),
        ),
        _ => {}
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn qualifies_local_references_only() {
        let text = "Topic: {Type: AWS::SNS::Topic}\nPolicy:\n  Type: X\n  DependsOn: Topic\n  Properties:\n    A: !Ref Topic\n    B: !GetAtt Topic.Arn\n    C: !Sub \"${Topic}/${Topic.Arn}/${AWS::Region}/${!Topic}\"\n    D: !Ref AWS::AccountId\n    E:\n";
        let source = Source::new("t", text);
        let mut found = resources(&source, yaml::parse(&source).unwrap()).unwrap();
        qualify(&mut found, "Rule");
        let policy = &found[1];
        let text = |key| policy.property(&[key]).and_then(Node::text).unwrap_or("-").to_owned();
        assert_eq!(policy.id, "RulePolicy");
        assert_eq!((text("A"), text("B")), ("RuleTopic".into(), "RuleTopic.Arn".into()));
        assert_eq!(text("C"), "${RuleTopic}/${RuleTopic.Arn}/${AWS::Region}/${!Topic}");
        assert_eq!((text("D"), text("E")), ("AWS::AccountId".into(), "-".into()));
        assert_eq!(policy.body.pointer("/DependsOn/0").and_then(Node::text), Some("RuleTopic"));
        assert_eq!(references(&policy.body).len(), 6);
    }

    #[test]
    fn says_what_is_no_resource() {
        let source = Source::new("t", "A: {Properties: {}}\nB-1: {Type: X, Propertys: {}}\n");
        let problems = resources(&source, yaml::parse(&source).unwrap()).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "resource `A` has no Type",
                "`B-1` is no logical id: letters and digits only",
                "resource `B-1` has no attribute `Propertys`"
            ]
        );
    }
}
