//! Messages of `sock_diag`, as the kernel's `include/uapi/linux/{netlink,sock_diag,inet_diag}.h` lay them out. Numbers are
//! in the machine's own order, ports and addresses in the network's.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Socket, SocketError, TcpState};

/// `SOCK_DIAG_BY_FAMILY` and `SOCK_DESTROY`.
const BY_FAMILY: u16 = 20;
const DESTROY: u16 = 21;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST`, `NLM_F_ACK` and `NLM_F_DUMP`.
const REQUEST: u16 = 0x001;
const ACK: u16 = 0x004;
const DUMP: u16 = 0x300;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// `INET_DIAG_REQ_BYTECODE` of a request, and `INET_DIAG_INFO` of an answer.
const BYTECODE: u16 = 1;
const INFO: u16 = 2;
/// Operations of the filter: the remote port is at least, or at most.
const REMOTE_AT_LEAST: u8 = 4;
const REMOTE_AT_MOST: u8 = 5;

/// Of `nlmsghdr`, of `inet_diag_req_v2` without that, and of `inet_diag_msg`.
const HEADER: usize = 16;
const REQUEST_BODY: usize = 56;
const ANSWER_BODY: usize = 72;

/// All states but LISTEN and those of half-open requests.
const STATES: u32 = 0b1011_1111_1110;

/// `AF_INET` and `AF_INET6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4 = 2,
    V6 = 10,
}

/// What the kernel is asked for.
pub(super) struct Filter {
    pub(super) family: Family,
    pub(super) remote_port: Option<u16>,
}

/// `inet_diag_sockid` with its family: ends, interface and cookie, as the kernel gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    family: u8,
    id: [u8; 48],
}

/// Whether the kernel has more to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It has.
    More,
    /// It has not.
    Done,
}

/// A request for all sockets that pass the filter.
pub(super) fn dump(sequence: u32, filter: &Filter) -> Vec<u8> {
    let mut message = request(BY_FAMILY, REQUEST | DUMP, sequence, filter.family as u8, &[0; 48]);
    if let Some(port) = filter.remote_port {
        // Two operations of two words each: "at least" goes on to "at most", and a jump past the end refuses.
        let operation = |code, refuse: u16| {
            let [low, high] = refuse.to_ne_bytes();
            let [port_low, port_high] = port.to_ne_bytes();
            [code, 8, low, high, 0, 0, port_low, port_high]
        };
        message.extend_from_slice(&20_u16.to_ne_bytes());
        message.extend_from_slice(&BYTECODE.to_ne_bytes());
        message.extend_from_slice(&operation(REMOTE_AT_LEAST, 20));
        message.extend_from_slice(&operation(REMOTE_AT_MOST, 12));
    }
    with_length(message)
}

/// A request to destroy one socket.
pub(super) fn destroy(sequence: u32, identity: &Identity) -> Vec<u8> {
    with_length(request(DESTROY, REQUEST | ACK, sequence, identity.family, &identity.id))
}

fn request(kind: u16, flags: u16, sequence: u32, family: u8, id: &[u8; 48]) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + REQUEST_BODY + 20);
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&sequence.to_ne_bytes());
    message.extend_from_slice(&[0; 4]);
    // With the figures of TCP: a bit for each attribute, counted from 1.
    message.extend_from_slice(&[family, TCP, 1 << (INFO - 1), 0]);
    message.extend_from_slice(&STATES.to_ne_bytes());
    message.extend_from_slice(id);
    message
}

fn with_length(mut message: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_ne_bytes();
    message.splice(..4, length);
    message
}

/// Reads a datagram of the kernel: gives each socket to `each`. Messages that answer an earlier request, whose deadline
/// passed, are passed over.
pub fn parse(mut datagram: &[u8], sequence: u32, each: &mut impl FnMut(&Socket)) -> Result<Reading, SocketError> {
    while datagram.len() >= HEADER {
        let length = number(datagram, 0).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| (HEADER..=datagram.len()).contains(length));
        let length = length.ok_or(SocketError::Malformed("the length of a message"))?;
        let (message, kind) = (&datagram[..length], short(datagram, 4));
        datagram = &datagram[aligned(length).min(datagram.len())..];
        if number(message, 8) != Some(sequence) {
            continue;
        }
        match kind {
            Some(DONE) => return Ok(Reading::Done),
            Some(ERROR) => {
                let code = number(message, HEADER).ok_or(SocketError::Malformed("an error without a number"))?;
                return match code.cast_signed() {
                    0 => Ok(Reading::Done),
                    code => Err(io::Error::from_raw_os_error(code.saturating_neg()).into()),
                };
            }
            Some(BY_FAMILY) => {
                let socket = socket(message).ok_or(SocketError::Malformed("a socket"))?;
                each(&socket);
            }
            _ => {}
        }
    }
    Ok(Reading::More)
}

fn socket(message: &[u8]) -> Option<Socket> {
    let body = message.get(HEADER..)?;
    let family = *body.first()?;
    let id: [u8; 48] = body.get(4..52)?.try_into().ok()?;
    let address = |port: usize, address: usize| {
        let port = u16::from_be_bytes([*id.get(port)?, *id.get(port + 1)?]);
        let bytes: [u8; 16] = id.get(address..address + 16)?.try_into().ok()?;
        let ip = match family {
            2 => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
            10 => Ipv6Addr::from(bytes).to_canonical(),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    };
    Some(Socket {
        local: address(0, 4)?,
        remote: address(2, 20)?,
        state: state(*body.get(1)?)?,
        inode: number(body, 68)?,
        uid: number(body, 64)?,
        unread: number(body, 56)?,
        unsent: number(body, 60)?,
        idle: idle(body.get(ANSWER_BODY..)?),
        identity: Identity { family, id },
    })
}

/// The shorter of the times since the last sending and the last coming, in `tcp_info`.
fn idle(mut attributes: &[u8]) -> Option<Duration> {
    loop {
        let length = usize::from(short(attributes, 0)?);
        let attribute = attributes.get(4..length)?;
        if short(attributes, 2)? == INFO {
            let (sent, came) = (number(attribute, 44)?, number(attribute, 52)?);
            return Some(Duration::from_millis(sent.min(came).into()));
        }
        attributes = attributes.get(aligned(length)..)?;
    }
}

fn state(number: u8) -> Option<TcpState> {
    Some(match number {
        1 => TcpState::Established,
        2 => TcpState::SynSent,
        3 | 12 => TcpState::SynReceived,
        4 => TcpState::FinWait1,
        5 => TcpState::FinWait2,
        6 => TcpState::TimeWait,
        7 => TcpState::Close,
        8 => TcpState::CloseWait,
        9 => TcpState::LastAck,
        10 => TcpState::Listen,
        11 => TcpState::Closing,
        _ => return None,
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Messages and attributes begin at multiples of four.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}
