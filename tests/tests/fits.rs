//! What native healing does not fit is left as it is, and told.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::diagnostics::Severity;
use healstack_tests::{CONFIG, TestProject};

/// A rule's lines for a kind and a target.
fn rule(name: &str, layer: &str, trigger: &str, action: &str, target: &str, more: &str) -> String {
    format!(
        "  - name: {name}\n    layer: {layer}\n    trigger_condition: {trigger}\n    action: {action}\n    target: {{{target}}}\n{more}"
    )
}

fn services() -> String {
    rule(
        "svc",
        "platform",
        "service_unhealthy_tasks",
        "restart",
        "services: {cluster: shop, names: [{resource: Web}]}",
        "",
    )
}

fn databases() -> String {
    rule("db", "platform", "database_connection_failures", "restart", "databases: {ids: [{resource: Db}]}", "")
}

fn groups(more: &str) -> String {
    let target = "auto_scaling_groups: {names: [{resource: Web}]}";
    rule("asg", "infrastructure", "unhealthy_instance_threshold", "scale", target, more)
}

fn instances(more: &str) -> String {
    let target = "instances: {ids: [{resource: Host}]}";
    rule("host", "infrastructure", "instance_status_check_failed", "replace", target, more)
}

fn caches() -> String {
    let target = "caches: {replication_group: {resource: Carts}, nodes: [carts-001]}";
    rule(
        "cache",
        "data",
        "cache_memory_pressure",
        "scale",
        target,
        "    parameters: {node_types: [cache.r7g.large, cache.r7g.xlarge]}\n",
    )
}

/// The healed text without what tells the rules' stack names, the errors and the warnings.
struct Told {
    healed: String,
    errors: Vec<String>,
    warnings: Vec<String>,
}

fn heal(rules: &str, resources: &str) -> Told {
    let project = TestProject::with_rules(format!("stack: shop\nworkload: workloads/w.yaml\nrules:\n{rules}")).unwrap();
    project.write("workloads/w.yaml", format!("Resources:\n{resources}")).unwrap();
    let outcome = project.compile();
    let healed = outcome.stacks.iter().find_map(|stack| stack.workload.as_ref());
    let healed = healed.map(|healed| healed.text.clone()).unwrap_or_default();
    let healed = healed.split("\n  # What the healing rules' stack must know").next().unwrap_or_default().to_owned();
    Told { healed, errors: outcome.errors(), warnings: outcome.told(Severity::Warning) }
}

/// Nothing is added to the resources, and a warning has these words.
#[track_caller]
fn assert_left(rules: &str, resources: &str, warning: &str) {
    let told = heal(rules, resources);
    assert_eq!(told.errors, Vec::<String>::new());
    assert_eq!(told.healed.trim_end(), format!("Resources:\n{resources}").trim_end());
    if !warning.is_empty() {
        assert!(told.warnings.iter().any(|told| told.contains(warning)), "`{warning}` is not in {:#?}", told.warnings);
    }
}

#[track_caller]
fn assert_refused(rules: &str, resources: &str, words: &[&str]) {
    let told = heal(rules, resources);
    for word in words {
        assert!(told.errors.iter().any(|error| error.contains(word)), "`{word}` is not in {:#?}", told.errors);
    }
}

#[test]
fn a_circuit_breaker_is_for_rolling_deployments() {
    let service = |more: &str| format!("  Web:\n    Type: AWS::ECS::Service\n    Properties:\n{more}");
    for kind in ["CODE_DEPLOY", "EXTERNAL"] {
        let with = service(&format!("      DeploymentController: {{Type: {kind}}}\n"));
        assert_left(&services(), &with, &format!("is {kind}: the circuit breaker is for"));
    }
    let with = service("      DeploymentConfiguration: {Strategy: BLUE_GREEN}\n");
    assert_left(&services(), &with, "is BLUE_GREEN");
    let with = service("      DeploymentController: {Type: ECS}\n");
    assert!(heal(&services(), &with).healed.contains("DeploymentCircuitBreaker"));
}

