//! What has to be inserted and replaced, found by walking the template and what rules want side by side.

mod only;
mod weigh;

use super::document::{Document, Found};
use super::strength;
use super::{Added, Change, Target, Want, follow, in_long_form};
use crate::compile::references;
use crate::diagnostics::Problem;
use crate::schema::nearest;
use crate::yaml::{Entry, Node, Span, Value};
use std::collections::BTreeMap;

/// Everything that is done to the template.
#[derive(Debug, Default)]
pub(super) struct Plan<'d> {
    pub(super) inserts: Vec<Insert<'d>>,
    pub(super) replaces: Vec<Replace<'d>>,
    pub(super) changes: Vec<Change>,
}

/// What one mapping or list gets.
#[derive(Debug)]
pub(super) struct Insert<'d> {
    /// The mapping or list.
    pub(super) at: &'d Node,
    /// The key that it is the value of, for one that is empty.
    pub(super) key: Span,
    /// Entries of a mapping.
    pub(super) entries: Vec<Added>,
    /// Items of a list.
    pub(super) items: Vec<Node>,
}

/// A value that takes another one's place.
#[derive(Debug)]
pub(super) struct Replace<'d> {
    pub(super) at: &'d Node,
    /// The key that it is the value of.
    pub(super) key: Span,
    pub(super) by: Node,
}

pub(super) struct Planner<'d> {
    document: &'d Document,
    plan: Plan<'d>,
    problems: Vec<Problem>,
    shared: Vec<Shared>,
}

/// Something that stands at several places, and what it lacks.
struct Shared {
    name: String,
    rule: String,
    span: Span,
    missing: Vec<String>,
}

/// A place in the template.
#[derive(Clone)]
struct Place<'d> {
    node: &'d Node,
    key: Span,
    /// The nodes above it.
    above: Vec<&'d Node>,
    resource: String,
    path: Vec<String>,
}

impl<'d> Place<'d> {
    fn of(found: &Found<'d>, id: &str) -> Self {
        Self { node: found.body, key: found.key, above: found.above.clone(), resource: id.to_owned(), path: Vec::new() }
    }

    fn below(&self, node: &'d Node, key: Span, name: Option<&str>) -> Self {
        let mut below = self.clone();
        below.above.push(self.node);
        below.node = node;
        below.key = key;
        below.path.extend(name.map(str::to_owned));
        below
    }

    fn path_to(&self, key: Option<&str>) -> String {
        let keys: Vec<&str> = self.path.iter().map(String::as_str).chain(key).collect();
        let keys = keys.join(".");
        keys.strip_prefix("Properties.").map_or(keys.clone(), str::to_owned)
    }

    fn name(&self, key: Option<&str>) -> String {
        let path = self.path_to(key);
        if path.is_empty() { format!("`{}`", self.resource) } else { format!("`{}.{path}`", self.resource) }
    }
}

