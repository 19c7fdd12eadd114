//! A CloudFormation of a few stacks, spoken to over real HTTP: what the code sends and reads is what the SDK makes of it.
//!
//! What a stack does is in its name: `fails…` rolls back, `hangs…` never ends, `refused…` gets no change set, `same…` has no
//! changes, `pending…` has a change set that never becomes ready, `obsolete…` one that cannot be executed, `cancelled…` is
//! rolled back by somebody else, `slow…` takes long to begin. Everything else succeeds on the second look.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::aws::Pace;
use super::interrupt::Interrupt;
use super::run::Context;
use super::ui::{Answer, Step, Ui};
use super::{Account, PlannedStack};

/// One stack of the fake.
#[derive(Debug, Clone, Default)]
pub(super) struct FakeStack {
    pub(super) status: String,
    pub(super) protected: bool,
    pub(super) template: String,
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) parameters: BTreeMap<String, String>,
    /// Events, oldest first: logical id, status, reason, token.
    pub(super) events: Vec<(String, String, String, String)>,
    pub(super) looks: u32,
    pub(super) token: String,
    /// Value of the tag `environment`.
    pub(super) environment: String,
}

/// Everything in the fake.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) stacks: BTreeMap<String, FakeStack>,
    /// Change sets by id, with their stack.
    pub(super) change_sets: BTreeMap<String, String>,
    /// Calls in their order, as `Action stack`.
    pub(super) log: Vec<String>,
    /// The last parameters of each call, by `Action stack`.
    pub(super) seen: BTreeMap<String, BTreeMap<String, String>>,
    /// Objects by path.
    pub(super) objects: BTreeMap<String, String>,
    /// Calls to refuse with `Throttling`, by action.
    pub(super) throttle: BTreeMap<String, u32>,
}

/// The fake's address and its world.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) url: String,
    world: Arc<Mutex<World>>,
}

/// A user who answers as told and remembers what was shown.
pub(super) struct FakeUi {
    pub(super) answer: Answer,
    pub(super) shown: Mutex<Vec<String>>,
}

impl Ui for FakeUi {
    fn show(&self, text: &str) {
        self.shown.lock().unwrap().push(text.to_owned());
    }
    fn ask(&self, question: &str) -> oneshot::Receiver<Answer> {
        self.shown.lock().unwrap().push(question.to_owned());
        let (sender, receiver) = oneshot::channel();
        sender.send(self.answer).unwrap();
        receiver
    }
    fn step(&self, step: &Step<'_>) {
        if let Step::Note(text) = step {
            self.shown.lock().unwrap().push((*text).to_owned());
        }
    }
}

impl Fake {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(World::default()));
        let shared = Arc::clone(&world);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { url, world }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// A command's context, its user, and the way to press Ctrl-C.
    pub(super) async fn context(&self, answer: Answer) -> (Context, Arc<FakeUi>, watch::Sender<bool>) {
        let ui = Arc::new(FakeUi { answer, shown: Mutex::default() });
        let shared: Arc<dyn Ui> = ui.clone();
        let account = Account { endpoint_url: Some(self.url.clone()), local: true, ..Account::default() };
        let mut context = Context::connect(&account, &shared).await.unwrap();
        context.aws.pace = Pace { first: Duration::from_millis(1), longest: Duration::from_millis(5) };
        let (press, interrupt) = Interrupt::manual();
        context.interrupt = interrupt;
        (context, ui, press)
    }

    pub(super) fn calls(&self, action: &str) -> Vec<String> {
        let world = self.world();
        let stacks = world.log.iter().filter_map(|call| call.strip_prefix(action)?.strip_prefix(' '));
        stacks.map(str::to_owned).collect()
    }
}

/// A stack with one topic.
pub(super) fn planned(name: &str, depends_on: &[&str]) -> PlannedStack {
    PlannedStack {
        name: name.to_owned(),
        template: "Resources:\n  Topic: {Type: AWS::SNS::Topic}\n".to_owned(),
        depends_on: depends_on.iter().map(|name| (*name).to_owned()).collect(),
        ..PlannedStack::default()
    }
}

fn serve(mut stream: TcpStream, world: &Mutex<World>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let (status, answer) = if let Some(path) = request.strip_prefix("PUT ") {
            let path = path.split([' ', '?']).next().unwrap_or_default();
            world.lock().unwrap().objects.insert(path.to_owned(), body);
            (200, String::new())
        } else {
            world.lock().unwrap().answer(&form(&body))
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\nx-amzn-requestid: request-1\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all(format!("{head}{answer}").as_bytes()).is_err() {
            return;
        }
    }
}

