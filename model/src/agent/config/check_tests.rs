use super::super::problem::Place;
use super::*;
use serde_json::{Value, json};

fn file(value: Value) -> HostFile {
    serde_json::from_value(value).unwrap()
}

/// A file that uses everything once.
fn whole() -> Value {
    json!({
        "version": 1,
        "limits": {"memory_mib": 24},
        "polling": {"normal_ms": 5000, "fast_ms": 250},
        "units": {"checkout.service": {
            "process": {"pid_file": "/run/checkout.pid", "program": "/opt/checkout/server"},
            "health": {"url": "http://127.0.0.1:8080/healthz"},
            "probe": "check", "leak": {"exhausts_within": "2h"}, "dump": {"directory": "/var/tmp/dumps"},
        }},
        "pools": {
            "orders": {"means": {"adapter": "pgbouncer", "endpoint": "unix:/run/pgbouncer/.s.PGSQL.6432", "user": "healstack"}, "database": "connections"},
            "hikari": {"means": {"adapter": "http", "endpoint": "http://127.0.0.1:8080/actuator/pools"}, "waiting": "pending"},
            "stuck": {"means": {"adapter": "sockets", "peer": "10.0.3.7:5432", "program": "/opt/checkout/server"}, "waiting": "pending"},
            "old": {"means": {"adapter": "signal", "process": {"pid_file": "/run/x.pid", "program": "/opt/x", "signal": "HUP"}}, "waiting": "pending"},
        },
        "breakers": {
            "payments": {"means": {"adapter": "haproxy", "socket": "/run/haproxy/admin.sock", "backend": "payments", "server": "p1"},
                "dependency": {"http": {"url": "https://payments.internal/healthz"}}},
            "mail": {"means": {"adapter": "envoy", "endpoint": "http://127.0.0.1:9901", "runtime_key": "mail.percent"}, "dependency": {"tcp": "10.0.0.9:25"}},
            "app": {"means": {"adapter": "actuator", "endpoint": "http://[::1]:8080/actuator"}, "dependency": {"command": "check"}},
            "flag": {"means": {"adapter": "file", "path": "/run/app/percent"}},
        },
        "caches": {"orders": {"address": "orders.abc.cache.amazonaws.com:6379", "prefixes": ["item:"],
            "warm": {"page": "http://127.0.0.1:8080/items/{}"}, "ttl": {"least": "5m", "most": "1d"}, "database": "connections"}},
        "commands": {"check": {"path": "/opt/checkout/check", "arguments": ["--quick"], "user": "checkout"}},
        "metrics": {
            "pending": {"endpoint": "http://127.0.0.1:8080/metrics", "name": "hikaricp_connections_pending", "labels": {"pool": "orders"}, "above": 5.0, "recovered": 1.0},
            "connections": {"endpoint": "http://127.0.0.1:9187/metrics", "name": "pg_used_percent", "above": 80.0},
        },
    })
}

fn with(pointer: &str, value: Value) -> Vec<Problem> {
    let mut whole = whole();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    whole.pointer_mut(parent).unwrap()[key] = value;
    file(whole).problems()
}

#[test]
fn a_whole_file_and_an_empty_one_are_without_problems() {
    assert_eq!(file(whole()).problems(), Vec::new());
    assert_eq!(file(json!({})).problems(), Vec::new());
    assert_eq!(file(json!({})), HostFile::default());
}

