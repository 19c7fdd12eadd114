//! systemd over D-Bus (org.freedesktop.systemd1(5)): what a unit is and uses, a restart followed to its end, and the
//! changes of units as they happen.

mod changes;
mod unit;

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use zbus::connection::Builder;
use zbus::message::Type;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant};

pub use self::changes::{Change, Changes};
pub use self::unit::{BadUnitName, UnitName};
use crate::wire::{WireError, within};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// How many signals may wait to be read. A full queue holds up the whole connection, so it is roomy: a message takes some
/// hundred bytes, and only those that are subscribed to come.
const QUEUE: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Which bus to talk to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Bus {
    /// The system's.
    #[default]
    System,
    /// One at an address as D-Bus writes them: `unix:path=/run/dbus/system_bus_socket`.
    Address(String),
}

/// What can go wrong with systemd.
#[derive(Debug, thiserror::Error)]
pub enum SystemdError {
    /// No answer in time.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The bus, or an answer that is not what systemd's interface says.
    #[error("D-Bus: {0}")]
    Bus(zbus::Error),
    /// systemd's own error.
    #[error("systemd refused: {message} ({name})")]
    Refused {
        /// Like `org.freedesktop.systemd1.NoSuchUnit`.
        name: String,
        /// systemd's words.
        message: String,
    },
    /// polkit or the bus does not allow it.
    #[error("not allowed: {0}; does the polkit rule name this unit?")]
    AccessDenied(String),
    /// No such unit is loaded or on disk.
    #[error("there is no unit {0}")]
    NoSuchUnit(UnitName),
    /// A unit that the host cannot do without, or the agent's own.
    #[error("{0} is never acted on")]
    Protected(UnitName),
    /// The connection is closed.
    #[error("the bus closed the connection")]
    Closed,
}

impl From<zbus::Error> for SystemdError {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, message, _) => {
                refused(name.as_str().to_owned(), message.unwrap_or_default())
            }
            zbus::Error::FDO(error) => match *error {
                zbus::fdo::Error::AccessDenied(message)
                | zbus::fdo::Error::AuthFailed(message)
                | zbus::fdo::Error::InteractiveAuthorizationRequired(message) => Self::AccessDenied(message),
                zbus::fdo::Error::ZBus(error) => Self::Bus(error),
                error => Self::Refused { name: "org.freedesktop.DBus.Error".to_owned(), message: error.to_string() },
            },
            error => Self::Bus(error),
        }
    }
}

fn refused(name: String, message: String) -> SystemdError {
    match name.as_str() {
        "org.freedesktop.DBus.Error.AccessDenied" | "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" => {
            SystemdError::AccessDenied(message)
        }
        _ => SystemdError::Refused { name, message },
    }
}

/// What a unit is at one moment. What systemd does not count or limit is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitStatus {
    /// Its real name, where it was asked by an alias.
    pub id: String,
    /// `loaded`, `not-found`, `masked` and others.
    pub load_state: String,
    /// `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`.
    pub active_state: String,
    /// Finer, by the kind of unit: `running`, `dead`, `auto-restart`.
    pub sub_state: String,
    /// Of a service: why it last ended: `success`, `oom-kill`, `exit-code`, `watchdog` and others.
    pub result: Option<String>,
    /// Of a service: its main process.
    pub main_pid: Option<u32>,
    /// Its cgroup below the hierarchy's root.
    pub control_group: Option<String>,
    /// Bytes that it uses.
    pub memory_current: Option<u64>,
    /// Bytes that it may use.
    pub memory_max: Option<u64>,
    /// Of a service: how often systemd restarted it by `Restart=`.
    pub restarts: Option<u32>,
}

/// How a unit is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Started where it does not run.
    Restart,
    /// Left alone where it does not run: somebody may have stopped it.
    TryRestart,
}