fn form(body: &str) -> BTreeMap<String, String> {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn error(code: &str, message: &str) -> (u16, String) {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    (400, format!("<ErrorResponse>{error}</ErrorResponse>"))
}

fn ok(action: &str, inner: &str) -> (u16, String) {
    (200, format!("<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>"))
}

impl World {
    fn answer(&mut self, form: &BTreeMap<String, String>) -> (u16, String) {
        let get = |key: &str| form.get(key).cloned().unwrap_or_default();
        let action = get("Action");
        let set = get("ChangeSetName");
        let name = if get("StackName").is_empty() {
            self.change_sets.get(&set).cloned().unwrap_or_default()
        } else {
            get("StackName")
        };
        let name = name.strip_prefix("id:").unwrap_or(&name).to_owned();
        if let Some(left) = self.throttle.get_mut(&action).filter(|left| **left > 0) {
            *left -= 1;
            return error("Throttling", "Rate exceeded");
        }
        self.log.push(format!("{action} {name}"));
        self.seen.insert(format!("{action} {name}"), form.clone());
        match action.as_str() {
            "GetCallerIdentity" => ok(&action, "<Account>111122223333</Account>"),
            "CreateChangeSet" => self.create(&name, &get("ChangeSetType"), &get("TemplateBody")),
            "DescribeChangeSet" => self.describe_set(&set, &name, &get("NextToken")),
            "DeleteChangeSet" => {
                // As on AWS: one that is still being made cannot be deleted, until it is.
                let asked = self.log.iter().filter(|call| **call == format!("DeleteChangeSet {name}")).count();
                if name.starts_with("pending") && asked < 3 {
                    return error("InvalidChangeSetStatus", "cannot be deleted in its current status");
                }
                self.change_sets.remove(&set);
                ok(&action, "")
            }
            "ExecuteChangeSet" => {
                let token = get("ClientRequestToken");
                if self.stacks.values().any(|stack| stack.token == token) {
                    return error("TokenAlreadyExistsException", "A client request token already exists");
                }
                if name.starts_with("obsolete") {
                    return error("InvalidChangeSetStatus", "cannot be executed in its current status of [OBSOLETE]");
                }
                self.change_sets.remove(&set);
                self.begin(&name, "CREATE", &get("ClientRequestToken"));
                ok(&action, "")
            }
            "DeleteStack" => {
                let in_review = self.stacks.get(&name).is_some_and(|stack| stack.status == "REVIEW_IN_PROGRESS");
                if in_review {
                    self.stacks.remove(&name);
                } else {
                    self.begin(&name, "DELETE", &get("ClientRequestToken"));
                }
                ok(&action, "")
            }
            "UpdateTerminationProtection" => {
                self.stacks.get_mut(&name).unwrap().protected = get("EnableTerminationProtection") == "true";
                ok(&action, "")
            }
            "DescribeStacks" if name.is_empty() => {
                let stack = |(name, stack): (&String, &FakeStack)| {
                    format!(
                        "<member><StackName>{name}</StackName><StackStatus>{}</StackStatus><CreationTime>2026-01-02T03:04:05Z\
                         </CreationTime><Tags><member><Key>environment</Key><Value>{}</Value></member></Tags></member>",
                        stack.status, stack.environment
                    )
                };
                let stacks: String = self.stacks.iter().map(stack).collect();
                ok(&action, &format!("<Stacks>{stacks}</Stacks>"))
            }
            _ => self.describe(&action, &name, &get("NextToken")),
        }
    }

    fn describe(&mut self, action: &str, name: &str, page: &str) -> (u16, String) {
        let Some(stack) = self.stacks.get_mut(name) else {
            return error("ValidationError", &format!("Stack with id {name} does not exist"));
        };
        match action {
            "DescribeStacks" => {
                let mut outputs = String::new();
                for (key, value) in &stack.outputs {
                    let _ = write!(
                        outputs,
                        "<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
                    );
                }
                let mut parameters = String::new();
                for (key, value) in &stack.parameters {
                    let member = format!("<ParameterKey>{key}</ParameterKey><ParameterValue>{value}</ParameterValue>");
                    let _ = write!(parameters, "<member>{member}</member>");
                }
                let text = format!(
                    "<Stacks><member><StackName>{name}</StackName><StackId>id:{name}</StackId><StackStatus>{}</StackStatus>\
                     <CreationTime>2026-01-02T03:04:05Z</CreationTime><Outputs>{outputs}</Outputs>\
                     <Parameters>{parameters}</Parameters>\
                     <EnableTerminationProtection>{}</EnableTerminationProtection></member></Stacks>",
                    stack.status, stack.protected
                );
                ok(action, &text)
            }
            "GetTemplate" => {
                let text = stack.template.replace('&', "&amp;").replace('<', "&lt;");
                ok(action, &format!("<TemplateBody>{text}</TemplateBody>"))
            }
            "ListStackResources" => ok(
                action,
                "<StackResourceSummaries><member><LogicalResourceId>Topic</LogicalResourceId><ResourceType>AWS::SNS::Topic\
                 </ResourceType><PhysicalResourceId>arn:topic</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
                 </member></StackResourceSummaries>",
            ),
            "DescribeStackEvents" => {
                if page.is_empty() {
                    stack.looks += 1;
                    if stack.looks == 3 && name.starts_with("cancelled") {
                        "somebody".clone_into(&mut stack.token);
                        stack.end(true);
                    } else if name.starts_with("slow") {
                        if stack.looks == 12 {
                            stack.end(true);
                        }
                    } else if stack.looks == 3 && !name.starts_with("hangs") {
                        stack.end(name.starts_with("fails"));
                    }
                }
                ok(action, &stack.events_page(name, page))
            }
            _ => error("InvalidAction", action),
        }
    }

    fn create(&mut self, name: &str, kind: &str, template: &str) -> (u16, String) {
        if name.starts_with("refused") {
            return error("ValidationError", "Template format error: no good");
        }
        if kind == "CREATE" {
            let stack = FakeStack {
                status: "REVIEW_IN_PROGRESS".to_owned(),
                template: template.to_owned(),
                ..FakeStack::default()
            };
            self.stacks.insert(name.to_owned(), stack);
        }
        let id = format!("set-{name}");
        self.change_sets.insert(id.clone(), name.to_owned());
        ok("CreateChangeSet", &format!("<Id>{id}</Id><StackId>id:{name}</StackId>"))
    }

    fn describe_set(&self, set: &str, name: &str, page: &str) -> (u16, String) {
        let action = "DescribeChangeSet";
        if !self.change_sets.contains_key(set) {
            return error("ChangeSetNotFound", "no such change set");
        }
        if name.starts_with("same") {
            let reason = "The submitted information didn't contain changes. Submit different information to create a change set.";
            return ok(action, &format!("<Status>FAILED</Status><StatusReason>{reason}</StatusReason>"));
        }
        if name.starts_with("pending") {
            return ok(action, "<Status>CREATE_PENDING</Status>");
        }
        let change = |id: &str| {
            format!(
                "<member><Type>Resource</Type><ResourceChange><Action>Add</Action><LogicalResourceId>{id}</LogicalResourceId>\
                 <ResourceType>AWS::SNS::Topic</ResourceType></ResourceChange></member>"
            )
        };
        let ready = "<Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus>";
        let (id, next) = match page {
            "" if name.starts_with("two-pages") => ("Topic", "<NextToken>2</NextToken>"),
            "2" => ("Second", ""),
            _ => ("Topic", ""),
        };
        ok(action, &format!("{ready}{next}<Changes>{}</Changes>", change(id)))
    }

    fn begin(&mut self, name: &str, verb: &str, token: &str) {
        let stack = self.stacks.get_mut(name).unwrap();
        token.clone_into(&mut stack.token);
        if name.starts_with("slow") {
            stack.looks = 0;
            return;
        }
        stack.status = format!("{verb}_IN_PROGRESS");
        stack.looks = 1;
        // Another operation's event in between, as nested or earlier operations leave them.
        stack.events.push((
            "Foreign".to_owned(),
            "CREATE_FAILED".to_owned(),
            "not ours".to_owned(),
            "other".to_owned(),
        ));
        stack.event(name, &format!("{verb}_IN_PROGRESS"), "User Initiated");
        stack.event("Topic", &format!("{verb}_IN_PROGRESS"), "");
    }
}

impl FakeStack {
    fn event(&mut self, logical_id: &str, status: &str, reason: &str) {
        let token = self.token.clone();
        self.events.push((logical_id.to_owned(), status.to_owned(), reason.to_owned(), token));
    }

    fn end(&mut self, fails: bool) {
        let verb = self.status.split('_').next().unwrap_or_default().to_owned();
        if verb == "DELETE" {
            self.event("Topic", "DELETE_COMPLETE", "");
            self.status = "DELETE_COMPLETE".to_owned();
        } else if fails {
            self.event("Topic", "CREATE_FAILED", "Invalid topic name");
            self.event("Role", "CREATE_FAILED", "Resource creation cancelled");
            self.status = "ROLLBACK_COMPLETE".to_owned();
        } else {
            self.event("Topic", "CREATE_COMPLETE", "");
            self.status = "CREATE_COMPLETE".to_owned();
        }
        let status = self.status.clone();
        self.event("", &status, "");
    }

    /// Two events a page, newest first.
    fn events_page(&self, name: &str, page: &str) -> String {
        let skip: usize = page.parse().unwrap_or_default();
        let mut text = String::from("<StackEvents>");
        let events = self.events.iter().enumerate().rev().skip(skip).take(2);
        for (index, (logical_id, status, reason, token)) in events {
            let (physical, logical) = if logical_id.is_empty() || logical_id == name {
                (format!("id:{name}"), name)
            } else {
                ("p".to_owned(), logical_id.as_str())
            };
            let _ = write!(
                text,
                "<member><StackId>id:{name}</StackId><EventId>{name}-{index}</EventId><StackName>{name}</StackName>\
                 <LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
                 <ResourceType>AWS::SNS::Topic</ResourceType><Timestamp>2026-01-02T03:04:{:02}Z</Timestamp>\
                 <ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>{reason}</ResourceStatusReason>\
                 <ClientRequestToken>{token}</ClientRequestToken></member>",
                index % 60
            );
        }
        text.push_str("</StackEvents>");
        if skip + 2 < self.events.len() {
            let _ = write!(text, "<NextToken>{}</NextToken>", skip + 2);
        }
        text
    }
}