#[test]
fn what_is_unsafe_is_refused_where_it_stands() {
    let wide = "x".repeat(129);
    for (pointer, value, place) in [
        ("/units/sshd.service", json!({}), "units.sshd.service"),
        ("/units/healstack-agent.service", json!({}), "units.healstack-agent.service"),
        ("/units/systemd-networkd.service", json!({}), "units.systemd-networkd.service"),
        ("/units/init.scope", json!({}), "units.init.scope"),
        ("/units/*", json!({}), "units.*"),
        ("/units/checkout.service/process/program", json!("/usr/sbin/sshd"), "units.checkout.service.process.program"),
        ("/units/checkout.service/process/pid_file", json!("run/x.pid"), "units.checkout.service.process.pid_file"),
        ("/units/checkout.service/process/pid_file", json!("/run/../etc/x"), "units.checkout.service.process.pid_file"),
        (
            "/units/checkout.service/health/url",
            json!("http://169.254.169.254/latest"),
            "units.checkout.service.health.url",
        ),
        ("/units/checkout.service/health/url", json!("http://[fd00:ec2::254]/x"), "units.checkout.service.health.url"),
        ("/units/checkout.service/health/url", json!("http://2852039166/x"), "units.checkout.service.health.url"),
        ("/units/checkout.service/health/url", json!("http://u@h/x"), "units.checkout.service.health.url"),
        ("/units/checkout.service/health/url", json!("ftp://h/x"), "units.checkout.service.health.url"),
        ("/units/checkout.service/probe", json!("missing"), "units.checkout.service.probe"),
        ("/pools/orders/means/endpoint", json!("10.0.0.1:6432"), "pools.orders.means.endpoint"),
        ("/pools/orders/means/user", json!("a;SHUTDOWN"), "pools.orders.means.user"),
        ("/pools/orders/means/database", json!("pgbouncer"), "pools.orders.means.database"),
        ("/pools/orders/means/database", json!("a b"), "pools.orders.means.database"),
        ("/pools/hikari/means/endpoint", json!("http://localhost:8080/x"), "pools.hikari.means.endpoint"),
        ("/pools/stuck/means/peer", json!("0.0.0.0:5432"), "pools.stuck.means.peer"),
        ("/pools/stuck/means/peer", json!("10.0.0.1:0"), "pools.stuck.means.peer"),
        ("/pools/stuck/means/program", json!("/usr/sbin/sshd"), "pools.stuck.means.program"),
        ("/pools/stuck/waiting", json!(null), "pools.stuck"),
        ("/pools/old/means/process/program", json!("/lib/systemd/systemd"), "pools.old.means.process.program"),
        ("/pools/orders/most_dropped", json!(0), "pools.orders.most_dropped"),
        ("/breakers/payments/means/server", json!("*"), "breakers.payments.means.server"),
        ("/breakers/payments/means/server", json!(""), "breakers.payments.means.server"),
        ("/breakers/payments/means/server", json!("a;shutdown sessions"), "breakers.payments.means.server"),
        ("/breakers/payments/means/backend", json!(wide), "breakers.payments.means.backend"),
        ("/breakers/payments/means/socket", json!("haproxy.sock"), "breakers.payments.means.socket"),
        ("/breakers/mail/means/endpoint", json!("http://10.0.0.1:9901"), "breakers.mail.means.endpoint"),
        ("/breakers/mail/means/runtime_key", json!("a=b&c"), "breakers.mail.means.runtime_key"),
        ("/breakers/mail/dependency", json!({"tcp": "0.0.0.0:25"}), "breakers.mail.dependency.tcp"),
        ("/breakers/mail/hold", json!("1h"), "breakers.mail.hold"),
        ("/caches/orders/prefixes", json!([""]), "caches.orders.prefixes[0]"),
        ("/caches/orders/prefixes", json!(["ab"]), "caches.orders.prefixes[0]"),
        ("/caches/orders/prefixes", json!(["item:", "item*"]), "caches.orders.prefixes[1]"),
        ("/caches/orders/address", json!("orders"), "caches.orders.address"),
        ("/caches/orders/warm", json!({"page": "http://10.0.0.1/{}"}), "caches.orders.warm.page"),
        ("/caches/orders/warm", json!({"page": "http://127.0.0.1/all"}), "caches.orders.warm.page"),
        ("/caches/orders/ttl", json!({"least": 1, "most": "1d"}), "caches.orders.ttl.least"),
        ("/caches/orders/ttl", json!({"least": "2d", "most": "1d"}), "caches.orders.ttl.least"),
        ("/caches/orders/ttl", json!({"least": "2m", "most": "31d"}), "caches.orders.ttl.most"),
        ("/commands/check/path", json!("check"), "commands.check.path"),
        ("/commands/check/user", json!(""), "commands.check.user"),
        ("/commands/check/timeout", json!("2h"), "commands.check.timeout"),
        ("/metrics/pending/endpoint", json!("http://10.0.0.1:80/metrics"), "metrics.pending.endpoint"),
        ("/metrics/pending/name", json!("a{b=\"c\"}"), "metrics.pending.name"),
        ("/metrics/pending/recovered", json!(6.0), "metrics.pending.recovered"),
        ("/metrics/pending/below", json!(1.0), "metrics.pending"),
        ("/limits/concurrent", json!(0), "limits.concurrent"),
        ("/limits/memory_mib", json!(1), "limits.memory_mib"),
        ("/polling/fast_ms", json!(1), "polling.fast_ms"),
        ("/polling/fast_ms", json!(60_000), "polling.fast_ms"),
        ("/evidence", json!({"ill": 5, "of": 4, "healthy": 1}), "evidence.ill"),
        ("/evidence", json!({"ill": 0, "of": 4, "healthy": 1}), "evidence.ill"),
        ("/verify", json!({"successes": 0}), "verify.successes"),
        ("/fleet", json!({"waves": 0}), "fleet.waves"),
        ("/version", json!(2), "version"),
    ] {
        let found = with(pointer, value.clone());
        assert!(
            found.iter().any(|problem| problem.place == Place::Path(place.to_owned())),
            "{pointer} {value}: {found:?}"
        );
        assert!(found.iter().all(|problem| !problem.help.is_empty()));
    }
}

