//! Asks whatever listens on a loopback port who it is: `GET /_healstack/health` of the launcher.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde::Deserialize;

/// How long one question may take. The server answers in under a millisecond when it is up.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What the launcher answers; other members are for people.
#[derive(Debug, Deserialize)]
struct Health {
    service: String,
    pid: u32,
}

/// The process id of the launcher that answers on a port of 127.0.0.1; `None` when nothing or something else does.
pub(super) fn launcher_pid(port: u16) -> Option<u32> {
    let answer = get(port, "/_healstack/health").ok()?;
    let (_head, body) = answer.split_once("\r\n\r\n")?;
    let health: Health = serde_json::from_str(body).ok()?;
    (health.service == "healstack-local").then_some(health.pid)
}

/// Everything that a server sends for one request. Enough HTTP for a server of our own on the same machine.
fn get(port: u16, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // In one piece: `write!` to a socket sends every part of the format by itself.
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    // A stranger on the port may send without end.
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Answers one connection with a fixed text.
    fn server(answer: &'static str) -> (u16, thread::JoinHandle<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        (port, thread)
    }

    #[test]
    fn tells_the_launcher_from_a_stranger() {
        let head = "HTTP/1.1 200 \r\ncontent-type: application/json\r\n\r\n";
        for (body, expected) in [
            (r#"{"service": "healstack-local", "pid": 42, "ministack": "1"}"#, Some(42)),
            (r#"{"service": "other", "pid": 42}"#, None),
            ("<html>", None),
        ] {
            let (port, thread) = server(format!("{head}{body}").leak());
            assert_eq!(launcher_pid(port), expected, "{body}");
            thread.join().unwrap();
        }
    }

    #[test]
    fn nothing_listens() {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        assert_eq!(launcher_pid(port), None);
    }
}
