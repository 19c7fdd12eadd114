//! What each action does, and where a run goes after it.

use crate::drive::{BEGIN, Drive, Reply, document, now, refused};
use healstack_rehearsal::automation::{Action, Run, Status};
use healstack_rehearsal::{AwsError, Millis};
use serde_json::{Value, json};

fn drive(steps: Value) -> Drive {
    Drive::new(&document(steps), &json!({"Id": ["i-1"]}), 1)
}

fn call(name: &str, more: Value) -> Value {
    let mut step = json!({
        "name": name, "action": "aws:executeAwsApi",
        "inputs": {"Service": "ec2", "Api": "Do", "InstanceIds": ["{{ Id }}"]},
    });
    for (field, value) in more.as_object().unwrap() {
        step[field.as_str()] = value.clone();
    }
    step
}

/// Waits for, or asserts, that `$.State` is `on`.
fn property(name: &str, action: &str, seconds: u64) -> Value {
    json!({
        "name": name, "action": action, "timeoutSeconds": seconds,
        "inputs": {"Service": "ec2", "Api": "Get", "PropertySelector": "$.State", "DesiredValues": ["on"]},
    })
}

fn requests(drive: &Drive) -> Vec<Value> {
    let request = |action: &Action| match action {
        Action::Call { request, .. } => Some(request.clone()),
        _ => None,
    };
    drive.asked.iter().filter_map(request).collect()
}

#[test]
fn requests_have_the_types_that_they_are_written_with() {
    let mut run = drive(json!([
        call(
            "first",
            json!({"outputs": [
                {"Name": "Number", "Selector": "$.A[0].n", "Type": "Integer"},
                {"Name": "Text", "Selector": "$.A[0].n", "Type": "String"},
                {"Name": "All", "Selector": "$.A[*].n", "Type": "StringList"},
            ]})
        ),
        call(
            "second",
            json!({"inputs": {
                "Service": "ec2", "Api": "Do",
                "N": "{{ first.Number }}", "T": "{{ first.Text }}", "L": "{{ first.All }}",
            "Flag": "{{ Flag }}", "Names": "{{ Names }}", "Literal": 7,
                "Inside": "{{ Id }}/{{ first.Number }}/{{ Flag }}",
                "At": "{{ global:DATE_TIME }}", "Run": "{{ automation:EXECUTION_ID }}",
            }})
        ),
    ]));
    let status = run.end(&mut |_, _| now(json!({"A": [{"n": 5}, {"n": 6}]})));
    assert_eq!(status, Status::Success);
    assert_eq!(
        requests(&run)[1],
        json!({
            "N": 5, "T": "5", "L": ["5", "6"], "Flag": true, "Names": ["a", "b"], "Literal": 7, "Inside": "i-1/5/true",
            "At": "2026-01-05_12.00.00", "Run": "0-1-2",
        })
    );
}

#[test]
fn an_output_that_is_not_there_fails_whoever_needs_it() {
    let output = json!({"outputs": [{"Name": "Gone", "Selector": "$.Gone", "Type": "String"}], "nextStep": "asks"});
    let steps = json!([
        call("first", output),
        {"name": "asks", "action": "aws:branch", "inputs": {
            "Choices": [{"NextStep": "never", "Variable": "{{ first.Gone }}", "StringEquals": "x"}], "Default": "needs",
        }},
        call("needs", json!({
            "inputs": {"Service": "ec2", "Api": "Do", "It": "{{ first.Gone }}"}, "onFailure": "step:late",
        })),
        call("never", json!({})),
        call("late", json!({})),
    ]);
    let mut run = drive(steps);
    assert_eq!(run.end(&mut |_, _| now(json!({}))), Status::Failed);
    let (ok, failed) = (Status::Success, Status::Failed);
    assert_eq!(run.reached(), [("first", ok), ("asks", ok), ("needs", failed), ("late", ok)]);
    assert!(run.run.steps()[2].failure.as_ref().unwrap().contains("Failed to resolve input: first.Gone"));
    assert_eq!(requests(&run).len(), 2, "a step whose inputs do not resolve calls nothing");
}

