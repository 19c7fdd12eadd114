//! The D-Bus client against a private bus and a stand-in for systemd on it, which has its names, objects and signals. The
//! real one is tested in a virtual machine.

#![allow(clippy::unused_self, reason = "methods of a D-Bus interface take `self`")]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use healstack_agent::host::systemd::{Bus, Changes, JobResult, Restart, Systemd, SystemdError, UnitName};
use healstack_agent::wire::WireError;
use tempfile::TempDir;
use zbus::connection::Builder;
use zbus::names::InterfaceName;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, ObjectPath, OwnedObjectPath, Variant, fdo, interface};

use crate::harness::{Daemon, PATIENCE, folder, program};

const DEADLINE: Duration = Duration::from_secs(5);

struct PrivateBus {
    _daemon: Daemon,
    _folder: TempDir,
    address: String,
}

impl PrivateBus {
    fn start() -> Self {
        let folder = folder();
        let (socket, file) = (folder.path().join("bus"), folder.path().join("bus.conf"));
        let address = format!("unix:path={}", socket.display());
        let configuration = format!(
            "<busconfig><type>system</type><listen>{address}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/><allow user=\"*\"/>\
             </policy></busconfig>",
        );
        fs::write(&file, configuration).unwrap();
        let mut command = Command::new(program("dbus-daemon", "dbus"));
        command.arg("--nofork").arg("--nopidfile").arg(format!("--config-file={}", file.display()));
        let mut daemon = Daemon::start(&mut command);
        daemon.wait_for(|| std::os::unix::net::UnixStream::connect(&socket).is_ok());
        Self { _daemon: daemon, _folder: folder, address }
    }

    fn bus(&self) -> Bus {
        Bus::Address(self.address.clone())
    }
}

/// What was asked of the stand-in.
type Calls = Arc<Mutex<Vec<String>>>;

struct Manager {
    calls: Calls,
    jobs: u32,
}

fn path_of(unit: &str) -> OwnedObjectPath {
    let escaped = unit.replace('-', "_2d").replace('.', "_2e");
    ObjectPath::try_from(format!("/org/freedesktop/systemd1/unit/{escaped}")).unwrap().into()
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn subscribe(&self) {
        self.calls.lock().unwrap().push("Subscribe".to_owned());
    }

    #[zbus(name = "GetUnitByPID")]
    fn get_unit_by_pid(&self, pid: u32) -> OwnedObjectPath {
        self.calls.lock().unwrap().push(format!("GetUnitByPID {pid}"));
        path_of("custom-name.service")
    }

    fn load_unit(&self, name: &str) -> OwnedObjectPath {
        // An alias leads to the object of the name that was asked for.
        path_of(name)
    }

    async fn restart_unit(
        &mut self,
        name: &str,
        mode: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<OwnedObjectPath> {
        self.calls.lock().unwrap().push(format!("RestartUnit {name} {mode}"));
        self.job(name, &emitter).await
    }

    async fn try_restart_unit(
        &mut self,
        name: &str,
        mode: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<OwnedObjectPath> {
        self.calls.lock().unwrap().push(format!("TryRestartUnit {name} {mode}"));
        self.job(name, &emitter).await
    }

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: ObjectPath<'_>,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}

impl Manager {
    /// Ends other jobs first, then, where the unit's name says how, this one: some before the caller knows of it.
    async fn job(&mut self, name: &str, emitter: &SignalEmitter<'_>) -> fdo::Result<OwnedObjectPath> {
        self.jobs += 1;
        let path = |id: u32| ObjectPath::try_from(format!("/org/freedesktop/systemd1/job/{id}")).unwrap();
        let (id, other) = (self.jobs, self.jobs + 1000);
        Self::job_removed(emitter, other, path(other), "other.service", "failed").await?;
        match name {
            "denied.service" => {
                return Err(fdo::Error::AccessDenied("Interactive authentication required.".to_owned()));
            }
            "quick.service" => Self::job_removed(emitter, id, path(id), name, "done").await?,
            "stuck.service" => {}
            _ => {
                let (emitter, name) = (emitter.to_owned(), name.to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(150)).await;
                    let result = if name == "broken.service" { "failed" } else { "done" };
                    Self::job_removed(&emitter, id, path(id), &name, result).await.unwrap();
                });
            }
        }
        Ok(path(id).into())
    }
}

struct Unit {
    id: &'static str,
    names: Vec<&'static str>,
}

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    fn id(&self) -> String {
        self.id.to_owned()
    }
    #[zbus(property)]
    fn names(&self) -> Vec<String> {
        self.names.iter().map(|name| (*name).to_owned()).collect()
    }
    #[zbus(property)]
    fn load_state(&self) -> String {
        "loaded".to_owned()
    }
    #[zbus(property)]
    fn active_state(&self) -> String {
        "active".to_owned()
    }
    #[zbus(property)]
    fn sub_state(&self) -> String {
        "running".to_owned()
    }
}

