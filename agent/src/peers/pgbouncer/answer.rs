//! One answer of the console, from bytes to rows.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{
    AuthenticationSaslBody, DataRowBody, ErrorResponseBody, Header, Message, RowDescriptionBody,
};

use super::{ConsoleError, protocol};
use crate::wire::WireError;

/// The most columns an answer may have: more than twice those of any view of 1.18.
const MOST_COLUMNS: usize = 64;

/// Collects the bytes of one answer and gives out its rows. It holds the message that is not complete yet, never the
/// whole answer.
#[derive(Debug)]
pub struct Answer {
    view: &'static str,
    buffer: BytesMut,
    /// How many more bytes may come.
    left: usize,
    limit: usize,
    columns: Vec<String>,
    refusal: Option<ConsoleError>,
}

impl Answer {
    /// An answer to `view` (for errors) of at most `limit` bytes.
    #[must_use]
    pub fn new(view: &'static str, limit: usize) -> Self {
        Self { view, buffer: BytesMut::new(), left: limit, limit, columns: Vec::new(), refusal: None }
    }

    /// Takes bytes as they come.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(WireError::TooLong(self.limit))?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Gives each row that is complete to `each`; true once the console is ready for the next query.
    pub fn advance(
        &mut self,
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), ConsoleError>,
    ) -> Result<bool, ConsoleError> {
        while let Some(message) = self.message()? {
            match message {
                Message::RowDescription(body) => self.columns = column_names(&body)?,
                Message::DataRow(body) => each(&Row::new(self.view, &self.columns, &body)?)?,
                Message::ErrorResponse(body) => self.refusal = Some(refusal(&body)),
                Message::ReadyForQuery(_) => return self.refusal.take().map_or(Ok(true), Err),
                Message::CommandComplete(_)
                | Message::EmptyQueryResponse
                | Message::NoticeResponse(_)
                | Message::ParameterStatus(_) => {}
                _ => return Err(super::unexpected("a message")),
            }
        }
        Ok(false)
    }

    /// The next message where it is complete.
    pub(super) fn message(&mut self) -> Result<Option<Message>, ConsoleError> {
        if let Some(header) = Header::parse(&self.buffer).map_err(protocol)? {
            // A length that could never be reached would only end at the deadline.
            let length = usize::try_from(header.len()).unwrap_or(usize::MAX);
            if length > self.buffer.len() + self.left {
                return Err(WireError::TooLong(self.limit).into());
            }
        }
        Message::parse(&mut self.buffer).map_err(protocol)
    }
}

/// A row, by the names of its columns: their order and number change with PgBouncer's version.
#[derive(Debug)]
pub struct Row<'a> {
    view: &'static str,
    columns: &'a [String],
    values: Vec<Option<&'a str>>,
}

impl<'a> Row<'a> {
    fn new(view: &'static str, columns: &'a [String], body: &'a DataRowBody) -> Result<Self, ConsoleError> {
        let mut values = Vec::with_capacity(columns.len());
        let mut ranges = body.ranges();
        while let Some(range) = ranges.next().map_err(protocol)? {
            let value = match range {
                None => None,
                Some(range) => {
                    let bytes = body.buffer().get(range).ok_or_else(|| super::unexpected("the end of a row"))?;
                    Some(std::str::from_utf8(bytes).map_err(|_| super::unexpected("a value that is not UTF-8"))?)
                }
            };
            values.push(value);
            if values.len() > columns.len() {
                return Err(super::unexpected("a row with more values than columns"));
            }
        }
        Ok(Self { view, columns, values })
    }

    /// The value of a column; `None` where there is no such column, or it is null.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&'a str> {
        let index = self.columns.iter().position(|name| name == column)?;
        *self.values.get(index)?
    }

    /// The value of a column that must be there.
    pub fn text(&self, column: &'static str) -> Result<&'a str, ConsoleError> {
        self.get(column).ok_or(ConsoleError::NoColumn { view: self.view, column })
    }

    /// A number that must be there.
    pub fn number(&self, column: &'static str) -> Result<u64, ConsoleError> {
        let value = self.text(column)?;
        value.parse().map_err(|_| self.bad(column, value))
    }

    /// A number that not every version gives, or not for every row.
    pub fn number_if_any(&self, column: &'static str) -> Result<Option<u64>, ConsoleError> {
        match self.get(column) {
            None | Some("") => Ok(None),
            Some(value) => value.parse().map(Some).map_err(|_| self.bad(column, value)),
        }
    }

    pub(super) fn bad(&self, column: &'static str, value: &str) -> ConsoleError {
        ConsoleError::BadValue { view: self.view, column, value: value.to_owned() }
    }
}

