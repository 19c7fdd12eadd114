//! The rule of a composite alarm (`PutCompositeAlarm`, `AlarmRule`).

use super::AlarmError;
use super::transition::State;

/// `PutCompositeAlarm`: alarms in a rule.
const MAX_CHILDREN: usize = 100;
/// `PutCompositeAlarm`: alarms, `TRUE`, `FALSE` and parentheses in a rule.
const MAX_ELEMENTS: usize = 500;

/// A rule over the states of other alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmRule {
    /// `TRUE` or `FALSE`.
    Constant(bool),
    /// Whether the alarm of a name or an ARN is in a state.
    Is(State, String),
    /// Not so.
    Not(Box<AlarmRule>),
    /// All of them.
    All(Vec<AlarmRule>),
    /// Any of them.
    Any(Vec<AlarmRule>),
}

impl AlarmRule {
    /// Reads a rule.
    pub fn parse(text: &str) -> Result<Self, AlarmError> {
        let fail = |problem| AlarmError::Rule { rule: text.to_owned(), problem };
        let mut reader = Reader { rest: text, elements: 0 };
        let rule = reader.any().map_err(fail)?;
        reader.skip();
        if !reader.rest.is_empty() {
            return Err(fail(format!("nothing is understood before `{}`", reader.rest)));
        }
        if reader.elements > MAX_ELEMENTS {
            return Err(fail(format!("it has more than {MAX_ELEMENTS} elements")));
        }
        let mut children = rule.children();
        children.sort_unstable();
        children.dedup();
        if children.len() > MAX_CHILDREN {
            return Err(fail(format!("it names more than {MAX_CHILDREN} alarms")));
        }
        Ok(rule)
    }

    /// The alarms that it names, as it names them.
    #[must_use]
    pub fn children(&self) -> Vec<&str> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Is(_, name) => vec![name],
            Self::Not(inner) => inner.children(),
            Self::All(rules) | Self::Any(rules) => rules.iter().flat_map(Self::children).collect(),
        }
    }

    /// Whether it holds. `state` gives the state of an alarm, by the name or ARN that the rule uses.
    pub(crate) fn holds(&self, state: &impl Fn(&str) -> Option<State>) -> bool {
        match self {
            Self::Constant(holds) => *holds,
            Self::Is(wanted, name) => state(name) == Some(*wanted),
            Self::Not(inner) => !inner.holds(state),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(state)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(state)),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    elements: usize,
}

impl Reader<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, text: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A word that does not go on.
    fn word(&mut self, word: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(word) {
            Some(rest) if !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn any(&mut self) -> Result<AlarmRule, String> {
        let mut rules = vec![self.all()?];
        while self.word("OR") {
            rules.push(self.all()?);
        }
        Ok(single(rules, AlarmRule::Any))
    }

    fn all(&mut self) -> Result<AlarmRule, String> {
        let mut rules = vec![self.not()?];
        while self.word("AND") {
            rules.push(self.not()?);
        }
        Ok(single(rules, AlarmRule::All))
    }

    fn not(&mut self) -> Result<AlarmRule, String> {
        if self.word("NOT") {
            return Ok(AlarmRule::Not(Box::new(self.not()?)));
        }
        self.elements += 1;
        if self.take("(") {
            let inner = self.any()?;
            return if self.take(")") { Ok(inner) } else { Err(format!("`)` is missing before `{}`", self.rest)) };
        }
        for (word, constant) in [("TRUE", true), ("FALSE", false)] {
            if self.word(word) {
                return Ok(AlarmRule::Constant(constant));
            }
        }
        for state in [State::InsufficientData, State::Alarm, State::Ok] {
            if self.word(state.as_str()) {
                return Ok(AlarmRule::Is(state, self.name()?));
            }
        }
        Err(format!("`{}` does not begin with a condition that is understood", self.rest))
    }

    /// A name or an ARN in parentheses, with or without double quotes.
    fn name(&mut self) -> Result<String, String> {
        if !self.take("(") {
            return Err(format!("`(` is missing before `{}`", self.rest));
        }
        let (end, after) = if self.take("\"") { ('"', ")") } else { (')', "") };
        self.skip();
        let (name, rest) =
            self.rest.split_once(end).ok_or_else(|| format!("`{end}` is missing after `{}`", self.rest))?;
        let name = name.trim_end();
        if name.is_empty() {
            return Err("an alarm's name is missing".to_owned());
        }
        let name = name.to_owned();
        self.rest = rest;
        if after.is_empty() || self.take(after) { Ok(name) } else { Err(format!("`)` is missing after `{name}`")) }
    }
}

/// The only one of several, or all of them together.
fn single(mut rules: Vec<AlarmRule>, together: fn(Vec<AlarmRule>) -> AlarmRule) -> AlarmRule {
    match rules.pop() {
        Some(rule) if rules.is_empty() => rule,
        last => {
            rules.extend(last);
            together(rules)
        }
    }
}
