//! What a rule wants, held against what the template says: nothing, an insertion, a replacement, or a problem.

use super::{Place, Planner};
use crate::diagnostics::Problem;
use crate::workload::document::{self, Document, branches, is_intrinsic, is_no_value};
use crate::workload::plan::Replace;
use crate::workload::strength::{self, Verdict, judge, words, written};
use crate::workload::{Added, Want, edit, in_long_form, write};
use crate::yaml::{Entry, Node, Span, Value};

impl<'d> Planner<'d> {
    /// Holds a value of the template against what is wanted of it.
    pub(super) fn value(&mut self, want: &Want, place: &Place<'d>, wanted: &Node) {
        if let Some(branches) = branches(place.node) {
            for branch in branches {
                self.value(want, &place.below(branch, place.key, None), wanted);
            }
            return;
        }
        match (wanted.tag.as_deref(), &wanted.value) {
            (None, Value::Mapping(_)) if !is_intrinsic(wanted) => self.object(want, place, wanted, None),
            (Some("ByKey"), _) => self.by_key(want, place, wanted),
            (Some("Each"), _) if is_intrinsic(place.node) => self.unknown(want, place, wanted),
            (Some("Each"), _) => {
                let mut each = Node { tag: None, ..wanted.clone() };
                let only = each.remove("Only");
                let mut open: Vec<&Node> = place.node.items().iter().rev().collect();
                while let Some(item) = open.pop() {
                    match branches(item) {
                        Some([then, otherwise]) => open.extend([otherwise, then]),
                        None if is_no_value(item) => {}
                        None => {
                            let item = place.below(item, item.span, None);
                            if self.applies(want, &item, only.as_ref()) {
                                self.value(want, &item, &each);
                            }
                        }
                    }
                }
            }
            _ => self.scalar(want, place, wanted),
        }
    }

    /// Entry by entry: what is there is held against what is wanted, what is not is inserted.
    pub(super) fn object(&mut self, want: &Want, place: &Place<'d>, wanted: &Node, comment: Option<&str>) {
        if is_intrinsic(place.node) && !is_no_value(place.node) {
            return self.unknown(want, place, wanted);
        }
        if is_no_value(place.node) && written(wanted).is_none() {
            return;
        }
        if is_no_value(place.node) || !(place.node.is_mapping() || self.document.is_blank(place.node)) {
            return self.conflict(want, place, wanted);
        }
        let mut comment = comment.map(str::to_owned);
        for entry in wanted.entries() {
            if let Some(there) = place.node.entry(&entry.key) {
                let below = place.below(&there.value, there.key_span, Some(&entry.key));
                // The comment goes with the first thing that is written, wherever that is.
                let changes = self.plan.changes.len();
                if entry.value.is_mapping() && entry.value.tag.is_none() && branches(&there.value).is_none() {
                    self.object(want, &below, &entry.value, comment.as_deref());
                } else {
                    self.value(want, &below, &entry.value);
                }
                if self.plan.changes.len() > changes {
                    comment = None;
                }
                continue;
            }
            self.absent(want, place, entry, &mut comment);
        }
    }

    /// An entry that the template does not have.
    fn absent(&mut self, want: &Want, place: &Place<'d>, entry: &Entry, comment: &mut Option<String>) {
        let key = &entry.key;
        if let Some(merged) = document::merged(place.node, key)
            && self.satisfied(merged, &entry.value)
        {
            return;
        }
        if entry.value.tag.as_deref() == Some("Expect") {
            return self.unexpected(want, place, Some(key), place.key, &entry.value);
        }
        let Some(value) = written(&entry.value) else { return };
        if let Some(opaque) = document::opaque(place.node) {
            let shown = write::flow(&value, false);
            let message = format!("{} may come from `{}`, which is not read here", place.name(Some(key)), opaque.key);
            let help = format!("write `{key}: {shown}` beside it ({})", want.identity);
            return self.problems.push(Problem::error(message).at(&self.document.source, opaque.key_span).help(help));
        }
        let pending = self.plan.inserts.iter_mut().find(|insert| std::ptr::eq(insert.at, place.node));
        let pending = pending.and_then(|insert| insert.entries.iter_mut().find(|added| added.entry.key == *key));
        if let Some(pending) = pending {
            // Another rule has it written already.
            if !strengthen(self.document, &mut pending.entry.value, &entry.value) {
                let message = format!("two rules want different values of {}", place.name(Some(key)));
                let help = format!("{} wants {}", want.identity, write::flow(&value, false));
                self.problems.push(Problem::error(message).at(&want.source, want.span).help(help));
            }
            return;
        }
        if !self.is_alone(want, place, &format!("`{key}: {}`", write::flow(&value, false))) {
            return;
        }
        let value = if self.document.json { in_long_form(&value) } else { value };
        self.told(want, place, place.path_to(Some(key)), &value, None);
        let added = Added { comment: comment.take(), entry: Entry::new(key.as_str(), value) };
        self.insert(place.node, place.key).entries.push(added);
    }

