//! From a scenario file's content to scenarios.

use super::fields::Fields;
use super::storm::storm;
use super::{CallFault, Case, Cause, Expectation, Injection, Scenario, ScenarioError, ScenarioFile, Sight};
use crate::Millis;
use crate::time::MINUTE;
use serde_json::{Map, Value};

/// How long a scenario goes on after the last moment that it names, if it does not say.
const AFTERWARDS: Millis = 15 * MINUTE;

pub(super) fn file(value: Value) -> Result<ScenarioFile, ScenarioError> {
    let mut fields = Fields::new("scenarios", value)?;
    let given = fields.list("given")?;
    let Value::Object(each) = fields.required("scenarios")? else {
        return Err(fields.error("`scenarios` must be a mapping from names to scenarios"));
    };
    let storm = fields.optional("storm").map(storm).transpose()?;
    fields.end()?;
    let scenarios = each.into_iter().map(|(name, value)| {
        let scenario = scenario(&name, value, &given)?;
        Ok((name, scenario))
    });
    Ok(ScenarioFile { scenarios: scenarios.collect::<Result<_, _>>()?, storm })
}

fn scenario(name: &str, value: Value, given: &[Value]) -> Result<Scenario, ScenarioError> {
    let place = format!("scenario {name}");
    let mut fields = Fields::new(&place, value)?;
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !is_name {
        return Err(fields.error("a name has lower-case letters, digits and hyphens"));
    }
    let title = fields.text("title")?;
    let case = fields.text("case")?;
    let known = Case::ALL.iter().find(|(_, known)| *known == case);
    let case = known.map(|(case, _)| *case).ok_or_else(|| {
        let names: Vec<&str> = Case::ALL.iter().map(|(_, name)| *name).collect();
        fields.error(format!("`case` is `{case}`; it may be {}", names.join(", ")))
    })?;
    let mut things = given.to_vec();
    things.extend(fields.list("with")?);
    let mut when = Vec::new();
    for (index, value) in fields.list("when")?.into_iter().enumerate() {
        when.push(injection(Fields::new(format!("{place}, when[{index}]"), value)?)?);
    }
    when.sort_by_key(|injection: &Injection| injection.at);
    let mut then = Vec::new();
    for (index, value) in fields.list("then")?.into_iter().enumerate() {
        let text = said(&value);
        then.push(expectation(Fields::new(format!("{place}, then[{index}]"), value)?, text)?);
    }
    if then.is_empty() {
        return Err(fields.error("`then` is empty: a scenario that expects nothing proves nothing"));
    }
    let last = then.iter().filter_map(|expectation| expectation.within).chain(when.iter().map(|each| each.at)).max();
    let lasts = fields.duration("lasts")?.unwrap_or_else(|| last.unwrap_or_default() + AFTERWARDS);
    fields.end()?;
    Ok(Scenario { name: name.to_owned(), title, case, given: things, when, then, lasts })
}

