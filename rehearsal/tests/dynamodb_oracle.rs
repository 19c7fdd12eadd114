//! Random calls with the expressions of the generated state machines and runbooks, answered by the rehearsal and by
//! moto.
//!
//! Runs where `HEALSTACK_MOTO_PYTHON` names a Python that has moto: `cargo test -p healstack-rehearsal --test
//! dynamodb_oracle -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack_rehearsal::Random;
use healstack_rehearsal::dynamodb::{Database, Table};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const CALLS: usize = 6000;

/// Expressions beyond those that are generated today.
const MORE_CONDITIONS: [&str; 14] = [
    "NOT (deadline > :now)",
    "deadline BETWEEN :zero AND :now",
    "#status <> :status AND attribute_exists(deadline)",
    "begins_with(reason, :reason)",
    "#status IN (:pending, :status, :id)",
    "size(places) > :one",
    "contains(places, :id) OR contains(started, :id)",
    "attribute_type(started, :set)",
    "deadline <> :cd AND undoCd = :cd",
    "NOT attribute_exists(nothing) AND (deadline >= :now OR deadline <= :one)",
    "attribute_exists(pk) OR attribute_exists(pk) AND deadline = :now",
    "deep.one = :one OR deep.many[1] = :id",
    "size(deep) = :one OR size(deep.many) = :one",
    "deadline > undoCd",
];
const MORE_UPDATES: [&str; 10] = [
    "SET undoCd = :cd, undoAtt = :att, undoWin = :win",
    "SET deadline = deadline + :one",
    "SET deadline = if_not_exists(deadline, :now) - :one",
    "ADD #count :one, started :names SET #status = :status",
    "DELETE started :names SET #status = :status REMOVE reason",
    "SET deep = :map",
    "SET deep.one = :one",
    "REMOVE deep.many[0], deep.one",
    "SET deep.many = list_append(deep.many, :list)",
    "SET #status = :status REMOVE #status",
];
const NUMBERS: [&str; 17] = [
    "now", "until", "free", "cd", "last", "att", "win", "attempt", "begin", "ttl", "version", "one", "max", "limit",
    "deadline", "count", "zero",
];

struct Expressions {
    conditions: Vec<String>,
    updates: Vec<String>,
    filters: Vec<String>,
    keys: Vec<String>,
    projections: Vec<String>,
}

/// Every expression that stands in the generated templates as it is; those put together at run time are not among them.
fn expressions() -> Expressions {
    let generated = Path::new(env!("CARGO_MANIFEST_DIR")).join("../generated/dev");
    let text =
        ["core", "checkout"].map(|stack| std::fs::read_to_string(generated.join(stack).join("template.yaml")).unwrap());
    let of = |member: &str, more: &[&str]| {
        let line = Regex::new(&format!(r"(?m)^ +{member}: '?([^'\n]+)'?$")).unwrap();
        let found = text.iter().flat_map(|text| line.captures_iter(text)).map(|found| found[1].to_owned());
        let found = found.filter(|each| !each.starts_with("{%")).chain(more.iter().map(ToString::to_string));
        found.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let found = Expressions {
        conditions: of("ConditionExpression", &MORE_CONDITIONS),
        updates: of("UpdateExpression", &MORE_UPDATES),
        filters: of("FilterExpression", &["cd > :now", "#status = :status OR contains(started, :id)"]),
        keys: of("KeyConditionExpression", &["pk = :pk AND begins_with(sk, :sk)", "sk BETWEEN :a AND :b AND pk = :pk"]),
        projections: of("ProjectionExpression", &["deep.many[0], #status"]),
    };
    assert!(found.conditions.len() > 30 && found.updates.len() > 20, "the templates were read");
    found
}

fn pick<'list, T>(random: &mut Random, list: &'list [T]) -> &'list T {
    &list[usize::try_from(random.below(list.len() as u64)).unwrap()]
}

/// A value for a placeholder or an attribute: of the type that its name has, and now and then of another.
fn value(random: &mut Random, name: &str) -> Value {
    if random.chance(4) {
        let others = [
            json!({"S": "a"}),
            json!({"N": "1"}),
            json!({"BOOL": true}),
            json!({"SS": ["a"]}),
            json!({"L": []}),
            json!({"SS": []}),
            json!({"N": "x"}),
            json!({"S": ""}),
        ];
        return pick(random, &others).clone();
    }
    match name {
        "names" | "started" => {
            pick(random, &[json!({"SS": ["a"]}), json!({"SS": ["a", "b"]}), json!({"SS": ["c"]})]).clone()
        }
        "map" | "deep" => json!({"M": {"one": {"N": "1"}, "many": {"L": [{"S": "a"}, {"N": "2"}]}}}),
        "list" => json!({"L": [{"S": "b"}]}),
        "set" => json!({"S": pick(random, &["SS", "S", "N"])}),
        "open" => json!({"S": "open"}),
        "pk" => json!({"S": pick(random, &["a", "b"])}),
        "sk" | "window" | "a" | "b" => json!({"S": pick(random, &["1", "2", "20", "3"])}),
        _ if NUMBERS.contains(&name) => json!({"N": pick(random, &["0", "1", "2", "9", "10", "100", "-3"])}),
        _ => json!({"S": pick(random, &["a", "b", "ab", "pending", "2026-01-05T12:00:00Z"])}),
    }
}

