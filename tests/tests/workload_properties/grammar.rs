//! Templates of healable and other resources, with what healing must make of them.

use crate::choices::{Choices, Val};

/// How a value stands to what a rule wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Absent,
    Strong,
    Weak,
    /// Only CloudFormation knows.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) body: Val,
    /// Whether something in it is weaker than a rule wants.
    pub(crate) weak: bool,
    /// What healing must add, by path: what is absent, and nothing above it is a function.
    pub(crate) absent: Vec<Vec<&'static str>>,
    /// The resource that one of its properties refers to, which is healed with it.
    pub(crate) refers: Option<String>,
}

pub(crate) const GROUP: &str = "AWS::AutoScaling::AutoScalingGroup";
pub(crate) const DATABASE: &str = "AWS::RDS::DBInstance";
pub(crate) const CLUSTER: &str = "AWS::RDS::DBCluster";
pub(crate) const CACHE: &str = "AWS::ElastiCache::ReplicationGroup";
pub(crate) const TARGETS: &str = "AWS::ElasticLoadBalancingV2::TargetGroup";
pub(crate) const BALANCER: &str = "AWS::ElasticLoadBalancingV2::LoadBalancer";
pub(crate) const SERVICE: &str = "AWS::ECS::Service";
pub(crate) const TASK: &str = "AWS::ECS::TaskDefinition";
pub(crate) const INSTANCE: &str = "AWS::EC2::Instance";
pub(crate) const LAUNCH: &str = "AWS::EC2::LaunchTemplate";
pub(crate) const ALIAS: &str = "AWS::Lambda::Alias";
pub(crate) const FUNCTION: &str = "AWS::Lambda::Function";

/// Where healing may write in a resource of a type, `*` for any item of a list. By hand, from the kinds' own documentation.
pub(crate) fn healed_paths(kind: &str) -> &'static [&'static str] {
    match kind {
        GROUP => &[
            "Properties.HealthCheckType",
            "Properties.HealthCheckGracePeriod",
            "Properties.DefaultInstanceWarmup",
            "Properties.InstanceMaintenancePolicy.MinHealthyPercentage",
            "Properties.InstanceMaintenancePolicy.MaxHealthyPercentage",
            "Properties.MetricsCollection",
        ],
        DATABASE | CLUSTER => &["Properties.BackupRetentionPeriod"],
        CACHE => &[
            "Properties.AutomaticFailoverEnabled",
            "Properties.MultiAZEnabled",
            "Properties.NumCacheClusters",
            "Properties.ReplicasPerNodeGroup",
        ],
        TARGETS => &["Properties.TargetGroupAttributes"],
        BALANCER => &["Properties.LoadBalancerAttributes"],
        SERVICE => &[
            "Properties.DeploymentConfiguration.DeploymentCircuitBreaker.Enable",
            "Properties.DeploymentConfiguration.DeploymentCircuitBreaker.Rollback",
        ],
        TASK => &["Properties.ContainerDefinitions.*.RestartPolicy"],
        LAUNCH => &["Properties.LaunchTemplateData.MaintenanceOptions.AutoRecovery"],
        ALIAS => &["UpdatePolicy.CodeDeployLambdaAliasUpdate"],
        _ => &[],
    }
}

/// The keys that healing may add to a list of attributes.
pub(crate) const ATTRIBUTES: [&str; 3] = [
    "zonal_shift.config.enabled",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
];

pub(crate) struct Grammar {
    pub(crate) c: Choices,
    /// Whether values may be weaker than wanted.
    weak: bool,
    fillers: usize,
}

/// A resource while its properties are made.
#[derive(Default)]
struct Draft {
    properties: Vec<(String, Val)>,
    weak: bool,
    absent: Vec<Vec<&'static str>>,
}

impl Grammar {
    pub(crate) fn new(words: Vec<u16>) -> Self {
        let mut c = Choices::new(words);
        let weak = c.chance(45);
        Self { c, weak, fillers: 0 }
    }

    pub(crate) fn resources(&mut self) -> Vec<Resource> {
        let mut resources = Vec::new();
        for number in 0..=self.c.below(5) {
            let kind = self.c.below(11);
            self.resource(kind, number, &mut resources);
        }
        self.c.shuffle(&mut resources);
        resources
    }