/// An entry on one line, as YAML's flow style has it.
fn said(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| match value {
                Value::Object(_) => format!("{key}: {{{}}}", said(value)),
                other => format!("{key}: {}", said(other)),
            });
            members.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => format!("[{}]", items.iter().map(said).collect::<Vec<_>>().join(", ")),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn injection(mut fields: Fields) -> Result<Injection, ScenarioError> {
    let at = fields.duration("at")?.unwrap_or_default();
    let cause = if fields.has("ail") {
        return Ok(Injection { at, cause: Cause::Ail(fields.rest()) });
    } else if let Some(api) = fields.optional_text("fault")? {
        let (service, api) = fields.api("fault", &api)?;
        let times = if fields.has("times") { Some(fields.count("times")?) } else { None };
        Cause::Fault(CallFault { service, api, error: fields.text("error")?, times, lasts: fields.duration("for")? })
    } else if fields.has("event") {
        Cause::Event(fields.required("event")?)
    } else if fields.has("metric") {
        metric(&mut fields)?
    } else if let Some(api) = fields.optional_text("call")? {
        let (service, api) = fields.api("call", &api)?;
        Cause::Call { service, api, request: fields.required("request")? }
    } else if let Some(mode) = fields.optional_text("switch")? {
        one_of(&fields, "switch", &mode, &["pause", "observe", "resume"])?;
        let scope = fields.optional_text("scope")?.unwrap_or_else(|| "all".to_owned());
        one_of(&fields, "scope", &scope, &["all", "stack", "rule"])?;
        Cause::Switch { mode, scope }
    } else if let Some(key) = fields.optional_text("lease")? {
        let lasts = fields.duration("for")?.ok_or_else(|| fields.error("`for` is missing"))?;
        Cause::Lease { key, rule: fields.text("rule")?, lasts }
    } else if let Some(signal) = fields.optional_text("alarm")? {
        let state = fields.text("state")?;
        one_of(&fields, "state", &state, &STATES)?;
        Cause::Alarm { signal, state }
    } else if fields.has("agent") {
        Cause::Agent(fields.required("agent")?)
    } else if let Some(answer) = fields.optional_text("answer")? {
        one_of(&fields, "answer", &answer, &["approve", "reject"])?;
        Cause::Answer { approve: answer == "approve" }
    } else if fields.has("mute") {
        Cause::Mute { lasts: fields.duration("mute")?.unwrap_or_default() }
    } else if fields.has("busy") {
        Cause::Busy { lasts: fields.duration("busy")?.unwrap_or_default() }
    } else if let Some(resource) = fields.optional_text("settings")? {
        Cause::Settings { resource }
    } else {
        return Err(fields.error(
            "nothing happens: write one of ail, fault, event, metric, call, switch, lease, alarm, agent, answer, mute, busy, settings",
        ));
    };
    fields.end()?;
    Ok(Injection { at, cause })
}

/// What CloudWatch knows of an alarm.
const STATES: [&str; 3] = ["OK", "ALARM", "INSUFFICIENT_DATA"];

fn one_of(fields: &Fields, name: &str, value: &str, allowed: &[&str]) -> Result<(), ScenarioError> {
    let fits = allowed.contains(&value);
    if fits { Ok(()) } else { Err(fields.error(format!("`{name}` is `{value}`; it may be {}", allowed.join(", ")))) }
}

fn metric(fields: &mut Fields) -> Result<Cause, ScenarioError> {
    let mut metric = Fields::new(format!("{}, metric", fields.place), fields.required("metric")?)?;
    let mut object = |name: &str| match metric.optional(name) {
        None => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members),
        Some(other) => Err(metric.error(format!("`{name}` must be a mapping, found {other}"))),
    };
    let (dimensions, tags) = (object("dimensions")?, object("tags")?);
    let values = fields.list("values")?;
    let values = values.iter().map(Value::as_f64).collect::<Option<Vec<_>>>();
    let values = values.filter(|values| !values.is_empty());
    let cause = Cause::Metric {
        namespace: metric.text("namespace")?,
        name: metric.text("name")?,
        dimensions,
        tags,
        values: values.ok_or_else(|| fields.error("`values` must be a list of numbers"))?,
        lasts: fields.duration("for")?.unwrap_or(MINUTE),
    };
    metric.end()?;
    Ok(cause)
}

fn expectation(mut fields: Fields, text: String) -> Result<Expectation, ScenarioError> {
    let never = fields.optional("never");
    let within = fields.duration("within")?;
    let is_never = never.is_some();
    let (mut inner, outer) = match never {
        Some(value) => (Fields::new(format!("{}, never", fields.place), value)?, Some(fields)),
        None => (fields, None),
    };
    let what = sight(&mut inner)?;
    inner.end()?;
    outer.map_or(Ok(()), Fields::end)?;
    Ok(Expectation { within, never: is_never, what, text })
}

