//! Replies of Redis (RESP2), from bytes as they come.

use bytes::{Buf, BytesMut};

use crate::wire::WireError;

/// The longest line that begins a reply: an error message, a status, a length.
const LONGEST_LINE: usize = 4 * 1024;

/// How deep arrays may nest: `SCAN` answers an array in an array.
const DEEPEST: usize = 4;

/// What makes bytes no reply.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// Too long, or the connection.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Not RESP2.
    #[error("what the peer sent is not a reply of Redis: {0}")]
    Protocol(&'static str),
}

/// One reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`.
    Status(String),
    /// `-ERR …`.
    Error(String),
    /// `:1`.
    Integer(i64),
    /// A string, or nothing where a string would be.
    Bulk(Option<Vec<u8>>),
    /// Replies, or nothing where some would be.
    Array(Option<Vec<Reply>>),
}

/// Reads replies. Nothing is allocated by a length that the peer names, only by what it sent.
#[derive(Debug)]
pub struct Replies {
    buffer: BytesMut,
    /// How far the buffer was searched for the end of a line.
    searched: usize,
    /// The string that is under way.
    bulk: Option<usize>,
    /// The arrays that are under way: what is still missing of each, and what is there.
    open: Vec<(usize, Vec<Reply>)>,
    left: usize,
    limit: usize,
}