#[test]
fn an_output_of_another_type_fails_its_step() {
    let output = json!({"outputs": [{"Name": "N", "Selector": "$.N", "Type": "Integer"}]});
    let mut run = drive(json!([call("first", output)]));
    assert_eq!(run.end(&mut |_, _| now(json!({"N": "many"}))), Status::Failed);
}

#[test]
fn attempts_and_failures_lead_where_the_step_says() {
    let cases = [
        (json!({}), Status::Failed, vec!["a"]),
        (json!({"onFailure": "Abort"}), Status::Failed, vec!["a"]),
        (json!({"onFailure": "Continue"}), Status::Success, vec!["a", "b", "c"]),
        (json!({"onFailure": "Continue", "isCritical": true}), Status::Failed, vec!["a", "b", "c"]),
        (json!({"onFailure": "step:c"}), Status::Failed, vec!["a", "c"]),
        (json!({"onFailure": "step:c", "isCritical": false}), Status::Success, vec!["a", "c"]),
        (json!({"onFailure": "step:c", "isEnd": true}), Status::Failed, vec!["a"]),
        (json!({"isEnd": true, "isCritical": false}), Status::Success, vec!["a"]),
        (json!({"nextStep": "c", "onFailure": "Continue"}), Status::Success, vec!["a", "c"]),
        (json!({"maxAttempts": 3}), Status::Failed, vec!["a"]),
    ];
    for (more, status, reached) in cases {
        let mut run = drive(json!([call("a", more.clone()), call("b", json!({})), call("c", json!({}))]));
        let mut calls = 0;
        let ended = run.end(&mut |run: &Run, _| {
            calls += usize::from(run.describe()["CurrentStepName"].is_null());
            if run.steps()[0].status == Status::InProgress { refused("Broken") } else { now(json!({})) }
        });
        assert_eq!(ended, status, "{more}");
        assert_eq!(run.reached().iter().map(|(name, _)| *name).collect::<Vec<_>>(), reached, "{more}");
        let message = run.run.describe()["FailureMessage"].as_str().map(str::to_owned);
        assert_eq!(message.is_some(), status == Status::Failed, "{more}");
        let attempts = more["maxAttempts"].as_u64().unwrap_or(1);
        assert_eq!(requests(&run).len() as u64, attempts + reached.len() as u64 - 1, "{more}");
    }
}

#[test]
fn another_attempt_may_succeed() {
    let mut run = drive(json!([call("a", json!({"maxAttempts": 3}))]));
    let mut answers = vec![now(json!({})), refused("Broken"), refused("Broken")];
    assert_eq!(run.end(&mut |_, _| answers.pop().unwrap()), Status::Success);
    assert_eq!(run.seconds(), 1 + 2, "a second, then two");
}

#[test]
fn a_call_that_is_not_answered_times_out() {
    let mut run = drive(json!([call("a", json!({"onFailure": "step:b", "nextStep": "b"})), call("b", json!({}))]));
    let late: Reply = Some((26_000, Ok(json!({}))));
    let mut answers = vec![now(json!({})), late];
    assert_eq!(run.end(&mut |_, _| answers.pop().unwrap()), Status::TimedOut);
    assert_eq!(run.reached(), [("a", Status::TimedOut), ("b", Status::Success)]);
    assert_eq!(run.seconds(), 25);
}

#[test]
fn a_wait_looks_until_it_sees_or_its_time_is_over() {
    let on_after = |at: Millis| {
        move |since: Millis| now(if since < at { json!({"State": "off"}) } else { json!({"State": "on"}) })
    };
    for (on, status, least, most) in
        [(0, Status::Success, 0, 0), (100, Status::Success, 100, 117), (999, Status::TimedOut, 600, 600)]
    {
        let mut run = drive(json!([property("wait", "aws:waitForAwsResourceProperty", 600)]));
        let (state, mut looks) = (on_after(on * 1000), 0);
        // The function is not told the moment, so it counts the looks: none is more than 16 s after the one before.
        let began = std::cell::Cell::new(BEGIN);
        let ended = loop {
            let mut reply = |_: &Run, _: &Action| {
                looks += 1;
                state(began.get() - BEGIN)
            };
            let next = began.get();
            run.until(next, &mut reply);
            if run.run.status().is_final() {
                break run.run.status();
            }
            began.set(next + 100);
        };
        assert_eq!(ended, status, "{on}");
        assert!((least..=most).contains(&run.seconds()), "{on}: {}", run.seconds());
        assert!(looks <= 60, "{looks}");
    }
}

