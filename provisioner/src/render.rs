//! Templates to text. A value can never change the structure of what it is put into:
//!
//! - `{{value}}` writes a double-quoted YAML string, `{{json value}}` a YAML flow value of the value's own type;
//! - `{{sub "arn:…:instance/{}" id}}` writes a `!Sub` whose text is the template's and whose `{}` are values, with
//!   `${` in a value escaped for CloudFormation;
//! - in a runbook, where Systems Manager reads `{{ Name }}` as a variable and knows no escape, a value that holds `{{`
//!   is an error.
//!
//! Strict mode: a misspelled variable is an error with its line, never an empty string.

use crate::diagnostics::{Problem, Source};
use crate::kinds::TemplateFiles;
use crate::yaml::quote;
use handlebars::{Context, Handlebars, Helper, HelperDef, RenderContext, RenderError, RenderErrorReason, ScopedJson};
use healstack_model::naming::logical_suffix;
use healstack_model::{Names, RuleName, StackName};
use serde_json::Value;
use std::sync::Arc;

/// Stands for `{{` of a value in a runbook until the check after rendering; from Unicode's private use area.
const HELD_BRACES: &str = "\u{F8FF}\u{F8FE}";
/// The same as [`quote`] writes it.
const HELD_BRACES_QUOTED: &str = "\\uF8FF\\uF8FE";

/// All templates, compiled.
pub struct Renderer {
    templates: Handlebars<'static>,
    files: TemplateFiles,
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renderer").finish_non_exhaustive()
    }
}

impl Renderer {
    /// Compiles every template, reporting those that are no Handlebars.
    pub fn new(files: &TemplateFiles, names: &Names) -> Result<Self, Vec<Problem>> {
        let mut templates = registry(names);
        templates.register_escape_fn(quote);
        let mut problems = Vec::new();
        for (path, source) in files.iter().filter(|(path, _)| path.rsplit('.').next() == Some("hbs")) {
            let name =
                path.strip_prefix("partials/").and_then(|partial| partial.strip_suffix(".yaml.hbs")).unwrap_or(path);
            if let Err(error) = templates.register_template_string(name, source.text()) {
                problems.push(template_problem(source, error.pos().map(|(line, _)| line), &error.reason().to_string()));
            }
        }
        if problems.is_empty() { Ok(Self { templates, files: files.clone() }) } else { Err(problems) }
    }

    /// Renders the template of a path to a source that errors can point into.
    pub fn render(&self, path: &str, context: &Value) -> Result<Arc<Source>, Problem> {
        let text = self.templates.render(path, context).map_err(|error| self.render_problem(path, &error))?;
        Ok(Source::new(format!("templates/{path} (rendered)"), text))
    }

    /// Renders a runbook.
    pub fn render_runbook(&self, path: &str, context: &Value) -> Result<Arc<Source>, Problem> {
        let mut context = context.clone();
        hold_braces(&mut context);
        let text = self.templates.render(path, &context).map_err(|error| self.render_problem(path, &error))?;
        if let Some(held) = text.find(HELD_BRACES_QUOTED) {
            let line = text[..held].lines().count();
            return Err(Problem::error(format!(
                "a value of the rule in templates/{path} (rendered line {line}) holds {{{{"
            ))
            .help("Systems Manager would read it as a variable and has no escape for it: write the value without {{"));
        }
        Ok(Source::new(format!("templates/{path} (rendered)"), text))
    }

    /// Renders a template that stands in a definition file.
    pub fn render_inline(&self, name: &str, template: &str, context: &Value) -> Result<Arc<Source>, Problem> {
        let text = self
            .templates
            .render_template(template, context)
            .map_err(|error| Problem::error(format!("{name}: {}", error.reason())))?;
        Ok(Source::new(format!("{name} (rendered)"), text))
    }

    fn render_problem(&self, path: &str, error: &RenderError) -> Problem {
        let file = error.template_name.as_deref().unwrap_or(path);
        let partial = format!("partials/{file}.yaml.hbs");
        let file = if self.files.contains(&partial) { partial.as_str() } else { file };
        template_problem(&self.files.source(file), error.line_no, &error.reason().to_string())
    }
}