fn column_names(body: &RowDescriptionBody) -> Result<Vec<String>, ConsoleError> {
    let mut names = Vec::new();
    let mut fields = body.fields();
    while let Some(field) = fields.next().map_err(protocol)? {
        if names.len() == MOST_COLUMNS {
            return Err(super::unexpected("more columns than any view has"));
        }
        names.push(field.name().to_owned());
    }
    Ok(names)
}

/// The console's own error. Its fields are read as bytes, since the library takes them for UTF-8 unseen.
pub(super) fn refusal(body: &ErrorResponseBody) -> ConsoleError {
    let (mut code, mut message) = (String::new(), String::new());
    let mut fields = body.fields();
    while let Ok(Some(field)) = fields.next() {
        let value = || String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => code = value(),
            b'M' => message = value(),
            _ => {}
        }
    }
    ConsoleError::Refused { code, message }
}

pub(super) fn any_mechanism(body: &AuthenticationSaslBody, wanted: &str) -> Result<bool, ConsoleError> {
    body.mechanisms().any(|mechanism| Ok(mechanism == wanted)).map_err(protocol)
}

/// `i=` of a server's first message (RFC 5802).
pub(super) fn scram_iterations(message: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(message).ok()?;
    text.split(',').find_map(|attribute| attribute.strip_prefix("i="))?.parse().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = i32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[tag], length.as_slice(), body].concat()
    }

    /// An answer with these columns and one row, as the wire has it.
    pub(in super::super) fn table(columns: &[(&str, Option<&str>)]) -> Vec<u8> {
        let count = i16::try_from(columns.len()).unwrap().to_be_bytes();
        let mut description = count.to_vec();
        let mut row = count.to_vec();
        for (name, value) in columns {
            description.extend_from_slice(name.as_bytes());
            description.extend_from_slice(&[0; 19]);
            match value {
                None => row.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(value) => {
                    row.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
                    row.extend_from_slice(value.as_bytes());
                }
            }
        }
        [message(b'T', &description), message(b'D', &row), message(b'C', b"SHOW\0"), message(b'Z', b"I")].concat()
    }

    /// Reads an answer in chunks of `chunk` bytes.
    pub(in super::super) fn read<T>(
        bytes: &[u8],
        chunk: usize,
        mut each: impl FnMut(&Row<'_>) -> Result<T, ConsoleError>,
    ) -> Result<(Vec<T>, bool), ConsoleError> {
        let mut answer = Answer::new("SHOW TEST", 4096);
        let mut rows = Vec::new();
        let mut done = false;
        for chunk in bytes.chunks(chunk) {
            answer.feed(chunk)?;
            done = answer.advance(&mut |row| {
                rows.push(each(row)?);
                Ok(())
            })?;
        }
        Ok((rows, done))
    }

    #[test]
    fn rows_come_by_name_however_they_are_cut() {
        let bytes = table(&[("database", Some("shop")), ("user", None), ("cl_active", Some("3"))]);
        for chunk in 1..bytes.len() {
            let values = |row: &Row<'_>| {
                let missing = row.text("user").is_err() && row.get("nothing").is_none();
                Ok((row.text("database")?.to_owned(), row.number("cl_active")?, missing))
            };
            let (rows, done) = read(&bytes, chunk, values).unwrap();
            assert_eq!((rows.as_slice(), done), ([("shop".to_owned(), 3, true)].as_slice(), true));
        }
    }

    #[test]
    fn an_error_comes_with_its_code_and_after_it_the_connection_is_whole() {
        let error = message(b'E', b"SERROR\0C08P01\0Minvalid command \xff\0\0");
        let bytes = [error, message(b'Z', b"I")].concat();
        let result = read(&bytes, 3, |_| Ok(()));
        let Err(ConsoleError::Refused { code, message }) = result else { panic!("{result:?}") };
        assert_eq!((code.as_str(), message.as_str()), ("08P01", "invalid command \u{fffd}"));
    }

    #[test]
    fn a_length_that_cannot_come_is_refused_at_once() {
        let result = read(b"D\x7f\xff\xff\xff", 5, |_| Ok(()));
        assert!(matches!(result, Err(ConsoleError::Wire(WireError::TooLong(4096)))), "{result:?}");
        let result = read(&[0; 64], 64, |_| Ok(()));
        assert!(matches!(result, Err(ConsoleError::Protocol(_))), "{result:?}");
    }

    #[test]
    fn a_row_without_a_description_is_refused() {
        let bytes = message(b'D', &[0, 1, 0, 0, 0, 1, b'x']);
        assert!(matches!(read(&bytes, 64, |_| Ok(())), Err(ConsoleError::Protocol(_))));
    }

    #[test]
    fn rounds_of_key_derivation() {
        assert_eq!(scram_iterations(b"r=abc,s=ZGVm,i=4096"), Some(4096));
        assert_eq!(scram_iterations(b"r=abc,s=ZGVm,i=99999999999"), None);
    }
}