#[test]
fn what_is_to_end_is_not_started_again() {
    let task = |container: &str, more: &str| {
        format!(
            "  Web:\n    Type: AWS::ECS::Service\n    Properties:\n      DeploymentConfiguration: {{DeploymentCircuitBreaker: {{Enable: true, Rollback: true}}}}\n      TaskDefinition: !Ref Task\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Name: web\n{container}{more}"
        )
    };
    assert_left(&services(), &task("          Essential: false\n", ""), "");
    let windows = "      RuntimePlatform: {OperatingSystemFamily: WINDOWS_SERVER_2022_CORE}\n";
    assert_left(&services(), &task("", windows), "no restart policy for Windows");
    let scheduled = "  Nightly:\n    Type: AWS::Events::Rule\n    Properties:\n      Targets: [{Arn: x, Id: y, EcsParameters: {TaskDefinitionArn: !Ref Task}}]\n";
    let long = scheduled.replace("!Ref Task", "{Ref: Task}");
    for scheduled in [scheduled, &long] {
        assert_left(&services(), &task("", scheduled), "is used by Nightly too, AWS::Events::Rule");
    }
    let healed = heal(&services(), &task("", "")).healed;
    assert!(healed.contains("IgnoredExitCodes:\n              - 0\n"), "{healed}");
}

#[test]
fn a_failover_needs_somebody_to_take_over() {
    let group = |more: &str| {
        format!("  Carts:\n    Type: AWS::ElastiCache::ReplicationGroup\n    Properties:\n      Engine: valkey\n{more}")
    };
    assert_left(&caches(), &group(""), "has none: without a replica");
    assert_left(&caches(), &group("      NumNodeGroups: 2\n"), "has none: without a replica");
    assert_left(&caches(), &group("      NodeGroupConfiguration: [{ReplicaCount: 0}]\n"), "is 0: without a replica");
    let zones = "      NumCacheClusters: 2\n      PreferredCacheClusterAZs: [eu-west-1a, eu-west-1a]\n";
    assert_left(&caches(), &group(zones), "a replica in the same zone fails with it");
    let healed = heal(&caches(), &group("      NodeGroupConfiguration: [{ReplicaCount: 1}]\n")).healed;
    assert!(healed.contains("AutomaticFailoverEnabled: true\n"), "{healed}");
}

#[test]
fn thresholds_that_aws_refuses_are_not_set() {
    let targets =
        |more: &str| format!("  Targets:\n    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties:\n{more}");
    let reroute = rule(
        "page",
        "network",
        "target_group_unhealthy",
        "failover",
        "listener_rules: {rule: app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee, load_balancer: app/shop/50dc6c495c0c9188, primary: {resource: Targets}, standby: targetgroup/page/73e2d6bc24d8a067}",
        "",
    );
    assert_left(&reroute, &targets("      TargetType: lambda\n"), "a target group of a Lambda function");
    let dns = "      TargetGroupAttributes:\n        - Key: target_group_health.dns_failover.minimum_healthy_targets.percentage\n          Value: '10'\n";
    assert_left(&reroute, &targets(dns), "is '10': the threshold for routing may not be above");
    let healed = heal(&reroute, &targets(&dns.replace("'10'", "'off'"))).healed;
    assert!(healed.contains("unhealthy_state_routing"), "{healed}");
}

#[test]
fn databases_that_others_make_are_left_to_them() {
    let db =
        |more: &str| format!("  Db:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MultiAZ: true\n{more}");
    for source in ["SourceDBInstanceIdentifier", "SourceDBClusterIdentifier"] {
        assert_left(&databases(), &db(&format!("      {source}: orders\n")), "");
        let without = db(&format!("      {source}: orders\n      BackupRetentionPeriod: 0\n"));
        assert_left(&databases(), &without, "no backup retention for a read replica");
    }
    // What somebody has set beside the template must not be cut.
    assert_left(&databases(), &db(""), "");
    let member = db("      DBClusterIdentifier: !Ref Orders\n");
    assert_refused(&databases(), &member, &["rules/shop.yaml:8:", "`Db.DBClusterIdentifier` is", "`clusters`"]);
}