impl<'d> Planner<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        Self { document, plan: Plan::default(), problems: Vec::new(), shared: Vec::new() }
    }

    pub(super) fn finish(mut self) -> (Plan<'d>, Vec<Problem>) {
        self.told_shared();
        (self.plan, self.problems)
    }

    /// Plans what one rule wants.
    pub(super) fn want(&mut self, want: &Want) {
        let wanted: Vec<&str> = want.targets.iter().map(|target| target.id.as_str()).collect();
        let wrong: Vec<Problem> =
            want.targets.iter().filter_map(|target| self.target(want, target, &wanted).err()).collect();
        if !wrong.is_empty() {
            return self.problems.extend(wrong);
        }
        let mut new = Vec::new();
        // New ones that are there already, as something that a user may have written for another purpose.
        let mut there = Vec::new();
        // What something inserted refers to, and the condition under which that exists.
        let mut referred: BTreeMap<String, Option<Node>> = BTreeMap::new();
        for entry in want.native.entries() {
            let mut body = entry.value.clone();
            body.walk_mut(&mut |node| self.copy(node));
            let comment = body.remove("Comment").and_then(|node| node.text().map(str::to_owned));
            let comment = comment.map(|text| format!("{}: {text}", want.identity));
            let only = body.remove("Only");
            let is_new = follow::parts(&entry.key).is_none() && !wanted.contains(&entry.key.as_str());
            for id in self.ids(want, &entry.key) {
                let Some(found) = self.document.find(&id) else {
                    new.push(Added { comment: comment.clone(), entry: Entry::new(id, body.clone()) });
                    continue;
                };
                if is_new {
                    there.push(Entry::new(id, body.clone()));
                    continue;
                }
                let kind = |node: &Node| node.get("Type").and_then(Node::as_str).map(str::to_owned);
                if kind(found.body) != kind(&body) {
                    continue;
                }
                let place = Place::of(&found, &id);
                let mut attributes = body.clone();
                attributes.remove("Type");
                if !self.satisfied(found.body, &attributes) && !self.applies(want, &place, only.as_ref()) {
                    continue;
                }
                let changes = self.plan.changes.len();
                self.object(want, &place, &attributes, comment.as_deref());
                if self.plan.changes.len() > changes {
                    let condition = found.body.get("Condition");
                    referred.extend(references(&attributes).into_iter().map(|id| (id, condition.cloned())));
                }
            }
        }
        let referred = self.add_resources(want, new, referred);
        self.check_names(want, &there, &referred);
    }

    /// New resources whose names others have, which would be referred to in their place.
    fn check_names(&mut self, want: &Want, there: &[Entry], referred: &BTreeMap<String, Option<Node>>) {
        for Entry { key: id, value: body, .. } in there.iter().filter(|entry| referred.contains_key(&entry.key)) {
            let Some(found) = self.document.find(id) else { continue };
            let mut known = found.body.clone();
            known.remove("Condition");
            if strength::equal(&known, body) || is_same_alarm(&known, body) {
                continue;
            }
            let message = format!("`{id}` is not what {} adds under this name", want.identity);
            let help = "rename it, or set what refers to it yourself: it is left as it is";
            self.problems.push(Problem::error(message).at(&self.document.source, found.key).help(help));
        }
    }

    /// Puts what the template says in the place of `!From Id.Path`, and a `!Ref` to what a property refers to in that of
    /// `!Referred Id.Property.Path`.
    fn copy(&self, node: &mut Node) {
        if node.tag.as_deref() == Some("Referred") {
            let (id, path) = node.text().and_then(|text| text.split_once('.')).unwrap_or_default();
            let referred = self.document.find(id).and_then(|found| follow::follow(self.document, &found, path).0.pop());
            *node = referred.map_or_else(|| Node::new(Value::Null), |id| Node::from(id).tagged("Ref"));
            return;
        }
        if node.tag.as_deref() != Some("From") {
            return;
        }
        let mut path = node.text().unwrap_or_default().split('.');
        let found = path.next().and_then(|id| self.document.find(id));
        let value = found.and_then(|found| path.try_fold(found.body, |node, key| node.get(key)));
        *node = value.cloned().unwrap_or_else(|| Node::new(Value::Null));
    }

    /// Whether a resource that a rule names is there, is what the rule heals, and is made by nothing that makes others too.
    fn target(&self, want: &Want, target: &Target, wanted: &[&str]) -> Result<(), Problem> {
        let Target { id, kind, span, only, .. } = target;
        let (span, only) = (*span, only.as_ref());
        let file = self.document.source.name();
        let Some(found) = self.document.find(id) else {
            let known = self.document.ids();
            let help = match nearest(id, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write the logical id of a resource of the template".to_owned(),
            };
            return Err(Problem::error(format!("{file} has no resource `{id}`")).at(&want.source, span).help(help));
        };
        let there = found.body.get("Type").and_then(Node::as_str).unwrap_or("of no type");
        let line = self.document.source.position(found.key.start).0;
        if there != kind {
            let message = format!("`{id}` is {there} ({file}:{line}), the rule heals {kind}");
            let help = if there.starts_with("AWS::Serverless::") {
                "its transform makes the resource only when it is deployed: name what it makes by `import`, `ssm` or its own name, and set what heals it in the template yourself"
            } else {
                "name a resource of that type"
            };
            return Err(Problem::error(message).at(&want.source, span).help(help));
        }
        if let Some(fault) = only::fault(self.document, &Place::of(&found, id), only) {
            let message = format!("{} ({file}:{line})", fault.message);
            return Err(Problem::error(message)
                .at(&want.source, span)
                .help("name another resource, or heal this one as the message says"));
        }
        let others: Vec<&str> =
            found.generated.iter().map(String::as_str).filter(|other| !wanted.contains(other)).collect();
        if others.is_empty() {
            return Ok(());
        }
        let message = format!("`{id}` comes from a Fn::ForEach, which makes {} too", crate::schema::list(&others));
        Err(Problem::error(message)
            .at(&self.document.source, found.key)
            .help(format!("name all of them in {}, or write the resource outside of the loop", want.identity)))
    }

    /// The logical ids that a key of `native.yaml.hbs` stands for.
    fn ids(&mut self, want: &Want, key: &str) -> Vec<String> {
        let Some((id, path)) = follow::parts(key) else { return vec![key.to_owned()] };
        let Some(found) = self.document.find(id) else { return Vec::new() };
        let (ids, lost) = follow::follow(self.document, &found, path);
        if let Some(node) = lost {
            let message = format!("`{id}.{path}` is no resource of this template: what belongs to it is not healed");
            let help = format!("make sure of it where it is defined; {} says what", want.identity);
            self.problems.push(Problem::warning(message).at(&self.document.source, node.span).help(help));
        }
        ids
    }

    /// Adds those of the new resources that something inserted refers to, themselves included.
    fn add_resources(
        &mut self,
        want: &Want,
        new: Vec<Added>,
        mut referred: BTreeMap<String, Option<Node>>,
    ) -> BTreeMap<String, Option<Node>> {
        let mut open = new;
        loop {
            let (now, later): (Vec<Added>, Vec<Added>) =
                open.into_iter().partition(|added| referred.contains_key(&added.entry.key));
            if now.is_empty() {
                return referred;
            }
            for mut added in now {
                let condition = referred.get(&added.entry.key).cloned().flatten();
                referred.extend(references(&added.entry.value).into_iter().map(|id| (id, condition.clone())));
                if let (Some(condition), Value::Mapping(body)) = (condition, &mut added.entry.value.value) {
                    body.insert(1, Entry::new("Condition", condition));
                }
                if self.document.json {
                    added.entry.value = in_long_form(&added.entry.value);
                }
                self.add_resource(&want.identity, added);
            }
            open = later;
        }
    }

    fn add_resource(&mut self, rule: &str, added: Added) {
        self.plan.changes.push(Change {
            rule: rule.to_owned(),
            resource: added.entry.key.clone(),
            path: String::new(),
            value: added.entry.value.get("Type").and_then(Node::as_str).unwrap_or_default().to_owned(),
            was: None,
        });
        let resources = self.document.resources();
        self.insert(resources, Span::default()).entries.push(added);
    }

    /// Tells the rules' stack the values of the resources that it heals.
    pub(super) fn publish(&mut self, wants: &[Want]) {
        for want in wants {
            for target in &want.targets {
                let Some(found) = self.document.find(&target.id) else { continue };
                let pending =
                    |insert: &Insert<'_>| insert.entries.iter().any(|added| added.entry.key == target.parameter);
                if self.plan.inserts.iter().any(pending) {
                    continue;
                }
                let (name, value) = &target.published;
                let value = if self.document.json { strength::long(value) } else { value.clone() };
                let mut body = vec![Entry::new("Type", "AWS::SSM::Parameter")];
                // What exists only under a condition can be told only under it.
                if let Some(condition) = found.body.entry("Condition") {
                    let message = format!(
                        "`{}` exists only where `{}` holds: elsewhere the stack of its rules cannot be deployed",
                        target.id,
                        condition.value.text().unwrap_or_default()
                    );
                    let help = format!("keep {} out of environments without it", want.identity);
                    self.problems
                        .push(Problem::warning(message).at(&self.document.source, condition.key_span).help(help));
                    body.push(Entry::new("Condition", condition.value.clone()));
                }
                body.push(Entry::new(
                    "Properties",
                    Node::map(vec![
                        Entry::new("Name", name.as_str()),
                        Entry::new("Type", "String"),
                        Entry::new("Value", value),
                    ]),
                ));
                let body = Node::map(body);
                match self.document.find(&target.parameter) {
                    Some(there) if strength::equal(there.body, &body) => {}
                    Some(there) => self.problems.push(
                        Problem::error(format!(
                            "`{}` is not what tells the rules' stack {}",
                            target.parameter, target.id
                        ))
                        .at(&self.document.source, there.key)
                        .help("remove it, or rename it: Healstack adds a resource of this name"),
                    ),
                    None => {
                        let comment = Some(format!("What the healing rules' stack must know of {}.", target.id));
                        self.add_resource("", Added { comment, entry: Entry::new(target.parameter.as_str(), body) });
                    }
                }
            }
        }
    }

    /// The insertion at a node, a new one where there is none yet.
    fn insert(&mut self, at: &'d Node, key: Span) -> &mut Insert<'d> {
        let index = self.plan.inserts.iter().position(|insert| std::ptr::eq(insert.at, at)).unwrap_or_else(|| {
            self.plan.inserts.push(Insert { at, key, entries: Vec::new(), items: Vec::new() });
            self.plan.inserts.len() - 1
        });
        &mut self.plan.inserts[index]
    }

    fn told(&mut self, want: &Want, place: &Place<'d>, path: String, value: &Node, was: Option<String>) {
        self.plan.changes.push(Change {
            rule: want.identity.clone(),
            resource: place.resource.clone(),
            path,
            value: super::write::flow(value, false),
            was,
        });
    }

    /// Refuses to edit below a node that stands elsewhere, or elsewhere too, and says once what a user writes by hand.
    fn is_alone(&mut self, want: &Want, place: &Place<'d>, missing: &str) -> bool {
        let shared = place.above.iter().chain([&place.node]).find(|node| self.document.is_shared(node));
        let Some(shared) = shared else { return true };
        let name = place.name(None);
        if let Some(known) = self.shared.iter_mut().find(|known| known.name == name && known.rule == want.identity) {
            known.missing.push(missing.to_owned());
        } else {
            let (rule, span) = (want.identity.clone(), shared.span);
            self.shared.push(Shared { name, rule, span, missing: vec![missing.to_owned()] });
        }
        false
    }

    fn told_shared(&mut self) {
        for Shared { name, rule, span, missing } in std::mem::take(&mut self.shared) {
            let message = format!("{name} is shared through an anchor: what is set there would be set elsewhere too");
            let help = format!("write it out here, with what {rule} needs: {}", missing.join(", "));
            self.problems.push(Problem::error(message).at(&self.document.source, span).help(help));
        }
    }
}

/// Whether two alarms watch the same: a user may want another threshold.
fn is_same_alarm(left: &Node, right: &Node) -> bool {
    let same = |path: &[&str]| match (left.path(path), right.path(path)) {
        (Some(left), Some(right)) => strength::equal(left, right),
        _ => false,
    };
    let watched = ["Namespace", "MetricName", "Dimensions"].iter().all(|key| same(&["Properties", key]));
    watched && same(&["Type"]) && left.get("Type").and_then(Node::as_str) == Some("AWS::CloudWatch::Alarm")
}
