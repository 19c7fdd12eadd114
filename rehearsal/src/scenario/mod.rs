//! Scenarios as data: what is there, what fails, and what must be seen. One file a kind, beside its templates.
//!
//! A scenario never says that something is healed: what is ill stays ill until a call that AWS's documentation says mends it.

mod fields;
mod read;
mod storm;

pub use fields::ScenarioError;
pub use storm::{Member, Storm};

use crate::Millis;
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::fmt;

/// The scenarios of one rule.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    /// By name, in the order of the file.
    pub scenarios: IndexMap<String, Scenario>,
    /// How many resources of the rule fail together; none where the rule names its resources.
    pub storm: Option<Storm>,
}

impl ScenarioFile {
    /// Reads a file's content.
    pub fn read(value: Value) -> Result<Self, ScenarioError> {
        read::file(value)
    }
}

/// One story of a failure.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name in the file.
    pub name: String,
    /// What it shows, in a sentence.
    pub title: String,
    /// Which of the things that can happen it shows.
    pub case: Case,
    /// The workload before the failure: what a behaviour's `given` makes, in order.
    pub given: Vec<Value>,
    /// What happens, in order of time.
    pub when: Vec<Injection>,
    /// What must be seen. All of it.
    pub then: Vec<Expectation>,
    /// How long it runs after its begin.
    pub lasts: Millis,
}

/// The things that can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    /// The runbook heals it.
    Heals,
    /// AWS heals it, and the ledger says so.
    Native,
    /// The runbook's action fails.
    ActionFails,
    /// The action works and does not help: it is undone, or people are called.
    VerificationFails,
    /// It recovers by itself, or somebody else was faster.
    Recovers,
    /// Another rule or healing has the resource.
    Contended,
    /// The signal comes and goes.
    Flaps,
    /// The signal stays, whatever is done.
    NeverClears,
    /// The guard refuses, and says why.
    Refused,
}

impl Case {
    /// Every case with its name in files.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Heals, "heals"),
        (Self::Native, "native"),
        (Self::ActionFails, "action-fails"),
        (Self::VerificationFails, "verification-fails"),
        (Self::Recovers, "recovers"),
        (Self::Contended, "contended"),
        (Self::Flaps, "flaps"),
        (Self::NeverClears, "never-clears"),
        (Self::Refused, "refused"),
    ];

    /// Whether healing is what it shows; the others show what healing must not do, or what follows when it cannot.
    #[must_use]
    pub const fn is_happy(self) -> bool {
        matches!(self, Self::Heals | Self::Native)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(case, _)| case == self).map_or("", |(_, name)| name))
    }
}

/// Something that happens at a moment.
#[derive(Debug, Clone)]
pub struct Injection {
    /// Milliseconds after the scenario's begin.
    pub at: Millis,
    /// What.
    pub cause: Cause,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Cause {
    /// A behaviour's ailment, as it is in the file.
    Ail(Value),
    /// Calls of healing fail.
    Fault(CallFault),
    /// An event of a service.
    Event(Value),
    /// Samples of a metric that no behaviour makes, every minute.
    Metric {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its dimensions.
        dimensions: Map<String, Value>,
        /// Tags of the resource that it is about.
        tags: Map<String, Value>,
        /// The samples of each minute.
        values: Vec<f64>,
        /// For how long.
        lasts: Millis,
    },
    /// A call of somebody else.
    Call {
        /// boto3's name of the service.
        service: String,
        /// The operation.
        api: String,
        /// Its request.
        request: Value,
    },
    /// An operator's switch.
    Switch {
        /// `pause`, `observe` or `resume`.
        mode: String,
        /// `all`, `stack` or `rule`.
        scope: String,
    },
    /// Another rule's healing holds a resource.
    Lease {
        /// The resource's canonical key.
        key: String,
        /// The other rule, `stack/rule` or a rule of the same stack.
        rule: String,
        /// For how long.
        lasts: Millis,
    },
    /// `SetAlarmState`, for a signal that the rehearsal cannot make.
    Alarm {
        /// The rule's signal.
        signal: String,
        /// The state.
        state: String,
    },
    /// A message of an agent on its topic.
    Agent(Value),
    /// A person answers the approval that a runbook waits for.
    Answer {
        /// Whether with yes.
        approve: bool,
    },
    /// The rule's alarms are muted.
    Mute {
        /// For how long.
        lasts: Millis,
    },
    /// Other automations have all of Systems Manager's places: what is started waits.
    Busy {
        /// For how long.
        lasts: Millis,
    },
    /// The association starts the runbook that keeps AWS's own healing set, on a resource.
    Settings {
        /// The resource as the association names it.
        resource: String,
    },
}

/// Calls that fail.
#[derive(Debug, Clone)]
pub struct CallFault {
    /// boto3's name of the service.
    pub service: String,
    /// The operation.
    pub api: String,
    /// The error code; `timeout` for no answer to a call that was done.
    pub error: String,
    /// How many calls; `None` without a limit.
    pub times: Option<u64>,
    /// For how long; `None` without an end.
    pub lasts: Option<Millis>,
}

/// What must be seen.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// By when after the scenario's begin; `None` at any time.
    pub within: Option<Millis>,
    /// What must not be seen instead.
    pub never: bool,
    /// What.
    pub what: Sight,
    /// How the file says it, on one line.
    pub text: String,
}

/// Something to be seen.
#[derive(Debug, Clone)]
pub enum Sight {
    /// An alarm of the rule changed to a state.
    Alarm {
        /// Its signal.
        signal: String,
        /// The state.
        state: String,
        /// What its name, or a contributor's attribute, ends with.
        resource: Option<String>,
    },
    /// An event of the rule in the ledger that has these attributes.
    Event(Map<String, Value>),
    /// The last run of the runbook ended with this step.
    Ends(String),
    /// The last run had these steps in this order.
    Steps(Vec<String>),
    /// So many runs were started.
    Runs(u64),
    /// So many calls were made by healing, by `service:Api`.
    Calls(Vec<(String, u64)>),
    /// What an API says.
    State {
        /// boto3's name of the service.
        service: String,
        /// The operation.
        api: String,
        /// Its request.
        request: Value,
        /// A path of names and indexes, `$.Reservations[0].Instances[0].State.Name`.
        path: String,
        /// The value there; null where the path finds nothing.
        is: Value,
    },
    /// The guard decided so.
    Decision(String),
    /// A notification contains this.
    Notified(String),
    /// So many OpsItems were made.
    People(u64),
}
