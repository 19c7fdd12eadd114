//! Redis.

use std::process::Command;
use std::time::Duration;

use healstack_agent::endpoint::Endpoint;
use healstack_agent::peers::redis::{KeyPrefix, Login, Redis, RedisError, Ttl, TtlBounds, TtlChange, Walk, Written};
use healstack_agent::secret::Secret;
use healstack_agent::wire::WireError;
use tempfile::TempDir;

use crate::harness::{BOUNDS, Daemon, folder, free_port, listens, local, program};

struct Server {
    _daemon: Daemon,
    folder: TempDir,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let (folder, port) = (folder(), free_port());
        let socket = folder.path().join("redis.sock");
        let mut daemon = Daemon::start(
            Command::new(program("redis-server", "redis-server"))
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--requirepass", "secret"])
                .args(["--user", "healer", "on", ">other", "~*", "+@all"])
                .arg("--unixsocket")
                .arg(&socket)
                .arg("--dir")
                .arg(folder.path()),
        );
        daemon.wait_for(|| listens(port) && socket.exists());
        Self { _daemon: daemon, folder, port }
    }

    async fn connect(&self, database: u16) -> Redis {
        let login = login(None, "secret", Some(database));
        Redis::connect(&local(self.port), &login, BOUNDS).await.unwrap()
    }
}

fn login(user: Option<&str>, password: &str, database: Option<u16>) -> Login {
    Login { user: user.map(str::to_owned), password: Some(Secret::new(password)), database }
}

fn hour() -> TtlBounds {
    TtlBounds::try_new(Duration::from_secs(1), Duration::from_hours(1)).unwrap()
}

async fn fill(redis: &mut Redis, prefix: &str, count: usize) {
    for number in 0..count {
        let key = format!("{prefix}{number}");
        let written = redis.warm(key.as_bytes(), b"value", Duration::from_mins(10), hour()).await.unwrap();
        assert_eq!(written, Written::Written);
    }
}