/// A service of an old systemd: it counts no restarts.
struct Service;

#[interface(name = "org.freedesktop.systemd1.Service")]
impl Service {
    #[zbus(property)]
    fn result(&self) -> String {
        "oom-kill".to_owned()
    }
    #[zbus(property, name = "MainPID")]
    fn main_pid(&self) -> u32 {
        4242
    }
    #[zbus(property)]
    fn control_group(&self) -> String {
        "/system.slice/shop.service".to_owned()
    }
    #[zbus(property)]
    fn memory_current(&self) -> u64 {
        1 << 20
    }
    #[zbus(property)]
    fn memory_max(&self) -> u64 {
        u64::MAX
    }
}

async fn systemd(bus: &PrivateBus) -> (Connection, Calls) {
    let calls = Calls::default();
    let manager = Manager { calls: Arc::clone(&calls), jobs: 0 };
    let connection = Builder::address(bus.address.as_str())
        .serve_at("/org/freedesktop/systemd1", manager)
        .name("org.freedesktop.systemd1")
        .build()
        .await
        .unwrap();
    for (name, id, names) in [
        ("shop.service", "shop.service", vec!["shop.service"]),
        ("quick.service", "quick.service", vec!["quick.service"]),
        ("stuck.service", "stuck.service", vec!["stuck.service"]),
        ("broken.service", "broken.service", vec!["broken.service"]),
        ("denied.service", "denied.service", vec!["denied.service"]),
        ("remote.service", "ssh.service", vec!["ssh.service", "remote.service"]),
        ("mine.service", "custom-name.service", vec!["custom-name.service", "mine.service"]),
        ("custom-name.service", "custom-name.service", vec!["custom-name.service"]),
    ] {
        let server = connection.object_server();
        server.at(path_of(name), Unit { id, names }).await.unwrap();
        server.at(path_of(name), Service).await.unwrap();
    }
    (connection, calls)
}

fn unit(name: &str) -> UnitName {
    UnitName::try_new(name).unwrap()
}

fn restarts(calls: &Calls) -> Vec<String> {
    calls.lock().unwrap().iter().filter(|call| call.contains("Restart")).cloned().collect()
}

#[tokio::test]
async fn what_a_unit_is() {
    let bus = PrivateBus::start();
    let (_stand_in, _) = systemd(&bus).await;
    let client = Systemd::connect(&bus.bus(), DEADLINE).await.unwrap();
    let status = client.status(&unit("shop.service")).await.unwrap();
    assert_eq!((status.id.as_str(), status.load_state.as_str()), ("shop.service", "loaded"));
    assert_eq!((status.active_state.as_str(), status.sub_state.as_str()), ("active", "running"));
    assert_eq!((status.result.as_deref(), status.main_pid), (Some("oom-kill"), Some(4242)));
    assert_eq!(status.control_group.as_deref(), Some("/system.slice/shop.service"));
    assert_eq!((status.memory_current, status.memory_max, status.restarts), (Some(1 << 20), None, None));
}

