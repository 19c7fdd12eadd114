//! The machine: what its kernel and its service manager say, and what they are asked to do.

pub mod cgroup;
pub mod command;
pub mod disk;
pub mod file;
pub mod process;
pub mod psi;
pub mod sockets;
pub mod systemd;