/// Marks every `{{` of a value.
fn hold_braces(value: &mut Value) {
    match value {
        Value::String(text) if text.contains("{{") => *text = text.replace("{{", HELD_BRACES),
        Value::Array(items) => items.iter_mut().for_each(hold_braces),
        Value::Object(map) => map.values_mut().for_each(hold_braces),
        _ => {}
    }
}

/// A template's fault, shown at its line.
fn template_problem(source: &Arc<Source>, line: Option<usize>, reason: &str) -> Problem {
    let problem = Problem::error(format!("{}: {reason}", source.name()));
    let Some(line) = line else { return problem };
    let start = source.text().split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    problem.at(source, crate::yaml::Span { start, end: source.text().len() })
}

fn registry(names: &Names) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.set_prevent_indent(false);
    registry.register_helper("json", Box::new(Json));
    registry.register_helper("sub", Box::new(Sub));
    registry.register_helper("fmt", Box::new(Fmt));
    registry.register_helper("join", Box::new(Join));
    registry.register_helper("sum", Box::new(Sum));
    registry.register_helper("id", Box::new(LogicalId));
    registry.register_helper("alarm", Box::new(Alarm(names.clone())));
    registry.register_helper("alarm_of", Box::new(AlarmOf(names.clone())));
    registry.register_helper("core", Box::new(Core(names.clone())));
    registry.register_helper("core_role", Box::new(CoreRole(names.clone())));
    registry.register_helper("insights_filter", Box::new(InsightsFilter));
    registry
}

type Result2<'rc> = Result<ScopedJson<'rc>, RenderError>;

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

/// A helper that writes YAML itself, past the escape of values.
macro_rules! raw_helper {
    ($(#[$doc:meta])* $type:ident, |$helper:ident| $body:expr) => {
        $(#[$doc])*
        struct $type;
        impl HelperDef for $type {
            fn call<'reg: 'rc, 'rc>(
                &self,
                $helper: &Helper<'rc>,
                _: &'reg Handlebars<'reg>,
                _: &'rc Context,
                _: &mut RenderContext<'reg, 'rc>,
                out: &mut dyn handlebars::Output,
            ) -> handlebars::HelperResult {
                let written: String = $body?;
                out.write(&written)?;
                Ok(())
            }
        }
    };
}

/// A helper that makes a value, which is escaped like any other.
macro_rules! value_helper {
    ($(#[$doc:meta])* $type:ident $(($field:ty))?, |$self_:ident, $helper:ident, $context:ident| $body:expr) => {
        $(#[$doc])*
        struct $type $(($field))?;
        impl HelperDef for $type {
            fn call_inner<'reg: 'rc, 'rc>(
                &$self_,
                $helper: &Helper<'rc>,
                _: &'reg Handlebars<'reg>,
                $context: &'rc Context,
                _: &mut RenderContext<'reg, 'rc>,
            ) -> Result2<'rc> {
                let value: Value = $body;
                Ok(ScopedJson::Derived(value))
            }
        }
    };
}

raw_helper!(
    /// `{{json value}}`: the value with its type.
    Json,
    |helper| match helper.param(0) {
        Some(param) if !param.is_value_missing() => Ok(flow(param.value())),
        _ => Err(failed(format!(
            "`json` needs a value, there is no `{}`",
            helper.param(0).and_then(|param| param.relative_path().cloned()).unwrap_or_default()
        ))),
    }
);

raw_helper!(
    /// `{{sub "format with {}" value…}}`: a `!Sub`.
    Sub,
    |helper| {
        // CloudFormation reads `${!x}` as the text `${x}`.
        let values: Vec<String> = texts(helper, 1)?.iter().map(|value| value.replace("${", "${!")).collect();
        fill(&text(helper, 0)?, &values).map(|written| format!("!Sub {}", quote(&written)))
    }
);

value_helper!(
    /// `{{fmt "text with {}" value…}}`: a text with values in it. What the text means to its reader, a query or a
    /// pattern, is the template's to keep safe; YAML is safe either way.
    Fmt,
    |self, helper, _context| {
        let format = text(helper, 0)?;
        fill(&format, &texts(helper, 1)?)?.into()
    }
);

value_helper!(
    /// `(join list ", ")`: the items of a list as one text.
    Join,
    |self, helper, _context| {
        let items = helper.param(0).and_then(|param| param.value().as_array()).cloned().unwrap_or_default();
        let items: Vec<String> =
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
        items.join(&text(helper, 1)?).into()
    }
);

value_helper!(
    /// `(sum a b …)`: the sum of whole numbers.
    Sum,
    |self, helper, _context| {
        let numbers: Option<Vec<i64>> = helper.params().iter().map(|param| param.value().as_i64()).collect();
        numbers.ok_or_else(|| failed("`sum` needs whole numbers"))?.iter().sum::<i64>().into()
    }
);

raw_helper!(
    /// `{{id "Running" service}}:` - a logical id for a resource that repeats over a list.
    LogicalId,
    |helper| Ok::<_, RenderError>(format!("{}{}", text(helper, 0)?, logical_suffix(&text(helper, 1)?)))
);

value_helper!(
    /// `{{alarm "signal"}}` or `{{alarm "signal" resource}}`: an alarm's name under the contract.
    Alarm(Names),
    |self, helper, context| {
        let resource = if helper.params().len() > 1 { Some(text(helper, 1)?) } else { None };
        alarm_name(&self.0, context, &text(helper, 0)?, resource.as_deref())?.into()
    }
);

/// `{{alarm_of "signal" "ResourceId"}}` in a runbook: the alarm of the resource that a runbook variable names.
struct AlarmOf(Names);

impl HelperDef for AlarmOf {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn handlebars::Output,
    ) -> handlebars::HelperResult {
        let name = alarm_name(&self.0, context, &text(helper, 0)?, None)?;
        out.write(&quote(&format!("{name}--{{{{ {} }}}}", text(helper, 1)?)))?;
        Ok(())
    }
}

