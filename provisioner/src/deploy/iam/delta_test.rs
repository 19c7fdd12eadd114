use super::*;
use crate::deploy::iam::iam_statements;

fn template(statement: &str) -> String {
    let indented: String = statement.lines().flat_map(|line| ["                ", line, "\n"]).collect();
    format!(
        "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Statement:\n          \
         - {{Effect: Allow, Action: 'sts:AssumeRole', Principal: {{Service: ssm.amazonaws.com}}}}\n      Policies:\n        \
         - PolicyName: heal\n          PolicyDocument:\n            Statement:\n              -\n{indented}"
    )
}

const REBOOT: &str = "Effect: Allow
Action: ec2:RebootInstances
Resource: !Sub arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*
Condition: {StringEquals: {'aws:ResourceTag/app': checkout}}";

fn delta(before: &str, after: &str) -> IamDelta {
    IamDelta::between(&iam_statements(&template(before)), &iam_statements(&template(after)))
}

fn only(delta: &IamDelta) -> (IamChangeKind, Vec<&str>) {
    assert_eq!(delta.changes.len(), 1, "{delta:#?}");
    (delta.changes[0].kind, delta.changes[0].differences.iter().map(String::as_str).collect())
}

#[test]
fn statements_are_found_with_their_policy_and_principals() {
    let found = iam_statements(&template(REBOOT));
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].policy.as_str(), found[0].principals.as_slice()),
        ("AssumeRolePolicyDocument", &["Service ssm.amazonaws.com".to_owned()][..])
    );
    assert_eq!(found[1].policy, "heal");
    assert_eq!(found[1].conditions, ["StringEquals aws:ResourceTag/app: checkout"]);
    assert_eq!(found[1].resources, ["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*"]);
}

#[test]
fn the_same_template_has_no_delta() {
    assert_eq!(delta(REBOOT, REBOOT), IamDelta::default());
}

#[test]
fn a_new_role_is_all_added() {
    let delta = IamDelta::between(&[], &iam_statements(&template(REBOOT)));
    assert_eq!(delta.changes.iter().map(|change| change.kind).collect::<Vec<_>>(), [IamChangeKind::Added; 2]);
    assert!(delta.permits_more());
}

#[test]
fn another_action_widens() {
    let more = REBOOT.replace("ec2:RebootInstances", "[ec2:RebootInstances, ec2:TerminateInstances]");
    assert_eq!(only(&delta(REBOOT, &more)), (IamChangeKind::Widened, vec!["+ ec2:TerminateInstances"]));
    let back = delta(&more, REBOOT);
    assert_eq!(only(&back), (IamChangeKind::Narrowed, vec!["- ec2:TerminateInstances"]));
    assert!(!back.permits_more());
}

#[test]
fn an_action_that_a_wildcard_covered_is_no_widening() {
    let wild = REBOOT.replace("ec2:RebootInstances", "'ec2:Reboot*'");
    assert_eq!(only(&delta(&wild, REBOOT)), (IamChangeKind::Narrowed, vec!["- ec2:Reboot*"]));
    assert_eq!(only(&delta(REBOOT, &wild)), (IamChangeKind::Widened, vec!["+ ec2:Reboot*"]));
}

#[test]
fn a_lost_or_changed_condition_widens() {
    let without = REBOOT.lines().filter(|line| !line.starts_with("Condition")).collect::<Vec<_>>().join("\n");
    let lost = "- if StringEquals aws:ResourceTag/app: checkout";
    assert_eq!(only(&delta(REBOOT, &without)), (IamChangeKind::Widened, vec![lost]));
    assert_eq!(only(&delta(&without, REBOOT)).0, IamChangeKind::Narrowed);
    let other = REBOOT.replace("checkout", "payments");
    assert_eq!(only(&delta(REBOOT, &other)).0, IamChangeKind::Widened);
}

#[test]
fn less_denied_is_more_permitted() {
    let deny = "Effect: Deny\nAction: ['s3:DeleteBucket', 's3:DeleteObject']\nResource: '*'";
    let less = "Effect: Deny\nAction: 's3:DeleteBucket'\nResource: '*'";
    assert_eq!(only(&delta(deny, less)), (IamChangeKind::Widened, vec!["- s3:DeleteObject"]));
    assert_eq!(only(&delta(less, deny)).0, IamChangeKind::Narrowed);
    let gone = IamDelta::between(&iam_statements(&template(deny)), &[]);
    assert!(gone.permits_more());
}