    fn resource(&mut self, kind: usize, number: usize, resources: &mut Vec<Resource>) {
        let mut draft = Draft::default();
        let mut refers = None;
        let mut id = format!("R{number}");
        let kind = match kind {
            0 => {
                self.database(&mut draft);
                DATABASE
            }
            1 => {
                self.group(&mut draft);
                GROUP
            }
            2 => {
                self.database(&mut draft);
                CLUSTER
            }
            3 => {
                let yes = [Val::Bool(true), Val::text("true"), Val::text("True"), Val::text("yes")];
                let no = [Val::Bool(false), Val::text("false"), Val::Null, Val::no_value()];
                self.property(&mut draft, "AutomaticFailoverEnabled", &yes, &no);
                self.property(&mut draft, "MultiAZEnabled", &yes, &no);
                // Nothing is written where they are absent.
                let nodes = self.c.pick(&["NumCacheClusters", "ReplicasPerNodeGroup", "Other"]);
                let (value, state) = self.setting(&[Val::Int(2), Val::text("3")], &[Val::Int(0), Val::text("0")]);
                draft.weak |= state == State::Weak && nodes != "Other";
                let value = value.map(|value| (nodes.to_owned(), value));
                let somebody = ("NumCacheClusters".to_owned(), Val::Int(2));
                // Without a replica nothing is set at all.
                if nodes == "Other" || value.is_none() {
                    draft.properties.push(somebody);
                }
                draft.properties.extend(value);
                CACHE
            }
            4 => {
                let strong = [Val::text("50"), Val::text("1"), Val::Int(0), Val::reference("Some")];
                self.attributes(&mut draft, "TargetGroupAttributes", &ATTRIBUTES[1..], &strong, &[]);
                TARGETS
            }
            5 => {
                let strong = [Val::text("true"), Val::Bool(true)];
                let weak = [Val::text("false"), Val::Bool(false)];
                self.attributes(&mut draft, "LoadBalancerAttributes", &ATTRIBUTES[..1], &strong, &weak);
                BALANCER
            }
            6 => {
                self.service(&mut draft);
                let task = format!("Task{number}");
                draft.properties.push(("TaskDefinition".to_owned(), self.reference(&task)));
                let body = self.task();
                resources.push(Resource { id: task.clone(), kind: TASK, refers: None, ..body });
                refers = Some(task);
                SERVICE
            }
            7 => {
                let launch = format!("Launch{number}");
                let by = Val::map([
                    ("LaunchTemplateId", self.reference(&launch)),
                    ("Version", self.c.pick(&[Val::text("3"), Val::reference("Some")])),
                ]);
                draft.properties.push(("LaunchTemplate".to_owned(), by));
                let body = self.launch();
                resources.push(Resource { id: launch.clone(), kind: LAUNCH, refers: None, ..body });
                refers = Some(launch);
                INSTANCE
            }
            8 => {
                id = format!("Fn{number}");
                FUNCTION
            }
            9 => {
                let function = format!("Fn{number}a");
                let name = self.c.pick(&[Val::text("live"), Val::reference("Some"), Val::Lines("live".to_owned())]);
                draft
                    .properties
                    .extend([("Name".to_owned(), name), ("FunctionName".to_owned(), Val::reference(&function))]);
                let body = self.finish(Draft::default(), Vec::new());
                resources.push(Resource { id: function.clone(), kind: FUNCTION, ..body });
                refers = Some(function);
                ALIAS
            }
            _ => "AWS::SNS::Topic",
        };
        let mut attributes = Vec::new();
        if kind == ALIAS {
            let policy = match self.c.below(4) {
                0 | 1 => None,
                2 => Some(Val::Map(Vec::new())),
                _ => Some(Val::map([("Other", Val::Bool(true))])),
            };
            draft.absent.push(vec!["UpdatePolicy", "CodeDeployLambdaAliasUpdate"]);
            attributes.extend(policy.map(|policy| ("UpdatePolicy".to_owned(), policy)));
        }
        let made = self.finish(draft, attributes);
        resources.push(Resource { id, kind, refers, ..made });
    }

    /// The body of a resource, in some order, with other properties and attributes.
    fn finish(&mut self, mut draft: Draft, mut attributes: Vec<(String, Val)>) -> Resource {
        for _ in 0..self.c.below(4) {
            let name = self.name();
            let value = self.filler(2);
            draft.properties.push((name, value));
        }
        self.c.shuffle(&mut draft.properties);
        if !draft.properties.is_empty() {
            attributes.push(("Properties".to_owned(), Val::Map(draft.properties)));
        } else if self.c.chance(50) {
            attributes.push(("Properties".to_owned(), self.c.pick(&[Val::Map(Vec::new()), Val::Empty])));
        }
        if self.c.chance(20) {
            attributes.push(("Condition".to_owned(), Val::text("Prod")));
        }
        if self.c.chance(20) {
            attributes.push(("DeletionPolicy".to_owned(), Val::text("Retain")));
        }
        if self.c.chance(20) {
            let value = self.filler(2);
            attributes.push(("Metadata".to_owned(), Val::Map(vec![("Note".to_owned(), value)])));
        }
        self.c.shuffle(&mut attributes);
        Resource {
            id: String::new(),
            kind: "",
            body: Val::Map(attributes),
            weak: draft.weak,
            absent: draft.absent,
            refers: None,
        }
    }