#[tokio::test]
async fn a_restart_is_followed_to_its_end() {
    let bus = PrivateBus::start();
    let (_stand_in, calls) = systemd(&bus).await;
    let client = Systemd::connect(&bus.bus(), DEADLINE).await.unwrap();
    for (name, how, expected) in [
        ("shop.service", Restart::Restart, JobResult::Done),
        ("quick.service", Restart::TryRestart, JobResult::Done),
        ("broken.service", Restart::TryRestart, JobResult::Failed),
    ] {
        assert_eq!(client.restart(&unit(name), how, DEADLINE).await.unwrap(), expected, "{name}");
    }
    let stuck = client.restart(&unit("stuck.service"), Restart::Restart, Duration::from_millis(300)).await;
    assert!(matches!(stuck, Err(SystemdError::Wire(WireError::Deadline(_)))), "{stuck:?}");
    let denied = client.restart(&unit("denied.service"), Restart::Restart, DEADLINE).await;
    assert!(matches!(denied, Err(SystemdError::AccessDenied(_))), "{denied:?}");
    let expected = [
        "RestartUnit shop.service replace",
        "TryRestartUnit quick.service replace",
        "TryRestartUnit broken.service replace",
        "RestartUnit stuck.service replace",
        "RestartUnit denied.service replace",
    ];
    assert_eq!(restarts(&calls), expected);
    assert!(
        client.restart(&unit("shop.service"), Restart::Restart, DEADLINE).await.is_ok(),
        "it goes on after all that"
    );
}

#[tokio::test]
async fn what_is_protected_is_never_asked_for() {
    let bus = PrivateBus::start();
    let (_stand_in, calls) = systemd(&bus).await;
    let client = Systemd::connect(&bus.bus(), DEADLINE).await.unwrap();
    // By its name, by what an alias is, and the unit that this process is in, by both of its names.
    for name in ["sshd.service", "init.scope", "remote.service", "custom-name.service", "mine.service"] {
        let result = client.restart(&unit(name), Restart::Restart, DEADLINE).await;
        assert!(matches!(&result, Err(SystemdError::Protected(unit)) if unit.as_str() == name), "{name}: {result:?}");
    }
    assert_eq!(restarts(&calls), Vec::<String>::new());
}

#[tokio::test]
async fn changes_come_as_they_happen_and_only_of_units_that_are_followed() {
    let bus = PrivateBus::start();
    let (stand_in, calls) = systemd(&bus).await;
    let mut changes = Changes::connect(&bus.bus(), DEADLINE).await.unwrap();
    changes.follow(&unit("shop.service")).await.unwrap();
    changes.follow(&unit("quick.service")).await.unwrap();
    assert_eq!(calls.lock().unwrap().as_slice(), ["Subscribe"]);
    let announce = async |name: &str, interface: &str, values: &[(&str, Variant<'_>)]| {
        let emitter = SignalEmitter::new(&stand_in, path_of(name)).unwrap();
        let values = values.iter().map(|(name, value)| (*name, value.try_clone().unwrap())).collect();
        let interface = InterfaceName::try_from(format!("org.freedesktop.systemd1.{interface}")).unwrap();
        fdo::Properties::properties_changed(&emitter, interface, values, (&[]).into()).await.unwrap();
    };
    announce("stuck.service", "Unit", &[("ActiveState", "failed".into())]).await;
    announce("shop.service", "Unit", &[("StateChangeTimestamp", 5_u64.into())]).await;
    announce("shop.service", "Service", &[("MainPID", 7_u32.into()), ("NRestarts", 3_u32.into())]).await;
    announce("quick.service", "Unit", &[("ActiveState", "failed".into()), ("SubState", "failed".into())]).await;
    let mut seen = BTreeMap::new();
    for _ in 0..2 {
        let change = tokio::time::timeout(PATIENCE, changes.next()).await.unwrap().unwrap();
        seen.insert(change.unit.to_string(), change);
    }
    let shop = &seen["shop.service"];
    assert_eq!((shop.main_pid, shop.restarts, shop.active_state.as_deref()), (Some(7), Some(3), None));
    let quick = &seen["quick.service"];
    assert_eq!((quick.active_state.as_deref(), quick.sub_state.as_deref()), (Some("failed"), Some("failed")));
    let silence = tokio::time::timeout(Duration::from_millis(200), changes.next()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn no_bus_and_no_systemd() {
    let missing = Systemd::connect(&Bus::Address("unix:path=/nowhere/bus".to_owned()), DEADLINE).await;
    assert!(matches!(missing, Err(SystemdError::Bus(_))), "{missing:?}");
    let bus = PrivateBus::start();
    let alone = Systemd::connect(&bus.bus(), DEADLINE).await;
    assert!(matches!(alone, Err(SystemdError::Refused { .. })), "{alone:?}");
}