impl Replies {
    /// Replies of at most `limit` bytes each.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), searched: 0, bulk: None, open: Vec::new(), left: limit, limit }
    }

    /// Takes bytes as they come.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(WireError::TooLong(self.limit))?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next reply where it is complete.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, ReplyError> {
        while let Some(reply) = self.next_part()? {
            if let Some(reply) = self.put(reply) {
                self.left = self.limit.saturating_sub(self.buffer.len());
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// Whether bytes are left that belong to no reply that was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.bulk.is_none() && self.open.is_empty()
    }

    /// Puts a complete part where it belongs; gives it back where it is a whole reply, or completes one.
    fn put(&mut self, mut part: Reply) -> Option<Reply> {
        loop {
            let Some((missing, parts)) = self.open.last_mut() else { return Some(part) };
            parts.push(part);
            *missing -= 1;
            if *missing > 0 {
                return None;
            }
            part = Reply::Array(self.open.pop().map(|(_, parts)| parts));
        }
    }

    /// The next part that is no array under way.
    fn next_part(&mut self) -> Result<Option<Reply>, ReplyError> {
        loop {
            if let Some(length) = self.bulk {
                return self.take_bulk(length);
            }
            let Some(line) = self.take_line()? else { return Ok(None) };
            let Some((kind, rest)) = line.split_first() else { return Err(ReplyError::Protocol("an empty line")) };
            match kind {
                b'+' => return Ok(Some(Reply::Status(text(rest)))),
                b'-' => return Ok(Some(Reply::Error(text(rest)))),
                b':' => return Ok(Some(Reply::Integer(number(rest)?))),
                b'$' => match length(rest)? {
                    None => return Ok(Some(Reply::Bulk(None))),
                    Some(length) if length > self.buffer.len() + self.left => {
                        return Err(WireError::TooLong(self.limit).into());
                    }
                    Some(length) => self.bulk = Some(length),
                },
                b'*' => match length(rest)? {
                    None => return Ok(Some(Reply::Array(None))),
                    Some(0) => return Ok(Some(Reply::Array(Some(Vec::new())))),
                    Some(_) if self.open.len() == DEEPEST => return Err(ReplyError::Protocol("arrays nest too deep")),
                    Some(length) => self.open.push((length, Vec::new())),
                },
                _ => return Err(ReplyError::Protocol("a reply of no known kind")),
            }
        }
    }

    fn take_bulk(&mut self, length: usize) -> Result<Option<Reply>, ReplyError> {
        if self.buffer.len() < length + 2 {
            return Ok(None);
        }
        if self.buffer.get(length..length + 2) != Some(b"\r\n") {
            return Err(ReplyError::Protocol("a string is longer than its length"));
        }
        self.bulk = None;
        let bytes = self.buffer.split_to(length).to_vec();
        self.buffer.advance(2);
        Ok(Some(Reply::Bulk(Some(bytes))))
    }

    fn take_line(&mut self) -> Result<Option<BytesMut>, ReplyError> {
        let Some(end) = self.buffer.iter().skip(self.searched).position(|&byte| byte == b'\n') else {
            self.searched = self.buffer.len();
            if self.searched > LONGEST_LINE {
                return Err(ReplyError::Protocol("a line without an end"));
            }
            return Ok(None);
        };
        let end = self.searched + end;
        self.searched = 0;
        let mut line = self.buffer.split_to(end + 1);
        if !line.ends_with(b"\r\n") {
            return Err(ReplyError::Protocol("a line that ends without a carriage return"));
        }
        line.truncate(end - 1);
        Ok(Some(line))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(bytes: &[u8]) -> Result<i64, ReplyError> {
    let text = std::str::from_utf8(bytes).ok();
    text.and_then(|text| text.parse().ok()).ok_or(ReplyError::Protocol("not a number"))
}

/// A length; -1 says that there is nothing.
fn length(bytes: &[u8]) -> Result<Option<usize>, ReplyError> {
    match number(bytes)? {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| ReplyError::Protocol("a negative length")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(reply: &Reply) -> Vec<u8> {
        match reply {
            Reply::Status(text) => format!("+{text}\r\n").into_bytes(),
            Reply::Error(text) => format!("-{text}\r\n").into_bytes(),
            Reply::Integer(number) => format!(":{number}\r\n").into_bytes(),
            Reply::Bulk(None) => b"$-1\r\n".to_vec(),
            Reply::Bulk(Some(bytes)) => {
                [format!("${}\r\n", bytes.len()).as_bytes(), bytes.as_slice(), b"\r\n"].concat()
            }
            Reply::Array(None) => b"*-1\r\n".to_vec(),
            Reply::Array(Some(replies)) => {
                let parts: Vec<u8> = replies.iter().flat_map(encode).collect();
                [format!("*{}\r\n", replies.len()).into_bytes(), parts].concat()
            }
        }
    }

    fn any_reply() -> impl Strategy<Value = Reply> {
        let leaf = prop_oneof![
            "[a-zA-Z ]{0,10}".prop_map(Reply::Status),
            "[A-Z ]{0,10}".prop_map(Reply::Error),
            any::<i64>().prop_map(Reply::Integer),
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)).prop_map(Reply::Bulk),
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            proptest::option::of(proptest::collection::vec(inner, 0..5)).prop_map(Reply::Array)
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(replies in proptest::collection::vec(any_reply(), 1..4), chunk in 1_usize..30) {
            let bytes: Vec<u8> = replies.iter().flat_map(encode).collect();
            let mut reader = Replies::new(100_000);
            let mut read = Vec::new();
            for chunk in bytes.chunks(chunk) {
                reader.feed(chunk).unwrap();
                while let Some(reply) = reader.next_reply().unwrap() {
                    read.push(reply);
                }
            }
            prop_assert_eq!(read, replies);
            prop_assert!(reader.is_empty());
        }
    }

    #[test]
    fn lengths_that_cannot_come_cost_nothing() {
        let read = |bytes: &[u8]| {
            let mut reader = Replies::new(1000);
            reader.feed(bytes)?;
            reader.next_reply()
        };
        assert!(matches!(read(b"$2000000000\r\n"), Err(ReplyError::Wire(WireError::TooLong(1000)))));
        // An array may be announced, and ends at the limit of bytes.
        assert!(matches!(read(b"*2000000000\r\n:1\r\n"), Ok(None)));
        assert!(matches!(read(b"$-5\r\n"), Err(ReplyError::Protocol(_))));
        assert!(matches!(read(b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"), Err(ReplyError::Protocol(_))));
        assert!(matches!(read(b"HTTP/1.1 400\r\n"), Err(ReplyError::Protocol(_))));
        assert!(matches!(read(b"$1\r\nabc\r\n"), Err(ReplyError::Protocol(_))));
        assert!(matches!(read(&[b'x'; 1001]), Err(ReplyError::Wire(WireError::TooLong(1000)))));
    }
}
