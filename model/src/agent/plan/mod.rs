//! What a healing does, step by step, as machines that answers drive.
//!
//! A machine names the next step; the edge does it and answers. So the order, the bounds and the way back are decided here,
//! and what a step takes (a D-Bus call, a console's command) is the edge's.

mod breaker;
mod cache;
mod pool;
mod restart;

pub use breaker::{BreakerPlan, STEPS};
pub use cache::CachePlan;
pub use pool::{PUT_BACK_AFTER, PoolMeasures, PoolPlan};
pub use restart::RestartPlan;

use super::event::Reason;
use super::time::{Moment, Span};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that the edge does to a resource, or asks of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Dump the heap with a command of the allow list, if 1.5 times `used` bytes are free. Changes nothing.
    Dump {
        /// The command.
        command: String,
        /// Memory in use.
        used: u64,
    },
    /// Restart the unit, or have its process ended and started again by what supervises it.
    Restart,
    /// Run a command of the allow list.
    Run {
        /// The command.
        command: String,
    },
    /// Have the pool renew its connections as they come back; none is cut.
    Reconnect,
    /// Drop the one client, or destroy the one socket, that has held a connection for longest without a statement.
    DropLeaked {
        /// Only one that has held it for this many seconds.
        older_than: u32,
    },
    /// Set the pool's size in connections.
    Resize {
        /// The new size.
        to: u32,
    },
    /// Set how long a client may wait for a connection.
    WaitAtMost {
        /// Seconds.
        seconds: u32,
    },
    /// Ask the dependency whether it answers. Changes nothing.
    Probe,
    /// Have the breaker test requests by itself.
    HalfOpen,
    /// Let this share of the requests through.
    Weight {
        /// Percent, 1 to 100.
        percent: u8,
    },
    /// Open the breaker: no request goes through.
    Open,
    /// Remove some keys with a beginning, with `UNLINK`, from where the last call ended.
    Unlink {
        /// The keys' beginning.
        prefix: String,
        /// How many at the most.
        batch: u16,
    },
    /// Bring some lifetimes into bounds, from where the last call ended.
    BoundTtl {
        /// The keys' beginning.
        prefix: String,
        /// Least lifetime in seconds.
        least: u64,
        /// Longest lifetime in seconds.
        most: u64,
        /// How many at the most.
        batch: u16,
    },
    /// Warm the next keys of the list, if the database behind the cache is well.
    Warm {
        /// How many.
        keys: u32,
    },
}

impl Command {
    /// Whether it changes the resource.
    #[must_use]
    pub const fn changes(&self) -> bool {
        !matches!(self, Self::Probe | Self::Dump { .. })
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dump { command, .. } => write!(f, "dump the heap with {command}"),
            Self::Restart => f.write_str("restart"),
            Self::Run { command } => write!(f, "run {command}"),
            Self::Reconnect => f.write_str("renew the connections"),
            Self::DropLeaked { older_than } => write!(f, "drop one client that leaked a connection for {older_than} s"),
            Self::Resize { to } => write!(f, "set the pool's size to {to}"),
            Self::WaitAtMost { seconds } => write!(f, "let clients wait for at most {seconds} s"),
            Self::Probe => f.write_str("probe the dependency"),
            Self::HalfOpen => f.write_str("half-open the breaker"),
            Self::Weight { percent } => write!(f, "let {percent} % of the requests through"),
            Self::Open => f.write_str("open the breaker"),
            Self::Unlink { prefix, .. } => write!(f, "remove keys below {prefix}"),
            Self::BoundTtl { prefix, .. } => write!(f, "bound the lifetimes below {prefix}"),
            Self::Warm { .. } => f.write_str("warm keys"),
        }
    }
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// It is done in part; there is more.
    More,
    /// There was nothing to do, or no more.
    Nothing,
    /// Not now: what the step loads is busy. Nothing was done.
    Busy,
    /// It failed.
    Failed(String),
    /// No answer came in time, so it may be done or not.
    TimedOut,
    /// The verification that was asked for is over: the resource is well, or not.
    Verified(bool),
}

/// What a plan wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Do something.
    Act {
        /// What.
        command: Command,
        /// How long it may take, in milliseconds.
        within: Span,
    },
    /// Go on then.
    Wait(Moment),
    /// Look whether the resource is well.
    Verify {
        /// For how long it must be, in milliseconds. 0: as soon as it is well, within the time. Else: until it is not, or the time is over.
        hold: Span,
        /// After how long it is not, in milliseconds.
        within: Span,
    },
    /// It is healed.
    Healed,
    /// Nothing was changed and nothing is to be.
    Leave(Reason),
    /// It is not healed.
    Fail(Reason, String),
}

/// A healing of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// A unit, a process, or a command.
    Restart(RestartPlan),
    /// A connection pool.
    Pool(PoolPlan),
    /// A circuit breaker.
    Breaker(BreakerPlan),
    /// A cache.
    Cache(CachePlan),
}

impl Plan {
    /// The next step. `answer` is what came of the last one; `None` for the first step and after a wait.
    pub fn next(&mut self, now: Moment, answer: Option<Answer>) -> Step {
        match self {
            Self::Restart(plan) => plan.next(answer),
            Self::Pool(plan) => plan.next(answer),
            Self::Breaker(plan) => plan.next(now, answer),
            Self::Cache(plan) => plan.next(now, answer),
        }
    }

    /// What takes back all that was changed so far and a step that is under way, in order. Empty where nothing can be.
    #[must_use]
    pub fn undo(&self) -> Vec<Command> {
        match self {
            Self::Restart(_) | Self::Cache(_) => Vec::new(),
            Self::Pool(plan) => plan.undo(),
            Self::Breaker(plan) => plan.undo(),
        }
    }

    /// After how many milliseconds from a healing's good end [`Plan::undo`] is done all the same. `None`: what was changed stays.
    #[must_use]
    pub const fn put_back_after(&self) -> Option<Span> {
        match self {
            Self::Pool(_) => Some(PUT_BACK_AFTER),
            Self::Restart(_) | Self::Breaker(_) | Self::Cache(_) => None,
        }
    }

    /// The longest that it can take, in milliseconds, verification and undoing included: what a lease must outlast.
    #[must_use]
    pub fn worst_case(&self) -> Span {
        match self {
            Self::Restart(plan) => plan.worst_case(),
            Self::Pool(plan) => plan.worst_case(),
            Self::Breaker(plan) => plan.worst_case(),
            Self::Cache(plan) => plan.worst_case(),
        }
    }
}

impl fmt::Display for Plan {
    /// What it would do, as an event of a rule that observes says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restart(plan) => plan.fmt(f),
            Self::Pool(_) => {
                f.write_str("renew the pool's connections, drop leaked ones one by one, let it grow within its limit")
            }
            Self::Breaker(plan) => plan.fmt(f),
            Self::Cache(_) => f.write_str("remove stale keys and warm the cache"),
        }
    }
}

/// How long a call of an admin interface on the host may take, in milliseconds: each answers at once or hangs.
pub(super) const CALL: Span = 10 * super::time::SECOND;