#[test]
fn a_network_load_balancer_is_none_that_is_healed() {
    let zones = rule(
        "zones",
        "network",
        "zone_impaired",
        "failover",
        "load_balancers: {name: {resource: Edge}, zones: [eu-west-1a, eu-west-1b]}",
        "",
    );
    let balancer =
        "  Edge:\n    Type: AWS::ElasticLoadBalancingV2::LoadBalancer\n    Properties:\n      Type: network\n";
    assert_refused(&zones, balancer, &["`Edge.Type` is network: only Application Load Balancers"]);
}

#[test]
fn a_canary_is_watched_by_an_alarm_of_its_own() {
    let alias = |function: &str, more: &str| {
        format!(
            "  A:\n    Type: AWS::Lambda::Function\n  B:\n    Type: AWS::Lambda::Function\n  Live:\n    Type: AWS::Lambda::Alias\n    Properties:\n      Name: live\n      FunctionName: {function}\n{more}"
        )
    };
    let functions = |names: &str| {
        let target = format!("functions: {{alias: {{resource: Live}}, names: [{names}]}}");
        rule("fn", "platform", "high_error_rate", "rollback", &target, "    override: true\n")
    };
    let healed = heal(&functions("{resource: A}, {resource: B}"), &alias("!Ref B", "")).healed;
    assert!(healed.contains("- Name: FunctionName\n          Value: !Ref B\n"), "{healed}");
    assert_left(&functions("{resource: A}"), &alias("!Ref B", ""), "does not refer to `A`");
    let same = heal(&functions("{resource: A}"), &alias("!Ref A", "")).healed;
    let alarm = same.split("  LiveErrors:\n").nth(1).unwrap().replace("Threshold: 0", "Threshold: 5");
    let own = heal(&functions("{resource: A}"), &alias("!Ref A", &format!("  LiveErrors:\n{alarm}")));
    assert_eq!(own.errors, Vec::<String>::new());
    assert!(own.healed.contains("Threshold: 5\n"), "{}", own.healed);
    let alarm = "  LiveErrors:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n      Namespace: Custom/App\n";
    assert_refused(
        &functions("{resource: A}"),
        &alias("!Ref A", alarm),
        &["workloads/w.yaml:11:", "`LiveErrors` is not what shop/fn adds"],
    );
}

#[test]
fn a_launch_template_is_changed_only_where_recovery_is_off() {
    let host = |data: &str| {
        format!(
            "  Host:\n    Type: AWS::EC2::Instance\n    Properties:\n      LaunchTemplate: {{LaunchTemplateId: !Ref Lt, Version: !GetAtt Lt.LatestVersionNumber}}\n  Lt:\n    Type: AWS::EC2::LaunchTemplate\n    Properties:\n      LaunchTemplateData:\n        ImageId: ami-1\n{data}"
        )
    };
    assert_left(&instances(""), &host(""), "");
    assert_left(&instances(""), &host("        MaintenanceOptions: {AutoRecovery: default}\n"), "");
    let off = host("        MaintenanceOptions: {AutoRecovery: disabled}\n");
    // Not even an override replaces an instance by the way.
    for more in ["", "    override: true\n"] {
        assert_left(&instances(more), &off, "is followed by Host: CloudFormation would replace it");
    }
    let off = off.replace("!GetAtt Lt.LatestVersionNumber", "'3'");
    assert_refused(&instances(""), &off, &["AutoRecovery` is disabled"]);
    assert!(heal(&instances("    override: true\n"), &off).healed.contains("{AutoRecovery: default}"));
}

#[test]
fn the_metrics_of_the_alarm_are_asked_for() {
    let group = "  Web:\n    Type: AWS::AutoScaling::AutoScalingGroup\n    Properties:\n      MetricsCollection: [{Granularity: 1Minute, Metrics: [GroupDesiredCapacity]}]\n";
    let told = heal(&groups("    parameters: {scale_out_amount: 1}\n"), group);
    let warning = "`Web.MetricsCollection` lacks GroupInServiceCapacity";
    assert!(told.warnings.iter().any(|told| told.contains(warning)), "{:#?}", told.warnings);
}

