//! Words, numbers and signs, shared by metric math and Metrics Insights queries.

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Letters, digits and underscores, not beginning with a digit.
    Word(String),
    /// A number without a sign.
    Number(f64),
    /// A text in double quotes, without them.
    Double(String),
    /// A text in single quotes, without them.
    Single(String),
    /// A sign, of one or two characters.
    Sign(&'static str),
}

/// Longer signs first.
const SIGNS: [&str; 21] =
    ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "=", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", ".", ";"];

/// Takes a text apart; the error says what cannot be read.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = if first.is_ascii_alphabetic() || first == '_' {
            let (word, after) = split(rest, |c| c.is_ascii_alphanumeric() || c == '_');
            (Token::Word(word.to_owned()), after)
        } else if first.is_ascii_digit() {
            let (digits, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
            let number = digits.parse().map_err(|_| format!("`{digits}` is not a number"))?;
            if after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                return Err(format!("`{rest}` begins with a number that goes on as a word"));
            }
            (Token::Number(number), after)
        } else if first == '"' || first == '\'' {
            let (inner, after) = quoted(rest, first)?;
            (if first == '"' { Token::Double(inner) } else { Token::Single(inner) }, after)
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("`{first}` is not understood"))?;
            (Token::Sign(sign), rest.strip_prefix(sign).unwrap_or_default())
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// A quoted text, in which a backslash takes the next character as it is.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut inner = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped)) => inner.push(escaped),
                None => break,
            },
            _ if character == quote => return Ok((inner, text.get(index + 1..).unwrap_or_default())),
            _ => inner.push(character),
        }
    }
    Err(format!("the {quote} of `{text}` has no end"))
}

/// Reads tokens one after the other.
#[derive(Debug)]
pub(crate) struct Cursor {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Cursor {
    /// At the first token of a text.
    pub(crate) fn over(text: &str) -> Result<Self, String> {
        Ok(Self { tokens: tokens(text)?.into_iter().peekable() })
    }

    /// The next token, which stays.
    pub(crate) fn peek(&mut self) -> Option<&Token> {
        self.tokens.peek()
    }

    /// The next token, which is taken.
    pub(crate) fn next(&mut self) -> Option<Token> {
        self.tokens.next()
    }

    /// Takes a sign if it is the next token.
    pub(crate) fn sign(&mut self, sign: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Sign(found) if *found == sign)).is_some()
    }

    /// Takes a sign, which must come next.
    pub(crate) fn expect_sign(&mut self, sign: &str) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(format!("`{sign}` is missing{}", self.before())) }
    }

    /// Takes a keyword if it is the next token, however it is spelt in upper and lower case.
    pub(crate) fn keyword(&mut self, keyword: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))).is_some()
    }

    /// Says where the cursor is, for an error.
    pub(crate) fn before(&mut self) -> String {
        match self.tokens.peek() {
            Some(Token::Word(text)) => format!(" before `{text}`"),
            Some(Token::Number(number)) => format!(" before `{number}`"),
            Some(Token::Double(text) | Token::Single(text)) => format!(" before the text `{text}`"),
            Some(Token::Sign(sign)) => format!(" before `{sign}`"),
            None => " at the end".to_owned(),
        }
    }
}
