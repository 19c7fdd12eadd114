//! PgBouncer in front of PostgreSQL.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use healstack_agent::endpoint::Endpoint;
use healstack_agent::host::sockets::{SockDiag, Which};
use healstack_agent::peers::pgbouncer::{Console, ConsoleError, Pool, Resumed, Version};
use healstack_agent::secret::Secret;
use healstack_agent::wire::WireError;
use tempfile::TempDir;

use crate::harness::{BOUNDS, Daemon, eventually, folder, free_port, listens, local, program, unprivileged, user};

/// A database and a pooler in front of it, with one connection for the database `shop`.
struct Pooler {
    // In this order: the pooler ends before the database.
    _pgbouncer: Daemon,
    _postgres: Daemon,
    folder: TempDir,
    port: u16,
}

impl Pooler {
    fn start(auth: &str) -> Self {
        let (folder, port, database) = (folder(), free_port(), free_port());
        let path = |name: &str| folder.path().join(name);
        let data = path("data");
        let mut initdb = Command::new(program("initdb", "postgresql"));
        initdb.args(["-A", "trust", "-U", "postgres", "--no-sync", "-D"]).arg(&data).stdout(Stdio::null());
        assert!(unprivileged(&mut initdb, folder.path()).status().unwrap().success());
        let mut postgres = Command::new(program("postgres", "postgresql"));
        postgres.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-p", &database.to_string()]);
        postgres.args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]).stderr(Stdio::null());
        let mut postgres = Daemon::start(unprivileged(&mut postgres, folder.path()));

        let me = user();
        let file = path("pgbouncer.ini");
        fs::write(path("users.txt"), format!("\"admin\" \"secret\"\n\"{me}\" \"secret\"\n\"postgres\" \"secret\"\n"))
            .unwrap();
        fs::write(path("hba.conf"), "local all all peer\nhost all all 127.0.0.1/32 md5\n").unwrap();
        let connect = format!("host=127.0.0.1 port={database} dbname=postgres user=postgres");
        let configuration = format!(
            "[databases]\nshop = {connect}\nshop-2 = {connect}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir = {socket}\n\
             auth_type = {auth}\nauth_file = {socket}/users.txt\nauth_hba_file = {socket}/hba.conf\nadmin_users = admin, {me}\n\
             pool_mode = transaction\ndefault_pool_size = 1\nmax_client_conn = 50\nquery_wait_timeout = 60\n",
            socket = folder.path().display(),
        );
        fs::write(&file, configuration).unwrap();
        let mut pgbouncer = Command::new(program("pgbouncer", "pgbouncer"));
        pgbouncer.arg("-q").arg(&file).stderr(Stdio::null());
        let mut pgbouncer = Daemon::start(unprivileged(&mut pgbouncer, folder.path()));
        postgres.wait_for(|| listens(database));
        pgbouncer.wait_for(|| listens(port));
        Self { _pgbouncer: pgbouncer, _postgres: postgres, folder, port }
    }

    fn socket(&self) -> Endpoint {
        Endpoint::Unix(self.folder.path().join(format!(".s.PGSQL.{}", self.port)))
    }

    async fn console(&self) -> Console {
        Console::connect(&local(self.port), "admin", Some(&Secret::new("secret")), BOUNDS).await.unwrap()
    }

    /// A client over TCP.
    fn client(&self, database: &str) -> Client {
        let child = Command::new(program("psql", "postgresql-client"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "-X", "-A", "-t", "-q", "-d"])
            .arg(database)
            .env("PGPASSWORD", "secret")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Client(child)
    }
}

/// psql, which runs what it is told and stays.
struct Client(Child);

impl Client {
    fn say(&mut self, query: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{query}").unwrap();
    }

    /// Waits for a line of output, in a thread of its own.
    async fn line(&mut self) -> String {
        let stdout = self.0.stdout.take().unwrap();
        let (line, stdout) = tokio::task::spawn_blocking(move || {
            let (mut reader, mut line) = (BufReader::with_capacity(1, stdout), String::new());
            reader.read_line(&mut line).unwrap();
            (line, reader.into_inner())
        })
        .await
        .unwrap();
        self.0.stdout = Some(stdout);
        line.trim_end().to_owned()
    }

