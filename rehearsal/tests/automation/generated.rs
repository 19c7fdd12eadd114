//! Every generated document: loaded, walked to each kind of end, and run with whatever answers.

use crate::answers::{self, Asked, Mood};
use crate::drive::{Drive, Reply};
use crate::template;
use healstack_rehearsal::automation::{Action, Document, Run, Status};
use healstack_rehearsal::{Millis, Random};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

struct Generated {
    name: String,
    content: Value,
    document: Arc<Document>,
    asked: Asked,
    parameters: Map<String, Value>,
}

fn documents() -> Vec<Generated> {
    let found = template::resources("checkout", "AWS::SSM::Document").into_iter().map(|(_, properties)| {
        let name = properties["Name"].as_str().unwrap().to_owned();
        let content = properties["Content"].clone();
        let document = Arc::new(Document::load(&name, &content).unwrap());
        let mut asked = Asked::new();
        answers::asked(&content, &mut asked);
        Generated { parameters: parameters(&content, &asked), name, content, document, asked }
    });
    let found: Vec<Generated> = found.collect();
    assert!(found.len() > 20);
    found
}

/// Values for the parameters that have no default, of the pattern that they ask for.
fn parameters(content: &Value, asked: &Asked) -> Map<String, Value> {
    let samples = [
        "0123456789abcdef",
        "6a1a7d1c-8d3c-4a6e-9f57-0f4f8a2b1c3d",
        "targetgroup/checkout/73e2d6bc24d8a067",
        "checkout-web",
        "checkout",
        "i-0123456789abcdef0",
        "vol-0123456789abcdef0",
        "rtb-0123456789abcdef0",
        "app/checkout/50dc6c495c0c9188",
    ];
    let declared = content["parameters"].as_object().unwrap();
    let needed = declared.iter().filter(|(_, parameter)| parameter.get("default").is_none());
    needed
        .map(|(name, parameter)| {
            let pattern = regex::Regex::new(parameter["allowedPattern"].as_str().unwrap()).unwrap();
            // What a branch asks for comes before what only fits.
            let asked = asked.get(&format!("{{{{ {name} }}}}")).map_or(&[][..], Vec::as_slice);
            let mut all = asked.iter().filter_map(Value::as_str).chain(samples);
            let fits = all.find(|sample| pattern.is_match(sample));
            (name.clone(), json!([fits.unwrap_or_else(|| panic!("{name}: {pattern}"))]))
        })
        .collect()
}

fn walk(generated: &Generated, document: &Arc<Document>, mood: Mood, seed: u64) -> Drive {
    let mut random = Random::new(seed);
    let mut drive = Drive::of(Arc::clone(document), &generated.parameters, seed);
    let mut reply = |run: &Run, action: &Action| -> Reply {
        let answer = answers::answer(&generated.content, &generated.asked, run, action, mood, &mut random)?;
        Some((Millis::try_from(random.below(30_000)).unwrap() * Millis::from(mood.silence > 0), answer))
    };
    drive.end(&mut reply);
    drive
}

const GOOD: Mood = Mood { errors: 0, silence: 0, missing: 0, desired: 95, asked: 90, fixed: None };
const BAD: Mood = Mood { errors: 20, silence: 10, missing: 10, desired: 60, asked: 60, fixed: None };

/// The longest time from start to end in seconds, over failures too, as the compiler computes it, and what retries
/// wait.
fn worst_case(content: &Value) -> Millis {
    let steps = content["mainSteps"].as_array().unwrap();
    let mut longest: BTreeMap<&str, Millis> = BTreeMap::new();
    // The steps have no cycle, so after as many rounds as there are steps every way is counted.
    for _ in 0..steps.len() {
        for step in steps {
            let attempts = step["maxAttempts"].as_i64().unwrap_or(1);
            let own = match step["action"].as_str().unwrap() {
                "aws:executeAwsApi" => 25,
                "aws:branch" => 0,
                "aws:sleep" => {
                    let text = step["inputs"]["Duration"].as_str().unwrap();
                    let (number, unit) = text["PT".len()..].split_at(text.len() - "PT".len() - 1);
                    number.parse::<Millis>().unwrap() * if unit == "M" { 60 } else { 1 }
                }
                _ => step["timeoutSeconds"].as_i64().unwrap(),
            };
            let named = [&step["nextStep"], &step["inputs"]["Default"]].into_iter().filter_map(Value::as_str);
            let choices = step["inputs"]["Choices"].as_array().into_iter().flatten();
            let chosen = choices.filter_map(|choice| choice["NextStep"].as_str());
            let failed = step["onFailure"].as_str().and_then(|text| text.strip_prefix("step:"));
            let after = named.chain(chosen).chain(failed).filter_map(|name| longest.get(name)).max();
            let total = own * attempts + 8 * (attempts - 1) + after.unwrap_or(&0);
            longest.insert(step["name"].as_str().unwrap(), total);
        }
    }
    longest[steps[0]["name"].as_str().unwrap()]
}

