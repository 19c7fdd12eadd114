//! What goes into the core and what comes out.

use crate::agent::config::Config;
use crate::agent::observe::Observation;
use crate::agent::plan::{Answer, Command};
use crate::agent::state::{Entry, Origin, Switch};
use crate::agent::time::Span;
use crate::ledger::Scope;

/// A resource of a rule, by its place in [`super::Agent::watches`]. A new configuration makes new places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub u32);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Nothing but that time has passed: at [`super::Agent::next_wake`].
    Tick,
    /// A sensor was read.
    Observed {
        /// Of which resource.
        watch: WatchId,
        /// The request of [`Output::Sense`] that it answers. The reading must have begun after the request.
        request: Option<u64>,
        /// What it said.
        seen: Observation,
    },
    /// A step of a healing is over.
    Answered {
        /// The healing.
        event_id: String,
        /// The step.
        step: u32,
        /// What came of it.
        answer: Answer,
    },
    /// A look whether a resource is well is over.
    Verified {
        /// The healing.
        event_id: String,
        /// The step.
        step: u32,
        /// Well, ill, or `None`: it cannot be told yet.
        well: Option<bool>,
    },
    /// The ledger's answer.
    Lease {
        /// The healing that is to begin.
        event_id: String,
        /// The answer.
        answer: LeaseAnswer,
    },
    /// Somebody has switched something.
    Switched {
        /// Who.
        origin: Origin,
        /// What about.
        scope: Scope,
        /// What holds from now on; `None`: nothing.
        switch: Option<Switch>,
        /// For how many milliseconds; `None`: until it is lifted.
        lasts: Option<Span>,
    },
    /// Whether an alarm of `suppress_while` is in ALARM; `None` where nobody can say.
    Suppressor {
        /// The alarm.
        alarm: String,
        /// Whether it fires.
        firing: Option<bool>,
    },
    /// A new configuration. It takes effect when no healing runs, and none begins until then.
    Configured(Box<Config>),
    /// Everything up to this entry of the journal is published.
    Acknowledged {
        /// The entry's number.
        through: u64,
    },
    /// The journal wants to begin a new file.
    Checkpoint,
}

/// The ledger's answer to a request for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// The healing may begin.
    Granted,
    /// It may not: the resource is leased, or the budget of the fleet is used.
    Refused {
        /// After how many milliseconds to ask again, where the ledger says so.
        retry_after: Option<Span>,
    },
    /// The ledger cannot be reached.
    Unreachable,
}

/// What is to be done, in this order.
///
/// **Invariant:** nothing is done before the entries in front of it are synchronised to disk. An edge that cannot write an
/// entry does not do the steps after it: it answers each as failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Write it and synchronise.
    Journal(Box<Entry>),
    /// Read a sensor that has no events this often from now on.
    Interval {
        /// Of which resource.
        watch: WatchId,
        /// Milliseconds.
        every: Span,
    },
    /// Read a sensor now, and answer with the request.
    Sense {
        /// Of which resource.
        watch: WatchId,
        /// The request.
        request: u64,
    },
    /// Do a step, at most once for this event and step, and answer.
    Act {
        /// The healing.
        event_id: String,
        /// The step.
        step: u32,
        /// The rule, `<stack>/<rule>`.
        rule: String,
        /// What is healed, `<type>/<name>`.
        resource: String,
        /// What to do.
        command: Command,
        /// How long it may take, in milliseconds.
        within: Span,
    },
    /// Look whether the resource is well, and answer: a unit is active, its health page and probe answer, its memory is below the
    /// threshold; no client waits; the breaker lets through what it shall and has not opened again; the hit rate is above the
    /// threshold.
    Verify {
        /// The healing.
        event_id: String,
        /// The step.
        step: u32,
        /// Of which resource of a rule.
        watch: WatchId,
        /// The same, `<type>/<name>`.
        resource: String,
    },
    /// Stop a step that took too long. Its answer is not waited for any more.
    Cancel {
        /// The healing.
        event_id: String,
        /// The step.
        step: u32,
    },
    /// Ask the ledger for a lease.
    AskLease {
        /// The healing that is to begin; the lease's owner.
        event_id: String,
        /// The rule, `<stack>/<rule>`.
        rule: String,
        /// What is healed, `<type>/<name>`.
        resource: String,
        /// How long the lease must last.
        seconds: u64,
    },
    /// Give a lease back, or take the request back.
    ReleaseLease {
        /// Its owner.
        event_id: String,
    },
    /// Set or clear a degradation flag. Repeated, it changes nothing.
    Flag {
        /// The flag.
        flag: String,
        /// Whether it is set.
        set: bool,
    },
    /// The new configuration is in effect: read the watches again.
    Configured,
}
