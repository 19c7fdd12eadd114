//! Files of `/proc` and cgroups, and the answers of sock_diag.
#![no_main]

use healstack_agent::host::cgroup::{Mount, parse_limit, parse_memory_events};
use healstack_agent::host::process::{Stat, parse_rollup, parse_statm};
use healstack_agent::host::psi::Pressure;
use healstack_agent::host::sockets;
use healstack_agent::peers::envoy::ClusterLine;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Stat::parse(data).map(|stat| stat.cpu());
    let _ = ClusterLine::parse(data);
    let mut count = 0;
    let _ = sockets::parse(data, 0, &mut |_| count += 1);
    // A message with a socket has a header and a body.
    assert!(count * 88 <= data.len());
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = (parse_limit(text), parse_memory_events(text), Pressure::parse(text), Mount::parse(text));
        if let Some(memory) = parse_statm(text, 4096) {
            assert!(memory.proportional <= memory.resident);
        }
        let _ = parse_rollup(text);
    }
});
