//! Every template of the corpus in `fixtures/workloads`: what is healed, what is refused, and that nothing else of a template changes.
//!
//! A case is a folder with a template, `rules.yaml`, and `refused.txt` where it cannot be healed: each of its lines is in some error.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::compile::HealedWorkload;
use healstack::workload::Change;
use healstack_tests::TestProject;
use rayon::prelude::*;
use similar::{ChangeTag, DiffOp, TextDiff};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// A case, and what came of compiling it.
struct Case {
    name: String,
    /// `template.yaml` or `template.json`.
    file: &'static str,
    original: String,
    rules: String,
    /// What its errors must say.
    refused: Option<String>,
    outcome: Compiled,
}

/// What came of healing one template.
#[derive(Default)]
struct Compiled {
    errors: Vec<String>,
    healed: Option<HealedWorkload>,
}

/// A template and the rules that heal it.
struct Input<'a> {
    name: &'a str,
    file: &'a str,
    rules: &'a str,
    template: &'a str,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let read = |file: &str| fs::read_to_string(folder.join(file));
        let (file, original) = ["template.yaml", "template.json"]
            .into_iter()
            .find_map(|file| Some((file, read(file).ok()?)))
            .unwrap_or_else(|| panic!("{} has no template", folder.display()));
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            file,
            original,
            rules: read("rules.yaml").unwrap(),
            refused: read("refused.txt").ok(),
            outcome: Compiled::default(),
        }
    }

    fn input<'a>(&'a self, rules: &'a str, template: &'a str) -> Input<'a> {
        Input { name: &self.name, file: self.file, rules, template }
    }

    fn overrides(&self) -> bool {
        self.rules.contains("override: true")
    }

    /// The name of each rule, and the rules without it.
    fn without_each(&self) -> Vec<(String, String)> {
        let (head, rules) = self.rules.split_once("rules:\n").unwrap();
        let rules: Vec<&str> = rules.split("  - name: ").skip(1).collect();
        let kept = |dropped: usize| {
            let others = rules.iter().enumerate().filter(|(at, _)| *at != dropped);
            others.flat_map(|(_, rule)| ["  - name: ", rule]).collect::<String>()
        };
        (0..rules.len())
            .map(|at| (rules[at].lines().next().unwrap().to_owned(), format!("{head}rules:\n{}", kept(at))))
            .collect()
    }
}

/// Compiles rule files with their templates in one project, whose own stacks take longer than all of them.
fn compile(inputs: &[Input<'_>]) -> Vec<Compiled> {
    let project = TestProject::new().unwrap();
    for Input { name, file, rules, template } in inputs {
        let path = format!("workloads/{name}/{file}");
        let named = rules.replace(&format!("workloads/{file}"), &path);
        assert!(named.contains(&path), "{name} heals another template");
        project.write(&format!("rules/{name}.yaml"), named).unwrap();
        project.write(&path, template).unwrap();
    }
    let mut outcome = project.compile();
    let errors = outcome.errors();
    inputs
        .iter()
        .map(|Input { name, .. }| {
            let places = [format!("rules/{name}.yaml:"), format!("workloads/{name}/")];
            let of_case = |error: &&String| places.iter().any(|place| error.starts_with(place));
            let stack = outcome.stacks.iter_mut().find(|stack| stack.folder == *name);
            Compiled {
                errors: errors.iter().filter(of_case).cloned().collect(),
                healed: stack.and_then(|stack| stack.workload.take()),
            }
        })
        .collect()
}

static CORPUS: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/workloads");
    let mut folders: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut cases: Vec<Case> = folders.iter().map(|folder| Case::read(folder)).collect();
    let inputs: Vec<_> = cases.iter().map(|case| case.input(&case.rules, &case.original)).collect();
    let outcomes = compile(&inputs);
    cases.iter_mut().zip(outcomes).for_each(|(case, outcome)| case.outcome = outcome);
    cases
});

/// The cases that are healed, with their healed text.
fn healing() -> Vec<(&'static Case, &'static HealedWorkload)> {
    CORPUS.iter().filter_map(|case| Some((case, case.outcome.healed.as_ref()?))).collect()
}

