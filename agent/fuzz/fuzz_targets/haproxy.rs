//! `show stat` and `show servers state`.
#![no_main]

use healstack_agent::peers::haproxy::{ServerStat, Stat, StateTable};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let mut stat = Stat::default();
    let mut each = |record: &healstack_agent::peers::haproxy::Record<'_>| {
        if let Some(server) = ServerStat::from_record(record) {
            assert!(server.server.len() <= bytes.len());
        }
    };
    let read = bytes.chunks(usize::from(cut).max(1)).try_for_each(|chunk| stat.push(chunk, &mut each));
    if read.is_ok() {
        let _ = stat.push(&[], &mut each);
    }
    let mut table = StateTable::default();
    for line in bytes.split(|&byte| byte == b'\n') {
        if table.line(line).is_err() {
            break;
        }
    }
});
