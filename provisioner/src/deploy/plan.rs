//! What a deployment would do, as CloudFormation's change sets say it.

use serde::Serialize;

use super::iam::IamDelta;

/// What every stack of a run would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiffReport {
    /// The region.
    pub region: String,
    /// One plan a stack, in the order in which they were given.
    pub stacks: Vec<StackPlan>,
}

impl DiffReport {
    /// Whether anything would change.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.stacks.iter().any(StackPlan::has_changes)
    }
}

/// What one stack would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StackPlan {
    /// The stack's name.
    pub stack: String,
    /// What happens to the stack as a whole.
    pub action: StackAction,
    /// Its status now; `None` when there is no such stack.
    pub status: Option<String>,
    /// Its resources' changes, as the change set holds them.
    pub changes: Vec<Change>,
    /// What changes in the statements that grant or deny permissions.
    pub iam: IamDelta,
    /// Whether termination protection will be switched on.
    pub enable_protection: bool,
    /// What the reader must know besides, one sentence each.
    pub notes: Vec<String>,
}

impl StackPlan {
    /// Whether deploying does anything.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.action != StackAction::Unchanged || self.enable_protection
    }
}

/// What happens to a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StackAction {
    /// It is created.
    Create,
    /// It is updated.
    Update,
    /// What is left of a failed creation is deleted, then it is created. No change set can exist before that, so the changes
    /// shown are the template's resources, and deploying goes on only if the change set then adds exactly these.
    Recreate,
    /// Nothing changes.
    Unchanged,
    /// Its changes cannot be known yet; the notes say why.
    Unknown,
}

/// The change of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What happens.
    pub kind: ChangeKind,
    /// The resource's name in the template.
    pub logical_id: String,
    /// Such as `AWS::SNS::Topic`.
    pub resource_type: String,
    /// The resource's name or ARN, when it exists.
    pub physical_id: Option<String>,
    /// What becomes of the old resource, when not deletion: `Retain` or `Snapshot`.
    pub policy: Option<String>,
    /// The properties and attributes that change.
    pub properties: Vec<PropertyChange>,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is created.
    Add,
    /// It is changed in place.
    Modify,
    /// It is replaced by a new one.
    Replace,
    /// CloudFormation knows only while executing whether it must be replaced.
    MayReplace,
    /// It is deleted, or left alone when its deletion policy says so.
    Remove,
    /// It exists and is taken into the stack.
    Import,
    /// CloudFormation knows only while executing what happens.
    Dynamic,
}

impl ChangeKind {
    /// Whether the resource that exists now can be lost.
    #[must_use]
    pub fn is_destructive(self) -> bool {
        matches!(self, Self::Replace | Self::MayReplace | Self::Remove)
    }
}

/// One changed property or attribute of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PropertyChange {
    /// Such as `DisplayName`, `Environment.Variables.MODE`, or `Tags`.
    pub path: String,
    /// The value now, if known.
    pub before: Option<String>,
    /// The value after the deployment, if known.
    pub after: Option<String>,
    /// Whether this property's change replaces the resource.
    pub recreation: Recreation,
    /// What causes the change when it is not the template itself, such as another resource's attribute.
    pub because_of: Option<String>,
}

/// Whether the change of a property replaces the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recreation {
    /// It does not.
    Never,
    /// It depends on the value.
    Conditionally,
    /// It does.
    Always,
}
