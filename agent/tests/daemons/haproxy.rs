//! HAProxy.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::process::Command;

use healstack_agent::endpoint::Endpoint;
use healstack_agent::peers::haproxy::{
    HaproxyError, Operational, ServerMode, ServerName, ServerStat, StatsSocket, Weight,
};
use healstack_agent::peers::http::HttpClient;
use healstack_agent::peers::prometheus::{LabelMatch, Selector, scrape};
use tempfile::TempDir;

use crate::harness::{BOUNDS, Daemon, eventually, folder, free_port, listens, local, program};

/// HAProxy with a backend `app` of `a`, `b` and `watched`, which has an agent check, and one with fixed weights.
pub(crate) struct Proxy {
    _daemon: Daemon,
    folder: TempDir,
    /// Answers 200 to `/health`, 503 with a body to `/down`, a redirect to `/away`, and metrics at `/metrics`.
    pub(crate) port: u16,
    /// Speaks to the server of the agent check.
    agent: TcpListener,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let (folder, port, backend) = (folder(), free_port(), free_port());
        let agent = TcpListener::bind("127.0.0.1:0").unwrap();
        let agent_port = agent.local_addr().unwrap().port();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let configuration = format!(
            "global\n  stats socket {admin} mode 600 level admin\n  stats socket {user} mode 600 level user\n\
             defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n\
             frontend web\n  bind 127.0.0.1:{port}\n  bind unix@{web}\n\
             \x20 http-request use-service prometheus-exporter if {{ path /metrics }}\n\
             \x20 http-request return status 200 content-type text/plain string healthy if {{ path /health }}\n\
             \x20 http-request return status 503 content-type text/plain string down if {{ path /down }}\n\
             \x20 http-request redirect location /health if {{ path /away }}\n\
             \x20 http-request return status 200 content-type text/plain lf-string %[req.hdr(x-token)] if {{ path /token }}\n\
             \x20 default_backend app\n\
             frontend origin\n  bind 127.0.0.1:{backend}\n  http-request return status 200\n\
             backend app\n  balance roundrobin\n  server a 127.0.0.1:{backend} check inter 200ms weight 100\n\
             \x20 server b 127.0.0.1:{backend} check inter 200ms weight 100\n\
             \x20 server watched 127.0.0.1:{backend} weight 100 agent-check agent-port {agent_port} agent-inter 200ms\n\
             backend fixed\n  balance static-rr\n  server a 127.0.0.1:{backend} weight 100\n\
             backend plain\n  balance roundrobin\n  server a 127.0.0.1:{backend}\n",
            admin = path("admin.sock"),
            user = path("user.sock"),
            web = path("web.sock"),
        );
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, configuration).unwrap();
        let mut daemon =
            Daemon::start(Command::new(program("haproxy", "haproxy")).arg("-db").arg("-q").arg("-f").arg(&file));
        daemon.wait_for(|| listens(port) && listens(backend));
        Self { _daemon: daemon, folder, port, agent }
    }

    fn stats(&self, socket: &str) -> StatsSocket {
        StatsSocket::new(Endpoint::Unix(self.folder.path().join(socket)), BOUNDS)
    }

    /// What somebody else does over the socket.
    fn raw(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(self.folder.path().join("admin.sock")).unwrap();
        writeln!(stream, "{command}").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(crate) fn web_socket(&self) -> Endpoint {
        Endpoint::Unix(self.folder.path().join("web.sock"))
    }
}

fn app(server: &str) -> ServerName {
    ServerName::try_new("app", server).unwrap()
}

async fn stat(socket: &StatsSocket, server: &str) -> ServerStat {
    let found = socket.servers(|stat| stat.backend == "app" && stat.server == server).await.unwrap();
    found.into_iter().next().expect("the server is there")
}

#[tokio::test]
async fn a_server_gets_its_traffic_step_by_step() {
    let proxy = Proxy::start();
    let socket = proxy.stats("admin.sock");
    let all = socket.servers(|_| true).await.unwrap();
    assert_eq!(all.len(), 5, "{all:?}");
    for percent in [10, 25, 50, 100, 0] {
        socket.set_weight(&app("a"), Weight::percent(percent).unwrap()).await.unwrap();
        assert_eq!(stat(&socket, "a").await.weight, u64::from(percent));
        let states = socket.servers_state("app").await.unwrap();
        let state = states.iter().find(|state| state.server == "a").unwrap();
        assert_eq!((state.user_weight, state.initial_weight), (percent.into(), 100));
        assert_eq!((state.operational, state.address.as_str()), (Operational::Running, "127.0.0.1"));
    }
    assert_eq!(stat(&socket, "b").await.weight, 100, "its neighbour is as it was");
}

#[tokio::test]
async fn a_share_that_haproxy_would_round_to_nothing_is_refused() {
    let proxy = Proxy::start();
    let socket = proxy.stats("admin.sock");
    let plain = ServerName::try_new("plain", "a").unwrap();
    // The trap, as somebody else falls into it.
    assert_eq!(proxy.raw("set server plain/a weight 50%").trim(), "");
    assert_eq!(socket.servers_state("plain").await.unwrap()[0].user_weight, 0);
    let error = socket.set_weight(&plain, Weight::percent(50).unwrap()).await.unwrap_err();
    assert!(matches!(error, HaproxyError::NoShare { initial: 1, percent: 50 }), "{error:?}");
    assert!(error.to_string().ends_with("at least 2"), "{error}");
    socket.set_weight(&plain, Weight::FULL).await.unwrap();
    assert_eq!(socket.servers_state("plain").await.unwrap()[0].user_weight, 1);
    socket.set_weight(&plain, Weight::percent(0).unwrap()).await.unwrap();
    assert_eq!(socket.servers_state("plain").await.unwrap()[0].user_weight, 0);
}