/// Adds what the request's expressions name; now and then one too many or one too few.
fn define(random: &mut Random, request: &mut Value) {
    let text: String = request
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.ends_with("Expression"))
        .filter_map(|(_, text)| text.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    for (mark, member) in [("#", "ExpressionAttributeNames"), (":", "ExpressionAttributeValues")] {
        let found = Regex::new(&format!("{mark}([A-Za-z_]+)")).unwrap();
        let mut names: BTreeSet<&str> =
            found.captures_iter(&text).map(|found| found.get(1).unwrap().as_str()).collect();
        if random.chance(1) {
            names.insert("unused");
        }
        if random.chance(1) {
            names.pop_first();
        }
        let define = |name: &&str| {
            let defined = if mark == "#" { json!(name) } else { value(random, name) };
            (format!("{mark}{name}"), defined)
        };
        let defined: Map<String, Value> = names.iter().map(define).collect();
        if !defined.is_empty() {
            request[member] = Value::Object(defined);
        }
    }
}

fn key(random: &mut Random) -> Value {
    json!({"pk": {"S": pick(random, &["a", "b"])}, "sk": {"S": pick(random, &["1", "2", "20", "3"])}})
}

fn item(random: &mut Random) -> Value {
    let mut item = key(random);
    for name in
        ["open", "deadline", "leaseUntil", "leaseHolder", "status", "started", "deep", "count", "until_text", "undoCd"]
    {
        if random.chance(40) {
            item[name] = value(random, if name == "leaseUntil" || name == "undoCd" { "now" } else { name });
        }
    }
    item
}

fn call(random: &mut Random, expressions: &Expressions) -> (&'static str, Value) {
    let mut request = json!({"TableName": "ledger"});
    let api = *pick(
        random,
        &[
            "UpdateItem",
            "UpdateItem",
            "UpdateItem",
            "PutItem",
            "DeleteItem",
            "GetItem",
            "Query",
            "Query",
            "BatchGetItem",
        ],
    );
    let mut returns = vec!["NONE", "ALL_OLD"];
    match api {
        "PutItem" => request["Item"] = item(random),
        "UpdateItem" => {
            request["Key"] = key(random);
            request["UpdateExpression"] = json!(pick(random, &expressions.updates));
            returns.extend(["ALL_NEW", "UPDATED_NEW", "ALL_NEW", "UPDATED_NEW"]);
        }
        "Query" => {
            request["KeyConditionExpression"] = json!(pick(random, &expressions.keys));
            if request["KeyConditionExpression"].as_str().unwrap().contains("#open") {
                request["IndexName"] = json!("by-deadline");
            }
            if random.chance(50) {
                request["FilterExpression"] = json!(pick(random, &expressions.filters));
            }
            match random.below(3) {
                0 => request["ProjectionExpression"] = json!(pick(random, &expressions.projections)),
                1 => request["Select"] = json!("COUNT"),
                _ => {}
            }
            if random.chance(30) {
                request["Limit"] = json!(1 + random.below(3));
            }
            request["ScanIndexForward"] = json!(random.chance(50));
        }
        "BatchGetItem" => {
            let keys = [key(random), key(random), key(random)];
            return (api, json!({"RequestItems": {"ledger": {"ConsistentRead": true, "Keys": keys}}}));
        }
        _ => request["Key"] = key(random),
    }
    if ["UpdateItem", "PutItem", "DeleteItem"].contains(&api) {
        request["ReturnValues"] = json!(pick(random, &returns));
        if random.chance(60) {
            request["ConditionExpression"] = json!(pick(random, &expressions.conditions));
        }
    }
    define(random, &mut request);
    (api, request)
}

/// What it refuses late or never.
const KNOWN_REFUSALS: [&str; 11] = [
    "only be specified when using",
    "unused in expressions",
    "Incorrect operand type",
    "Invalid attribute type name",
    "requires upper bound",
    "same data type",
    "may not be empty",
    "cannot be converted to a numeric",
    "Type mismatch for key",
    "overlap with each other",
    "is not defined",
];