#[test]
fn a_wait_survives_what_is_thrown_at_it_but_a_refusal() {
    let mut run = drive(json!([property("wait", "aws:waitForAwsResourceProperty", 600)]));
    let throttled = || Some((0, Err(AwsError::server("ThrottlingException", "Rate exceeded"))));
    let mut answers = vec![now(json!({"State": "on"})), now(json!({})), throttled(), None];
    // The first is never answered, and the wait's own time is over before a second look.
    assert_eq!(run.end(&mut |_, _| answers.pop().unwrap()), Status::TimedOut);
    let mut run = drive(json!([property("wait", "aws:waitForAwsResourceProperty", 600)]));
    let mut answers = vec![now(json!({"State": "on"})), now(json!({})), throttled()];
    assert_eq!(run.end(&mut |_, _| answers.pop().unwrap()), Status::Success);
    let mut run = drive(json!([property("wait", "aws:waitForAwsResourceProperty", 600)]));
    assert_eq!(run.end(&mut |_, _| refused("NotFound")), Status::Failed);
}

#[test]
fn an_assertion_looks_once() {
    for (found, status) in
        [(json!("on"), Status::Success), (json!("off"), Status::Failed), (json!(null), Status::Failed)]
    {
        let mut run = drive(json!([property("sure", "aws:assertAwsResourceProperty", 60)]));
        assert_eq!(run.end(&mut |_, _| now(json!({"State": found}))), status, "{found}");
        assert_eq!((requests(&run).len(), run.seconds()), (1, 0));
    }
    // Values are compared as Python writes them.
    for (found, desired, status) in [
        (json!(false), "False", Status::Success),
        (json!(false), "false", Status::Failed),
        (json!(1.0), "1.0", Status::Success),
        (json!(1), "1.0", Status::Failed),
        (json!(0), "0", Status::Success),
    ] {
        let mut step = property("sure", "aws:assertAwsResourceProperty", 60);
        step["inputs"]["DesiredValues"] = json!([desired]);
        assert_eq!(drive(json!([step])).end(&mut |_, _| now(json!({"State": found}))), status, "{found} {desired}");
    }
}

#[test]
fn selectors_and_desired_values_may_name_variables() {
    let mut step = property("sure", "aws:assertAwsResourceProperty", 60);
    step["inputs"]["PropertySelector"] = json!("$.Weights['{{ Id }}']");
    step["inputs"]["DesiredValues"] = json!(["{{ Count }}"]);
    let mut run = drive(json!([step]));
    assert_eq!(run.end(&mut |_, _| now(json!({"Weights": {"i-1": 3}}))), Status::Success);
}

#[test]
fn a_sleep_takes_its_time() {
    let mut run = drive(json!([{"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT5M1S"}}]));
    assert_eq!(run.end(&mut |_, _| None), Status::Success);
    assert_eq!(run.seconds(), 301);
}

#[test]
fn a_branch_without_a_true_choice_goes_on_or_ends() {
    for (field, value, reached) in [
        ("Default", json!("c"), vec!["asks", "c"]),
        ("none", json!(null), vec!["asks", "b", "c"]),
        ("isEnd", json!(true), vec!["asks"]),
    ] {
        let mut asks = json!({"name": "asks", "action": "aws:branch", "inputs": {
            "Choices": [{"NextStep": "c", "Variable": "{{ Id }}", "StringEquals": "i-2"}],
        }});
        match field {
            "Default" => asks["inputs"]["Default"] = value,
            "isEnd" => asks["isEnd"] = value,
            _ => {}
        }
        let mut run = drive(json!([asks, call("b", json!({})), call("c", json!({}))]));
        assert_eq!(run.end(&mut |_, _| now(json!({}))), Status::Success);
        assert_eq!(run.reached().iter().map(|(name, _)| *name).collect::<Vec<_>>(), reached);
    }
}

