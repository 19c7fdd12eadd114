//! Rule files on disk: which files are rule files, and what a file must be before anything looks into it.

use crate::diagnostics::{Problem, Problems, Source};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest rule file in bytes: over ten thousand rules. A larger one is not a rule file.
pub const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Reads every rule file of a folder, in the order of their names. What looks like one and is none gets a warning.
pub(super) fn read_all(dir: &Path, shown: &str, problems: &mut Problems) -> Vec<Arc<Source>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            let problem = Problem::error(format!("cannot read the rules in {shown}/: {error}"));
            problems.push(problem.help("run `healstack init` to begin with an example"));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    let mut sources = Vec::new();
    let mut rule_files = 0;
    for path in paths {
        let name = format!("{shown}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") if path.is_file() => {
                rule_files += 1;
                sources.extend(problems.take(read(&path, &name)));
            }
            Some(other) if other.eq_ignore_ascii_case("yaml") || other.eq_ignore_ascii_case("yml") => {
                let warning = Problem::warning(format!("{name} is not read: a rule file ends in .yaml"));
                problems.push(warning.help("rename it"));
            }
            _ if path.is_dir() => {
                let warning =
                    Problem::warning(format!("the folder {name}/ is not read: rule files are in {shown}/ itself"));
                problems.push(warning.help("move its files up, or the folder out"));
            }
            _ => {}
        }
    }
    if rule_files == 0 {
        let problem = Problem::error(format!("there are no rule files in {shown}/"));
        problems.push(problem.help("write one, for instance with `healstack init`"));
    }
    sources
}

/// Reads a rule file within its limits.
fn read(path: &Path, name: &str) -> Result<Arc<Source>, Problem> {
    let text = read_text(path, name, "a rule file", "split it into several stacks, one file each")?;
    Ok(Source::new(name, text.strip_prefix('\u{FEFF}').unwrap_or(&text)))
}

/// Reads a workload's template. Nothing is taken away: what is written later is this text with additions.
pub(super) fn read_workload(path: &Path, name: &str) -> Result<Arc<Source>, Problem> {
    let help = "CloudFormation itself takes no template over 1 MB: name the template, not what was packaged with it";
    match read_text(path, name, "a template", help) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(problem) if path.is_file() => Err(problem),
        Err(problem) => Err(problem.help("write the template's path from the folder of healstack.yaml")),
    }
}

/// Reads a text file within the limit.
fn read_text(path: &Path, name: &str, what: &str, help: &str) -> Result<String, Problem> {
    let unreadable = |error: std::io::Error| Problem::error(format!("cannot read {name}: {error}"));
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE {
        #[expect(clippy::cast_precision_loss, reason = "a size for people, one decimal")]
        let megabytes = size as f64 / (1024.0 * 1024.0);
        return Err(Problem::error(format!("{name} has {megabytes:.1} MiB, the limit for {what} is 4 MiB")).help(help));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
            let (line, column) = Source::new(name, before.clone()).position(before.len());
            Err(Problem::error(format!("{name}:{line}:{column}: not UTF-8 text, byte {valid} of the file"))
                .help("save the file as UTF-8"))
        }
    }
}
