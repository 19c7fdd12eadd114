//! Variables and their scopes.

use serde_json::json;

use crate::drive::run;

#[test]
fn all_values_are_computed_before_any_is_set() {
    let states = json!({
        "A": {"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"x": "{% $y %}", "y": "{% $x %}"}, "Output": "{% $x %}", "Next": "C"},
        "C": {"Type": "Succeed", "Output": ["{% $x %}", "{% $y %}", "{% $states.input %}"]},
    });
    assert_eq!(run(&states, json!({})).output(), json!([2, 1, 1]));
}

#[test]
fn a_value_is_data_as_between_two_states() {
    // An array that an expression keeps as such although it has one item is an array of one item afterwards, no more.
    let states = json!({
        "A": {"Type": "Pass", "Assign": {"kept": "{% $states.input.a[] %}"}, "Next": "B"},
        "B": {"Type": "Succeed", "Output": "{% {'kept': $kept, 'again': $kept.b} %}"},
    });
    assert_eq!(run(&states, json!({"a": {"b": 1}})).output(), json!({"kept": [{"b": 1}], "again": 1}));
}

#[test]
fn rules_of_a_choice_assign_for_themselves() {
    let states = json!({
        "A": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input = 1 %}", "Assign": {"x": "one"}, "Output": "first", "Next": "B"},
                {"Condition": "{% $states.input = 2 %}", "Next": "B"},
            ],
            "Assign": {"x": "other"},
            "Output": "default",
            "Default": "B",
        },
        "B": {"Type": "Succeed", "Output": "{% [$x, $states.input] %}"},
    });
    assert_eq!(run(&states, json!(1)).output(), json!(["one", "first"]));
    assert_eq!(run(&states, json!(2)).output(), json!([2]));
    assert_eq!(run(&states, json!(3)).output(), json!(["other", "default"]));
}

#[test]
fn items_see_variables_around_them_and_keep_theirs() {
    let states = json!({
        "A": {"Type": "Pass", "Assign": {"outer": 10}, "Next": "M"},
        "M": {
            "Type": "Map",
            "Items": [1, 2],
            "ItemProcessor": {"StartAt": "I", "States": {
                "I": {"Type": "Pass", "Assign": {"inner": "{% $outer + $states.input %}"}, "Next": "J"},
                "J": {"Type": "Pass", "Output": "{% $inner %}", "End": true},
            }},
            "Next": "Z",
        },
        "Z": {"Type": "Succeed", "Output": "{% {'items': $states.input, 'inner': $exists($inner)} %}"},
    });
    assert_eq!(run(&states, json!({})).output(), json!({"items": [11, 12], "inner": false}));
}

#[test]
fn too_many_variables_at_once_are_too_much() {
    let states = json!({
        "A": {"Type": "Pass", "Assign": {"a": "{% $states.input %}", "b": "{% $states.input %}"}, "Next": "B"},
        "B": {"Type": "Succeed", "Output": {}},
    });
    assert_eq!(run(&states, json!("x".repeat(100_000))).output(), json!({}));
    assert_eq!(run(&states, json!("x".repeat(140_000))).error().error, "States.DataLimitExceeded");
}
