//! Whatever becomes of a rule file, the compiler answers: with templates, or with errors that have a place.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::diagnostics::{Problem, Severity, Source};
use healstack::yaml;
use healstack_tests::TestProject;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

/// One change of a text.
#[derive(Debug, Clone)]
enum Edit {
    /// Take a line out.
    Drop(usize),
    /// Write a line twice.
    Repeat(usize),
    /// Put one line in another's place.
    Move(usize, usize),
    /// Put something into a line, at a character.
    Insert(usize, usize, String),
    /// End the text early.
    Cut(usize),
}

fn apply(text: &str, edit: &Edit) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let count = lines.len().max(1);
    match edit {
        Edit::Drop(line) if !lines.is_empty() => drop(lines.remove(line % count)),
        Edit::Repeat(line) if !lines.is_empty() => lines.insert(line % count, lines[line % count].clone()),
        Edit::Move(from, to) if !lines.is_empty() => {
            let line = lines[from % count].clone();
            lines[to % count] = line;
        }
        Edit::Insert(line, at, what) if !lines.is_empty() => {
            let line = &mut lines[line % count];
            let at = line.char_indices().map(|(offset, _)| offset).nth(at % (line.chars().count() + 1));
            line.insert_str(at.unwrap_or(line.len()), what);
        }
        Edit::Cut(at) => return text.chars().take(at % (text.chars().count() + 1)).collect(),
        _ => {}
    }
    lines.join("\n")
}

fn edit() -> impl Strategy<Value = Edit> {
    let fragment = prop_oneof![
        "[ \t:\\-\\[\\]{}&*!|>'\"%@`#,?~]{1,4}",
        Just("{{ X }}".to_owned()),
        Just("${AWS::Region}".to_owned()),
        Just("!Ref ".to_owned()),
        Just("&a *a".to_owned()),
        Just("null".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("-1".to_owned()),
        Just("é🦀".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    prop_oneof![
        any::<usize>().prop_map(Edit::Drop),
        any::<usize>().prop_map(Edit::Repeat),
        (any::<usize>(), any::<usize>()).prop_map(|(from, to)| Edit::Move(from, to)),
        (any::<usize>(), any::<usize>(), fragment).prop_map(|(line, at, what)| Edit::Insert(line, at, what)),
        any::<usize>().prop_map(Edit::Cut),
    ]
}

/// Every rule file that there is to begin with.
fn rule_files() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../rules/checkout.yaml", "fixtures/rules/variants.yaml"]
        .iter()
        .map(|path| fs::read_to_string(root.join(path)).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_broken_rule_file_is_answered(which in 0..2_usize, edits in prop::collection::vec(edit(), 1..5)) {
        let text = edits.iter().fold(rule_files()[which].clone(), |text, edit| apply(&text, edit));
        let outcome = TestProject::with_rules(&text).unwrap().compile();
        let errors: Vec<&Problem> =
            outcome.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        if errors.is_empty() {
            for stack in &outcome.stacks {
                prop_assert!(yaml::parse(&Source::new("template", stack.text.as_str())).is_ok(), "{}", text);
            }
        }
        for error in errors {
            let placed = error.location().is_some_and(|location| location.starts_with("rules/shop.yaml:"));
            prop_assert!(placed, "{} has no place in\n{}", error, text);
        }
    }
}
