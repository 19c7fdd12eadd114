//! The ledger's table answers as `DynamoDB` does.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack_rehearsal::dynamodb::{Database, Table};
use serde_json::{Value, json};

fn database() -> Database {
    let mut database = Database::default();
    database.add(
        Table::from_properties(&json!({
            "TableName": "ledger",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
                {"AttributeName": "open", "AttributeType": "S"},
                {"AttributeName": "deadline", "AttributeType": "N"},
            ],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "GlobalSecondaryIndexes": [{
                "IndexName": "by-deadline",
                "KeySchema": [
                    {"AttributeName": "open", "KeyType": "HASH"}, {"AttributeName": "deadline", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }],
            "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": true},
        }))
        .unwrap(),
    );
    database
}

fn put(database: &mut Database, mut item: Value) {
    if item.get("sk").is_none() {
        item["sk"] = json!({"S": "s"});
    }
    database.call("PutItem", &json!({"TableName": "ledger", "Item": item})).unwrap();
}

/// An update of the item `p`, `s`.
fn update(database: &mut Database, expression: &str, values: &Value, more: &Value) -> Result<Value, String> {
    let mut request = json!({
        "TableName": "ledger", "Key": {"pk": {"S": "p"}, "sk": {"S": "s"}}, "UpdateExpression": expression,
        "ReturnValues": "ALL_NEW",
    });
    if values.as_object().is_some_and(|values| !values.is_empty()) {
        request["ExpressionAttributeValues"] = values.clone();
    }
    for (member, value) in more.as_object().into_iter().flatten() {
        request[member.as_str()] = value.clone();
    }
    let answer = database.call("UpdateItem", &request).map_err(|error| format!("{}: {}", error.code, error.message))?;
    let mut attributes = answer["Attributes"].clone();
    for key in ["pk", "sk"] {
        attributes.as_object_mut().map(|map| map.shift_remove(key));
    }
    Ok(attributes)
}

/// Whether a condition holds for the item `p`, `s`: a filter could not name the key, a condition can.
fn holds(database: &Database, condition: &str, values: &Value) -> Result<bool, String> {
    let mut request = json!({
        "TableName": "ledger", "Key": {"pk": {"S": "p"}, "sk": {"S": "s"}}, "ConditionExpression": condition,
    });
    if values.as_object().is_some_and(|values| !values.is_empty()) {
        request["ExpressionAttributeValues"] = values.clone();
    }
    match database.clone().call("UpdateItem", &request) {
        Ok(_) => Ok(true),
        Err(error) if error.code == "ConditionalCheckFailedException" => Ok(false),
        Err(error) => Err(format!("{}: {}", error.code, error.message)),
    }
}

#[test]
fn conditions_look_at_the_item_as_it_is() {
    let mut database = database();
    put(
        &mut database,
        json!({
            "pk": {"S": "p"}, "number": {"N": "10"}, "words": {"S": "begin to end"}, "ids": {"SS": ["a", "b"]},
            "deep": {"M": {"one": {"L": [{"N": "1"}, {"S": "x"}]}}}, "yes": {"BOOL": true},
        }),
    );
    let cases = [
        ("amount < :v", json!({":v": {"N": "9"}}), false),
        ("attribute_exists(pk)", json!({}), true),
        ("attribute_not_exists(absent) AND NOT attribute_exists(absent)", json!({}), true),
        ("yes = :v", json!({":v": {"BOOL": true}}), true),
        ("ids = :v", json!({":v": {"SS": ["b", "a"]}}), true),
        ("size(ids) < :v OR contains(ids, :name)", json!({":v": {"N": "2"}, ":name": {"S": "b"}}), true),
        ("size(ids) >= :v", json!({":v": {"N": "2.0"}}), true),
        ("begins_with(words, :v)", json!({":v": {"S": "begin"}}), true),
        ("contains(words, :v)", json!({":v": {"S": "to"}}), true),
        ("words BETWEEN :a AND :b", json!({":a": {"S": "a"}, ":b": {"S": "c"}}), true),
        ("words IN (:a, :b)", json!({":a": {"S": "a"}, ":b": {"S": "begin to end"}}), true),
        ("deep.one[0] = :v", json!({":v": {"N": "1"}}), true),
        ("attribute_exists(deep.one[2])", json!({}), false),
        ("attribute_type(ids, :v)", json!({":v": {"S": "SS"}}), true),
        // What is absent, or of another type, has no order and differs from everything.
        ("absent < :v", json!({":v": {"N": "9"}}), false),
        ("absent <> :v", json!({":v": {"N": "9"}}), true),
        ("absent = :v", json!({":v": {"N": "9"}}), false),
        ("absent = nothing OR absent = :v", json!({":v": {"NULL": true}}), false),
        ("words > :v", json!({":v": {"N": "9"}}), false),
        // AND binds closer than OR, NOT closer than both.
        ("yes = :v OR yes = :w AND yes = :w", json!({":v": {"BOOL": true}, ":w": {"BOOL": false}}), true),
        ("(yes = :v OR yes = :w) AND yes = :w", json!({":v": {"BOOL": true}, ":w": {"BOOL": false}}), false),
        ("NOT yes = :w AND yes = :v", json!({":v": {"BOOL": true}, ":w": {"BOOL": false}}), true),
    ];
    for (condition, values, expected) in cases {
        assert_eq!(holds(&database, condition, &values), Ok(expected), "{condition}");
    }
}

