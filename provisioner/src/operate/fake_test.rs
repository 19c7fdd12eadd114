//! A ledger of events, spoken to over real HTTP: what the code sends and reads is what the SDK makes of it.
//!
//! It knows the queries that the commands use, two items a page, the conditions of switches, and whose credentials they are.
//! Updates are remembered, not applied. CloudWatch is refused: commands must report that beside what they did.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use healstack_model::{EnvironmentName, Names, Prefix};
use serde_json::{Value, json};

use super::Connection;
use crate::deploy::{Account, TerminalUi, Ui};

/// Items by key.
type Items = BTreeMap<(String, String), Value>;

/// The table.
#[derive(Clone)]
pub(crate) struct Fake {
    url: String,
    items: Arc<Mutex<Items>>,
    /// Calls in their order.
    log: Arc<Mutex<Vec<String>>>,
    /// Updates that were made, which are kept and not applied.
    updates: Arc<Mutex<Vec<Value>>>,
    /// Updates with this in their condition are refused.
    refused: String,
    /// Updates of items with this hash key fail.
    failing: Arc<Mutex<String>>,
}

/// An event as the table holds it.
pub(super) fn event(id: &str, time: &str, status: &str) -> Value {
    json!({
        "pk": {"S": format!("EVENT#{id}")}, "sk": {"S": "EVENT"}, "event_id": {"S": id}, "status": {"S": status},
        "source": {"S": "runbook"}, "stack": {"S": "checkout"}, "rule_name": {"S": "web"}, "layer": {"S": "platform"},
        "resource_id": {"S": "i-0abc"}, "day": {"S": &time[..10]}, "at": {"S": format!("{time}#{id}")},
    })
}

fn text(item: &Value, name: &str) -> String {
    item[name]["S"].as_str().unwrap_or_default().to_owned()
}

/// Whether the condition of a switch's write holds.
fn holds(call: &Value, before: Option<&Value>) -> bool {
    let Some(condition) = call["ConditionExpression"].as_str() else { return true };
    if condition == "attribute_not_exists(pk)" {
        return before.is_none();
    }
    let values = &call["ExpressionAttributeValues"];
    before.is_some_and(|item| {
        let absent = item.get("since_time").is_none() && condition.contains("attribute_not_exists(#since)");
        item["mode"] == values[":mode"] && (absent || item.get("since_time") == values.get(":since"))
    })
}

impl Fake {
    pub(crate) fn start() -> Self {
        Self::refusing("nothing")
    }

    /// A table in which conditions with this text do not hold.
    pub(super) fn refusing(refused: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (items, log, updates, failing) = Default::default();
        let fake = Self { url, items, log, updates, refused: refused.to_owned(), failing };
        let shared = fake.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        fake
    }

    pub(crate) async fn connection(&self) -> Connection {
        let account = Account { endpoint_url: Some(self.url.clone()), local: true, ..Account::default() };
        let names = Names {
            prefix: Prefix::default(),
            environment: EnvironmentName::new("dev").unwrap(),
            region: "us-east-1".to_owned(),
        };
        let ui: Arc<dyn Ui> = Arc::new(TerminalUi::new(true));
        Connection::open(&account, names, &ui).await.unwrap()
    }

    pub(super) fn put(&self, item: Value) {
        self.items.lock().unwrap().insert((text(&item, "pk"), text(&item, "sk")), item);
    }

    /// From now on updates of items with this hash key fail.
    pub(super) fn fail(&self, pk: &str) {
        pk.clone_into(&mut self.failing.lock().unwrap());
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub(super) fn updates(&self) -> Vec<Value> {
        self.updates.lock().unwrap().clone()
    }

    pub(super) fn items(&self) -> Vec<Value> {
        self.items.lock().unwrap().values().cloned().collect()
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let (mut length, mut target, mut first) = (0, String::new(), true);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                if line.trim().is_empty() && !first {
                    break;
                }
                first = false;
                let line = line.to_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if let Some(value) = line.strip_prefix("x-amz-target: dynamodb_20120810.") {
                    value.trim().clone_into(&mut target);
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let (status, answer) = self.answer(&target, &body);
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", answer.len());
            if stream.write_all(format!("{head}{answer}").as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, target: &str, body: &[u8]) -> (u16, String) {
        let body = String::from_utf8_lossy(body);
        if body.contains("GetCallerIdentity") {
            let who = "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/ana</Arn>";
            let result = format!("<GetCallerIdentityResult>{who}</GetCallerIdentityResult>");
            return (200, format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"));
        }
        let call: Value = serde_json::from_str(&body).unwrap_or_default();
        let item = if target == "putitem" { &call["Item"] } else { &call["Key"] };
        self.log.lock().unwrap().push(format!("{target} {} {}", text(item, "pk"), text(item, "sk")));
        let before = self.items.lock().unwrap().get(&(text(item, "pk"), text(item, "sk"))).cloned();
        match target {
            "putitem" | "deleteitem" if !holds(&call, before.as_ref()) => {
                (400, json!({"__type": "ConditionalCheckFailedException", "message": "no"}).to_string())
            }
            "updateitem" if text(item, "pk") == *self.failing.lock().unwrap() => {
                (403, json!({"__type": "AccessDeniedException", "message": "not this one"}).to_string())
            }
            "query" => (200, self.query(&call).to_string()),
            "putitem" => {
                self.put(call["Item"].clone());
                (200, "{}".to_owned())
            }
            "getitem" => (200, before.map_or_else(|| json!({}), |item| json!({"Item": item})).to_string()),
            "updateitem" if call["ConditionExpression"].as_str().is_some_and(|text| text.contains(&self.refused)) => {
                (400, json!({"__type": "ConditionalCheckFailedException", "message": "no"}).to_string())
            }
            "updateitem" => {
                self.updates.lock().unwrap().push(call);
                (200, "{}".to_owned())
            }
            "deleteitem" => {
                self.items.lock().unwrap().remove(&(text(item, "pk"), text(item, "sk")));
                (200, "{}".to_owned())
            }
            _ => (403, json!({"__type": "AccessDeniedException", "message": "not here"}).to_string()),
        }
    }

    fn query(&self, call: &Value) -> Value {
        let value = |name: &str| call["ExpressionAttributeValues"][name]["S"].as_str().map(str::to_owned);
        let items = self.items.lock().unwrap();
        let wanted = |item: &&Value| match (value(":day"), value(":pk").filter(|_| value(":open").is_none())) {
            _ if value(":open").is_some() => text(item, "open") == "open",
            (Some(day), _) => text(item, "day") == day && text(item, "at") >= value(":from").unwrap_or_default(),
            (_, Some(pk)) => text(item, "pk") == pk,
            _ => false,
        };
        let mut found: Vec<&Value> = items.values().filter(wanted).collect();
        found.sort_by_key(|item| (text(item, "at"), text(item, "sk")));
        if call["ScanIndexForward"] == json!(false) {
            found.reverse();
        }
        let key = |item: &Value| (text(item, "pk"), text(item, "sk"));
        let start = key(&call["ExclusiveStartKey"]);
        let skip = found.iter().position(|item| key(item) == start).map_or(0, |at| at + 1);
        let page: Vec<&Value> = found.iter().skip(skip).take(2).copied().collect();
        let mut answer = json!({"Items": page});
        if let (Some(last), true) = (page.last(), skip + page.len() < found.len()) {
            answer["LastEvaluatedKey"] = json!({"pk": last["pk"], "sk": last["sk"]});
        }
        answer
    }
}