/// How a job ended (org.freedesktop.systemd1(5), `JobRemoved`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobResult {
    /// It did what it should.
    Done,
    /// Another job took its place.
    Canceled,
    /// It ran into its own timeout, `TimeoutStartSec=` or `TimeoutStopSec=`.
    Timeout,
    /// The unit failed.
    Failed,
    /// A unit that it needs failed.
    Dependency,
    /// There was nothing to do.
    Skipped,
    /// A word of a later systemd.
    Other(String),
}

impl From<&str> for JobResult {
    fn from(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "canceled" => Self::Canceled,
            "timeout" => Self::Timeout,
            "failed" => Self::Failed,
            "dependency" => Self::Dependency,
            "skipped" => Self::Skipped,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// systemd.
#[derive(Debug)]
pub struct Systemd {
    connection: Connection,
    deadline: Duration,
    /// The object of the unit that this very process is in; `None` where it is in none.
    own: Option<String>,
}

impl Systemd {
    /// Connects. `deadline` bounds each call but a restart, which has its own.
    pub async fn connect(bus: &Bus, deadline: Duration) -> Result<Self, SystemdError> {
        within(deadline, async {
            let connection = connect(bus, deadline).await?;
            // Without it systemd sends no signals.
            call(&connection, "Subscribe", &()).await?;
            let own = match call(&connection, "GetUnitByPID", &(std::process::id())).await {
                Ok(reply) => Some(object(&reply)?.as_str().to_owned()),
                Err(SystemdError::Refused { .. }) => None,
                Err(error) => return Err(error),
            };
            Ok(Self { connection, deadline, own })
        })
        .await
    }

    /// What a unit is. One that is not loaded is loaded for it, as `systemctl show` does.
    pub async fn status(&self, unit: &UnitName) -> Result<UnitStatus, SystemdError> {
        within(self.deadline, async {
            let path = self.load(unit).await?;
            let text = async |name| Ok::<_, SystemdError>(self.text(&path, UNIT, name).await?.unwrap_or_default());
            let mut status = UnitStatus {
                id: text("Id").await?,
                load_state: text("LoadState").await?,
                active_state: text("ActiveState").await?,
                sub_state: text("SubState").await?,
                result: None,
                main_pid: None,
                control_group: None,
                memory_current: None,
                memory_max: None,
                restarts: None,
            };
            // The interfaces of other kinds have none of what follows.
            if unit.as_str().ends_with(".service") {
                let control_group = self.text(&path, SERVICE, "ControlGroup").await?;
                status.result = self.text(&path, SERVICE, "Result").await?;
                status.main_pid = self.number(&path, "MainPID").await?.filter(|&pid| pid != 0);
                status.control_group = control_group.filter(|path| !path.is_empty());
                status.memory_current = self.bytes(&path, "MemoryCurrent").await?;
                status.memory_max = self.bytes(&path, "MemoryMax").await?;
                status.restarts = self.number(&path, "NRestarts").await?;
            }
            Ok(status)
        })
        .await
    }

    /// Restarts a unit through systemd, which asks it to stop as its own configuration says, and follows the job to its
    /// end. `deadline` should be beyond the unit's own timeouts: when it passes, the job goes on.
    pub async fn restart(&self, unit: &UnitName, how: Restart, deadline: Duration) -> Result<JobResult, SystemdError> {
        within(self.deadline, self.admit(unit)).await?;
        within(deadline, async {
            let rule = MatchRule::builder()
                .msg_type(Type::Signal)
                .sender(SYSTEMD)
                .interface(MANAGER)
                .member("JobRemoved")
                .build()?;
            // Before the job is there, so that its end is not missed.
            let mut removed = MessageStream::for_match_rule(rule, &self.connection, Some(QUEUE)).await?;
            let method = match how {
                Restart::Restart => "RestartUnit",
                Restart::TryRestart => "TryRestartUnit",
            };
            // "replace": what is under way for this unit is given up, as `systemctl restart` does.
            let reply = call(&self.connection, method, &(unit.as_str(), "replace")).await;
            let job = object(&reply.map_err(|error| missing(error, unit))?)?;
            loop {
                let message = next(&mut removed).await?;
                let body = message.body();
                let (_, path, _, result): (u32, OwnedObjectPath, String, String) = body.deserialize()?;
                if path == job {
                    return Ok(JobResult::from(result.as_str()));
                }
            }
        })
        .await
    }

    /// Refuses what is never acted on, whatever name it is called by.
    async fn admit(&self, unit: &UnitName) -> Result<(), SystemdError> {
        let protected = || SystemdError::Protected(unit.clone());
        if unit.is_protected() {
            return Err(protected());
        }
        let path = self.load(unit).await?;
        let id = self.text(&path, UNIT, "Id").await?.unwrap_or_default();
        let names = self.property(&path, UNIT, "Names").await?.map(Vec::<String>::try_from).transpose();
        let names = names.map_err(SystemdError::Bus)?.unwrap_or_default();
        let real = UnitName::try_new(id.as_str()).map(|name| name.object_path()).ok();
        let own = self.own.is_some() && (self.own == real || self.own.as_deref() == Some(path.as_str()));
        if own || std::iter::once(&id).chain(&names).any(|name| unit::is_protected(name)) {
            return Err(protected());
        }
        Ok(())
    }

    async fn load(&self, unit: &UnitName) -> Result<OwnedObjectPath, SystemdError> {
        let reply = call(&self.connection, "LoadUnit", &(unit.as_str())).await;
        object(&reply.map_err(|error| missing(error, unit))?)
    }

    /// A property, where this systemd has it.
    async fn property(
        &self,
        path: &OwnedObjectPath,
        interface: &str,
        name: &str,
    ) -> Result<Option<OwnedVariant>, SystemdError> {
        let body = (interface, name);
        let reply = self.connection.call_method(Some(SYSTEMD), path, Some(PROPERTIES), "Get", &body).await;
        match reply.map_err(SystemdError::from) {
            Ok(reply) => Ok(Some(reply.body().deserialize::<OwnedVariant>()?)),
            // "Unknown property", "unknown interface": an older systemd.
            Err(SystemdError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn text(&self, path: &OwnedObjectPath, interface: &str, name: &str) -> Result<Option<String>, SystemdError> {
        let value = self.property(path, interface, name).await?;
        Ok(value.and_then(|value| String::try_from(value).ok()))
    }

    async fn number(&self, path: &OwnedObjectPath, name: &str) -> Result<Option<u32>, SystemdError> {
        let value = self.property(path, SERVICE, name).await?;
        Ok(value.and_then(|value| u32::try_from(value).ok()))
    }

    /// A number of bytes, where the greatest of all says "none".
    async fn bytes(&self, path: &OwnedObjectPath, name: &str) -> Result<Option<u64>, SystemdError> {
        let value = self.property(path, SERVICE, name).await?;
        Ok(value.and_then(|value| u64::try_from(value).ok()).filter(|&bytes| bytes != u64::MAX))
    }
}

async fn connect(bus: &Bus, deadline: Duration) -> Result<Connection, SystemdError> {
    let builder = match bus {
        Bus::System => Builder::system(),
        Bus::Address(address) => Builder::address(address.as_str()),
    };
    Ok(builder.max_queued(QUEUE).method_timeout(deadline).build().await?)
}

async fn call<B>(connection: &Connection, method: &str, body: &B) -> Result<Message, SystemdError>
where
    B: serde::Serialize + zbus::DynamicType,
{
    Ok(connection.call_method(Some(SYSTEMD), MANAGER_PATH, Some(MANAGER), method, body).await?)
}

fn object(reply: &Message) -> Result<OwnedObjectPath, SystemdError> {
    Ok(reply.body().deserialize::<OwnedObjectPath>()?)
}

fn missing(error: SystemdError, unit: &UnitName) -> SystemdError {
    match error {
        SystemdError::Refused { name, .. } if name == "org.freedesktop.systemd1.NoSuchUnit" => {
            SystemdError::NoSuchUnit(unit.clone())
        }
        error => error,
    }
}

async fn next(stream: &mut MessageStream) -> Result<Message, SystemdError> {
    let message = poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await;
    Ok(message.ok_or(SystemdError::Closed)??)
}
