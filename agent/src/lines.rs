//! Lines out of chunks, without holding more than one of them.

/// A line is longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than {0} bytes")]
pub struct LineTooLong(pub usize);

/// Splits chunks into lines. It holds the start of the line that is not complete yet, and nothing else.
#[derive(Debug)]
pub struct Lines {
    partial: Vec<u8>,
    longest: usize,
}

impl Lines {
    /// Lines of at most `longest` bytes.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self { partial: Vec::new(), longest }
    }

    /// Takes a chunk and gives each line that is complete with it to `each`, without its line end.
    pub fn push<E: From<LineTooLong>>(
        &mut self,
        mut chunk: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(end) = chunk.iter().position(|&byte| byte == b'\n') {
            let line = &chunk[..end];
            chunk = &chunk[end + 1..];
            if self.partial.len() + line.len() > self.longest {
                return Err(LineTooLong(self.longest).into());
            }
            if self.partial.is_empty() {
                each(without_return(line))?;
            } else {
                self.partial.extend_from_slice(line);
                let result = each(without_return(&self.partial));
                self.partial.clear();
                result?;
            }
        }
        if self.partial.len() + chunk.len() > self.longest {
            return Err(LineTooLong(self.longest).into());
        }
        self.partial.extend_from_slice(chunk);
        Ok(())
    }

    /// Gives the last line to `each` where the text did not end with a line end.
    pub fn finish<E>(self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.partial.is_empty() { Ok(()) } else { each(without_return(&self.partial)) }
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &[u8], chunk: usize, longest: usize) -> Result<Vec<Vec<u8>>, LineTooLong> {
        let mut lines = Vec::new();
        let mut splitter = Lines::new(longest);
        let mut each = |line: &[u8]| {
            lines.push(line.to_vec());
            Ok::<_, LineTooLong>(())
        };
        for chunk in text.chunks(chunk) {
            splitter.push(chunk, &mut each)?;
        }
        splitter.finish(&mut each)?;
        Ok(lines)
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(text in "[a-c\n]{0,60}", chunk in 1_usize..20) {
            let mut expected: Vec<_> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(split(text.as_bytes(), chunk, 100), Ok(expected));
        }

        #[test]
        fn too_long_is_too_long_however_it_comes(length in 0_usize..30, chunk in 1_usize..40) {
            let text = [b"x".repeat(length), b"\n".to_vec()].concat();
            prop_assert_eq!(split(&text, chunk, 20).is_err(), length > 20);
        }
    }

    #[test]
    fn carriage_returns_belong_to_the_line_end() {
        assert_eq!(split(b"a\r\nb\r", 2, 9), Ok(vec![b"a".to_vec(), b"b".to_vec()]));
    }
}
