//! The answer to `INFO`.
#![no_main]

use healstack_agent::peers::redis::Info;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: String| {
    let info = Info::new(text.clone());
    let _ = (info.hits_and_misses(), info.keyspace(0), info.number("used_memory"));
    for line in text.lines() {
        if let Some((field, _)) = line.split_once(':') {
            assert!(info.get(field).is_some());
        }
    }
});