#[tokio::test]
async fn draining_and_maintenance() {
    let proxy = Proxy::start();
    let socket = proxy.stats("admin.sock");
    let admin = async || {
        let states = socket.servers_state("app").await.unwrap();
        states.into_iter().find(|state| state.server == "b").unwrap().admin
    };
    socket.set_mode(&app("b"), ServerMode::Drain).await.unwrap();
    assert!(stat(&socket, "b").await.status.starts_with("DRAIN"));
    assert!(admin().await.is_draining() && !admin().await.is_maintenance());
    socket.set_mode(&app("b"), ServerMode::Maint).await.unwrap();
    assert!(stat(&socket, "b").await.status.starts_with("MAINT"));
    assert!(admin().await.is_maintenance());
    socket.set_mode(&app("b"), ServerMode::Ready).await.unwrap();
    eventually(|| stat(&socket, "b"), ServerStat::is_up).await;
    let checked = |stat: &ServerStat| stat.check_status.as_deref().is_some_and(|status| status.starts_with("L4"));
    eventually(|| stat(&socket, "b"), checked).await;
    assert!(!admin().await.is_draining() && !admin().await.is_maintenance());
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let proxy = Proxy::start();
    let socket = proxy.stats("admin.sock");
    let unknown = |backend: &str| ServerName::try_new(backend, "none").unwrap();
    let half = Weight::percent(50).unwrap();
    let error = socket.set_weight(&unknown("none"), half).await.unwrap_err();
    assert!(matches!(error, HaproxyError::NoSuchBackend | HaproxyError::NoSuchServer), "{error:?}");
    let error = socket.set_weight(&unknown("app"), half).await.unwrap_err();
    assert!(matches!(error, HaproxyError::NoSuchServer), "{error:?}");
    let error = socket.servers_state("none").await.unwrap_err();
    assert!(matches!(error, HaproxyError::NoSuchBackend), "{error:?}");
    let fixed = ServerName::try_new("fixed", "a").unwrap();
    let error = socket.set_weight(&fixed, half).await.unwrap_err();
    assert!(matches!(error, HaproxyError::StaticWeight), "{error:?}");
    let error = socket.agent_up(&app("a")).await.unwrap_err();
    assert!(matches!(error, HaproxyError::Refused(_)), "{error:?}");
    let user = proxy.stats("user.sock");
    let error = user.set_weight(&app("a"), half).await.unwrap_err();
    assert!(matches!(error, HaproxyError::PermissionDenied), "{error:?}");
    assert!(user.servers(|_| true).await.unwrap().len() > 1, "reading is allowed");
    assert_eq!(stat(&socket, "a").await.weight, 100, "nothing was changed");
    let error = proxy.stats("admin.sock").servers_state("app; disable server app/a").await.unwrap_err();
    assert!(matches!(error, HaproxyError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_an_agent_took_down_comes_back() {
    let proxy = Proxy::start();
    let socket = proxy.stats("admin.sock");
    let answering = proxy.agent.try_clone().unwrap();
    // Says nothing about weight or health, which leaves both to others.
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = answering.accept() {
            let _ = stream.write_all(b"\n");
        }
    });
    assert_eq!(proxy.raw("set server app/watched agent down").trim(), "");
    let down = eventually(|| stat(&socket, "watched"), |stat| !stat.is_up()).await;
    assert!(down.status.starts_with("DOWN"), "{down:?}");
    // The trap: neither of these brings it back.
    socket.set_agent_check(&app("watched"), false).await.unwrap();
    socket.set_weight(&app("watched"), Weight::FULL).await.unwrap();
    assert!(!stat(&socket, "watched").await.is_up());
    socket.set_agent_check(&app("watched"), true).await.unwrap();
    socket.agent_up(&app("watched")).await.unwrap();
    eventually(|| stat(&socket, "watched"), ServerStat::is_up).await;
}

#[tokio::test]
async fn its_own_page_of_metrics() {
    let proxy = Proxy::start();
    let socket = proxy.stats("admin.sock");
    socket.set_weight(&app("a"), Weight::percent(25).unwrap()).await.unwrap();
    let weight = || Selector::metric("haproxy_server_weight").label("proxy", LabelMatch::Is("app".into()));
    let selectors = [
        weight(),
        weight().label("server", LabelMatch::Is("a".into())),
        weight().label("server", LabelMatch::IsNot("a".into())),
        Selector::metric("haproxy_process_uptime_seconds"),
    ];
    for endpoint in [local(proxy.port), proxy.web_socket()] {
        let client = HttpClient::new(endpoint, [], BOUNDS).unwrap();
        let figures = scrape(&client, "/metrics", &selectors).await.unwrap();
        assert_eq!((figures[0].count, figures[0].sum, figures[0].min), (3, 225.0, 25.0));
        assert_eq!((figures[1].count, figures[1].sum), (1, 25.0));
        assert_eq!((figures[2].count, figures[2].max), (2, 100.0));
        assert_eq!(figures[3].count, 1);
    }
}