    /// A list of `{Key: …, Value: …}`.
    fn by_key(&mut self, want: &Want, place: &Place<'d>, wanted: &Node) {
        if is_intrinsic(place.node) && !is_no_value(place.node) {
            return self.unknown(want, place, wanted);
        }
        if !matches!(place.node.value, Value::Sequence(_)) {
            return self.conflict(want, place, wanted);
        }
        for entry in wanted.entries() {
            let named = |item: &&Node| item.get("Key").and_then(strength::scalar).as_deref() == Some(&entry.key);
            if let Some(item) = place.node.items().iter().find(named) {
                if let Some(value) = item.get("Value") {
                    self.value(want, &place.below(value, value.span, Some(&entry.key)), &entry.value);
                }
                continue;
            }
            let Some(value) = written(&entry.value) else { continue };
            if let Some(strange) = place.node.items().iter().find(|item| is_intrinsic(item)) {
                let below = place.below(strange, strange.span, Some(&entry.key));
                self.unknown(want, &below, &entry.value);
                continue;
            }
            let item = strength::item(&entry.key, value.clone());
            let pending = self.plan.inserts.iter().find(|insert| std::ptr::eq(insert.at, place.node));
            let pending =
                pending.and_then(|insert| insert.items.iter().find(|known| known.get("Key") == item.get("Key")));
            if pending.is_some() || !self.is_alone(want, place, &format!("`{}`", entry.key)) {
                continue;
            }
            self.told(want, place, place.path_to(Some(&entry.key)), &value, None);
            self.insert(place.node, place.key).items.push(item);
        }
    }

    fn scalar(&mut self, want: &Want, place: &Place<'d>, wanted: &Node) {
        match judge(self.document, place.node, wanted) {
            Verdict::Holds => {}
            _ if wanted.tag.as_deref() == Some("Collects") => {
                let message = format!(
                    "{} lacks {}: without it the rule's alarm never fires",
                    place.name(None),
                    strength::missing_metrics(place.node, wanted).join(" and ")
                );
                let help = format!("add it; {} leaves the list as it is", want.identity);
                self.problems.push(Problem::warning(message).at(&self.document.source, place.node.span).help(help));
            }
            _ if wanted.tag.as_deref() == Some("Expect") => {
                self.unexpected(want, place, None, place.node.span, wanted);
            }
            Verdict::Weaker => self.conflict(want, place, wanted),
            Verdict::Unknown => self.unknown(want, place, wanted),
        }
    }

    /// Something that is not changed, but that people should know.
    fn unexpected(&mut self, want: &Want, place: &Place<'d>, key: Option<&str>, span: Span, wanted: &Node) {
        let shown = wanted.items().first().map(|value| write::flow(value, false)).unwrap_or_default();
        let why = wanted.items().get(1).and_then(Node::as_str).unwrap_or_default();
        let message = format!("{} is not {shown}: {why}", place.name(key));
        let help = format!("{} leaves it: set it in the template if you want it", want.identity);
        self.problems.push(Problem::warning(message).at(&self.document.source, span).help(help));
    }

