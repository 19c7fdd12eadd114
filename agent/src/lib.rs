//! What the on-host agent asks of its peers and of the host, and what it does to them.
//!
//! [`peers`] are programs that answer over a socket: PgBouncer, HAProxy, Redis, HTTP servers. [`host`] is the machine:
//! cgroups, processes, pressure, sockets, units, disks, commands.
//!
//! **Invariant:** nothing here decides. A sensor returns figures, an actuator does one thing once, and the bounds of
//! what it may do are arguments.
//!
//! **Invariant:** whatever a peer sends or fails to send, a call takes bounded time and bounded memory: each has a
//! deadline and a limit in bytes ([`bounds::Bounds`]), and nothing is allocated from a length that a peer names.

pub mod bounds;
pub mod endpoint;
pub mod host;
pub mod lines;
pub mod peers;
pub mod secret;
pub mod wire;
