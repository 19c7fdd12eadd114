//! How the statements of two templates differ, and whether more is permitted than before.
//!
//! "Widened" errs on the side of saying it: a condition whose value changed counts, because whether the new value admits
//! more cannot be known from the text.

use serde::Serialize;

use super::Statement;

/// The changes of a stack's statements.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IamDelta {
    /// In the order of the new template, removed statements last.
    pub changes: Vec<IamChange>,
}

/// One changed statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IamChange {
    /// In which direction.
    pub kind: IamChangeKind,
    /// The statement after the change; the old one, if it was removed.
    pub statement: Statement,
    /// What differs, a line each, with `+` and `-`; empty for added and removed statements.
    pub differences: Vec<String>,
}

/// The direction of a change. For a `Deny` statement the directions are those of what remains permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IamChangeKind {
    /// A new statement.
    Added,
    /// More is permitted than before.
    Widened,
    /// Less is permitted than before.
    Narrowed,
    /// The statement is gone.
    Removed,
}

impl IamChange {
    /// Whether more is permitted after the change.
    #[must_use]
    pub fn permits_more(&self) -> bool {
        let allows = self.statement.effect == "Allow";
        match self.kind {
            IamChangeKind::Widened => true,
            IamChangeKind::Narrowed => false,
            IamChangeKind::Added => allows,
            IamChangeKind::Removed => !allows,
        }
    }
}

impl IamDelta {
    /// The difference between the statements of the deployed and the planned template.
    #[must_use]
    pub fn between(before: &[Statement], after: &[Statement]) -> Self {
        let mut old: Vec<&Statement> = before.iter().filter(|statement| !after.contains(statement)).collect();
        let mut changes = Vec::new();
        for new in after.iter().filter(|statement| !before.contains(statement)) {
            let (kind, differences) = match take_counterpart(&mut old, new) {
                None => (IamChangeKind::Added, Vec::new()),
                Some(old) => match compare(old, new) {
                    Some(difference) => difference,
                    // The same in other words, such as another `Sid` or an action that a wildcard covers already.
                    None => continue,
                },
            };
            changes.push(IamChange { kind, statement: new.clone(), differences });
        }
        changes.extend(old.into_iter().map(|statement| IamChange {
            kind: IamChangeKind::Removed,
            statement: statement.clone(),
            differences: Vec::new(),
        }));
        Self { changes }
    }

    /// Whether any change permits more.
    #[must_use]
    pub fn permits_more(&self) -> bool {
        self.changes.iter().any(IamChange::permits_more)
    }
}

/// The old statement that `new` most likely came from: same place and effect, then the same id or the most in common.
fn take_counterpart<'a>(old: &mut Vec<&'a Statement>, new: &Statement) -> Option<&'a Statement> {
    let likeness = |old: &Statement| -> usize {
        if old.resource != new.resource || old.policy != new.policy || old.effect != new.effect {
            return 0;
        }
        let shared = |a: &[String], b: &[String]| a.iter().filter(|item| b.contains(item)).count();
        let same_id = if old.sid.is_some() && old.sid == new.sid { 1000 } else { 0 };
        same_id
            + 2 * shared(&old.actions, &new.actions)
            + shared(&old.resources, &new.resources)
            + shared(&old.inverted, &new.inverted)
    };
    let (index, _) = old
        .iter()
        .enumerate()
        .map(|(index, statement)| (index, likeness(statement)))
        .filter(|(_, likeness)| *likeness > 0)
        .max_by_key(|(index, likeness)| (*likeness, usize::MAX - index))?;
    Some(old.remove(index))
}

/// The direction of the change and what differs; `None` when nothing does.
fn compare(old: &Statement, new: &Statement) -> Option<(IamChangeKind, Vec<String>)> {
    let (mut grown, mut shrunk) = (Vec::new(), Vec::new());
    for (label, old, new) in [
        ("", &old.actions, &new.actions),
        ("on ", &old.resources, &new.resources),
        ("for ", &old.principals, &new.principals),
    ] {
        grown.extend(uncovered(new, old).map(|item| format!("+ {label}{item}")));
        shrunk.extend(uncovered(old, new).map(|item| format!("- {label}{item}")));
    }
    // A condition restricts, so the one that goes makes the statement reach further.
    grown.extend(missing(&old.conditions, &new.conditions).map(|item| format!("- if {item}")));
    shrunk.extend(missing(&new.conditions, &old.conditions).map(|item| format!("+ if {item}")));
    grown.extend(missing(&old.inverted, &new.inverted).map(|item| format!("- {item}")));
    grown.extend(missing(&new.inverted, &old.inverted).map(|item| format!("+ {item}")));
    let reaches_further = if new.effect == "Deny" { !shrunk.is_empty() } else { !grown.is_empty() };
    let always_said = old.inverted != new.inverted;
    let differences: Vec<String> = grown.into_iter().chain(shrunk).collect();
    if differences.is_empty() {
        return None;
    }
    let kind = if reaches_further || always_said { IamChangeKind::Widened } else { IamChangeKind::Narrowed };
    Some((kind, differences))
}

fn uncovered<'a>(items: &'a [String], by: &'a [String]) -> impl Iterator<Item = &'a String> {
    items.iter().filter(move |item| !by.iter().any(|pattern| covers(pattern, item)))
}

fn missing<'a>(items: &'a [String], from: &'a [String]) -> impl Iterator<Item = &'a String> {
    items.iter().filter(move |item| !from.contains(item))
}

/// Whether a pattern of IAM (`*` any characters, `?` one) covers an item; the item's own wildcards are characters.
fn covers(pattern: &str, item: &str) -> bool {
    let (pattern, item) = (pattern.to_lowercase().into_bytes(), item.to_lowercase().into_bytes());
    let (mut p, mut i) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while i < item.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, i));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == item[i] => {
                p += 1;
                i += 1;
            }
            _ => match retry {
                // Let the last `*` take one more character.
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    p = star + 1;
                    i = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
#[path = "delta_test.rs"]
mod tests;