/// Whether every step that failed the automation did, and no other.
fn check_status(drive: &Drive, content: &Value) {
    let critical = |name: &str| {
        let steps = content["mainSteps"].as_array().unwrap();
        steps.iter().any(|step| step["name"] == name && step["isCritical"] != false)
    };
    let reached = drive.reached();
    let of = |status: Status| reached.iter().any(|(name, is)| *is == status && critical(name));
    let expected = match (of(Status::Failed), of(Status::TimedOut)) {
        (true, _) => Status::Failed,
        (false, true) => Status::TimedOut,
        (false, false) => Status::Success,
    };
    assert_eq!(drive.run.status(), expected, "{reached:?}");
    assert!(drive.run.steps().iter().all(|step| step.status == Status::Pending || step.status.is_final()));
}

#[test]
fn every_document_can_come_to_each_of_its_ends() {
    for generated in documents() {
        let steps = generated.content["mainSteps"].as_array().unwrap();
        let ends: BTreeSet<&str> =
            steps.iter().filter(|step| step["isEnd"] == true).filter_map(|step| step["name"].as_str()).collect();
        let mut seen: BTreeMap<String, Status> = BTreeMap::new();
        for seed in 0..8000 {
            let fixed = Mood { desired: 60, asked: 50 + seed % 5 * 10, fixed: Some(seed), ..GOOD };
            let faulty = Mood { errors: 8, ..fixed };
            let mood = [fixed, GOOD, faulty, fixed, faulty, BAD][usize::try_from(seed % 6).unwrap()];
            let drive = walk(&generated, &generated.document, mood, seed);
            check_status(&drive, &generated.content);
            let last = drive
                .run
                .steps()
                .iter()
                .filter(|step| step.start.is_some())
                .max_by_key(|step| (step.start, step.end))
                .unwrap();
            if last.status == Status::Success {
                let end = ends.iter().find(|end| drive.reached().iter().any(|(name, _)| name == *end)).unwrap();
                seen.insert((*end).to_owned(), drive.run.status());
            }
            if ends.iter().all(|end| seen.contains_key(*end)) {
                break;
            }
        }
        assert!(ends.iter().all(|end| seen.contains_key(*end)), "{}: {ends:?}, but {seen:?}", generated.name);
        for healed in ["healed", "leaveAlone"] {
            assert_ne!(seen.get(healed), Some(&Status::TimedOut), "{}: {healed}", generated.name);
        }
    }
}

#[test]
fn every_run_ends_within_the_worst_case() {
    for generated in documents() {
        let worst_case = worst_case(&generated.content);
        for seed in 0..40 {
            let drive = walk(&generated, &generated.document, BAD, seed);
            check_status(&drive, &generated.content);
            assert!(drive.seconds() <= worst_case, "{}: {} s of {worst_case}", generated.name, drive.seconds());
            // The same seed gives the same run.
            if seed == 0 {
                let again = walk(&generated, &generated.document, BAD, seed);
                assert_eq!((again.asked, again.run.describe()), (drive.asked, drive.run.describe()));
            }
        }
    }
}

#[test]
fn documents_without_a_step_still_end() {
    let mut dropped = 0;
    for generated in documents() {
        for name in generated.document.step_names() {
            let Some(without) = generated.document.without_step(name) else { continue };
            assert!(without.step_names().all(|step| step != name));
            dropped += 1;
            let drive = walk(&generated, &Arc::new(without), GOOD, 1);
            assert!(drive.run.status().is_final());
        }
    }
    assert!(dropped > 100, "{dropped}");
}