#[test]
fn an_allow_list_is_none_where_a_shell_reads_arguments() {
    for (path, arguments) in
        [("/bin/sh", json!(["-c", "rm -rf /"])), ("/bin/bash", json!(["-lc", "x"])), ("/usr/bin/env", json!(["x"]))]
    {
        let mut whole = whole();
        whole["commands"]["check"]["path"] = json!(path);
        whole["commands"]["check"]["arguments"] = arguments;
        let found = file(whole).problems();
        assert!(found[0].what.contains("would run whatever"), "{path}");
    }
    let script = json!({"path": "/bin/sh", "arguments": ["/opt/checkout/dump.sh"], "user": "root"});
    assert_eq!(with("/commands/dump", script), Vec::new());
}

#[test]
fn unknown_fields_and_a_kill_are_refused() {
    for (pointer, value) in [
        ("/flush_all", json!(true)),
        ("/pools/orders/means/pause", json!(true)),
        ("/units/checkout.service/process/signal", json!("KILL")),
        ("/breakers/flag/means", json!({"adapter": "close"})),
    ] {
        let mut whole = whole();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        whole.pointer_mut(parent).unwrap()[key] = value;
        assert!(serde_json::from_value::<HostFile>(whole).is_err(), "{pointer}");
    }
}

#[test]
fn all_problems_are_reported() {
    let mut whole = whole();
    whole["limits"]["concurrent"] = json!(0);
    whole["caches"]["orders"]["prefixes"] = json!(["", "*"]);
    whole["commands"]["check"]["path"] = json!("x");
    assert_eq!(file(whole).problems().len(), 4);
}

#[test]
fn loopback_is_an_address_and_never_a_name() {
    for url in ["http://127.0.0.1:80", "http://127.9.9.9/x", "http://[::1]:80/x"] {
        assert!(is_loopback_url(url), "{url}");
    }
    for url in [
        "http://localhost",
        "http://127.0.0.1.evil.com",
        "http://127.0.0.1@evil.com",
        "https://127.0.0.1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:x",
        "http://[::1",
        "http://",
    ] {
        let fine = is_loopback_url(url);
        // A bracket that is not closed still names this host alone.
        assert!(!fine || url == "http://[::1", "{url}");
    }
}
