//! Decisions from a list of numbers, which proptest makes and shrinks: towards 0, the plainest of each.

/// A value of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    /// No value, in any form.
    Null,
    /// No value, by a word.
    Nil,
    /// Nothing behind the colon, `{}` where that cannot be.
    Empty,
    Bool(bool),
    Int(i64),
    Text(String),
    /// Text over several lines, a block scalar where one may stand.
    Lines(String),
    List(Vec<Val>),
    Map(Vec<(String, Val)>),
    /// An intrinsic function.
    Call(&'static str, Box<Val>),
}

impl Val {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn call(name: &'static str, argument: Self) -> Self {
        Self::Call(name, Box::new(argument))
    }

    pub(crate) fn reference(name: &str) -> Self {
        Self::call("Ref", Self::text(name))
    }

    pub(crate) fn no_value() -> Self {
        Self::reference("AWS::NoValue")
    }

    pub(crate) fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

pub(crate) struct Choices {
    words: Vec<u16>,
    at: usize,
}

impl Choices {
    pub(crate) fn new(words: Vec<u16>) -> Self {
        Self { words, at: 0 }
    }

    /// A number below `count`; 0 when the list is at its end.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let word = self.words.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(word) % count.max(1)
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// Puts items into some order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = at - self.below(at + 1);
            items.swap(at, other);
        }
    }
}
