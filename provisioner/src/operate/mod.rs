//! What operators do with the ledger: read healing events and statistics, switch healing off and on, unlock a resource.
//!
//! Four rules hold throughout:
//!
//! * **What stops healing is written first.** Before it writes, a pause only asks who pauses, which pause it takes the place of,
//!   and whether there is such a stack or rule; where one of the last two cannot be known, it is written all the same. Alarms,
//!   the rules' texts and the event come after it; what fails then is reported beside what was done.
//! * **A switch only does less.** Lifting one gives a rule back what its file says, never more.
//! * **Memory does not depend on the ledger.** Events are read page by page and handed on one by one.
//! * **Results are values.** Functions return reports; [`render`] turns them into text for people.
//!
//! `healstack.yaml` alone is needed: rule files that do not compile keep nobody from pausing.

mod alarms;
mod connection;
mod deployed;
mod error;
mod filter;
mod follow;
mod history;
mod item;
mod ledger;
mod overrides;
mod recorded;
pub mod render;
mod report;
mod statistics;
mod switches;
mod time;
mod unlock;

#[cfg(test)]
#[path = "fake_test.rs"]
pub(crate) mod fake;

pub use connection::Connection;
pub use deployed::{Deployed, DeployedRule, deployed_rules};
pub use error::OperateError;
pub use filter::EventFilter;
pub use follow::follow;
pub use history::{Listed, events, shown_event};
pub use overrides::{Overrides, UnreadableSwitch, ends_earlier, overrides, shown};
pub use report::Undone;
pub use statistics::{StatisticsReport, statistics};
pub use switches::{SwitchReport, SwitchRequest, Verb, switch};
pub use time::{TimeError, When, now, rfc3339};
pub use unlock::{Locked, UnlockReport, find_key, look, unlock};
