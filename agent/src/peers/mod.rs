//! Programs that answer over a socket.

pub mod envoy;
pub mod haproxy;
pub mod http;
pub mod pgbouncer;
pub mod prometheus;
pub mod redis;
pub mod spring;
