//! `healstack init`: a project to begin with.

use super::output::{DIM, GOOD};
use super::{Exit, Session};
use crate::diagnostics::{Problem, Problems};
use serde_json::json;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Options of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The AWS account that the first environment deploys to.
    #[arg(long, default_value = "111122223333", value_parser = account)]
    account: String,
    /// Its region.
    #[arg(long, default_value = "eu-west-1")]
    region: String,
    /// The e-mail address that is told about healing.
    #[arg(long)]
    email: Option<String>,
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account has 12 digits".to_owned())
    }
}

const EXAMPLE_RULE: &str = include_str!("init/example.yaml");

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    let root = &session.directory;
    let email = options
        .email
        .as_deref()
        .map(|email| format!("\n    notifications:\n      email: [{email}]"))
        .unwrap_or_default();
    let config = format!(
        "# One environment is one account and region. `healstack deploy` refuses every other account.\nenvironments:\n  dev:\n    account: \"{}\"\n    region: {}{email}\n",
        options.account, options.region
    );
    let files =
        [("healstack.yaml", config.as_str()), ("rules/example.yaml", EXAMPLE_RULE), (".gitignore", "/target/\n")];
    let mut text = String::new();
    let mut written = Vec::new();
    for (name, content) in files {
        match create(&root.join(name), content) {
            Ok(true) => {
                let _ = writeln!(text, "{GOOD}  created{GOOD:#}  {name}");
                written.push(name);
            }
            Ok(false) => {
                let _ = writeln!(text, "{DIM}     kept{DIM:#}  {name}");
            }
            Err(error) => return session.printer.fail(Problem::error(format!("cannot write {name}: {error}"))),
        }
    }
    text.push_str("\nNext: edit rules/example.yaml, then\n  healstack check            what is wrong, if anything\n  healstack explain example  what the rule will do\n  healstack synth            write generated/, for review\n  healstack deploy --local   try it without an AWS account\n");
    session.printer.result(&text, json!({"ok": true, "created": written}), &Problems::default());
    Exit::Success
}

/// Writes a file that is not there yet; whether it was written.
fn create(path: &Path, content: &str) -> io::Result<bool> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(content.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
