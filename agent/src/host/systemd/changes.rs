//! Changes of units as systemd announces them.

use std::collections::BTreeMap;
use std::time::Duration;

use zbus::message::Type;
use zbus::{MatchRule, MessageStream, OwnedVariant};

use super::{Bus, PROPERTIES, SYSTEMD, SystemdError, UnitName, call, connect, next};
use crate::wire::within;

/// What changed in a unit. What did not change, or is announced without its value, is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which one.
    pub unit: UnitName,
    /// Its new state.
    pub active_state: Option<String>,
    /// Its new finer state.
    pub sub_state: Option<String>,
    /// Its new main process; 0 is none.
    pub main_pid: Option<u32>,
    /// Why it last ended.
    pub result: Option<String>,
    /// How often systemd restarted it.
    pub restarts: Option<u32>,
}

/// The changes of some units, over a connection of their own: who does not read them holds up nothing else.
#[derive(Debug)]
pub struct Changes {
    connection: zbus::Connection,
    stream: MessageStream,
    /// By the object on the bus.
    units: BTreeMap<String, UnitName>,
    deadline: Duration,
}

impl Changes {
    /// Connects; `deadline` bounds each call, and not the wait for a change.
    pub async fn connect(bus: &Bus, deadline: Duration) -> Result<Self, SystemdError> {
        within(deadline, async {
            let connection = connect(bus, deadline).await?;
            call(&connection, "Subscribe", &()).await?;
            let stream = MessageStream::from(&connection);
            Ok(Self { connection, stream, units: BTreeMap::new(), deadline })
        })
        .await
    }

    /// Follows one more unit. It need not be there yet.
    pub async fn follow(&mut self, unit: &UnitName) -> Result<(), SystemdError> {
        const BUS: &str = "org.freedesktop.DBus";
        let path = unit.object_path();
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(SYSTEMD)
            .path(path.as_str())
            .interface(PROPERTIES)
            .member("PropertiesChanged")
            .build()?;
        within(self.deadline, async {
            let rule = rule.to_string();
            self.connection.call_method(Some(BUS), "/org/freedesktop/DBus", Some(BUS), "AddMatch", &rule).await?;
            Ok::<_, SystemdError>(())
        })
        .await?;
        self.units.insert(path, unit.clone());
        Ok(())
    }

    /// Waits for the next change. Safe to drop and to call again.
    pub async fn next(&mut self) -> Result<Change, SystemdError> {
        loop {
            let message = next(&mut self.stream).await?;
            let header = message.header();
            let is_change = header.message_type() == Type::Signal
                && header.member().is_some_and(|member| member.as_str() == "PropertiesChanged");
            let Some(unit) = header.path().filter(|_| is_change).and_then(|path| self.units.get(path.as_str())) else {
                continue;
            };
            let body = message.body();
            let (_, mut values, _): (String, BTreeMap<String, OwnedVariant>, Vec<String>) = body.deserialize()?;
            let mut text = |name: &str| values.remove(name).and_then(|value| String::try_from(value).ok());
            let mut change = Change {
                unit: unit.clone(),
                active_state: text("ActiveState"),
                sub_state: text("SubState"),
                main_pid: None,
                result: text("Result"),
                restarts: None,
            };
            let mut number = |name: &str| values.remove(name).and_then(|value| u32::try_from(value).ok());
            change.main_pid = number("MainPID");
            change.restarts = number("NRestarts");
            let empty = change.active_state.is_none() && change.sub_state.is_none() && change.main_pid.is_none();
            // The interfaces of a unit announce much else.
            if !(empty && change.result.is_none() && change.restarts.is_none()) {
                return Ok(change);
            }
        }
    }
}