/// Whether moto is known to differ there from what the developer guide says, or to have failed itself.
fn is_known(request: &Value, ours: &Value, theirs: &Value) -> bool {
    let message = ours["message"].as_str().unwrap_or_default();
    let known = KNOWN_REFUSALS.iter().any(|part| ours["error"] == "ValidationException" && message.contains(part));
    let mut changed = (ours.clone(), theirs.clone());
    // It counts the key among what an update wrote where the update made the item.
    if let Some(attributes) = changed.1.pointer_mut("/answer/Attributes").and_then(Value::as_object_mut)
        && request["ReturnValues"] == "UPDATED_NEW"
    {
        attributes.retain(|name, _| name != "pk" && name != "sk");
        if attributes.is_empty() {
            changed.1 = json!({"answer": {}});
        }
    }
    // It knows that nothing comes after the last item, which the service does not say.
    if theirs["answer"].get("LastEvaluatedKey").is_none() && ours["answer"]["ScannedCount"] == request["Limit"] {
        changed.0["answer"].as_object_mut().map(|answer| answer.shift_remove("LastEvaluatedKey"));
    }
    theirs["error"] == "broken" || known || comparable(&changed.0) == comparable(&changed.1)
}

/// An answer without what the service leaves open: the order of sets and of a batch.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, each)| {
                let mut each = comparable(each);
                if let (true, Some(members)) = (["SS", "NS", "ledger"].contains(&name.as_str()), each.as_array_mut()) {
                    members.sort_by_key(ToString::to_string);
                }
                (name.clone(), each)
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(list) => list.iter().map(comparable).collect(),
        other => other.clone(),
    }
}

fn table() -> Value {
    json!({
        "TableName": "ledger", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "open", "AttributeType": "S"}, {"AttributeName": "deadline", "AttributeType": "N"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-deadline",
            "KeySchema": [
                {"AttributeName": "open", "KeyType": "HASH"}, {"AttributeName": "deadline", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }],
    })
}

#[test]
#[ignore = "needs a Python with moto, which HEALSTACK_MOTO_PYTHON names"]
fn moto_answers_the_same() {
    let Ok(python) = std::env::var("HEALSTACK_MOTO_PYTHON") else { panic!("HEALSTACK_MOTO_PYTHON is not set") };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/rehearsal/dynamodb_oracle.py");
    let mut moto = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut to_moto, mut from_moto) =
        (moto.stdin.take().unwrap(), BufReader::new(moto.stdout.take().unwrap()).lines());
    writeln!(to_moto, "{}", table()).unwrap();
    let mut theirs = |api: &str, request: &Value| -> Value {
        writeln!(to_moto, "{}", json!({"api": api, "request": request})).unwrap();
        serde_json::from_str(&from_moto.next().unwrap().unwrap()).unwrap()
    };
    let mut database = Database::default();
    database.add(Table::from_properties(&table()).unwrap());
    let seed = std::env::var("HEALSTACK_SEED").map_or(1, |seed| seed.parse().unwrap());
    let (mut random, expressions) = (Random::new(seed), expressions());
    let (mut answered, mut different) = (0, Vec::new());
    for number in 0..CALLS {
        let (api, request) = call(&mut random, &expressions);
        let theirs_now = theirs(api, &request);
        let ours = match database.call(api, &request) {
            Ok(answer) => json!({"answer": answer}),
            Err(error) => json!({"error": error.code, "message": error.message}),
        };
        answered += usize::from(ours.get("answer").is_some());
        // `UPDATED_OLD` is not asked for: moto leaves out what the update did not change.
        let same = match (ours.get("error"), theirs_now.get("error")) {
            (None, None) => comparable(&ours) == comparable(&theirs_now),
            (ours, theirs) => ours == theirs,
        };
        if !same && !is_known(&request, &ours, &theirs_now) {
            different.push(format!("call {number} {api} {request}\n  ours   {ours}\n  theirs {theirs_now}"));
        }
        // It keeps an item with nothing but its key where the update that would have made it is refused.
        if !same || (api == "UpdateItem" && ours.get("error").is_some()) {
            // From here on both begin anew, else every later answer would differ.
            for (pk, sk) in ["a", "b"].iter().flat_map(|pk| ["1", "2", "20", "3"].map(|sk| (pk, sk))) {
                let delete = json!({"TableName": "ledger", "Key": {"pk": {"S": pk}, "sk": {"S": sk}}});
                theirs("DeleteItem", &delete);
                database.call("DeleteItem", &delete).unwrap();
            }
        }
    }
    drop(to_moto);
    moto.wait().unwrap();
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different[..different.len().min(20)].join("\n"));
    assert!(answered > CALLS / 4, "only {answered} calls were answered: the test says nothing");
}