    fn name(&mut self) -> String {
        self.fillers += 1;
        format!("P{}", self.fillers)
    }

    /// A value that no rule wants anything of.
    pub(crate) fn filler(&mut self, depth: usize) -> Val {
        match self.c.below(if depth == 0 { 8 } else { 12 }) {
            0 => Val::text("plain"),
            1 => Val::Int(i64::try_from(self.c.below(2000)).unwrap_or(0) - 5),
            2 => Val::text(self.c.pick(&[
                "a b",
                "it's",
                "say \"x\"",
                "a: b",
                "# no",
                "a #b",
                "- x",
                "[x]",
                "{y}",
                "ä ö 🛠",
                "",
                "yes",
                "*x",
                "&x",
                "0012",
                "1e3",
                "%",
                "@",
                "x |",
                "arn:aws:s3:::b/*",
                "back\\slash",
                "\ttab",
                "trailing ",
                "a, b",
                "]",
                "}",
            ])),
            3 => Val::Lines(
                self.c
                    .pick(&[
                        "one\ntwo\n",
                        "one",
                        "#!/bin/sh\necho \"$1\" # x\n",
                        "a\n\n  b: |\n    c\n",
                        "- x\n- y",
                        "x\n\n\n",
                        "key: value\n",
                        "]\n}\n",
                        "ä\nö\n",
                        "*a",
                        "last\n\n",
                    ])
                    .to_owned(),
            ),
            4 => Val::call("Sub", Val::Lines("#!/bin/sh\n${AWS::Region}\n".to_owned())),
            5 => Val::reference("Some"),
            6 => Val::Null,
            7 => Val::call("Base64", Val::call("Sub", Val::Lines("a ${Some}\n\nb\n".to_owned()))),
            8 => Val::Map((0..self.c.below(3)).map(|_| (self.name(), self.filler(depth - 1))).collect()),
            9 => Val::List((0..self.c.below(3)).map(|_| self.filler(depth - 1)).collect()),
            10 => Val::List(vec![Val::Map(
                (0..=self.c.below(2)).map(|_| (self.name(), self.filler(depth - 1))).collect(),
            )]),
            _ => Val::call("If", Val::List(vec![Val::text("Prod"), self.filler(depth - 1), Val::no_value()])),
        }
    }

    /// A value that is held against what a rule wants, in one of several states.
    fn setting(&mut self, strong: &[Val], weak: &[Val]) -> (Option<Val>, State) {
        match self.c.below(9) {
            0..=3 => (None, State::Absent),
            6 => (Some(self.unknown()), State::Unknown),
            7 if self.weak && !weak.is_empty() => (Some(self.c.pick(weak)), State::Weak),
            4 | 5 | 7 => (Some(self.c.pick(strong)), State::Strong),
            _ => {
                let then = self.c.pick(strong);
                let (otherwise, state) = match self.c.below(3) {
                    0 => (self.c.pick(strong), State::Strong),
                    1 => (self.unknown(), State::Unknown),
                    _ if self.weak && !weak.is_empty() => (self.c.pick(weak), State::Weak),
                    _ => (self.c.pick(strong), State::Strong),
                };
                let mut branches = [then, otherwise];
                self.c.shuffle(&mut branches);
                let [then, otherwise] = branches;
                (Some(Val::call("If", Val::List(vec![Val::text("Prod"), then, otherwise]))), state)
            }
        }
    }

    fn unknown(&mut self) -> Val {
        self.c.pick(&[
            Val::reference("Some"),
            Val::call("GetAtt", Val::text("Else.Value")),
            Val::call("Sub", Val::text("${Some}")),
            Val::call("ImportValue", Val::text("x-y")),
            Val::call("Select", Val::List(vec![Val::Int(0), Val::reference("Some")])),
        ])
    }