    /// Begins a transaction and stays in it: the leak.
    async fn leak(&mut self) {
        self.say("BEGIN; SELECT 'in';");
        assert_eq!(self.line().await, "in");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn pool(pooler: &Pooler, database: &str) -> Option<Pool> {
    pooler.console().await.pools().await.unwrap().into_iter().find(|pool| pool.database == database)
}

fn waiting(pool: Option<&Pool>, count: u64) -> bool {
    pool.is_some_and(|pool| pool.cl_waiting == count)
}

#[tokio::test]
async fn every_way_to_log_in() {
    for auth in ["trust", "md5", "scram-sha-256"] {
        let pooler = Pooler::start(auth);
        let secret = Secret::new("secret");
        for endpoint in [local(pooler.port), pooler.socket()] {
            let console = Console::connect(&endpoint, "admin", Some(&secret), BOUNDS).await.unwrap();
            assert!(console.version() >= Version { major: 1, minor: 9 }, "{}", console.version());
            let wrong = Console::connect(&endpoint, "admin", Some(&Secret::new("wrong")), BOUNDS).await;
            let without = Console::connect(&endpoint, "admin", None, BOUNDS).await;
            if auth == "trust" {
                assert!(wrong.is_ok() && without.is_ok());
            } else {
                assert!(matches!(wrong, Err(ConsoleError::Refused { .. })), "{auth}: {wrong:?}");
                assert!(matches!(without, Err(ConsoleError::Authentication(_))), "{auth}: {without:?}");
            }
        }
        let stranger = Console::connect(&local(pooler.port), "postgres", Some(&secret), BOUNDS).await;
        assert!(matches!(stranger, Err(ConsoleError::Refused { .. })), "{stranger:?}");
    }
    let pooler = Pooler::start("hba");
    let mut console = Console::connect(&pooler.socket(), &user(), None, BOUNDS).await.unwrap();
    assert!(console.databases().await.unwrap().iter().any(|database| database.name == "shop-2"));
    let other = Console::connect(&pooler.socket(), "admin", None, BOUNDS).await;
    assert!(matches!(other, Err(ConsoleError::Refused { .. })), "{other:?}");
    let plain = Pooler::start("plain");
    let result = Console::connect(&local(plain.port), "admin", Some(&Secret::new("secret")), BOUNDS).await;
    assert!(matches!(result, Err(ConsoleError::Authentication("the password in clear"))), "{result:?}");
}

#[tokio::test]
async fn a_leaked_client_is_found_and_dropped_and_the_healthy_one_is_served() {
    let pooler = Pooler::start("md5");
    let (mut holder, mut healthy) = (pooler.client("shop"), pooler.client("shop"));
    holder.leak().await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    healthy.say("SELECT 'served';");
    let stuck = eventually(|| pool(&pooler, "shop"), |pool| waiting(pool.as_ref(), 1)).await.unwrap();
    assert_eq!((stuck.sv_active, stuck.servers(), stuck.pool_mode.as_deref()), (1, 1, Some("transaction")));

    let mut console = pooler.console().await;
    let servers = console.servers(|server| server.database == "shop").await.unwrap();
    let [server] = servers.rows.as_slice() else { panic!("{servers:?}") };
    let clients = console.clients(|client| client.link.as_ref() == Some(&server.ptr)).await.unwrap();
    let [leaked] = clients.rows.as_slice() else { panic!("{clients:?}") };
    assert_eq!(server.link.as_ref(), Some(&leaked.ptr));
    let silent = clients.silent_for(leaked).unwrap();
    assert!(silent >= Duration::from_secs(1) && silent < Duration::from_mins(1), "{silent:?}");

    if let (true, Some(id)) = (console.version() >= (Version { major: 1, minor: 24 }), leaked.id) {
        console.kill_client(id).await.unwrap();
    } else {
        let refused = console.kill_client(leaked.id.unwrap_or(1)).await;
        assert!(matches!(refused, Err(ConsoleError::Unsupported { command: "KILL_CLIENT", .. })), "{refused:?}");
        let (here, there) = leaked.tcp().unwrap();
        let mut diag = SockDiag::open().unwrap();
        let which = Which { remote_port: Some(there.port()) };
        let found = diag.sockets(which, BOUNDS.deadline, |socket| (socket.local, socket.remote) == (here, there)).await;
        let found = found.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        let is_root = rustix::process::geteuid().is_root();
        assert!(is_root, "this needs root: PgBouncer {} has no KILL_CLIENT", console.version());
        diag.destroy(&found[0], BOUNDS.deadline).await.unwrap();
    }
    let answer = tokio::time::timeout(Duration::from_secs(20), healthy.line()).await.unwrap();
    assert_eq!(answer, "served");
    eventually(|| pool(&pooler, "shop"), |pool| waiting(pool.as_ref(), 0)).await;
}

#[tokio::test]
async fn a_larger_pool_serves_those_who_wait_and_is_put_back() {
    let pooler = Pooler::start("md5");
    let (mut holder, mut healthy) = (pooler.client("shop"), pooler.client("shop"));
    holder.leak().await;
    healthy.say("SELECT 'served';");
    eventually(|| pool(&pooler, "shop"), |pool| waiting(pool.as_ref(), 1)).await;
    let mut console = pooler.console().await;
    assert_eq!(console.default_pool_size().await.unwrap(), 1);
    for wanted in [0, 3] {
        let result = console.set_default_pool_size(wanted, 2).await;
        assert!(matches!(result, Err(ConsoleError::PoolSize { most: 2, .. })), "{result:?}");
    }
    assert_eq!(console.default_pool_size().await.unwrap(), 1);
    console.set_default_pool_size(2, 2).await.unwrap();
    assert_eq!(console.default_pool_size().await.unwrap(), 2);
    let answer = tokio::time::timeout(Duration::from_secs(20), healthy.line()).await.unwrap();
    assert_eq!(answer, "served");
    console.set_default_pool_size(1, 2).await.unwrap();
    assert_eq!(console.default_pool_size().await.unwrap(), 1);
    let changeable = console.settings(|setting| setting.changeable).await.unwrap();
    assert!(changeable.iter().any(|setting| setting.key == "default_pool_size"));
    assert!(!changeable.iter().any(|setting| setting.key == "listen_port"));
}

#[tokio::test]
async fn reconnecting_replaces_servers_and_drops_no_client() {
    let pooler = Pooler::start("md5");
    let mut client = pooler.client("shop-2");
    client.say("SELECT pg_backend_pid();");
    let before = client.line().await;
    let mut console = pooler.console().await;
    console.reconnect(Some("shop-2")).await.unwrap();
    client.say("SELECT pg_backend_pid();");
    assert_ne!(client.line().await, before, "another server");
    console.reconnect(None).await.unwrap();
    // One in a transaction is marked, and goes on.
    client.leak().await;
    console.reconnect(Some("shop-2")).await.unwrap();
    let servers = console.servers(|server| server.database == "shop-2" && server.close_needed).await.unwrap();
    assert_eq!(servers.rows.len(), 1, "{servers:?}");
    client.say("SELECT 'still'; COMMIT;");
    assert_eq!(client.line().await, "still");
    let unknown = console.reconnect(Some("none")).await;
    assert!(matches!(unknown, Err(ConsoleError::Refused { .. })), "{unknown:?}");
    assert!(!console.is_broken() && console.pools().await.is_ok(), "a refusal leaves the connection whole");
}

#[tokio::test]
async fn pausing_and_resuming() {
    let pooler = Pooler::start("md5");
    let paused = async || {
        let databases = pooler.console().await.databases().await.unwrap();
        databases.into_iter().find(|database| database.name == "shop").unwrap().paused
    };
    let mut console = pooler.console().await;
    assert_eq!(console.resume("shop").await.unwrap(), Resumed::WasNotPaused);
    assert!(matches!(console.resume("none").await, Err(ConsoleError::NoDatabase(name)) if name == "none"));
    console.pause("shop", BOUNDS).await.unwrap();
    assert!(paused().await);
    assert_eq!(console.resume("shop").await.unwrap(), Resumed::Resumed);
    assert!(!paused().await);

    // The trap: a client in a transaction holds the pause up, and the database stays paused after the deadline.
    let mut holder = pooler.client("shop");
    holder.leak().await;
    let result = console.pause("shop", BOUNDS.within(Duration::from_millis(400))).await;
    assert!(matches!(result, Err(ConsoleError::Wire(WireError::Deadline(_)))), "{result:?}");
    assert!(console.is_broken());
    assert!(matches!(console.pools().await, Err(ConsoleError::Wire(WireError::Broken))));
    assert!(paused().await);
    assert_eq!(pooler.console().await.resume("shop").await.unwrap(), Resumed::Resumed);
    holder.say("SELECT 'on';");
    assert_eq!(holder.line().await, "on");
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused() {
    let pooler = Pooler::start("trust");
    let mut console = Console::connect(&local(pooler.port), "admin", None, BOUNDS.at_most(2000)).await.unwrap();
    assert!(console.pools().await.is_ok());
    let result = console.settings(|_| true).await;
    assert!(matches!(result, Err(ConsoleError::Wire(WireError::TooLong(2000)))), "{result:?}");
    assert!(console.is_broken());
}