#[test]
fn scripts_give_their_payload_and_fail_as_they_raise() {
    let script = json!({
        "name": "compute", "action": "aws:executeScript", "timeoutSeconds": 60,
        "inputs": {
            "Runtime": "python3.11", "Handler": "f", "InputPayload": {"n": "{{ Count }}"},
            "Script": "def f(e, c): pass",
        },
        "outputs": [{"Name": "Twice", "Selector": "$.Payload.twice", "Type": "Integer"}],
    });
    let after = call("after", json!({"inputs": {"Service": "ec2", "Api": "Do", "N": "{{ compute.Twice }}"}}));
    let mut run = drive(json!([script, after]));
    let status = run.end(&mut |_, action| match action {
        Action::Script { handler, payload, .. } if handler == "f" => {
            now(json!({"twice": payload["n"].as_i64().unwrap() * 2}))
        }
        _ => now(json!({})),
    });
    assert_eq!(status, Status::Success);
    assert_eq!(requests(&run), [json!({"N": 6})]);
    let mut run = drive(json!([script]));
    assert_eq!(run.end(&mut |_, _| refused("Exception")), Status::Failed);
}

#[test]
fn commands_succeed_with_their_status() {
    let command = json!({
        "name": "patch", "action": "aws:runCommand", "timeoutSeconds": 600,
        "inputs": {"DocumentName": "AWS-RunPatchBaseline", "InstanceIds": ["{{ Id }}"], "TimeoutSeconds": 60},
    });
    for (status, ended) in [("Success", Status::Success), ("Failed", Status::Failed), ("TimedOut", Status::Failed)] {
        let mut run = drive(json!([command]));
        let mut asked = json!(null);
        let end = run.end(&mut |_, action| {
            let Action::Command { request, .. } = action else { panic!("{action:?}") };
            asked = request.clone();
            Some((300_000, Ok(json!({"Status": status, "CommandId": "c"}))))
        });
        assert_eq!((end, run.seconds()), (ended, 300), "{status}");
        let request = json!({"DocumentName": "AWS-RunPatchBaseline", "InstanceIds": ["i-1"], "TimeoutSeconds": 60});
        assert_eq!(asked, request);
    }
    let mut run = drive(json!([command]));
    assert_eq!(run.end(&mut |_, _| None), Status::TimedOut);
    assert_eq!(run.seconds(), 600);
}

#[test]
fn an_approval_waits_for_people() {
    let approve =
        json!({"name": "approve", "action": "aws:approve", "timeoutSeconds": 86_400, "inputs": {"Approvers": ["a"]}});
    for (decision, ended) in [("Approved", Status::Success), ("Rejected", Status::Failed)] {
        let mut run = drive(json!([approve, call("b", json!({}))]));
        let reply = &mut |_: &Run, action: &Action| match action {
            Action::Approval { .. } => Some((7_200_000, Ok(json!({"ApprovalStatus": decision})))),
            _ => now(json!({})),
        };
        run.until(BEGIN + 1000, reply);
        assert_eq!((run.run.status(), run.run.steps()[0].status), (Status::Waiting, Status::Waiting));
        assert_eq!(run.end(reply), ended);
        assert_eq!(run.seconds(), 7200);
    }
    let mut run = drive(json!([approve]));
    assert_eq!(run.end(&mut |_, _| None), Status::TimedOut);
}