#[test]
fn a_rule_that_does_not_enforce_sets_nothing_in_a_template() {
    let group = "  Web:\n    Type: AWS::AutoScaling::AutoScalingGroup\n    Properties:\n      HealthCheckType: EC2\n";
    for more in ["    enforce: false\n", "    mode: observe\n", "    mode: off\n", "    enabled: false\n"] {
        let quiet = more.contains("off") || more.contains("enabled");
        let rules = groups(&format!("    override: true\n    parameters: {{scale_out_amount: 1}}\n{more}"));
        assert_left(&rules, group, if quiet { "" } else { "shop/asg only reports, so that workloads/w.yaml lacks" });
        let told = heal(&rules, group).warnings.iter().any(|warning| warning.contains("only reports"));
        assert_eq!(told, !quiet, "{more}");
    }
}

#[test]
fn what_one_rule_overrides_is_enough_for_another() {
    let db =
        "  Db:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      BackupRetentionPeriod: 0\n      MultiAZ: true\n";
    let overriding = databases().replace("name: db", "name: z-last") + "    override: true\n";
    let told = heal(&format!("{}{overriding}", databases()), db);
    assert_eq!(told.errors, Vec::<String>::new());
    assert!(told.healed.contains("BackupRetentionPeriod: 7\n"), "{}", told.healed);
}

#[test]
fn arguments_of_functions_are_no_items() {
    let task = "  Web:\n    Type: AWS::ECS::Service\n    Properties:\n      TaskDefinition: !Ref Task\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions: !FindInMap [A, B, C]\n";
    let told = heal(&format!("{}    override: true\n", services()), task);
    assert!(told.healed.contains("ContainerDefinitions: !FindInMap [A, B, C]\n"), "{}", told.healed);
    assert!(told.warnings.iter().any(|warning| warning.contains("is known only when CloudFormation deploys")));
}

#[test]
fn what_exists_under_a_condition_is_told_under_it_alone() {
    let db = "  Db:\n    Type: AWS::RDS::DBInstance\n    Condition: Prod\n    Properties: {BackupRetentionPeriod: 7, MultiAZ: true}\nConditions:\n  Prod: !Equals [a, a]\n";
    let told = heal(&databases(), db);
    let words = "`Db` exists only where `Prod` holds: elsewhere the stack of its rules cannot be deployed";
    assert!(told.warnings.iter().any(|told| told.contains(words)), "{:#?}", told.warnings);
}

#[test]
fn a_healed_template_keeps_the_limits_of_cloudformation() {
    let topics: Vec<String> = (0..500).map(|n| format!("  T{n}: {{Type: AWS::SNS::Topic}}\n")).collect();
    let db = "  Db:\n    Type: AWS::RDS::DBInstance\n    Properties: {MultiAZ: true}\n";
    assert_refused(&databases(), &format!("{db}{}", topics.concat()), &["502 resources when it is healed"]);
}

#[test]
fn two_rule_files_have_no_stack_in_common() {
    let project = TestProject::new().unwrap();
    for name in ["a", "b"] {
        let rules = format!("stack: {name}\nworkload: workloads/w.yaml\nrules:\n{}", databases());
        project.write(&format!("rules/{name}.yaml"), rules).unwrap();
    }
    project.write("workloads/w.yaml", "Resources:\n  Db:\n    Type: AWS::RDS::DBInstance\n").unwrap();
    let workloads = "    workloads:\n      a: {stack_name: app}\n      b: {stack_name: app}\n";
    project.write("healstack.yaml", format!("{CONFIG}{workloads}")).unwrap();
    let errors = project.compile().errors();
    assert!(errors.iter().any(|error| error.contains("two stacks are called `app`")), "{errors:#?}");
}
