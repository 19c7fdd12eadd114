//! Instances that fail, and mostly recover when they are stopped and started: the workload of the properties.

use healstack_rehearsal::aws::Datapoint;
use healstack_rehearsal::scripted::Scripted;
use healstack_rehearsal::{AwsError, Millis, Random};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// One instance.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) id: String,
    pub(crate) ill: bool,
    pub(crate) running: bool,
    /// Starts that it takes until it is well; the rest does not help.
    pub(crate) stubborn: u64,
    /// Times at which it falls ill.
    pub(crate) falls_ill: Vec<Millis>,
    /// Whether it recovers by itself, and when.
    pub(crate) recovers: Option<Millis>,
    /// Since when it has been ill without a break.
    pub(crate) ill_since: Option<Millis>,
    pub(crate) stops: u64,
}

pub(crate) type Hosts = Rc<RefCell<Vec<Host>>>;

/// Hosts that follow from a seed, and fall ill in the first hours after `begin`.
pub(crate) fn hosts(random: &mut Random, begin: Millis) -> Hosts {
    let count = 1 + random.below(4);
    let host = |number: u64, random: &mut Random| Host {
        id: format!("i-{:017x}", 0xabc0 + number),
        ill: false,
        running: true,
        stubborn: random.below(4),
        falls_ill: (0..=random.below(3)).map(|_| begin + millis(random.below(3 * 3600))).collect(),
        recovers: random.chance(25).then(|| begin + millis(3600 + random.below(3 * 3600))),
        ill_since: None,
        stops: 0,
    };
    Rc::new(RefCell::new((0..count).map(|number| host(number, random)).collect()))
}

fn millis(seconds: u64) -> Millis {
    i64::try_from(seconds).unwrap_or_default() * 1000
}

fn progress(hosts: &Hosts, now: Millis) {
    for host in hosts.borrow_mut().iter_mut() {
        if host.falls_ill.iter().any(|at| *at <= now) {
            host.falls_ill.retain(|at| *at > now);
            host.ill = true;
            host.ill_since.get_or_insert(now);
        }
        if host.recovers.is_some_and(|at| at <= now) {
            host.recovers = None;
            host.ill = false;
            host.ill_since = None;
        }
    }
}

/// The APIs that the EC2 runbook calls, over these hosts.
pub(crate) fn workload(hosts: &Hosts) -> Scripted<'static> {
    let mut scripted = Scripted::default();
    let on = |scripted: &mut Scripted<'static>, api: &str, answer: fn(&mut Host) -> Value| {
        let hosts = Rc::clone(hosts);
        scripted.on(api, move |now, request| {
            progress(&hosts, now);
            let mut hosts = hosts.borrow_mut();
            let id = request["InstanceIds"][0].as_str().unwrap_or_default();
            let host = hosts.iter_mut().find(|host| host.id == id);
            let host = host.ok_or_else(|| AwsError::client("InvalidInstanceID.NotFound", format!("no {id}")))?;
            Ok(answer(host))
        });
    };
    on(&mut scripted, "ec2:DescribeInstances", |host| {
        let state = if host.running { "running" } else { "stopped" };
        json!({"Reservations": [{"Instances": [{"InstanceId": host.id, "InstanceType": "m7g.large", "State": {"Name": state}}]}]})
    });
    on(&mut scripted, "ec2:DescribeInstanceStatus", |host| {
        let check = if !host.running {
            "not-applicable"
        } else if host.ill {
            "impaired"
        } else {
            "ok"
        };
        json!({"InstanceStatuses": [{"InstanceStatus": {"Status": check}, "SystemStatus": {"Status": if host.running { "ok" } else { "not-applicable" }}}]})
    });
    on(&mut scripted, "ec2:StopInstances", |host| {
        host.running = false;
        host.stops += 1;
        json!({})
    });
    on(&mut scripted, "ec2:StartInstances", |host| {
        if !host.running {
            host.stubborn = host.stubborn.saturating_sub(1);
            host.running = true;
            if host.stubborn == 0 {
                host.ill = false;
                host.ill_since = None;
            }
        }
        json!({})
    });
    scripted.on("ec2:DescribeInstanceTypes", |_, _| Ok(json!({"InstanceTypes": [{"InstanceType": "m7g.large"}]})));
    scripted.on("ssm:CreateOpsItem", |_, _| Ok(json!({"OpsItemId": "oi-1"})));
    scripted.act_with(|_, _, _| {});
    let measured = Rc::clone(hosts);
    scripted.measure(move |now| {
        progress(&measured, now);
        let hosts = measured.borrow();
        let checks = ["StatusCheckFailed_Instance", "StatusCheckFailed_System"];
        let points = hosts.iter().filter(|host| host.running).flat_map(|host| {
            checks.iter().map(|check| Datapoint {
                namespace: "AWS/EC2".to_owned(),
                name: (*check).to_owned(),
                dimensions: BTreeMap::from([("InstanceId".to_owned(), host.id.clone())]),
                values: vec![f64::from(u8::from(host.ill && check.ends_with("Instance")))],
                tags: [("app", "shop"), ("tier", "all")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
            })
        });
        points.collect()
    });
    scripted
}
