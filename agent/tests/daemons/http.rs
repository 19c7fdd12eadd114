//! Health endpoints and hooks, against HAProxy as a web server and a server that notes what it is asked.

use std::time::Duration;

use healstack_agent::bounds::Bounds;
use healstack_agent::endpoint::Endpoint;
use healstack_agent::peers::envoy::Admin;
use healstack_agent::peers::http::{HttpClient, HttpError};
use healstack_agent::peers::prometheus::{ScrapeError, Selector, scrape};
use healstack_agent::peers::spring::{Actuator, BreakerCommand, BreakerState, Health};
use healstack_agent::wire::WireError;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::haproxy::Proxy;
use crate::harness::{BOUNDS, local};

fn client(endpoint: Endpoint, bounds: Bounds) -> HttpClient {
    HttpClient::new(endpoint, [("X-Token", "abc")], bounds).unwrap()
}

#[tokio::test]
async fn status_and_body_of_a_real_server() {
    let proxy = Proxy::start();
    for endpoint in [local(proxy.port), proxy.web_socket()] {
        let client = client(endpoint, BOUNDS);
        let healthy = client.get("/health").await.unwrap();
        assert_eq!((healthy.status, healthy.body.as_slice(), healthy.truncated), (200, &b"healthy"[..], false));
        let down = client.get("/down").await.unwrap();
        assert_eq!((down.status, down.is_success(), down.body.as_slice()), (503, false, &b"down"[..]));
        assert_eq!(client.get("/away").await.unwrap().status, 302, "a redirect is not followed");
        assert_eq!(client.get("/token").await.unwrap().body, b"abc", "headers of the configuration are sent");
        assert_eq!(client.post("/health", None).await.unwrap().status, 200);
    }
    let short = client(local(proxy.port), BOUNDS.at_most(3)).get("/health").await.unwrap();
    assert_eq!((short.body.as_slice(), short.truncated), (&b"hea"[..], true));
}

/// A server that answers each path with a text, and passes on what it was asked: the request's line and body.
async fn noting(answers: &'static [(&'static str, &'static str)]) -> (Endpoint, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap());
    let (asked, questions) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let (mut request, mut line, mut length) = (String::new(), String::new(), 0);
            stream.read_line(&mut request).await.unwrap();
            while stream.read_line(&mut line).await.unwrap() > 2 {
                let header = line.to_ascii_lowercase();
                if let Some(value) = header.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            let question = request.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
            let answer = answers.iter().find(|(of, _)| *of == question).map(|(_, answer)| *answer);
            let (status, text) = answer.map_or((404, ""), |answer| (200, answer));
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            asked.send(format!("{question} {}", String::from_utf8(body).unwrap())).unwrap();
        }
    });
    (endpoint, questions)
}

#[tokio::test]
async fn circuit_breakers_of_an_actuator() {
    let (endpoint, mut questions) = noting(&[
        ("GET /actuator/health", r#"{"status":"UP"}"#),
        (
            "GET /actuator/circuitbreakers",
            r#"{"circuitBreakers":{"pay now":{"failureRate":"60.0%","bufferedCalls":10,"failedCalls":6,"state":"OPEN"}}}"#,
        ),
        (
            "POST /actuator/circuitbreakers/pay%20now",
            r#"{"circuitBreakerName":"pay now","currentState":"CLOSED","message":null}"#,
        ),
    ])
    .await;
    let actuator = Actuator::new(client(endpoint, BOUNDS), "/actuator/");
    assert_eq!(actuator.health().await.unwrap(), Health::Up);
    let breakers = actuator.breakers().await.unwrap();
    assert_eq!((breakers["pay now"].state, breakers["pay now"].failure_rate()), (BreakerState::Open, Some(60.0)));
    let state = actuator.set_breaker("pay now", BreakerCommand::Close).await.unwrap();
    assert_eq!(state, BreakerState::Closed);
    let mut last = String::new();
    while let Ok(question) = questions.try_recv() {
        last = question;
    }
    assert_eq!(last, r#"POST /actuator/circuitbreakers/pay%20now {"updateState":"CLOSE"}"#);
    let unknown = actuator.set_breaker("none", BreakerCommand::ForceOpen).await;
    assert!(matches!(unknown, Err(HttpError::Status(404))), "{unknown:?}");
}

#[tokio::test]
async fn hosts_and_hooks_of_envoy() {
    let (endpoint, mut questions) = noting(&[
        (
            "GET /clusters",
            "shop::default_priority::max_connections::1024\n\
             shop::127.0.0.1:81::cx_active::3\nshop::127.0.0.1:81::health_flags::healthy\n\
             shop::127.0.0.1:82::rq_error::7\nshop::127.0.0.1:82::health_flags::/failed_outlier_check\n\
             mail::127.0.0.1:83::cx_active::9\n",
        ),
        ("GET /ready", "LIVE\n"),
        ("POST /healthcheck/fail", "OK\n"),
        ("POST /healthcheck/ok", "OK\n"),
        ("POST /runtime_modify?outlier_detection.max_ejection_percent=10", "OK\n"),
        ("POST /runtime_modify?outlier_detection.max_ejection_percent=", "OK\n"),
    ])
    .await;
    let admin = Admin::new(client(endpoint, BOUNDS));
    let hosts = admin.hosts("shop").await.unwrap();
    assert_eq!(hosts.len(), 2, "{hosts:?}");
    let (well, ejected) = (&hosts[&([127, 0, 0, 1], 81).into()], &hosts[&([127, 0, 0, 1], 82).into()]);
    assert_eq!((well.is_ejected(), well.connections), (false, 3));
    assert_eq!((ejected.is_ejected(), ejected.errors), (true, 7));
    assert!(admin.is_ready().await.unwrap());
    admin.set_healthy(false).await.unwrap();
    admin.set_healthy(true).await.unwrap();
    let key = "outlier_detection.max_ejection_percent";
    admin.set_runtime(key, Some("10")).await.unwrap();
    admin.set_runtime(key, None).await.unwrap();
    assert!(matches!(admin.set_runtime("other", None).await, Err(HttpError::Status(404))));
    let mut posts = 0;
    while let Ok(question) = questions.try_recv() {
        posts += usize::from(question.starts_with("POST"));
    }
    assert_eq!(posts, 5);
}

/// A page of a million lines, some 40 MB, chunked.
async fn long_page(lines: u32) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            for first in (0..lines).step_by(1000) {
                let line = |line: u32| format!("series{{shard=\"{}\"}} 1", line % 10);
                let text = (first..first + 1000).map(line).collect::<Vec<_>>().join("\n") + "\n";
                if stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await.is_err() {
                    break;
                }
            }
            let _ = stream.write_all(b"0\r\n\r\n").await;
        }
    });
    endpoint
}

#[tokio::test]
async fn a_page_of_a_million_lines_is_read_or_refused() {
    use healstack_agent::peers::prometheus::LabelMatch;
    let endpoint = long_page(1_000_000).await;
    let bounds = Bounds { deadline: Duration::from_mins(2), bytes: 64 << 20 };
    let selector = [Selector::metric("series").label("shard", LabelMatch::Is("3".into()))];
    let figures = scrape(&client(endpoint.clone(), bounds), "/metrics", &selector).await.unwrap();
    assert_eq!((figures[0].count, figures[0].sum), (100_000, 100_000.0));
    let result = scrape(&client(endpoint, bounds.at_most(1 << 20)), "/metrics", &selector).await;
    assert!(matches!(result, Err(ScrapeError::Http(HttpError::Wire(WireError::TooLong(_))))), "{result:?}");
}
