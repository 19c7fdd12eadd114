//! Random inputs in the shape that an expression's text asks for: whatever it reads by a path may be there, or not, or
//! be something else.

use std::collections::HashMap;

use healstack_rehearsal::Random;
use serde_json::{Map, Value, json};

/// Values that have something to do with what the machines handle.
const TEXTS: [&str; 14] = [
    "ALARM",
    "OK",
    "Success",
    "TimedOut",
    "2026-01-05T11:58:00.000Z",
    "2026-01-05T11:58:00+00:00",
    "1767614000",
    "0",
    "checkout/asg-capacity-healing",
    "heal--checkout--asg-capacity-healing--gap--checkout-web",
    "arn:aws:states:eu-west-1:111122223333:stateMachine:heal--core--sweeper",
    "{\"a\": [1, {\"b\": \"ü\"}], \"mode\": \"enforce\"}",
    "[{\"pk\": \"SLOT#a/b\", \"sk\": \"0\"}]",
    "",
];

/// What a text may hold that is parsed.
const RULE: &str = r#"{"layer": "data", "escalate_to": "next", "cooldown_seconds": 300, "status": "pending"}"#;

/// Words of the language.
const WORDS: [&str; 7] = ["and", "or", "in", "true", "false", "null", "function"];

/// What an expression names.
#[derive(Debug, Default)]
struct Names {
    /// Paths from a variable on: `$rule.budget.per_hour`.
    paths: Vec<Vec<String>>,
    /// Paths from an item on: `leaseUntil.N` in a predicate, `$a.service` of a function's parameter.
    relative: Vec<Vec<String>>,
    literals: Vec<Value>,
}

/// Random bindings for an expression: `states` and variables.
pub(crate) fn bindings(expression: &str, random: &mut Random) -> Map<String, Value> {
    let names = read(expression);
    let mut bindings = Map::new();
    let mut roots: Vec<&str> = names.paths.iter().map(|path| path[0].as_str()).collect();
    roots.sort_unstable();
    roots.dedup();
    for root in roots {
        let below: Vec<&[String]> = names.paths.iter().filter(|path| path[0] == root).map(|path| &path[1..]).collect();
        if root == "states" {
            bindings.insert(root.to_owned(), states(&below, &names, random));
        } else if !random.chance(6) {
            bindings.insert(root.to_owned(), node(&below, &names, random));
        }
    }
    bindings
}

/// `$states`: input and context are always there.
fn states(below: &[&[String]], names: &Names, random: &mut Random) -> Value {
    let mut states = json!({"input": {}, "context": {
        "Execution": {"Id": "arn:aws:states:eu-west-1:111122223333:execution:heal--core--guard:run", "Name": "run"},
        "StateMachine": {"Id": TEXTS[10], "Name": "heal--core--sweeper"},
    }});
    for name in ["input", "result", "errorOutput"] {
        let deeper: Vec<&[String]> = below
            .iter()
            .filter(|path| path.first().is_some_and(|first| first == name))
            .map(|path| &path[1..])
            .collect();
        if !deeper.is_empty() {
            states[name] = node(&deeper, names, random);
        }
    }
    states
}

/// Something for the paths below a node.
fn node(below: &[&[String]], names: &Names, random: &mut Random) -> Value {
    let deeper: Vec<&[String]> = below.iter().copied().filter(|path| !path.is_empty()).collect();
    if deeper.is_empty() || random.chance(4) {
        return leaf(names, random);
    }
    if random.chance(15) {
        return Value::Array((0..random.below(4)).map(|_| object(&deeper, names, random)).collect());
    }
    object(&deeper, names, random)
}

fn object(below: &[&[String]], names: &Names, random: &mut Random) -> Value {
    let mut members = Map::new();
    for path in below {
        let name = if path[0] == "*" { "any" } else { path[0].as_str() };
        if members.contains_key(name) || random.chance(12) {
            continue;
        }
        let deeper: Vec<&[String]> =
            below.iter().filter(|other| other[0] == path[0]).map(|other| &other[1..]).collect();
        let value = match name {
            "N" => json!(number(random).to_string()),
            "Value" | "body" if random.chance(70) => json!(RULE),
            "S" if random.chance(90) => text(names, random),
            "any" => items(names, random),
            _ => node(&deeper, names, random),
        };
        members.insert(name.to_owned(), value);
    }
    Value::Object(members)
}

fn items(names: &Names, random: &mut Random) -> Value {
    Value::Array((0..random.below(4)).map(|_| item(names, random)).collect())
}

/// Something that the relative paths are about.
fn item(names: &Names, random: &mut Random) -> Value {
    let below: Vec<&[String]> = names.relative.iter().map(Vec::as_slice).collect();
    object(&below, &Names { literals: names.literals.clone(), ..Names::default() }, random)
}

fn leaf(names: &Names, random: &mut Random) -> Value {
    match random.below(16) {
        0..5 => text(names, random),
        5..8 => json!(number(random)),
        8 => json!(random.chance(50)),
        9 => Value::Null,
        10 if !names.relative.is_empty() => item(names, random),
        11..14 if !names.relative.is_empty() => items(names, random),
        14 => Value::Array((0..random.below(4)).map(|_| text(names, random)).collect()),
        15 => json!({}),
        _ => json!([number(random)]),
    }
}

