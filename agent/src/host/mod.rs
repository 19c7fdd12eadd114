//! The machine: what its kernel and its service manager say, and what they are asked to do.
//!
//! Files of `/proc` and `/sys` are read in place: the kernel makes them from memory and they do not wait. The exceptions
//! are named where they are.

pub mod cgroup;
pub mod command;
pub mod disk;
pub mod file;
pub mod process;
pub mod psi;
mod ready;
pub mod sockets;
pub mod systemd;
