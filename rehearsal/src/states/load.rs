//! Reads definitions. Every field is known or refused.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::failure::ALL;
use super::integration::Integration;
use super::machine::{Branch, Kind, Machine, Outcome, Rule, State};
use super::policy::{Catcher, Retrier};
use super::template::Template;
use crate::Unsupported;
use crate::time::SECOND;

type Object = Map<String, Value>;
type Loaded<T> = Result<T, Unsupported>;

/// Seconds that a field may have at most (Step Functions developer guide, states).
const LONGEST: u64 = 99_999_999;

pub(super) fn machine(arn: &str, definition: &Value) -> Loaded<Machine> {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    let place = format!("state machine {name}");
    let fields = Fields::of(definition, &place)?;
    fields.only(&["Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds"])?;
    if fields.text("QueryLanguage")? != "JSONata" {
        return Err(fields.refuse("a query language other than JSONata"));
    }
    let timeout = fields.optional("TimeoutSeconds", |fields, value| fields.whole(value, "TimeoutSeconds"))?;
    let mut loader = Loader { machine: name.to_owned(), branches: Vec::new() };
    loader.branch(&fields, &[])?;
    let timeout = timeout.map(|seconds| i64::from(seconds) * SECOND);
    Ok(Machine { arn: arn.to_owned(), timeout, branches: loader.branches })
}

/// The members of an object, and where it is.
struct Fields<'a> {
    members: &'a Object,
    place: String,
}

impl<'a> Fields<'a> {
    fn of(value: &'a Value, place: &str) -> Loaded<Self> {
        let members = value.as_object().ok_or_else(|| Unsupported::new(place, "anything but an object here"))?;
        Ok(Self { members, place: place.to_owned() })
    }

    fn refuse(&self, what: impl Into<String>) -> Unsupported {
        Unsupported::new(&self.place, what)
    }

    fn only(&self, known: &[&str]) -> Loaded<()> {
        match self.members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(self.refuse(format!("the field `{name}`"))),
            None => Ok(()),
        }
    }

    fn required(&self, name: &str) -> Loaded<&'a Value> {
        self.members.get(name).ok_or_else(|| self.refuse(format!("what to do without `{name}`")))
    }

    fn text(&self, name: &str) -> Loaded<&'a str> {
        self.required(name)?.as_str().ok_or_else(|| self.refuse(format!("a `{name}` that is no text")))
    }

    fn list(&self, name: &str) -> Loaded<&'a [Value]> {
        match self.members.get(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(self.refuse(format!("a `{name}` that is no list"))),
        }
    }

    fn optional<T>(&self, name: &str, read: impl FnOnce(&Self, &'a Value) -> Loaded<T>) -> Loaded<Option<T>> {
        self.members.get(name).map(|value| read(self, value)).transpose()
    }

    fn template(&self, name: &str, used: &mut Vec<String>) -> Loaded<Option<Template>> {
        self.optional(name, |fields, value| Template::load(value, &fields.place, name, used))
    }

    fn whole(&self, value: &Value, name: &str) -> Loaded<u32> {
        let number = value.as_u64().filter(|number| *number <= LONGEST).and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.refuse(format!("a `{name}` of {value}")))
    }

    fn number(&self, value: &Value, name: &str) -> Loaded<f64> {
        value.as_f64().ok_or_else(|| self.refuse(format!("a `{name}` of {value}")))
    }

    /// `ErrorEquals`: `States.ALL` stands alone, and in the last entry.
    fn errors(&self, last: bool) -> Loaded<Vec<String>> {
        let names: Option<Vec<_>> =
            self.list("ErrorEquals")?.iter().map(|name| name.as_str().map(str::to_owned)).collect();
        let names = names.filter(|names| !names.is_empty()).ok_or_else(|| self.refuse("such an `ErrorEquals`"))?;
        if names.iter().any(|name| name == ALL) && (names.len() > 1 || !last) {
            return Err(self.refuse("`States.ALL` beside other errors, or before the last entry"));
        }
        Ok(names)
    }
}

struct Loader {
    machine: String,
    branches: Vec<Branch>,
}

