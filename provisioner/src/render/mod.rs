//! Templates to text. A value can never change the structure of what it is put into:
//!
//! - `{{value}}` writes a double-quoted YAML string, `{{json value}}` a YAML flow value of the value's own type;
//! - `{{sub "arn:…:instance/{}" id}}` writes a `!Sub` whose text is the template's and whose `{}` are values, with
//!   `${` in a value escaped for CloudFormation;
//! - in a runbook, where Systems Manager reads `{{ Name }}` as a variable and knows no escape, a value that holds `{{`
//!   is an error.
//!
//! The helpers are in `render/helpers.rs`. Strict mode: a misspelled variable is an error with its line, never an empty string.

mod helpers;

pub(crate) use helpers::insights_filter;

use crate::diagnostics::{Problem, Source};
use crate::kinds::{SCENARIOS, TemplateFiles};
use crate::yaml::quote;
use handlebars::{Handlebars, RenderError};
use healstack_model::Names;
use serde_json::Value;
use std::collections::BTreeSet;
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
    /// Compiles the templates below some folders, and the partials that they use, reporting those that are no Handlebars.
    /// Compiling those of every kind would take longer than all the rest.
    /// `inline` are templates that stand in definition files, by the names by which they are rendered.
    pub fn new<'t>(
        files: &TemplateFiles,
        folders: &BTreeSet<&str>,
        inline: impl Iterator<Item = (String, &'t str)>,
        names: &Names,
    ) -> Result<Self, Vec<Problem>> {
        let mut templates = Handlebars::new();
        templates.set_strict_mode(true);
        templates.register_escape_fn(quote);
        helpers::register(&mut templates, names);
        let mut problems = Vec::new();
        let folder = |path: &str| path.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned());
        let of_folders = files
            .paths()
            .filter(|path| path.rsplit('.').next() == Some("hbs") && !path.ends_with(SCENARIOS))
            .filter(|path| folders.contains(folder(path).as_str()));
        let mut open: Vec<String> = of_folders.map(str::to_owned).collect();
        let mut seen = BTreeSet::new();
        while let Some(path) = open.pop() {
            if !files.contains(&path) || !seen.insert(path.clone()) {
                continue;
            }
            let source = files.source(&path);
            open.extend(partials(source.text()).map(|name| format!("partials/{name}.yaml.hbs")));
            let name = path.strip_prefix("partials/").and_then(|partial| partial.strip_suffix(".yaml.hbs"));
            if let Err(error) = templates.register_template_string(name.unwrap_or(&path), source.text()) {
                let line = error.pos().map(|(line, _)| line);
                problems.push(template_problem(&source, line, &error.reason().to_string()));
            }
        }
        for (name, template) in inline {
            if let Err(error) = templates.register_template_string(&name, template) {
                problems.push(Problem::error(format!("{name}: {}", error.reason())));
            }
        }
        problems.sort_by_key(Problem::to_string);
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
    pub fn render_inline(&self, name: &str, context: &Value) -> Result<Arc<Source>, Problem> {
        let text = self
            .templates
            .render(name, context)
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

/// The partials that a template names.
pub(crate) fn partials(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{>").skip(1).filter_map(|rest| rest.trim_start().split([' ', '}', '\n']).next())
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