fn alarm_name(names: &Names, context: &Context, signal: &str, resource: Option<&str>) -> Result<String, RenderError> {
    let name = |path: &str| context.data().pointer(path).and_then(Value::as_str).unwrap_or_default();
    let stack = StackName::new(name("/stack/name")).map_err(|error| failed(error.to_string()))?;
    let rule = RuleName::new(name("/rule/name")).map_err(|error| failed(error.to_string()))?;
    Ok(names.alarm(&stack, &rule, signal, resource))
}

value_helper!(
    /// `(core "notifications")`: the name of a resource of the core stack.
    Core(Names),
    |self, helper, _context| self.0.core(&text(helper, 0)?).into()
);

value_helper!(
    /// `(core_role "events")`: the name of a role of the core stack.
    CoreRole(Names),
    |self, helper, _context| self.0.core_role(&text(helper, 0)?).into()
);

value_helper!(
    /// `(insights_filter tags)`: the conditions of a CloudWatch Metrics Insights `WHERE` on resource tags.
    InsightsFilter,
    |self, helper, _context| {
        let tags = helper.param(0).and_then(|param| param.value().as_object());
        tags.and_then(insights_filter).ok_or_else(|| failed("`insights_filter` needs tags"))?.into()
    }
);

/// The conditions of a Metrics Insights `WHERE` on resource tags; `None` without tags.
///
/// Keys in double quotes, values in single quotes, quotes in either escaped with a backslash (CloudWatch user guide,
/// "What needs quotation marks or escape characters?").
pub(crate) fn insights_filter(tags: &serde_json::Map<String, Value>) -> Option<String> {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\\\"");
    let condition = |(key, value): (&String, &Value)| {
        format!("tag.\"{}\" = '{}'", escape(key), escape(value.as_str().unwrap_or_default()))
    };
    let conditions: Vec<String> = tags.iter().map(condition).collect();
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
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