    fn property(&mut self, draft: &mut Draft, name: &'static str, strong: &[Val], weak: &[Val]) {
        let (value, state) = self.setting(strong, weak);
        draft.weak |= state == State::Weak;
        match value {
            Some(value) => draft.properties.push((name.to_owned(), value)),
            None => draft.absent.push(vec!["Properties", name]),
        }
    }

    fn database(&mut self, draft: &mut Draft) {
        let strong = [Val::Int(7), Val::text("14"), Val::Int(1), Val::text("35")];
        let weak = [Val::Int(0), Val::text("0"), Val::Null, Val::Lines("0".to_owned())];
        // Nothing is written where it is absent.
        let (value, state) = self.setting(&strong, &weak);
        draft.weak |= state == State::Weak;
        draft.properties.extend(value.map(|value| ("BackupRetentionPeriod".to_owned(), value)));
        if self.c.chance(30) {
            draft
                .properties
                .push(("MultiAZ".to_owned(), self.c.pick(&[Val::Bool(true), Val::text("false"), Val::Null])));
        }
    }

    fn group(&mut self, draft: &mut Draft) {
        let weak = ["EC2", "ELB", "EBS", "ELB,VPC_LATTICE", ""].map(Val::text);
        let strong = ["EBS,ELB", "ELB, EBS", "EBS,ELB,VPC_LATTICE"].map(Val::text);
        self.property(draft, "HealthCheckType", &strong, &[&weak[..], &[Val::Null, Val::no_value()]].concat());
        let strong = [Val::Int(60), Val::text("300")];
        let weak = [Val::Int(0), Val::text("15"), Val::Null, Val::Lines("15".to_owned())];
        self.property(draft, "HealthCheckGracePeriod", &strong, &weak);
        let any = [Val::Int(0), Val::text("5"), Val::Int(600)];
        self.property(draft, "DefaultInstanceWarmup", &any, &[Val::Null, Val::no_value()][1..]);
        let metrics = Val::List(vec![Val::map([("Granularity", Val::text("1Minute"))])]);
        self.property(draft, "MetricsCollection", &[metrics, Val::List(Vec::new()), Val::no_value()], &[]);
        self.nested(
            draft,
            ["InstanceMaintenancePolicy"],
            &[
                ("MinHealthyPercentage", vec![Val::Int(100), Val::text("120")], vec![Val::Int(90), Val::text("0")]),
                ("MaxHealthyPercentage", vec![Val::Int(101), Val::text("200")], vec![Val::Int(100), Val::no_value()]),
            ],
        );
    }