    /// A value that only CloudFormation knows.
    fn unknown(&mut self, want: &Want, place: &Place<'d>, wanted: &Node) {
        let message = format!(
            "{} is known only when CloudFormation deploys; {} needs {}",
            place.name(None),
            want.identity,
            words(wanted)
        );
        let help = "make sure that it is so: the template's value stays";
        self.problems.push(Problem::warning(message).at(&self.document.source, place.node.span).help(help));
    }

    /// A value that is weaker than the rule needs it.
    fn conflict(&mut self, want: &Want, place: &Place<'d>, wanted: &Node) {
        // What another rule has it replaced by may be strong enough.
        let pending = self.plan.replaces.iter().find(|replace| std::ptr::eq(replace.at, place.node));
        if pending.is_some_and(|replace| self.satisfied(&replace.by, wanted)) {
            return;
        }
        let was = edit::shown(self.document, place.node);
        let by = match wanted.tag.as_deref() {
            Some("Includes") => Some(strength::with_words(place.node, wanted).into()),
            Some("NotBelow") => Some(strength::instead(wanted)),
            _ => written(wanted),
        };
        let line = want.source.position(want.span.start).0;
        let rule = format!("{} ({}:{line})", want.identity, want.source.name());
        let Some(by) = by.filter(|_| want.overrides) else {
            let message = format!("{} is {was}, {rule} needs {}", place.name(None), words(wanted));
            let help = "change the template, or set `override: true` in the rule: the healed copy then has what the rule needs";
            return self.problems.push(Problem::error(message).at(&self.document.source, place.node.span).help(help));
        };
        if !self.is_alone(want, place, &words(wanted)) {
            return;
        }
        if let Some(known) = self.plan.replaces.iter_mut().find(|replace| std::ptr::eq(replace.at, place.node)) {
            strengthen(self.document, &mut known.by, wanted);
            return;
        }
        self.told(want, place, place.path_to(None), &by, Some(was));
        self.plan.replaces.push(Replace { at: place.node, key: place.key, by });
    }

    /// Whether a whole value is as strong as it is wanted, without anything written.
    pub(super) fn satisfied(&self, value: &Node, wanted: &Node) -> bool {
        match (wanted.tag.as_deref(), &wanted.value) {
            (None, Value::Mapping(entries)) if !is_intrinsic(wanted) => {
                entries.iter().all(|entry| match value.get(&entry.key) {
                    Some(value) => self.satisfied(value, &entry.value),
                    None => written(&entry.value).is_none(),
                })
            }
            (Some("ByKey" | "Each"), _) => false,
            _ => judge(self.document, value, wanted) == Verdict::Holds,
        }
    }
}

/// Makes a value that is to be written as strong as another rule wants it. `false` when it cannot be both.
fn strengthen(document: &Document, value: &mut Node, wanted: &Node) -> bool {
    match (wanted.tag.as_deref(), &wanted.value) {
        (None, Value::Mapping(entries)) if !is_intrinsic(wanted) => {
            let Value::Mapping(there) = &mut value.value else { return false };
            entries.iter().all(|entry| {
                if let Some(known) = there.iter_mut().find(|known| known.key == entry.key) {
                    return strengthen(document, &mut known.value, &entry.value);
                }
                there.extend(written(&entry.value).map(|value| Entry::new(entry.key.as_str(), value)));
                true
            })
        }
        (Some("ByKey"), _) => {
            let Value::Sequence(items) = &mut value.value else { return false };
            for entry in wanted.entries() {
                let known = items.iter().any(|item| item.get("Key").and_then(Node::as_str) == Some(&entry.key));
                if let (false, Some(value)) = (known, written(&entry.value)) {
                    items.push(strength::item(&entry.key, value));
                }
            }
            true
        }
        _ => match (judge(document, value, wanted), wanted.tag.as_deref()) {
            (Verdict::Holds, _) => true,
            (_, Some("AtLeast")) => {
                *value = written(wanted).unwrap_or_else(|| value.clone());
                true
            }
            (_, Some("Includes")) => {
                *value = strength::with_words(value, wanted).into();
                true
            }
            _ => false,
        },
    }
}