fn text(names: &Names, random: &mut Random) -> Value {
    if !names.literals.is_empty() && random.chance(50) {
        pick(&names.literals, random).clone()
    } else {
        json!(pick(&TEXTS, random))
    }
}

fn number(random: &mut Random) -> Value {
    match random.below(5) {
        0 => json!(0),
        1 => json!(random.below(5)),
        2 => json!(1_767_614_400 + random.below(1000)),
        3 => json!(random.unit() * 1000.0),
        _ => json!(-1),
    }
}

/// One of some things.
pub(crate) fn pick<'a, T>(items: &'a [T], random: &mut Random) -> &'a T {
    &items[usize::try_from(random.below(items.len() as u64)).unwrap()]
}

/// Bindings with one thing in them changed.
pub(crate) fn disturbed(bindings: &Map<String, Value>, random: &mut Random) -> Map<String, Value> {
    let mut members = bindings.clone();
    disturb_member(&mut members, random);
    members
}

fn disturb_member(members: &mut Map<String, Value>, random: &mut Random) {
    let names: Vec<String> = members.keys().cloned().collect();
    if names.is_empty() {
        return;
    }
    let name = pick(&names, random);
    if random.chance(10) {
        members.remove(name);
    } else {
        disturb(&mut members[name], random);
    }
}

fn disturb(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(members) if !members.is_empty() && !random.chance(20) => disturb_member(members, random),
        Value::Array(items) if !items.is_empty() && !random.chance(20) => {
            let index = usize::try_from(random.below(items.len() as u64)).unwrap();
            disturb(&mut items[index], random);
        }
        value if random.chance(30) => *value = json!([value.take()]),
        value => *value = leaf(&Names::default(), random),
    }
}

/// Reads names, paths and literals from an expression's text.
fn read(expression: &str) -> Names {
    let mut names = Names::default();
    let mut aliases: HashMap<String, Vec<String>> = HashMap::new();
    let mut locals: Vec<String> = Vec::new();
    let letters: Vec<char> = expression.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        let letter = letters[at];
        if letter == '\'' {
            let end = (at + 1..letters.len()).find(|end| letters[*end] == '\'').unwrap_or(letters.len());
            names.literals.push(json!(letters[at + 1..end].iter().collect::<String>()));
            at = end + 1;
        } else if letter == '$' || letter.is_ascii_alphabetic() {
            let (path, end) = path(&letters, at);
            let rest: String = letters[end..].iter().collect::<String>().trim_start().to_owned();
            at = end.max(at + 1);
            let root = path.first().cloned().unwrap_or_default();
            if let Some(value) = rest.strip_prefix(":=").filter(|_| letter == '$') {
                let value: Vec<char> = value.trim_start().chars().collect();
                if value.first() == Some(&'$') {
                    let (path, end) = self::path(&value, 0);
                    // What a function gives has no path.
                    if value.get(end) != Some(&'(') {
                        aliases.insert(root.clone(), path);
                    }
                }
                locals.push(root);
            } else if letter == '$' && rest.starts_with('(') && path.len() == 1 || root.is_empty() {
                // A function, or the item itself.
            } else if letter != '$' {
                if root == "function" {
                    let parameters: String = rest.chars().skip(1).take_while(|letter| *letter != ')').collect();
                    locals.extend(parameters.split(',').map(|name| name.trim().trim_start_matches('$').to_owned()));
                } else if !WORDS.contains(&root.as_str()) {
                    names.relative.push(path);
                }
            } else if let Some(alias) = aliases.get(&root) {
                let whole: Vec<String> = alias.iter().chain(&path[1..]).cloned().collect();
                if whole.first().is_some_and(|root| !locals.contains(root)) {
                    names.paths.push(whole);
                }
            } else if locals.contains(&root) {
                if path.len() > 1 {
                    names.relative.push(path[1..].to_vec());
                }
            } else {
                names.paths.push(path);
            }
        } else {
            at += 1;
        }
    }
    names
}

/// A path that begins here, and where it ends. Predicates end it, a wildcard is part of it.
fn path(letters: &[char], start: usize) -> (Vec<String>, usize) {
    let mut at = start + usize::from(letters[start] == '$');
    let mut path = Vec::new();
    loop {
        let end = (at..letters.len()).find(|end| !letters[*end].is_alphanumeric() && letters[*end] != '_');
        let end = end.unwrap_or(letters.len());
        if end == at && letters.get(at) == Some(&'*') && !path.is_empty() {
            path.push("*".to_owned());
            return (path, at + 1);
        }
        if end > at {
            path.push(letters[at..end].iter().collect());
        }
        if letters.get(end) == Some(&'.')
            && letters.get(end + 1).is_some_and(|next| next.is_alphabetic() || *next == '*')
        {
            at = end + 1;
        } else {
            return (path, end);
        }
    }
}