/// Checks every one of some cases on all cores, and tells all that fail.
#[track_caller]
fn check_all<T: Sync>(cases: &[T], check: impl Fn(&T) -> Vec<String> + Send + Sync) {
    let failures: Vec<String> = cases.par_iter().flat_map_iter(check).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Whether the characters of one text stand in another in their order.
fn is_contained(text: &str, longer: &str) -> bool {
    let mut rest = longer.chars();
    text.chars().all(|c| rest.any(|other| other == c))
}

/// What of the original is not in the healed text, where that is more than insertions.
fn losses(original: &str, healed: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(original, healed);
    let mut missing = Vec::new();
    for op in diff.ops() {
        if matches!(op, DiffOp::Equal { .. } | DiffOp::Insert { .. }) {
            continue;
        }
        let mut inserted = diff.iter_changes(op).filter(|change| change.tag() == ChangeTag::Insert);
        for gone in diff.iter_changes(op).filter(|change| change.tag() == ChangeTag::Delete) {
            let line = gone.value();
            // A line of a collection in brackets goes on with more; the last line of a file may get an end.
            let grown = |new: &str| {
                if line.ends_with('\n') { is_contained(line, new) } else { is_contained(line, new.trim_end()) }
            };
            let in_brackets = line.contains(['{', '[', ',']);
            let ends_file = !line.ends_with('\n');
            let kept = inserted.any(|new| {
                let same = new.value().trim_end_matches(['\r', '\n']) == line;
                (ends_file && same) || (in_brackets && grown(new.value()))
            });
            if !kept {
                missing.push(format!("line {}: {line:?}", gone.old_index().map_or(0, |index| index + 1)));
            }
        }
    }
    missing
}

/// The lines that one text has more than another.
fn added(original: &str, healed: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(original, healed);
    diff.iter_all_changes()
        .filter(|change| change.tag() == ChangeTag::Insert)
        .map(|change| change.value().trim_end_matches(['\r', '\n']).to_owned())
        .collect()
}

#[test]
fn every_case_is_healed_or_refused_as_it_says() {
    assert!(CORPUS.len() >= 30, "{} cases", CORPUS.len());
    assert!(healing().len() >= 25, "{} cases that heal", healing().len());
    check_all(&CORPUS, |case| {
        let Case { name, refused, outcome: Compiled { errors, healed }, .. } = case;
        let told = errors.join("\n");
        match refused {
            None if !errors.is_empty() => vec![format!("{name} is not healed:\n{told}")],
            None if healed.is_none() => vec![format!("{name} has no healed template")],
            None => Vec::new(),
            Some(_) if healed.is_some() || errors.is_empty() => vec![format!("{name} is not refused")],
            Some(lines) => lines
                .lines()
                .filter(|line| !told.contains(*line))
                .map(|line| format!("{name}: no error says `{line}`:\n{told}"))
                .collect(),
        }
    });
}

#[test]
fn a_refusal_is_never_the_products_own_fault() {
    check_all(&CORPUS, |case| {
        let faults = case.outcome.errors.iter().filter(|error| error.contains("would not be this one with additions"));
        faults.map(|fault| format!("{}: {fault}", case.name)).collect()
    });
}

#[test]
fn healing_only_adds() {
    check_all(&healing(), |(case, healed)| {
        if case.overrides() {
            return Vec::new();
        }
        losses(&case.original, &healed.text).into_iter().map(|loss| format!("{} lost {loss}", case.name)).collect()
    });
}

#[test]
fn what_is_replaced_is_what_an_override_says() {
    check_all(&healing(), |(case, healed)| {
        let replaced = healed.changes.iter().filter(|change| change.was.is_some());
        let lost = losses(&case.original, &healed.text).len();
        let replaced = replaced.count();
        if lost > replaced {
            return vec![format!("{}: {lost} lines changed, {replaced} values replaced", case.name)];
        }
        Vec::new()
    });
}

#[test]
fn healing_again_changes_nothing() {
    let once = healing();
    let inputs: Vec<_> = once.iter().map(|(case, once)| case.input(&case.rules, &once.text)).collect();
    let again: Vec<_> = once.into_iter().zip(compile(&inputs)).collect();
    check_all(&again, |((case, once), again)| match &again.healed {
        None => vec![format!("{} is not healed again:\n{}", case.name, again.errors.join("\n"))],
        Some(twice) if twice.text != once.text || !twice.changes.is_empty() => vec![format!(
            "{} is healed again:\n{:#?}\n{}",
            case.name,
            twice.changes,
            added(&once.text, &twice.text).join("\n")
        )],
        Some(_) => Vec::new(),
    });
}

#[test]
fn without_a_rule_all_that_the_others_want_is_there() {
    let several: Vec<_> = healing()
        .into_iter()
        .map(|(case, all)| (case, all, case.without_each()))
        .filter(|(_, _, without)| without.len() > 1)
        .collect();
    assert!(several.len() >= 10, "{} cases with several rules", several.len());
    let most = several.iter().map(|(_, _, without)| without.len()).max().unwrap_or(0);
    let mut checked = Vec::new();
    for dropped in 0..most {
        let cases = several.iter().filter_map(|(case, all, without)| Some((*case, *all, without.get(dropped)?)));
        let cases: Vec<_> = cases.collect();
        let inputs: Vec<_> = cases.iter().map(|(case, _, (_, rules))| case.input(rules, &case.original)).collect();
        let rest = compile(&inputs);
        checked.extend(cases.into_iter().zip(rest).map(|((case, all, (name, _)), rest)| (case, all, name, rest)));
    }
    check_all(&checked, |(case, all, dropped, rest)| {
        let what = format!("{} without {dropped}", case.name);
        let Some(rest) = &rest.healed else {
            return vec![format!("{what} is not healed:\n{}", rest.errors.join("\n"))];
        };
        let found = dropped_rule(case, all, dropped, rest);
        found.into_iter().map(|failure| format!("{what} {failure}")).collect()
    });
}

/// What is wrong with a template that was healed without one of its rules.
fn dropped_rule(case: &Case, all: &HealedWorkload, dropped: &str, rest: &HealedWorkload) -> Vec<String> {
    let identity = format!("{}/{dropped}", case.name);
    let mut failures = Vec::new();
    if rest.text.contains(&format!("{identity}:")) || rest.changes.iter().any(|change| change.rule == identity) {
        failures.push("names it".to_owned());
    }
    if !case.overrides() {
        failures.extend(losses(&case.original, &rest.text).iter().map(|loss| format!("lost {loss}")));
    }
    let (mine, others): (Vec<&Change>, Vec<&Change>) =
        all.changes.iter().filter(|change| !change.rule.is_empty()).partition(|change| change.rule == identity);
    for change in others {
        let same = |other: &Change| {
            (&other.rule, &other.resource, &other.path) == (&change.rule, &change.resource, &change.path)
        };
        if !rest.changes.iter().any(same) {
            failures.push(format!("has no {change:?}"));
        }
    }
    // The others write the lines that they write beside it, except where both want something of one property.
    let with: BTreeSet<String> = added(&case.original, &all.text).into_iter().collect();
    let keys: BTreeSet<&str> = mine.iter().filter_map(|change| change.path.rsplit('.').next()).collect();
    let in_one_line = !case.original.trim_end().contains('\n');
    for line in added(&case.original, &rest.text).iter().filter(|line| !with.contains(*line) && !in_one_line) {
        let shared = keys.iter().any(|key| !key.is_empty() && line.contains(key));
        let comment = line.trim_start().starts_with('#') && !mine.is_empty();
        if !shared && !comment {
            failures.push(format!("has another line: {line}"));
        }
    }
    failures
}

#[test]
fn lines_end_as_they_did() {
    let bare = |text: &str| text.matches('\n').count() - text.matches("\r\n").count();
    let windows: Vec<_> = healing().into_iter().filter(|(case, _)| case.original.contains("\r\n")).collect();
    assert!(windows.len() >= 2, "{} cases with CRLF", windows.len());
    check_all(&healing(), |(case, healed)| {
        let (before, after) = (&case.original, &healed.text);
        let mut failures = Vec::new();
        if before.contains("\r\n") && bare(before) == 0 && bare(after) > 0 {
            failures.push(format!("{} has {} lines without CR", case.name, bare(after)));
        }
        if !before.contains('\r') && after.contains('\r') {
            failures.push(format!("{} has a CR", case.name));
        }
        if before.starts_with('\u{FEFF}') != after.starts_with('\u{FEFF}') || after.matches('\u{FEFF}').count() > 1 {
            failures.push(format!("{}: the byte order mark", case.name));
        }
        if before.ends_with('\n') != after.ends_with('\n') {
            failures.push(format!("{}: the end of the last line", case.name));
        }
        failures
    });
    let all = |holds: fn(&str) -> bool| healing().iter().filter(|(case, _)| holds(&case.original)).count();
    assert!(all(|text| text.starts_with('\u{FEFF}')) >= 1, "no case with a byte order mark");
    assert!(all(|text| !text.ends_with('\n')) >= 1, "no case without a newline at its end");
}

#[test]
fn what_is_healed_stays() {
    let healed: Vec<_> = healing().into_iter().filter(|(case, _)| case.name.starts_with("already-healed-")).collect();
    assert!(healed.len() >= 3, "{} cases", healed.len());
    check_all(&healed, |(case, healed)| {
        let changed = healed.changes.iter().filter(|change| !change.rule.is_empty() || change.was.is_some());
        changed.map(|change| format!("{} changes {change:?}", case.name)).collect()
    });
    for (case, healed) in healed {
        let told = healed.changes.iter().all(|change| change.value == "AWS::SSM::Parameter");
        assert!(told, "{} tells the rules' stack by something else: {:#?}", case.name, healed.changes);
        let lines = added(&case.original, &healed.text);
        let foreign = lines.iter().find(|line| line.contains(&format!("{}/", case.name)) && line.contains("# "));
        assert_eq!(foreign, None, "{}", case.name);
    }
}
