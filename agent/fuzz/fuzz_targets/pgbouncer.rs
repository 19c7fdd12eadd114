//! An answer of the console, cut where its first byte says.
#![no_main]

use healstack_agent::peers::pgbouncer::Answer;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let mut answer = Answer::new("SHOW FUZZ", LIMIT);
    let mut values = 0;
    for chunk in bytes.chunks(usize::from(cut).max(1)) {
        if answer.feed(chunk).is_err() {
            assert!(bytes.len() > LIMIT);
            return;
        }
        let mut each = |row: &healstack_agent::peers::pgbouncer::Row<'_>| {
            values += row.get("database").map_or(0, str::len);
            row.number_if_any("cl_active").map(|_| ())
        };
        if !matches!(answer.advance(&mut each), Ok(false)) {
            break;
        }
    }
    assert!(values <= bytes.len());
});