    /// Maps in one another, any of which may be absent, empty, a function or one in each branch of one.
    fn nested<const N: usize>(
        &mut self,
        draft: &mut Draft,
        above: [&'static str; N],
        leaves: &[(&'static str, Vec<Val>, Vec<Val>)],
    ) {
        let path = |leaf: &'static str| ["Properties"].into_iter().chain(above).chain([leaf]).collect::<Vec<_>>();
        let depth = self.c.below(N + 1);
        let mut value = match (depth, self.c.below(6)) {
            (0, _) => {
                draft.absent.extend(leaves.iter().map(|(leaf, ..)| path(leaf)));
                return;
            }
            (_, 0) => {
                draft.absent.extend(leaves.iter().map(|(leaf, ..)| path(leaf)));
                self.c.pick(&[Val::Map(Vec::new()), Val::Empty])
            }
            (_, 1) => self.unknown(),
            (_, 2) if self.weak => {
                draft.weak = true;
                let branches = Val::List(vec![Val::text("Prod"), Val::no_value(), self.unknown()]);
                self.c.pick(&[Val::call("If", branches), Val::Nil, Val::text("x")])
            }
            (_, form) => {
                let mut entries = Vec::new();
                if self.c.chance(30) {
                    entries.push((self.name(), self.filler(1)));
                }
                if depth == N {
                    for (leaf, strong, weak) in leaves {
                        let (value, state) = self.setting(strong, weak);
                        draft.weak |= state == State::Weak;
                        match value {
                            Some(value) => entries.push(((*leaf).to_owned(), value)),
                            None if form != 5 => draft.absent.push(path(leaf)),
                            None => {}
                        }
                    }
                } else if form != 5 {
                    draft.absent.extend(leaves.iter().map(|(leaf, ..)| path(leaf)));
                }
                self.c.shuffle(&mut entries);
                if form == 5 {
                    let mut branches = [Val::Map(entries), self.unknown()];
                    self.c.shuffle(&mut branches);
                    let [then, otherwise] = branches;
                    Val::call("If", Val::List(vec![Val::text("Prod"), then, otherwise]))
                } else {
                    Val::Map(entries)
                }
            }
        };
        for name in above[1..depth].iter().rev() {
            value = Val::Map(vec![((*name).to_owned(), value)]);
        }
        draft.properties.push((above[0].to_owned(), value));
    }

    /// A list of `{Key: …, Value: …}`.
    fn attributes(
        &mut self,
        draft: &mut Draft,
        name: &'static str,
        keys: &[&'static str],
        strong: &[Val],
        weak: &[Val],
    ) {
        let list = |items: Vec<Val>| Some(Val::List(items));
        let item = |key: &str, value: Val| Val::map([("Key", Val::text(key)), ("Value", value)]);
        let value = match self.c.below(7) {
            0 | 1 => None,
            2 => list(Vec::new()),
            3 if self.weak => {
                draft.weak = true;
                Some(self.c.pick(&[Val::no_value(), Val::Null, Val::text("x")]))
            }
            3 => Some(self.unknown()),
            form => {
                let mut items = vec![item("other.key", Val::text("1"))];
                if self.c.chance(30) {
                    items.push(item("another.key", self.c.pick(&[Val::text("true"), Val::reference("Some")])));
                }
                for key in keys {
                    let (value, state) = self.setting(strong, weak);
                    draft.weak |= state == State::Weak;
                    items.extend(value.map(|value| item(key, value)));
                }
                if form == 6 && self.c.chance(50) {
                    let value = Val::List(vec![Val::text("Prod"), item("third.key", Val::text("2")), Val::no_value()]);
                    items.push(Val::call("If", value));
                }
                self.c.shuffle(&mut items);
                if form == 5 {
                    Some(Val::call("If", Val::List(vec![Val::text("Prod"), Val::List(items), self.unknown()])))
                } else {
                    list(items)
                }
            }
        };
        match value {
            Some(value) => draft.properties.push((name.to_owned(), value)),
            None => draft.absent.push(vec!["Properties", name]),
        }
    }

    fn service(&mut self, draft: &mut Draft) {
        let yes = vec![Val::Bool(true), Val::text("true")];
        let no = vec![Val::Bool(false), Val::text("no"), Val::Null];
        let leaves = [("Enable", yes.clone(), no.clone()), ("Rollback", yes, no)];
        self.nested(draft, ["DeploymentConfiguration", "DeploymentCircuitBreaker"], &leaves);
    }

    fn launch(&mut self) -> Resource {
        let mut draft = Draft::default();
        // Nothing is written where it is absent, at any level.
        let strong = [Val::text("default"), Val::no_value()];
        let (value, state) = self.setting(&strong, &[Val::text("disabled"), Val::Lines("disabled".to_owned())]);
        draft.weak |= state == State::Weak;
        let options = Val::Map(value.map(|value| ("AutoRecovery".to_owned(), value)).into_iter().collect());
        let options = self.c.pick(&[options.clone(), options, Val::no_value(), Val::Empty]);
        draft.weak &= matches!(options, Val::Map(_));
        let data = Val::map([("MaintenanceOptions", options)]);
        let data = self.c.pick(&[data.clone(), data, Val::reference("Some")]);
        draft.weak &= matches!(&data, Val::Map(data) if !data.is_empty());
        draft.properties.push(("LaunchTemplateData".to_owned(), data));
        self.finish(draft, Vec::new())
    }

    fn task(&mut self) -> Resource {
        let mut draft = Draft::default();
        let mut containers = Vec::new();
        for _ in 0..=self.c.below(2) {
            let mut container = vec![("Name".to_owned(), Val::text("web"))];
            match self.c.below(4) {
                0 | 1 => {}
                2 => container.push(("RestartPolicy".to_owned(), Val::map([("Enabled", Val::Bool(false))]))),
                _ => container.push((self.name(), self.filler(1))),
            }
            self.c.shuffle(&mut container);
            let container = Val::Map(container);
            containers.push(if self.c.chance(15) {
                let mut branches = [container, Val::no_value()];
                self.c.shuffle(&mut branches);
                let [then, otherwise] = branches;
                Val::call("If", Val::List(vec![Val::text("Prod"), then, otherwise]))
            } else {
                container
            });
        }
        draft.properties.push(("ContainerDefinitions".to_owned(), Val::List(containers)));
        self.finish(draft, Vec::new())
    }

    fn reference(&mut self, id: &str) -> Val {
        match self.c.below(3) {
            0 | 1 => Val::reference(id),
            _ => Val::call("Sub", Val::text(format!("${{{id}}}"))),
        }
    }
}