impl Loader {
    /// The states of a branch. `outer` are the variables that the branches around it assign.
    fn branch(&mut self, fields: &Fields<'_>, outer: &[String]) -> Loaded<usize> {
        let states = fields.required("States")?.as_object().ok_or_else(|| fields.refuse("such `States`"))?;
        let names: Vec<&str> = states.keys().map(String::as_str).collect();
        let read: Vec<(String, Fields<'_>)> = states
            .iter()
            .map(|(name, state)| {
                let place = format!("state machine {}, state {name}", self.machine);
                Ok((name.clone(), Fields::of(state, &place)?))
            })
            .collect::<Loaded<_>>()?;
        let mut assigned = outer.to_vec();
        for (_, state) in &read {
            for name in assigned_by(state)? {
                if outer.contains(&name) {
                    return Err(state.refuse(format!("the variable `{name}` in a Map, where one outside has its name")));
                }
                assigned.push(name);
            }
        }
        let index = self.branches.len();
        self.branches.push(Branch::default());
        let start = target(fields, &names, fields.text("StartAt")?)?;
        let states =
            read.iter().map(|(name, state)| self.state(name, state, &names, &assigned)).collect::<Loaded<_>>()?;
        self.branches[index] = Branch { start, states };
        Ok(index)
    }

    fn state(&mut self, name: &str, fields: &Fields<'_>, names: &[&str], assigned: &[String]) -> Loaded<State> {
        let kind = fields.text("Type")?;
        let own: &[&str] = match kind {
            "Pass" => &["Assign", "Output", "Next", "End"],
            "Succeed" => &["Output"],
            "Fail" => &["Error", "Cause"],
            "Wait" => &["Seconds", "Assign", "Output", "Next", "End"],
            "Choice" => &["Choices", "Default", "Assign", "Output"],
            "Task" => &["Resource", "Arguments", "TimeoutSeconds", "Retry", "Catch", "Assign", "Output", "Next", "End"],
            "Map" => &["Items", "ItemProcessor", "MaxConcurrency", "Retry", "Catch", "Assign", "Output", "Next", "End"],
            other => return Err(fields.refuse(format!("states of type `{other}`"))),
        };
        fields.only(&[&["Type", "Comment", "QueryLanguage"], own].concat())?;
        if fields.members.get("QueryLanguage").is_some_and(|language| language != "JSONata") {
            return Err(fields.refuse("a query language other than JSONata"));
        }
        let mut used = Vec::new();
        let next = match kind {
            "Succeed" | "Fail" => None,
            "Choice" => fields.members.contains_key("Default").then(|| next(fields, "Default", names)).transpose()?,
            _ if fields.members.get("End") == Some(&Value::Bool(true)) && !fields.members.contains_key("Next") => None,
            _ if !fields.members.contains_key("End") => Some(next(fields, "Next", names)?),
            _ => return Err(fields.refuse("such a `Next` or `End`")),
        };
        Ok(State {
            name: Arc::from(name),
            kind: self.kind(kind, fields, names, assigned, &mut used)?,
            next,
            outcome: outcome(fields, &mut used)?,
            retriers: retriers(fields)?,
            catchers: catchers(fields, names, &mut used)?,
            used,
        })
    }

    fn kind(
        &mut self,
        kind: &str,
        fields: &Fields<'_>,
        names: &[&str],
        assigned: &[String],
        used: &mut Vec<String>,
    ) -> Loaded<Kind> {
        let needed = |name: &str, template: Option<Template>| {
            template.ok_or_else(|| fields.refuse(format!("what to do without `{name}`")))
        };
        Ok(match kind {
            "Pass" => Kind::Pass,
            "Succeed" => Kind::Succeed,
            "Fail" => Kind::Fail { error: fields.template("Error", used)?, cause: fields.template("Cause", used)? },
            "Wait" => Kind::Wait { seconds: needed("Seconds", fields.template("Seconds", used)?)? },
            "Choice" => Kind::Choice { rules: rules(fields, names, used)? },
            "Task" => Kind::Task {
                integration: Integration::parse(fields.text("Resource")?).map_err(|what| fields.refuse(what))?,
                arguments: needed("Arguments", fields.template("Arguments", used)?)?,
                timeout: fields.template("TimeoutSeconds", used)?,
            },
            _ => {
                let processor = Fields::of(fields.required("ItemProcessor")?, &fields.place)?;
                processor.only(&["ProcessorConfig", "StartAt", "States", "Comment"])?;
                let config = processor.members.get("ProcessorConfig");
                if config.is_some_and(|config| *config != serde_json::json!({"Mode": "INLINE"})) {
                    return Err(fields.refuse("a Map that is not inline"));
                }
                Kind::Map {
                    items: needed("Items", fields.template("Items", used)?)?,
                    concurrency: fields.template("MaxConcurrency", used)?,
                    branch: self.branch(&processor, assigned)?,
                }
            }
        })
    }
}

fn target(fields: &Fields<'_>, names: &[&str], name: &str) -> Loaded<usize> {
    names.iter().position(|known| *known == name).ok_or_else(|| fields.refuse(format!("a state `{name}`")))
}

fn next(fields: &Fields<'_>, field: &str, names: &[&str]) -> Loaded<usize> {
    target(fields, names, fields.text(field)?)
}

fn outcome(fields: &Fields<'_>, used: &mut Vec<String>) -> Loaded<Outcome> {
    let assign = match fields.members.get("Assign") {
        None => Vec::new(),
        Some(value) => Fields::of(value, &fields.place)?
            .members
            .iter()
            .map(|(name, value)| {
                Ok((name.clone(), Template::load(value, &fields.place, &format!("Assign/{name}"), used)?))
            })
            .collect::<Loaded<_>>()?,
    };
    Ok(Outcome { assign, output: fields.template("Output", used)? })
}

/// The variables that a state assigns: itself, in its rules, in its catchers.
fn assigned_by(state: &Fields<'_>) -> Loaded<Vec<String>> {
    let parts = std::iter::once(state.members.get("Assign"))
        .chain([state.list("Choices")?, state.list("Catch")?].into_iter().flatten().map(|entry| entry.get("Assign")));
    Ok(parts.flatten().filter_map(Value::as_object).flat_map(|assign| assign.keys().cloned()).collect())
}

fn rules(fields: &Fields<'_>, names: &[&str], used: &mut Vec<String>) -> Loaded<Vec<Rule>> {
    let rule = |value: &Value| {
        let rule = Fields::of(value, &format!("{}, Choices", fields.place))?;
        rule.only(&["Condition", "Next", "Assign", "Output", "Comment"])?;
        let condition = Template::load(rule.required("Condition")?, &rule.place, "Condition", used)?;
        Ok(Rule { condition, outcome: outcome(&rule, used)?, next: next(&rule, "Next", names)? })
    };
    let rules: Vec<_> = fields.list("Choices")?.iter().map(rule).collect::<Loaded<_>>()?;
    if rules.is_empty() { Err(fields.refuse("a Choice without `Choices`")) } else { Ok(rules) }
}

fn retriers(fields: &Fields<'_>) -> Loaded<Vec<Retrier>> {
    let entries = fields.list("Retry")?;
    let retrier = |(index, value): (usize, &Value)| {
        let entry = Fields::of(value, &format!("{}, Retry", fields.place))?;
        entry.only(&[
            "ErrorEquals",
            "IntervalSeconds",
            "BackoffRate",
            "MaxDelaySeconds",
            "MaxAttempts",
            "JitterStrategy",
            "Comment",
        ])?;
        let number = |name: &str| entry.optional(name, |entry, value| entry.number(value, name));
        Ok(Retrier {
            errors: entry.errors(index + 1 == entries.len())?,
            interval: number("IntervalSeconds")?.unwrap_or(1.0),
            rate: number("BackoffRate")?.unwrap_or(2.0),
            longest: number("MaxDelaySeconds")?,
            attempts: entry.optional("MaxAttempts", |entry, value| entry.whole(value, "MaxAttempts"))?.unwrap_or(3),
            jitter: match entry.members.get("JitterStrategy").map(Value::as_str) {
                None | Some(Some("NONE")) => false,
                Some(Some("FULL")) => true,
                Some(_) => return Err(entry.refuse("such a `JitterStrategy`")),
            },
        })
    };
    entries.iter().enumerate().map(retrier).collect()
}

fn catchers(fields: &Fields<'_>, names: &[&str], used: &mut Vec<String>) -> Loaded<Vec<Catcher>> {
    let entries = fields.list("Catch")?;
    let catcher = |(index, value): (usize, &Value)| {
        let entry = Fields::of(value, &format!("{}, Catch", fields.place))?;
        entry.only(&["ErrorEquals", "Next", "Assign", "Output", "Comment"])?;
        let errors = entry.errors(index + 1 == entries.len())?;
        Ok(Catcher { errors, outcome: outcome(&entry, used)?, next: next(&entry, "Next", names)? })
    };
    entries.iter().enumerate().map(catcher).collect()
}