#[test]
fn what_the_service_refuses_is_refused() {
    let database = database();
    let one = json!({":v": {"N": "1"}});
    let cases = [
        ("status = :v", &one, "reserved keyword"),
        ("a = :v", &json!({":v": {"N": "1"}, ":w": {"N": "1"}}), "unused in expressions"),
        ("a = :w", &one, "not defined"),
        ("#a = :v", &one, "not defined"),
        ("a == :v", &one, "Syntax error"),
        ("a = :v AND", &one, "Syntax error"),
        ("a = :v)", &one, "Syntax error"),
        ("((a = :v))", &one, "redundant parentheses"),
        ("exists(a)", &json!({}), "Invalid function name"),
        ("attribute_exists(:v)", &one, "Syntax error"),
        ("a < :v", &json!({":v": {"BOOL": true}}), "Incorrect operand type"),
        ("begins_with(a, :v)", &one, "Incorrect operand type"),
        ("attribute_type(a, :v)", &json!({":v": {"S": "String"}}), "Invalid attribute type"),
        ("a BETWEEN :v AND :w", &json!({":v": {"N": "2"}, ":w": {"N": "1"}}), "upper bound"),
        ("a = :v", &json!({":v": {"SS": []}}), "may not be empty"),
        ("a = a", &json!({}), "distinct"),
        ("", &json!({}), "can not be empty"),
        ("ü = :v", &one, "Syntax error"),
    ];
    for (condition, values, expected) in cases {
        let error = holds(&database, condition, values).unwrap_err();
        assert!(error.starts_with("ValidationException: ") && error.contains(expected), "{condition}: {error}");
    }
    let request = json!({"TableName": "ledger", "Key": {"pk": {"S": "p"}, "sk": {"S": "s"}}, "Konsistent": true});
    assert_eq!(database.clone().call("GetItem", &request).unwrap_err().code, "ValidationException");
    assert_eq!(database.clone().call("Scan", &json!({})).unwrap_err().code, "UnknownOperationException");
}

#[test]
fn updates_see_the_item_as_it_was() {
    let mut database = database();
    let (one, none) = (json!({":v": {"N": "1"}}), json!({}));
    let made = update(&mut database, "SET a = :v, b = if_not_exists(b, :v)", &one, &none);
    assert_eq!(made, Ok(json!({"a": {"N": "1"}, "b": {"N": "1"}})));
    let swapped = update(
        &mut database,
        "SET a = b + :v, b = a - :w REMOVE c",
        &json!({":v": {"N": "1"}, ":w": {"N": "3"}}),
        &none,
    );
    assert_eq!(swapped, Ok(json!({"a": {"N": "2"}, "b": {"N": "-2"}})));
    let added =
        update(&mut database, "ADD a :v, s :s REMOVE b", &json!({":v": {"N": "0.5"}, ":s": {"SS": ["y", "x"]}}), &none);
    assert_eq!(added, Ok(json!({"a": {"N": "2.5"}, "s": {"SS": ["x", "y"]}})));
    let fewer = update(&mut database, "DELETE s :s", &json!({":s": {"SS": ["x", "z"]}}), &none);
    assert_eq!(fewer, Ok(json!({"a": {"N": "2.5"}, "s": {"SS": ["y"]}})));
    let gone = update(&mut database, "DELETE s :s, absent :s", &json!({":s": {"SS": ["y"]}}), &none);
    assert_eq!(gone, Ok(json!({"a": {"N": "2.5"}})), "no set is empty");
    let lists = update(
        &mut database,
        "SET l = list_append(if_not_exists(l, :l), :l), m = :m REMOVE a",
        &json!({":l": {"L": [{"S": "x"}]}, ":m": {"M": {"n": {"N": "1"}}}}),
        &none,
    );
    let two = json!({"L": [{"S": "x"}, {"S": "x"}]});
    assert_eq!(lists, Ok(json!({"m": {"M": {"n": {"N": "1"}}}, "l": two})));
    let inside = update(&mut database, "SET m.o = :v, l[9] = :v REMOVE l[0], m.n", &one, &none);
    assert_eq!(inside, Ok(json!({"m": {"M": {"o": {"N": "1"}}}, "l": {"L": [{"S": "x"}, {"N": "1"}]}})));
}

