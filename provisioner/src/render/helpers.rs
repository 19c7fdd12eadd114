//! What templates can say besides a value's name. Each helper's line in [`register`] is its documentation.

use crate::yaml::quote;
use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError, RenderErrorReason,
    ScopedJson,
};
use healstack_model::naming::logical_suffix;
use healstack_model::{Names, RuleName, StackName};
use serde_json::{Map, Value};

type Function<T> = Box<dyn Fn(&Helper<'_>, &Context) -> Result<T, RenderError> + Send + Sync>;

/// Adds every helper.
pub(super) fn register(registry: &mut Handlebars<'static>, names: &Names) {
    let (alarm_names, alarm_of_names) = (names.clone(), names.clone());
    let (core_names, role_names) = (names.clone(), names.clone());

    // `{{json value}}`: the value with its own type.
    verbatim(registry, "json", Box::new(json));
    // `{{sub "arn:…:instance/{}" id}}`: a `!Sub` whose text is the template's; `${` in a value stays text.
    verbatim(registry, "sub", Box::new(sub));
    // `{{id "Running" service}}:`: a logical id for a resource that repeats over a list.
    verbatim(
        registry,
        "id",
        Box::new(|helper, _| Ok(format!("{}{}", text(helper, 0)?, logical_suffix(&text(helper, 1)?)))),
    );
    // `{{alarm_of "running" "ResourceId"}}` in a runbook: the alarm of the resource that a runbook variable names.
    verbatim(
        registry,
        "alarm_of",
        Box::new(move |helper, context| {
            let name = alarm_name(&alarm_of_names, context, &text(helper, 0)?, None)?;
            Ok(quote(&format!("{name}--{{{{ {} }}}}", text(helper, 1)?)))
        }),
    );
    // `(fmt "text with {}" value)`: a text with values in it. What the text means to its reader, a query or a pattern,
    // is the template's to keep safe; YAML is safe either way.
    value(registry, "fmt", Box::new(|helper, _| fill(&text(helper, 0)?, &texts(helper, 1)?).map(Value::from)));
    // `(sum a b)`: the sum of whole numbers.
    value(registry, "sum", Box::new(sum));
    // `{{alarm "system"}}` or `{{alarm "running" service}}`: an alarm's name under the contract.
    value(
        registry,
        "alarm",
        Box::new(move |helper, context| {
            let resource = if helper.params().len() > 1 { Some(text(helper, 1)?) } else { None };
            alarm_name(&alarm_names, context, &text(helper, 0)?, resource.as_deref()).map(Value::from)
        }),
    );
    // `(core "notifications")`: the name of a resource of the core stack.
    value(registry, "core", Box::new(move |helper, _| Ok(core_names.core(&text(helper, 0)?).into())));
    // `(core_role "events")`: the name of a role of the core stack.
    value(registry, "core_role", Box::new(move |helper, _| Ok(role_names.core_role(&text(helper, 0)?).into())));
    // `(insights_filter tags)`: the conditions of a Metrics Insights `WHERE` on resource tags.
    value(
        registry,
        "insights_filter",
        Box::new(|helper, _| {
            let tags = helper.param(0).and_then(|param| param.value().as_object());
            tags.and_then(insights_filter).map(Value::from).ok_or_else(|| failed("`insights_filter` needs tags"))
        }),
    );
}

fn value(registry: &mut Handlebars<'static>, name: &str, function: Function<Value>) {
    registry.register_helper(name, Box::new(Valued(function)));
}

fn verbatim(registry: &mut Handlebars<'static>, name: &str, function: Function<String>) {
    registry.register_helper(name, Box::new(Verbatim(function)));
}

/// A helper that makes a value, which is escaped like any other.
struct Valued(Function<Value>);

impl HelperDef for Valued {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        (self.0)(helper, context).map(ScopedJson::Derived)
    }
}

/// A helper that writes YAML itself, past the escape of values.
struct Verbatim(Function<String>);

impl HelperDef for Verbatim {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        Ok(out.write(&(self.0)(helper, context)?)?)
    }
}

fn json(helper: &Helper<'_>, _: &Context) -> Result<String, RenderError> {
    match helper.param(0) {
        Some(param) if !param.is_value_missing() => Ok(flow(param.value())),
        other => {
            let name = other.and_then(|param| param.relative_path().cloned()).unwrap_or_default();
            Err(failed(format!("`json` needs a value, there is no `{name}`")))
        }
    }
}

fn sub(helper: &Helper<'_>, _: &Context) -> Result<String, RenderError> {
    // CloudFormation reads `${!x}` as the text `${x}`.
    let values: Vec<String> = texts(helper, 1)?.iter().map(|value| value.replace("${", "${!")).collect();
    fill(&text(helper, 0)?, &values).map(|written| format!("!Sub {}", quote(&written)))
}

