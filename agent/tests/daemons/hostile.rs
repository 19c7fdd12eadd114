//! Peers that send garbage, too much, half of it, or nothing: every client ends in bounded time with an error.

use std::time::Duration;

use healstack_agent::bounds::Bounds;
use healstack_agent::endpoint::Endpoint;
use healstack_agent::peers::haproxy::{HaproxyError, ServerName, StatsSocket, Weight};
use healstack_agent::peers::http::{HttpClient, HttpError};
use healstack_agent::peers::pgbouncer::{Console, ConsoleError};
use healstack_agent::peers::prometheus::{ScrapeError, Selector, scrape};
use healstack_agent::peers::redis::{Login, Redis, RedisError};
use healstack_agent::wire::WireError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

const BOUNDS: Bounds = Bounds { deadline: Duration::from_millis(300), bytes: 64 * 1024 };

#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    /// Accepts, and says nothing.
    Silent,
    /// A byte now and then.
    Drip,
    /// Bytes that belong to no protocol, without end.
    Garbage,
    /// The same byte without end.
    Flood(u8),
    /// Closes at once.
    Close,
}

/// A server that behaves like this to all who come.
async fn peer(manner: Manner) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                // Something is read first: an answer before the question would be an error of its own.
                let _ = stream.read(&mut [0; 64]).await?;
                let mut noise = 1_u32;
                let garbage: Vec<u8> = std::iter::repeat_with(|| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    noise.to_be_bytes()[0]
                })
                .take(8192)
                .collect();
                loop {
                    match manner {
                        Manner::Silent => std::future::pending().await,
                        Manner::Close => return Ok::<(), std::io::Error>(()),
                        Manner::Drip => {
                            stream.write_all(b" ").await?;
                            tokio::time::sleep(Duration::from_millis(40)).await;
                        }
                        Manner::Garbage => stream.write_all(&garbage).await?,
                        Manner::Flood(byte) => stream.write_all(&[byte; 8192]).await?,
                    }
                }
            });
        }
    });
    endpoint
}

/// All clients in turn, with what each came to.
async fn ask_all(endpoint: &Endpoint) -> Vec<(&'static str, String)> {
    let http = HttpClient::new(endpoint.clone(), [], BOUNDS).unwrap();
    let stats = StatsSocket::new(endpoint.clone(), BOUNDS);
    let server = ServerName::try_new("app", "a").unwrap();
    let mut results = Vec::new();
    let mut note = |client: &'static str, error: String| results.push((client, error));
    let error = Console::connect(endpoint, "admin", None, BOUNDS).await.unwrap_err();
    assert!(matches!(error, ConsoleError::Wire(_) | ConsoleError::Protocol(_)), "{error:?}");
    note("pgbouncer", error.to_string());
    let mut redis = Redis::connect(endpoint, &Login::default(), BOUNDS).await.unwrap();
    let error = redis.info(None).await.unwrap_err();
    assert!(matches!(error, RedisError::Wire(_) | RedisError::Protocol(_)), "{error:?}");
    assert!(redis.is_broken());
    note("redis", error.to_string());
    note("haproxy stat", stats.stat(|_| ()).await.unwrap_err().to_string());
    // An answer of blanks alone is success, if it ends: only one that closes at once looks like that.
    match stats.set_weight(&server, Weight::FULL).await {
        Ok(()) => note("haproxy set", String::new()),
        Err(error) => note("haproxy set", error.to_string()),
    }
    let error = http.get("/health").await.unwrap_err();
    assert!(matches!(error, HttpError::Wire(_) | HttpError::Protocol(_)), "{error:?}");
    note("http", error.to_string());
    let error = scrape(&http, "/metrics", &[Selector::metric("up")]).await.unwrap_err();
    assert!(matches!(error, ScrapeError::Http(_)), "{error:?}");
    note("prometheus", error.to_string());
    results
}

#[tokio::test]
async fn every_client_ends_in_time_whatever_the_peer_does() {
    let manners =
        [Manner::Silent, Manner::Drip, Manner::Garbage, Manner::Flood(b'\n'), Manner::Flood(b'1'), Manner::Close];
    for manner in manners {
        let endpoint = peer(manner).await;
        let started = Instant::now();
        let results = ask_all(&endpoint).await;
        let took = started.elapsed();
        assert!(took < BOUNDS.deadline * 6 + Duration::from_secs(3), "{manner:?} took {took:?}: {results:?}");
        if manner == Manner::Silent {
            for (client, error) in &results {
                assert!(error.contains("no complete answer within 300 ms"), "{client}: {error}");
            }
        }
        for (client, error) in results {
            assert!(!error.is_empty() || (manner == Manner::Close && client == "haproxy set"), "{manner:?} {client}");
        }
    }
}

#[tokio::test]
async fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap());
    drop(listener);
    for endpoint in [endpoint, Endpoint::Unix("/nowhere/at.sock".into())] {
        let refused = |error: &WireError| matches!(error, WireError::Connect { endpoint: who, .. } if *who == endpoint);
        let error = Console::connect(&endpoint, "admin", None, BOUNDS).await.unwrap_err();
        assert!(matches!(&error, ConsoleError::Wire(error) if refused(error)), "{error:?}");
        let error = Redis::connect(&endpoint, &Login::default(), BOUNDS).await.unwrap_err();
        assert!(matches!(&error, RedisError::Wire(error) if refused(error)), "{error:?}");
        let error = StatsSocket::new(endpoint.clone(), BOUNDS).stat(|_| ()).await.unwrap_err();
        assert!(matches!(&error, HaproxyError::Wire(error) if refused(error)), "{error:?}");
        let error = HttpClient::new(endpoint.clone(), [], BOUNDS).unwrap().get("/").await.unwrap_err();
        assert!(matches!(&error, HttpError::Wire(error) if refused(error)), "{error:?}");
    }
}