#[test]
fn an_update_that_is_refused_changes_nothing() {
    let mut database = database();
    put(&mut database, json!({"pk": {"S": "p"}, "a": {"S": "text"}}));
    let before = format!("{database:?}");
    let one = json!({":v": {"N": "1"}});
    let cases = [
        ("SET b = absent", json!({}), "does not exist in the item"),
        ("SET b = :v ADD a :v", one.clone(), "incorrect data type"),
        ("SET b = :v, b = :v", one.clone(), "overlap"),
        ("SET b = :v REMOVE b.c", one.clone(), "overlap"),
        ("SET b = :v SET c = :v", one.clone(), "only be used once"),
        ("SET pk = :v", one.clone(), "part of the key"),
        ("SET b.c = :v", one.clone(), "path provided"),
        ("REMOVE absent.inside", json!({}), "path provided"),
        ("SET deadline = :v", json!({":v": {"S": "soon"}}), "Type mismatch"),
        ("ADD b :v", json!({":v": {"S": "soon"}}), "Incorrect operand type"),
        ("PUT b = :v", one.clone(), "Syntax error"),
        ("SET b = :v,", one, "Syntax error"),
    ];
    for (expression, values, expected) in cases {
        let error = update(&mut database, expression, &values, &json!({})).unwrap_err();
        assert!(error.starts_with("ValidationException: ") && error.contains(expected), "{expression}: {error}");
    }
    let lost = json!({"ConditionExpression": "attribute_not_exists(pk)"});
    let error = update(&mut database, "REMOVE a", &json!({}), &lost).unwrap_err();
    assert!(error.starts_with("ConditionalCheckFailedException"), "{error}");
    assert_eq!(format!("{database:?}"), before);
}

#[test]
fn writes_return_what_they_are_asked_for() {
    let mut database = database();
    let ask = |database: &mut Database, which: &str| {
        update(database, "SET a = :v REMOVE b", &json!({":v": {"N": "2"}}), &json!({"ReturnValues": which})).unwrap()
    };
    put(&mut database, json!({"pk": {"S": "p"}, "a": {"N": "1"}, "b": {"N": "1"}, "c": {"N": "1"}}));
    assert_eq!(ask(&mut database.clone(), "UPDATED_OLD"), json!({"a": {"N": "1"}, "b": {"N": "1"}}));
    assert_eq!(ask(&mut database.clone(), "UPDATED_NEW"), json!({"a": {"N": "2"}}));
    assert_eq!(ask(&mut database.clone(), "ALL_OLD"), json!({"a": {"N": "1"}, "b": {"N": "1"}, "c": {"N": "1"}}));
    assert_eq!(ask(&mut database.clone(), "NONE"), json!(null));
    let key = json!({"pk": {"S": "p"}, "sk": {"S": "s"}});
    let old = json!({"TableName": "ledger", "Key": key, "ReturnValues": "ALL_OLD"});
    assert_eq!(database.call("DeleteItem", &old).unwrap()["Attributes"]["c"], json!({"N": "1"}));
    assert_eq!(database.call("DeleteItem", &old).unwrap(), json!({}));
    assert_eq!(database.call("GetItem", &json!({"TableName": "ledger", "Key": key})).unwrap(), json!({}));
}

