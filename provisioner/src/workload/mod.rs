//! The user's own template, healed: AWS's own healing is a matter of properties of resources that users own.
//!
//! ```text
//! template ──► tree with places ──► what each rule wants, held against it ──► insertions ──► healed template
//!                                                                                 └── parsed again and compared
//! ```
//! What a kind wants stands in its `native.yaml.hbs`, in CloudFormation's own shape; tags say how strong a value must be:
//!
//! | written | absent | there already |
//! |---|---|---|
//! | `value` | is written | anything else is a conflict |
//! | `!AtLeast 60`, `!AtLeast [60, 300]` | the (second) number is written | less is a conflict |
//! | `!NotBelow 2`, `!NotBelow [1, 7]`, `!NotBelow default` | stays absent | less, or another word, is a conflict; the (second) value replaces it |
//! | `!Includes EBS,ELB,-EC2` | the words are written, with commas | a missing word is a conflict; what replaces it keeps other words, except those with a minus |
//! | `!Default value` | is written | stays, whatever it is |
//! | `!Expect [value, why]` | a warning | anything else is a warning |
//! | `!Collects [metric]` | a `MetricsCollection` of them is written | a missing metric is a warning |
//! | `!ByKey {key: value}` | `{Key: key, Value: value}` is added to the list | the value is held against the item's |
//! | `!Each {…}` | stays absent | every item of the list is held against it |
//!
//! A key `Id -> Property.Path` names the resource that a property of `Id` refers to. A resource that is not in the template is
//! added if something that was inserted refers to it; `!From Id.Path` in it is what the template says there, `!Referred Id.Path` a
//! `!Ref` to what that property refers to. `Only` says which resources, and which items of `!Each`, are left as they are. A conflict is an error, or is replaced where the rule has `override: true`.
//!
//! **Invariant:** the template is edited, never written anew. Every byte of it stays, except literals that `override` replaces, and
//! what comes out is parsed and compared with what went in before anybody sees it.

mod document;
mod edit;
mod follow;
mod plan;
mod strength;
mod verify;
mod wanted;
mod write;

pub use wanted::{Wanted, wanted};

pub(crate) use strength::in_long_form;

use crate::diagnostics::{Problem, Severity, Source};
use crate::yaml::{Entry, Node, Span};
use document::Document;
use std::sync::Arc;

/// What one rule wants of the template.
#[derive(Debug)]
pub struct Want {
    /// `<stack>/<rule>`.
    pub identity: String,
    /// The rule file.
    pub source: Arc<Source>,
    /// Where the rule stands in it.
    pub span: Span,
    /// Whether weaker values are replaced.
    pub overrides: bool,
    /// The resources that the rule's target names.
    pub targets: Vec<Target>,
    /// The kind's rendered `native.yaml.hbs`: a map of resources.
    pub native: Node,
}

/// A resource that a rule names.
#[derive(Debug)]
pub struct Target {
    /// Its logical id.
    pub id: String,
    /// The type that it must have.
    pub kind: String,
    /// Where the rule names it.
    pub span: Span,
    /// Conditions of `native.yaml.hbs` that it must fulfil.
    pub only: Option<Node>,
    /// The parameter that tells the rules' stack its value: name, and value in long form.
    pub published: (String, Node),
    /// The parameter's logical id.
    pub parameter: String,
}

/// A healed template.
#[derive(Debug)]
pub struct Healed {
    /// Its text.
    pub text: String,
    /// What was changed, in the order of the rules.
    pub changes: Vec<Change>,
    /// How many resources it has, a loop counted as one.
    pub resources: usize,
}

/// One property that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The rule's identity; empty for what tells the rules' stack a value.
    pub rule: String,
    /// The resource's logical id.
    pub resource: String,
    /// The property's path, with dots; empty for a whole resource.
    pub path: String,
    /// What is written.
    pub value: String,
    /// What stood there, where `override` replaced it.
    pub was: Option<String>,
}

/// A template as users write it, read once for everything that is asked of it.
pub struct Template(Document);

impl Template {
    /// Reads a template. Fails where it is none.
    pub fn parse(source: &Arc<Source>) -> Result<Self, Problem> {
        Document::parse(source).map(Self)
    }

    /// Whether it is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.0.json
    }

    /// Heals it. The text is there when no problem is an error.
    #[must_use]
    pub fn heal(&self, wants: &[Want]) -> (Option<Healed>, Vec<Problem>) {
        let mut planner = plan::Planner::new(&self.0);
        // What a rule overrides may be strong enough for those that do not.
        for want in wants.iter().filter(|want| want.overrides).chain(wants.iter().filter(|want| !want.overrides)) {
            planner.want(want);
        }
        planner.publish(wants);
        let (plan, mut problems) = planner.finish();
        if has_errors(&problems) {
            return (None, problems);
        }
        let text = edit::apply(&self.0, &plan);
        match verify::check(&self.0, &plan, &text) {
            Ok(resources) => (Some(Healed { text, changes: plan.changes, resources }), problems),
            Err(problem) => {
                problems.push(problem);
                (None, problems)
            }
        }
    }

    /// What would be changed for one rule; nothing where that cannot be done.
    #[must_use]
    pub fn lacks(&self, want: &Want) -> Vec<Change> {
        let mut planner = plan::Planner::new(&self.0);
        planner.want(want);
        let (plan, problems) = planner.finish();
        if has_errors(&problems) { Vec::new() } else { plan.changes }
    }
}

fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// An entry and the comment above it.
#[derive(Debug, Clone)]
struct Added {
    comment: Option<String>,
    entry: Entry,
}
