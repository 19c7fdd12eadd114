use std::io::Read;
use std::net::{TcpListener, TcpStream};

use tokio::time::Instant;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Both ends of a connection to a new port.
fn connection(address: &str) -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind(address).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (listener, client, server)
}

fn this_process() -> [ProcessId; 1] {
    [ProcessId::of(std::process::id()).unwrap()]
}

#[tokio::test]
async fn sockets_are_found_by_process_and_remote_port() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (listener, client, server) = connection(address);
        let port = listener.local_addr().unwrap().port();
        let owned = Owned::by(&this_process()).unwrap();
        let mut diag = SockDiag::open().unwrap();
        let which = Which { remote_port: Some(port) };
        let found = diag.sockets(which, SECOND, |socket| owned.contains(socket)).await.unwrap();
        let [socket] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((socket.local, socket.remote), (client.local_addr().unwrap(), listener.local_addr().unwrap()));
        assert_eq!(socket.state, TcpState::Established);
        assert!(socket.idle.is_some_and(|idle| idle < SECOND), "{socket:?}");
        // Without a port, both ends of it and none that listens.
        let all = diag.sockets(Which::default(), SECOND, |socket| owned.contains(socket)).await.unwrap();
        let ends = all.iter().filter(|socket| socket.local.port() == port || socket.remote.port() == port);
        assert_eq!(ends.count(), 2, "{all:?}");
        assert!(all.iter().all(|socket| socket.state != TcpState::Listen));
        assert!(!Owned::default().contains(socket));
        drop(server);
    }
}

#[tokio::test]
async fn what_was_forgotten_shows_in_its_state_and_its_silence() {
    let (listener, client, server) = connection("127.0.0.1:0");
    let (port, started) = (listener.local_addr().unwrap().port(), Instant::now());
    drop(server);
    tokio::time::sleep(Duration::from_millis(120)).await;
    let mut diag = SockDiag::open().unwrap();
    let found = diag.sockets(Which { remote_port: Some(port) }, SECOND, |_| true).await.unwrap();
    assert_eq!(found[0].state, TcpState::CloseWait, "{found:?}");
    let idle = found[0].idle.unwrap();
    assert!(idle >= Duration::from_millis(100) && idle <= started.elapsed() + SECOND, "{idle:?}");
    drop(client);
}

#[tokio::test]
async fn one_socket_is_destroyed_and_its_neighbour_is_not() {
    let is_root = rustix::process::geteuid().is_root();
    let (listener, mut victim, _server) = connection("127.0.0.1:0");
    let neighbour = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut diag = SockDiag::open().unwrap();
    let local = victim.local_addr().unwrap();
    let which = Which { remote_port: Some(listener.local_addr().unwrap().port()) };
    let found = diag.sockets(which, SECOND, |socket| socket.local == local).await.unwrap();
    let destroyed = diag.destroy(&found[0], SECOND).await;
    if !is_root {
        assert!(matches!(destroyed, Err(SocketError::NeedsPrivilege)), "{destroyed:?}");
        return;
    }
    destroyed.unwrap();
    assert_eq!(victim.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    assert!(matches!(diag.destroy(&found[0], SECOND).await, Err(SocketError::Gone)));
    let left = diag.sockets(which, SECOND, |socket| socket.state == TcpState::Established).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].local, neighbour.local_addr().unwrap());
    let listening = Socket { state: TcpState::Listen, ..left[0] };
    assert!(matches!(diag.destroy(&listening, SECOND).await, Err(SocketError::Refused(TcpState::Listen))));
}

#[test]
fn answers_of_an_earlier_question_are_passed_over() {
    let message = |kind: u16, sequence: u32, rest: &[u8]| {
        let length = u32::try_from(16 + rest.len()).unwrap().to_ne_bytes();
        [&length[..], &kind.to_ne_bytes(), &[0, 0], &sequence.to_ne_bytes(), &[0; 4], rest].concat()
    };
    let mut each = |_: &Socket| panic!("there is no socket");
    assert_eq!(parse(&message(3, 1, &[]), 2, &mut each).unwrap(), Reading::More);
    let both = [message(3, 1, &[]), message(3, 2, &[])].concat();
    assert_eq!(parse(&both, 2, &mut each).unwrap(), Reading::Done);
    assert_eq!(parse(&message(2, 2, &0_i32.to_ne_bytes()), 2, &mut each).unwrap(), Reading::Done);
    let error = parse(&message(2, 2, &(-2_i32).to_ne_bytes()), 2, &mut each);
    assert!(matches!(error, Err(SocketError::Kernel(error)) if error.kind() == io::ErrorKind::NotFound));
    assert!(matches!(parse(&message(20, 2, &[2; 40]), 2, &mut each), Err(SocketError::Malformed(_))));
    assert!(matches!(parse(&[0xff; 40], 2, &mut each), Err(SocketError::Malformed(_))));
    assert!(matches!(parse(&[0; 40], 2, &mut each), Err(SocketError::Malformed(_))));
}