#[test]
fn an_index_has_the_items_with_its_keys_in_its_order() {
    let mut database = database();
    for (name, deadline) in [("a", Some("30")), ("b", Some("9")), ("c", None), ("d", Some("100")), ("e", Some("200"))] {
        let mut item = json!({"pk": {"S": name}, "open": {"S": "open"}, "event_id": {"S": name}});
        if let Some(deadline) = deadline {
            item["deadline"] = json!({"N": deadline});
        }
        put(&mut database, item);
    }
    let mut request = json!({
        "TableName": "ledger", "IndexName": "by-deadline",
        "KeyConditionExpression": "#open = :open AND deadline < :now",
        "ProjectionExpression": "event_id", "ExpressionAttributeNames": {"#open": "open"},
        "ExpressionAttributeValues": {":open": {"S": "open"}, ":now": {"N": "150"}}, "Limit": 2,
    });
    let first = database.call("Query", &request).unwrap();
    assert_eq!(first["Items"], json!([{"event_id": {"S": "b"}}, {"event_id": {"S": "a"}}]));
    let next = json!({"pk": {"S": "a"}, "sk": {"S": "s"}, "open": {"S": "open"}, "deadline": {"N": "30"}});
    assert_eq!(first["LastEvaluatedKey"], next);
    request["ExclusiveStartKey"] = next;
    let second = database.call("Query", &request).unwrap();
    assert_eq!(second, json!({"Items": [{"event_id": {"S": "d"}}], "Count": 1, "ScannedCount": 1}));
    request.as_object_mut().unwrap().shift_remove("ExclusiveStartKey");
    request["ScanIndexForward"] = json!(false);
    assert_eq!(database.call("Query", &request).unwrap()["Items"][0]["event_id"]["S"], "d");
    request["ConsistentRead"] = json!(true);
    assert_eq!(database.call("Query", &request).unwrap_err().code, "ValidationException");
}

#[test]
fn a_query_counts_before_and_after_the_filter() {
    let mut database = database();
    for (sort, until) in [("ALL", Some("2026-02-01")), ("b", Some("2025-01-01")), ("c", None)] {
        let mut item = json!({"pk": {"S": "CONTROL"}, "sk": {"S": sort}});
        if let Some(until) = until {
            item["until_text"] = json!({"S": until});
        }
        put(&mut database, item);
    }
    let mut request = json!({
        "TableName": "ledger", "ConsistentRead": true, "Select": "COUNT", "KeyConditionExpression": "pk = :pk",
        "FilterExpression": "attribute_not_exists(until_text) OR until_text > :now",
        "ExpressionAttributeValues": {":pk": {"S": "CONTROL"}, ":now": {"S": "2026-01-01"}},
    });
    assert_eq!(database.call("Query", &request).unwrap(), json!({"Count": 2, "ScannedCount": 3}));
    for (member, wrong) in [
        ("FilterExpression", "pk = :pk AND until_text > :now"),
        ("KeyConditionExpression", "until_text = :pk"),
        ("KeyConditionExpression", "pk = :pk OR sk = :pk"),
        ("KeyConditionExpression", "pk > :pk"),
        ("KeyConditionExpression", "pk = :pk AND sk <> :pk"),
    ] {
        let mut wrong_request = request.clone();
        wrong_request[member] = json!(wrong);
        assert_eq!(database.call("Query", &wrong_request).unwrap_err().code, "ValidationException", "{wrong}");
    }
    request["KeyConditionExpression"] = json!("pk = :pk AND begins_with(sk, :now)");
    assert_eq!(database.call("Query", &request).unwrap(), json!({"Count": 0, "ScannedCount": 0}));
}

#[test]
fn a_batch_answers_what_exists() {
    let mut database = database();
    put(&mut database, json!({"pk": {"S": "a"}, "x": {"N": "1"}}));
    let key = |name: &str| json!({"pk": {"S": name}, "sk": {"S": "s"}});
    let mut request = json!({"RequestItems": {"ledger": {"ConsistentRead": true, "Keys": [key("a"), key("b")]}}});
    let answer = database.call("BatchGetItem", &request).unwrap();
    let item = json!({"pk": {"S": "a"}, "sk": {"S": "s"}, "x": {"N": "1"}});
    assert_eq!(answer, json!({"Responses": {"ledger": [item]}, "UnprocessedKeys": {}}));
    request["RequestItems"]["ledger"]["Keys"][1] = key("a");
    assert!(database.call("BatchGetItem", &request).unwrap_err().message.contains("duplicates"));
}

#[test]
fn time_to_live_deletes_when_told_to() {
    let mut database = database();
    put(&mut database, json!({"pk": {"S": "a"}, "ttl": {"N": "100"}}));
    put(&mut database, json!({"pk": {"S": "b"}}));
    assert_eq!(database.expire(99_999), 0);
    assert_eq!(database.expire(100_000), 1);
    assert_eq!(database.items("ledger").count(), 1);
}

#[test]
fn what_a_table_may_not_be_is_said() {
    let wrong = |properties: Value| Table::from_properties(&properties).unwrap_err().to_string();
    let keys = json!([{"AttributeName": "pk", "KeyType": "HASH"}]);
    assert!(wrong(json!({"TableName": "t", "KeySchema": keys})).contains("type of the key attribute pk"));
    assert!(
        wrong(json!({"TableName": "t", "KeySchema": keys, "StreamSpecification": {}})).contains("StreamSpecification")
    );
    assert!(wrong(json!({"KeySchema": keys})).contains("TableName"));
}