fn sight(fields: &mut Fields) -> Result<Sight, ScenarioError> {
    Ok(if let Some(signal) = fields.optional_text("alarm")? {
        let state = fields.text("state")?;
        one_of(fields, "state", &state, &STATES)?;
        Sight::Alarm { signal, state, resource: fields.optional_text("resource")? }
    } else if fields.has("event") {
        match fields.required("event")? {
            Value::Object(attributes) if !attributes.is_empty() => Sight::Event(attributes),
            other => return Err(fields.error(format!("`event` must name attributes, found {other}"))),
        }
    } else if let Some(step) = fields.optional_text("ends")? {
        Sight::Ends(step)
    } else if fields.has("steps") {
        Sight::Steps(fields.texts("steps")?)
    } else if fields.has("runs") {
        Sight::Runs(fields.count("runs")?)
    } else if fields.has("calls") {
        let mut calls = Fields::new(format!("{}, calls", fields.place), fields.required("calls")?)?.rest();
        let calls = calls.as_object_mut().map(std::mem::take).unwrap_or_default();
        let counted = calls.into_iter().map(|(api, count)| Some((api, count.as_u64()?))).collect::<Option<_>>();
        Sight::Calls(counted.ok_or_else(|| fields.error("`calls` must map service:Api to a number"))?)
    } else if let Some(api) = fields.optional_text("state")? {
        let (service, api) = fields.api("state", &api)?;
        let request = fields.optional("request").unwrap_or_else(|| Value::Object(Map::new()));
        Sight::State { service, api, request, path: fields.text("path")?, is: fields.required("is")? }
    } else if let Some(reason) = fields.optional_text("decision")? {
        Sight::Decision(reason)
    } else if let Some(text) = fields.optional_text("notified")? {
        Sight::Notified(text)
    } else if fields.has("people") {
        Sight::People(fields.count("people")?)
    } else {
        return Err(fields.error(
            "nothing to see: write one of alarm, event, ends, steps, runs, calls, state, decision, notified, people",
        ));
    })
}

#[cfg(test)]
mod tests {
    use super::super::ScenarioFile;
    use serde_json::{Value, json};

    fn read(when: &Value, then: &Value) -> Result<ScenarioFile, String> {
        let file = json!({"given": [{"instance": "i-1"}], "scenarios": {"hung": {
            "title": "A title.", "case": "heals", "when": when, "then": then}}});
        ScenarioFile::read(file).map_err(|error| error.to_string())
    }

    #[test]
    fn a_scenario_lasts_a_while_after_what_it_names() {
        let file = read(
            &json!([{"at": "5m", "ail": "instance", "id": "i-1"}, {"fault": "ec2:StopInstances", "error": "timeout", "times": 2}]),
            &json!([{"within": "1h", "event": {"status": "completed"}}, {"never": {"decision": "PAUSED"}}]),
        );
        let scenario = &file.unwrap().scenarios["hung"];
        assert_eq!(scenario.lasts, 75 * 60 * 1000);
        assert_eq!((scenario.when[0].at, scenario.when[1].at), (0, 300_000));
        assert!(scenario.then[1].never);
        assert_eq!(scenario.then[0].text, "within: 1h, event: {status: completed}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let happens = json!([{"at": "0s", "ail": "x"}]);
        let seen = json!([{"runs": 1}]);
        for (when, then, message) in [
            (&happens, &json!([]), "scenario hung: `then` is empty"),
            (&json!([{"at": "soon", "ail": "x"}]), &seen, "when[0]: `at`: `soon` is not a duration"),
            (&json!([{"at": "1m"}]), &seen, "when[0]: nothing happens"),
            (&json!([{"switch": "off"}]), &seen, "`switch` is `off`; it may be pause, observe, resume"),
            (&happens, &json!([{"runs": 1, "rums": 2}]), "then[0]: `rums` does not belong here"),
            (&happens, &json!([{"state": "ec2", "path": "$.a", "is": 1}]), "`state` must be service:Api"),
        ] {
            let error = read(when, then).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