#[test]
fn a_stop_does_what_on_cancel_says_for_two_minutes() {
    let long = json!({"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT1H"}});
    let mut stopped = drive(json!([long]));
    stopped.until(BEGIN + 5000, &mut |_, _| None);
    stopped.run.stop(BEGIN + 5000);
    assert_eq!(stopped.end(&mut |_, _| None), Status::Cancelled);
    assert_eq!((stopped.reached(), stopped.seconds()), (vec![("nap", Status::Cancelled)], 5));

    let wait = property("wait", "aws:waitForAwsResourceProperty", 3600);
    for (answer, seconds, undo, cleaned) in [
        (Some((3000, Ok(json!({})))), 8, Status::Success, Status::Success),
        (None, 5 + 25, Status::TimedOut, Status::Pending),
    ] {
        let mut wait = wait.clone();
        wait["onCancel"] = json!("step:undo");
        let mut run = drive(json!([wait, call("undo", json!({"nextStep": "clean"})), call("clean", json!({}))]));
        let reply = &mut |run: &Run, _: &Action| match run.status() {
            Status::Cancelling if run.steps()[2].start.is_none() => answer.clone(),
            Status::Cancelling => now(json!({})),
            _ => now(json!({"State": "off"})),
        };
        run.until(BEGIN + 5000, reply);
        run.run.stop(BEGIN + 5000);
        assert_eq!(run.end(reply), Status::Cancelled);
        assert_eq!(run.seconds(), seconds);
        let statuses: Vec<Status> = run.run.steps().iter().map(|step| step.status).collect();
        assert_eq!(statuses, [Status::Cancelled, undo, cleaned]);
    }

    let mut first = call("a", json!({"onCancel": "step:undo"}));
    first["inputs"]["Api"] = json!("Slow");
    let mut run = drive(json!([first, property("undo", "aws:waitForAwsResourceProperty", 3600)]));
    run.until(BEGIN, &mut |_, _| None);
    run.run.stop(BEGIN);
    assert_eq!(run.end(&mut |_, _| now(json!({}))), Status::Cancelled);
    assert_eq!(run.seconds(), 120, "longer than that nothing is undone");
}

#[test]
fn an_execution_is_described_as_the_api_does() {
    let output = json!({
        "outputs": [{"Name": "N", "Selector": "$.N", "Type": "Integer"}], "onFailure": "step:late", "nextStep": "late",
    });
    let mut run = drive(json!([call("first", output), call("late", json!({"isEnd": true}))]));
    run.end(&mut |run, _| if run.steps()[0].end.is_none() { now(json!({"N": 2})) } else { refused("Broken") });
    assert_eq!(
        run.run.describe(),
        json!({
            "AutomationExecutionId": "0-1-2", "DocumentName": "heal--test", "DocumentVersion": "1",
            "AutomationExecutionStatus": "Failed", "ExecutionStartTime": "2026-01-05T12:00:00.000Z",
            "Mode": "Auto", "ExecutionEndTime": "2026-01-05T12:00:00.000Z",
            "FailureMessage": "Step late: Broken: no",
            "Parameters": {"Id": ["i-1"], "Flag": ["true"], "Count": ["3"], "Names": ["a", "b"]},
            "Outputs": {},
            "StepExecutions": [
                {
                    "StepName": "first", "Action": "aws:executeAwsApi", "StepStatus": "Success",
                    "OnFailure": "step:late", "MaxAttempts": 1, "IsEnd": false, "IsCritical": true,
                    "TimeoutSeconds": 25, "NextStep": "late",
                    "ExecutionStartTime": "2026-01-05T12:00:00.000Z", "ExecutionEndTime": "2026-01-05T12:00:00.000Z",
                    "Outputs": {"N": ["2"]},
                },
                {
                    "StepName": "late", "Action": "aws:executeAwsApi", "StepStatus": "Failed", "OnFailure": "Abort",
                    "MaxAttempts": 1, "IsEnd": true, "IsCritical": true, "TimeoutSeconds": 25,
                    "ExecutionStartTime": "2026-01-05T12:00:00.000Z", "ExecutionEndTime": "2026-01-05T12:00:00.000Z",
                    "FailureMessage": "Broken: no",
                },
            ],
            "StepExecutionsTruncated": false,
        })
    );
}