fn sum(helper: &Helper<'_>, _: &Context) -> Result<Value, RenderError> {
    let numbers: Option<Vec<i64>> = helper.params().iter().map(|param| param.value().as_i64()).collect();
    Ok(numbers.ok_or_else(|| failed("`sum` needs whole numbers"))?.iter().sum::<i64>().into())
}

fn alarm_name(names: &Names, context: &Context, signal: &str, resource: Option<&str>) -> Result<String, RenderError> {
    let name = |path: &str| context.data().pointer(path).and_then(Value::as_str).unwrap_or_default();
    let stack = StackName::new(name("/stack/name")).map_err(|error| failed(error.to_string()))?;
    let rule = RuleName::new(name("/rule/name")).map_err(|error| failed(error.to_string()))?;
    Ok(names.alarm(&stack, &rule, signal, resource))
}

/// The conditions of a Metrics Insights `WHERE` on resource tags; `None` without tags.
///
/// Keys in double quotes, values in single quotes, quotes in either escaped with a backslash (CloudWatch user guide,
/// "What needs quotation marks or escape characters?").
pub(crate) fn insights_filter(tags: &Map<String, Value>) -> Option<String> {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\\\"");
    let condition = |(key, value): (&String, &Value)| {
        format!("tag.\"{}\" = '{}'", escape(key), escape(value.as_str().unwrap_or_default()))
    };
    let conditions: Vec<String> = tags.iter().map(condition).collect();
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}

fn failed(message: impl Into<String>) -> RenderError {
    RenderErrorReason::Other(message.into()).into()
}

fn text(helper: &Helper<'_>, index: usize) -> Result<String, RenderError> {
    match helper.param(index).map(handlebars::PathAndJson::value) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Null) | None => Err(failed(format!("`{}` needs {} values", helper.name(), index + 1))),
        Some(other) => Ok(other.to_string()),
    }
}

fn texts(helper: &Helper<'_>, from: usize) -> Result<Vec<String>, RenderError> {
    (from..helper.params().len()).map(|index| text(helper, index)).collect()
}

/// Puts each value in place of one `{}`.
fn fill(format: &str, values: &[String]) -> Result<String, RenderError> {
    let places = format.matches("{}").count();
    if places != values.len() {
        return Err(failed(format!("{} values for the {places} places in \"{format}\"", values.len())));
    }
    let mut parts = format.split("{}");
    let mut written = parts.next().unwrap_or_default().to_owned();
    for (value, part) in values.iter().zip(parts) {
        written.push_str(value);
        written.push_str(part);
    }
    Ok(written)
}

/// A JSON value as a YAML flow value in which every string is quoted.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", quote(key), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(template: &str, context: &Value) -> Result<String, RenderError> {
        let names = healstack_model::Names {
            prefix: healstack_model::Prefix::default(),
            environment: healstack_model::EnvironmentName::new("test").unwrap(),
            region: "eu-west-1".to_owned(),
        };
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(quote);
        register(&mut registry, &names);
        registry.render_template(template, context)
    }

    #[test]
    fn helpers_write_what_their_line_says() {
        let context = json!({
            "stack": {"name": "shop"}, "rule": {"name": "heal"}, "n": 2, "list": ["a", 1],
            "tags": {"team": "o'b", "x": "1"}, "odd": "${A} \"", "id": "i-1",
        });
        let cases = [
            ("{{json n}} {{json list}}", r#"2 ["a", 1]"#),
            (r#"{{sub "arn:${AWS::Region}/{}" odd}}"#, r#"!Sub "arn:${AWS::Region}/${!A} \"""#),
            (r#"{{id "Running" id}}"#, "RunningI1"),
            (r#"{{fmt "a {} b" n}}"#, r#""a 2 b""#),
            ("{{json (sum n 40)}}", "42"),
            (r#"{{alarm "system"}}"#, r#""heal--shop--heal--system""#),
            (r#"{{alarm "running" id}}"#, r#""heal--shop--heal--running--i-1""#),
            (r#"{{alarm_of "running" "ResourceId"}}"#, r#""heal--shop--heal--running--{{ ResourceId }}""#),
            (r#"{{core "ledger"}}"#, r#""heal--core--ledger""#),
            (r#"{{core_role "events"}}"#, r#""heal--core--events--eu-west-1""#),
            ("{{insights_filter tags}}", r#""tag.\"team\" = 'o\\'b' AND tag.\"x\" = '1'""#),
        ];
        for (template, expected) in cases {
            let written = render(template, &context).unwrap();
            assert!(written.starts_with(expected), "{template} wrote {written}");
        }
    }

    #[test]
    fn helpers_refuse_what_they_cannot_write() {
        let context = json!({"tags": {}, "x": "text"});
        for template in [
            "{{json missing}}",
            r#"{{fmt "{} {}" x}}"#,
            r#"{{fmt "none" x}}"#,
            "{{sum x}}",
            "{{insights_filter tags}}",
            "{{sub}}",
        ] {
            assert!(render(template, &context).is_err(), "{template}");
        }
    }
}