#[tokio::test]
async fn logging_in() {
    let server = Server::start();
    let connect = async |endpoint: &Endpoint, login: &Login| Redis::connect(endpoint, login, BOUNDS).await;
    let (tcp, unix) = (local(server.port), Endpoint::Unix(server.folder.path().join("redis.sock")));
    for endpoint in [&tcp, &unix] {
        let mut redis = connect(endpoint, &login(None, "secret", None)).await.unwrap();
        assert!(redis.info(Some("server")).await.unwrap().get("redis_version").is_some());
        let mut redis = connect(endpoint, &login(Some("healer"), "other", None)).await.unwrap();
        assert_eq!(redis.get(b"none").await.unwrap(), None);
    }
    let code = |result: Result<_, RedisError>| match result {
        Err(RedisError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(connect(&tcp, &login(None, "wrong", None)).await.map(|_| ())), "WRONGPASS");
    assert_eq!(code(connect(&tcp, &login(None, "secret", Some(999))).await.map(|_| ())), "ERR");
    let mut nobody = connect(&tcp, &Login::default()).await.unwrap();
    assert_eq!(code(nobody.info(None).await.map(|_| ())), "NOAUTH");
    assert!(!nobody.is_broken(), "a refusal leaves the connection whole");
}

#[tokio::test]
async fn figures() {
    let server = Server::start();
    let mut redis = server.connect(3).await;
    fill(&mut redis, "page:", 10).await;
    redis.get(b"page:1").await.unwrap();
    redis.get(b"none").await.unwrap();
    let info = redis.info(None).await.unwrap();
    assert_eq!(info.keyspace(3).keys, 10);
    assert_eq!(info.keyspace(3).expires, 10);
    assert_eq!(info.keyspace(0).keys, 0);
    assert_eq!(info.hits_and_misses(), Some((1, 1)));
    assert!(info.number("used_memory").is_some_and(|bytes| bytes > 0));
    assert_eq!((info.get("role"), info.number("evicted_keys")), (Some("master"), Some(0)));
}

#[tokio::test]
async fn keys_with_a_prefix_go_and_all_others_stay() {
    let server = Server::start();
    let mut redis = server.connect(0).await;
    fill(&mut redis, "page:", 2500).await;
    fill(&mut redis, "pag", 20).await;
    fill(&mut redis, "page*:", 20).await;
    fill(&mut redis, "basket:", 1000).await;
    let mut other = server.connect(1).await;
    fill(&mut other, "page:", 5).await;

    let mut walk = Walk::new(KeyPrefix::try_new("page:").unwrap());
    let (mut removed, mut batches) = (0, 0);
    while !walk.is_done() {
        let batch = redis.unlink_batch(&mut walk, 200).await.unwrap();
        assert!(batch.found < 1000, "a batch is bounded: {batch:?}");
        removed += batch.removed;
        batches += 1;
    }
    assert_eq!(removed, 2500);
    assert!(batches >= 3540 / 1000, "{batches}");
    assert_eq!(redis.info(Some("keyspace")).await.unwrap().keyspace(0).keys, 1040);
    assert_eq!(redis.unlink_batch(&mut walk, 200).await.unwrap().removed, 0, "it is over");

    let mut walk = Walk::new(KeyPrefix::try_new("page*").unwrap());
    let mut removed = 0;
    while !walk.is_done() {
        removed += redis.unlink_batch(&mut walk, 1000).await.unwrap().removed;
    }
    assert_eq!(removed, 20, "a star is a star");
    let keyspace = redis.info(Some("keyspace")).await.unwrap();
    assert_eq!((keyspace.keyspace(0).keys, keyspace.keyspace(1).keys), (1020, 5));
}

#[tokio::test]
async fn lifetimes_change_within_bounds() {
    let server = Server::start();
    let mut redis = server.connect(0).await;
    let (minute, ten) = (Duration::from_mins(1), Duration::from_mins(10));
    redis.warm(b"a", b"1", ten, hour()).await.unwrap();
    let left = |ttl| match ttl {
        Ttl::Left(left) => left,
        other => panic!("{other:?}"),
    };
    assert!(left(redis.ttl(b"a").await.unwrap()) > minute);
    let change = redis.set_ttl(b"a", minute, hour()).await.unwrap();
    assert!(matches!(change, TtlChange::Changed { from } if from > minute && from <= ten), "{change:?}");
    assert!(left(redis.ttl(b"a").await.unwrap()) <= minute);
    assert_eq!(redis.set_ttl(b"none", minute, hour()).await.unwrap(), TtlChange::Missing);
    assert_eq!(redis.ttl(b"none").await.unwrap(), Ttl::Missing);
    let outside = redis.set_ttl(b"a", Duration::from_secs(3601), hour()).await;
    assert!(matches!(outside, Err(RedisError::Ttl(_))), "{outside:?}");
    assert!(matches!(redis.set_ttl(b"a", Duration::ZERO, hour()).await, Err(RedisError::Ttl(_))));
    assert!(left(redis.ttl(b"a").await.unwrap()) > Duration::from_secs(50), "it is as it was");

    let status = Command::new(program("redis-cli", "redis-tools"))
        .args(["-p", &server.port.to_string(), "-a", "secret", "--no-auth-warning", "set", "forever", "1"])
        .output()
        .unwrap();
    assert!(status.status.success());
    assert_eq!(redis.set_ttl(b"forever", minute, hour()).await.unwrap(), TtlChange::Persistent);
    assert_eq!(redis.ttl(b"forever").await.unwrap(), Ttl::Persistent);
}

#[tokio::test]
async fn warming_writes_nothing_over() {
    let server = Server::start();
    let mut redis = server.connect(0).await;
    let minute = Duration::from_mins(1);
    let value = b"any\r\nbytes \xff\0";
    assert_eq!(redis.warm(b"k", value, minute, hour()).await.unwrap(), Written::Written);
    assert_eq!(redis.warm(b"k", b"older", minute, hour()).await.unwrap(), Written::Present);
    assert_eq!(redis.get(b"k").await.unwrap().as_deref(), Some(&value[..]));
}

#[tokio::test]
async fn an_answer_beyond_the_limit_costs_the_connection_and_nothing_else() {
    let server = Server::start();
    let mut redis = server.connect(0).await;
    redis.warm(b"large", &vec![b'x'; 100_000], Duration::from_mins(1), hour()).await.unwrap();
    let mut small =
        Redis::connect(&local(server.port), &login(None, "secret", None), BOUNDS.at_most(10_000)).await.unwrap();
    let result = small.get(b"large").await;
    assert!(matches!(result, Err(RedisError::Wire(WireError::TooLong(10_000)))), "{result:?}");
    assert!(small.is_broken());
    assert!(matches!(small.get(b"large").await, Err(RedisError::Wire(WireError::Broken))));
    assert_eq!(redis.get(b"large").await.unwrap().map(|value| value.len()), Some(100_000));
}
