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
    /// Parameters, by name.
    pub parameters: Vec<Entry>,
    /// The resources.
    pub blocks: Vec<Block>,
    /// Outputs, by name.
    pub outputs: Vec<Entry>,
}

/// Resource attributes in the order in which they are written.
const ATTRIBUTES: [&str; 6] = ["Type", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata", "Properties"];

impl Template {
    /// Every resource.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> + Clone {
        self.blocks.iter().flat_map(|block| &block.resources)
    }

    /// The template's text.
    #[must_use]
    pub fn emit(&self) -> String {
        let mut writer = Writer::default();
        writer.comment(0, &self.header);
        writer.entry(0, "AWSTemplateFormatVersion", &"2010-09-09".into());
        writer.entry(0, "Description", &self.description.as_str().into());
        if !self.parameters.is_empty() {
            writer.blank();
            writer.section(0, "Parameters");
            self.parameters.iter().for_each(|parameter| writer.entry(1, &parameter.key, &parameter.value));
        }
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
        body.walk_mut(&mut shorten_intrinsic);
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

/// Long intrinsics in their short form, `!GetAtt` with a dot: `{Ref: X}` is `!Ref X`, `!GetAtt [X, Arn]` is `!GetAtt X.Arn`.
pub(crate) fn shorten_intrinsic(node: &mut Node) {
    if let ([only], None) = (node.entries(), &node.tag) {
        let tag = if only.key == "Ref" { Some("Ref") } else { only.key.strip_prefix("Fn::") };
        if let (Some(tag), None) = (tag, &only.value.tag) {
            *node = Node { tag: Some(tag.to_owned()), ..only.value.clone() };
        }
    }
    if node.tag.as_deref() == Some("GetAtt") {
        let parts: Option<Vec<&str>> = node.items().iter().map(Node::as_str).collect();
        if let Some(parts) = parts.filter(|parts| parts.len() > 1) {
            node.value = Value::String(parts.join("."));
        }
    }
}

/// A reference to a resource, where a node is one.
enum Reference<'a> {
    /// `!Ref` or `!GetAtt`: the id, and perhaps an attribute after a dot.
    Direct(&'a mut String),
    /// The text of a `!Sub`, and the names that it defines itself.
    Substitution(&'a mut String, Vec<String>),
}

fn reference(node: &mut Node) -> Option<Reference<'_>> {
    match (node.tag.as_deref()?, &mut node.value) {
        ("Ref" | "GetAtt", Value::String(text)) => Some(Reference::Direct(text)),
        ("Sub", Value::String(text)) => Some(Reference::Substitution(text, Vec::new())),
        ("Sub", Value::Sequence(items)) => {
            let own = items.get(1).map(Node::entries).unwrap_or_default();
            let own = own.iter().map(|entry| entry.key.clone()).collect();
            match &mut items.first_mut()?.value {
                Value::String(text) => Some(Reference::Substitution(text, own)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Gives local logical ids the prefix of their rule, in the resources and in every reference to them.
pub(super) fn qualify(resources: &mut [Resource], prefix: &str) {
    let local: HashSet<String> = resources.iter().map(|resource| resource.id.clone()).collect();
    let mut rename = |id: &str| local.contains(id).then(|| format!("{prefix}{id}"));
    for resource in resources {
        resource.id = format!("{prefix}{}", resource.id);
        rename_references(&mut resource.body, &mut rename);
    }
}

/// The logical ids and pseudo parameters that a resource refers to.
pub(crate) fn references(body: &Node) -> Vec<String> {
    let mut found = Vec::new();
    rename_references(&mut body.clone(), &mut |id| {
        found.push(id.to_owned());
        None
    });
    found
}

/// Calls `rename` for every id that `body` refers to, and writes what it gives in the id's place.
fn rename_references(body: &mut Node, rename: &mut dyn FnMut(&str) -> Option<String>) {
    body.walk_mut(&mut |node| match reference(node) {
        Some(Reference::Direct(text)) => {
            let id = text.split('.').next().unwrap_or_default();
            if let Some(renamed) = rename(id) {
                text.replace_range(..id.len(), &renamed);
            }
        }
        Some(Reference::Substitution(text, own)) => {
            let mut parts = text.split("${");
            let mut out = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let id = part.split(['}', '.']).next().unwrap_or_default();
                let literal = id.starts_with('!') || own.iter().any(|name| name == id);
                let renamed = if literal { None } else { rename(id) };
                out.push_str("${");
                out.push_str(renamed.as_deref().unwrap_or(id));
                out.push_str(&part[id.len()..]);
            }
            *text = out;
        }
        None => {}
    });
    let depends = match &mut body.value {
        Value::Mapping(attributes) => attributes.iter_mut().find(|attribute| attribute.key == "DependsOn"),
        _ => None,
    };
    if let Some(depends) = depends {
        depends.value.walk_mut(&mut |node| {
            if let Value::String(id) = &mut node.value
                && let Some(renamed) = rename(id)
            {
                *id = renamed;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn qualifies_local_references_only() {
        let text = "Topic: {Type: AWS::SNS::Topic}\nPolicy:\n  Type: X\n  DependsOn: Topic\n  Properties:\n    A: !Ref Topic\n    B: !GetAtt Topic.Arn\n    C: !Sub \"${Topic}/${Topic.Arn}/${AWS::Region}/${!Topic}\"\n    D: !Ref AWS::AccountId\n    E:\n    F: {Ref: Topic}\n    G: !GetAtt [Topic, Arn]\n    H: {Fn::Sub: [\"${Topic}${own}\", {own: {Fn::GetAtt: Topic.Arn}}]}\n";
        let source = Source::new("t", text);
        let mut found = resources(&source, yaml::parse(&source).unwrap()).unwrap();
        qualify(&mut found, "Rule");
        let policy = &found[1];
        let text = |key| policy.property(&[key]).and_then(Node::text).unwrap_or("-").to_owned();
        assert_eq!(policy.id, "RulePolicy");
        assert_eq!((text("A"), text("B")), ("RuleTopic".into(), "RuleTopic.Arn".into()));
        assert_eq!(text("C"), "${RuleTopic}/${RuleTopic.Arn}/${AWS::Region}/${!Topic}");
        assert_eq!((text("D"), text("E")), ("AWS::AccountId".into(), "-".into()));
        assert_eq!((text("F"), text("G")), ("RuleTopic".into(), "RuleTopic.Arn".into()));
        let sub = policy.property(&["H"]).unwrap();
        assert_eq!(sub.pointer("/0").and_then(Node::text), Some("${RuleTopic}${own}"));
        assert_eq!(sub.pointer("/1/own").and_then(Node::text), Some("RuleTopic.Arn"));
        assert_eq!(policy.body.get("DependsOn").and_then(Node::text), Some("RuleTopic"));
        let ids = references(&policy.body);
        assert_eq!(ids.iter().filter(|id| *id == "RuleTopic").count(), 9, "{ids:?}");
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