#[test]
fn everything_but_some_actions_is_always_said() {
    let not = "Effect: Allow\nNotAction: 'iam:*'\nResource: '*'";
    let fewer = "Effect: Allow\nNotAction: ['iam:*', 'sts:*']\nResource: '*'";
    assert_eq!(only(&delta(not, fewer)).0, IamChangeKind::Widened);
}

#[test]
fn managed_policies_and_lambda_permissions_count() {
    let found = iam_statements(
        "Resources:
  Role: {Type: AWS::IAM::Role, Properties: {ManagedPolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}}
  Call:
    Type: AWS::Lambda::Permission
    Properties: {Action: 'lambda:InvokeFunction', FunctionName: !Ref Hook, Principal: sns.amazonaws.com, SourceArn: !Ref Topic}
  Topic:
    Type: AWS::SNS::TopicPolicy
    Properties:
      PolicyDocument: {Statement: {Effect: Allow, Principal: '*', Action: 'sns:Publish', Resource: !Ref T}}",
    );
    let shown: Vec<String> =
        found.iter().map(|s| format!("{} {:?} {:?} {:?}", s.policy, s.principals, s.actions, s.conditions)).collect();
    assert_eq!(
        shown,
        [
            r#"ManagedPolicyArns [] ["(all of arn:aws:iam::aws:policy/ReadOnlyAccess)"] []"#,
            r#"Permission ["sns.amazonaws.com"] ["lambda:InvokeFunction"] ["SourceArn: ${Topic}"]"#,
            r#"PolicyDocument ["*"] ["sns:Publish"] []"#,
        ]
    );
}

#[test]
fn attaching_a_policy_elsewhere_and_losing_a_boundary_widen() {
    let policy = |kind: &str, roles: &str| {
        iam_statements(&format!(
            "Resources: {{P: {{Type: AWS::IAM::{kind}, Properties: {{Roles: {roles}, PolicyName: p, PolicyDocument: \
             {{Statement: {{Effect: Allow, Action: 's3:GetObject', Resource: '*'}}}}}}}}}}"
        ))
    };
    for kind in ["Policy", "ManagedPolicy"] {
        let delta = IamDelta::between(&policy(kind, "[a]"), &policy(kind, "[a, !Ref B]"));
        assert_eq!(only(&delta), (IamChangeKind::Widened, vec!["+ for attached to role ${B}"]));
    }
    let role = |boundary: &str| {
        iam_statements(&format!(
            "Resources: {{R: {{Type: AWS::IAM::Role, Properties: {{{boundary} ManagedPolicyArns: [arn:x], AssumeRolePolicyDocument: \
             {{Statement: {{Effect: Allow, Action: 'sts:AssumeRole', Principal: '*'}}}}}}}}}}"
        ))
    };
    let delta = IamDelta::between(&role("PermissionsBoundary: arn:b,"), &role(""));
    assert_eq!(only(&delta), (IamChangeKind::Widened, vec!["- if within the boundary arn:b"]));
}

#[test]
fn documents_as_text_and_in_conditions_count() {
    let found = iam_statements(
        r#"Resources:
  Logs:
    Type: AWS::Logs::ResourcePolicy
    Properties: {PolicyName: p, PolicyDocument: '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"logs:PutLogEvents"}]}'}
  Queue:
    Type: AWS::SQS::QueuePolicy
    Properties:
      PolicyDocument: {Statement: [!If [C, {Effect: Allow, Action: 'sqs:SendMessage'}, !Ref AWS::NoValue]]}"#,
    );
    let shown: Vec<(&str, &str)> = found.iter().map(|s| (s.policy.as_str(), s.actions[0].as_str())).collect();
    assert_eq!(shown, [("p", "logs:PutLogEvents"), ("PolicyDocument", "sqs:SendMessage")]);
}

#[test]
fn wildcards_cover_as_in_iam() {
    for (pattern, item, expected) in [
        ("*", "anything", true),
        ("ec2:*", "EC2:RebootInstances", true),
        ("ec2:Describe*", "ec2:RebootInstances", false),
        ("a*b*c", "a1b2b3c", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("abc", "abcd", false),
        ("abc*", "abc", true),
    ] {
        assert_eq!(covers(pattern, item), expected, "{pattern} over {item}");
    }
}
