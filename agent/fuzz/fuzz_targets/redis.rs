//! Replies of Redis, cut where the first byte says.
#![no_main]

use healstack_agent::peers::redis::{Replies, Reply};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 4096;

fn size(reply: &Reply) -> usize {
    match reply {
        Reply::Status(text) | Reply::Error(text) => text.len() / 3,
        Reply::Bulk(bytes) => bytes.as_ref().map_or(0, Vec::len),
        Reply::Array(replies) => replies.iter().flatten().map(size).sum(),
        Reply::Integer(_) => 0,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let mut replies = Replies::new(LIMIT);
    for chunk in bytes.chunks(usize::from(cut).max(1)) {
        if replies.feed(chunk).is_err() {
            return;
        }
        loop {
            match replies.next_reply() {
                // Every byte of an invalid text becomes three.
                Ok(Some(reply)) => assert!(size(&reply) <= bytes.len()),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
});
