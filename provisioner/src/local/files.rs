//! The Python side of the local AWS, embedded so that it needs no clone of the repository.

use std::fs;
use std::path::Path;

use super::LocalError;
use crate::digest::sha256;

/// Exact versions for the virtual environment of the local AWS.
pub(super) const REQUIREMENTS: &str = include_str!("../../../local/requirements-ministack.txt");

/// The script that is started.
pub(super) const LAUNCHER: &str = "ministack_launcher.py";

/// The script that reads everything back.
pub(super) const VERIFY: &str = "verify.py";

/// Every file that the two scripts need, beside one another.
const FILES: [(&str, &str); 22] = [
    (LAUNCHER, include_str!("../../../local/ministack_launcher.py")),
    ("alarm_standin.py", include_str!("../../../local/alarm_standin.py")),
    ("asl_states.py", include_str!("../../../local/asl_states.py")),
    ("automation_standin.py", include_str!("../../../local/automation_standin.py")),
    ("control.py", include_str!("../../../local/control.py")),
    ("create_only.py", include_str!("../../../local/create_only.py")),
    ("event_delivery.py", include_str!("../../../local/event_delivery.py")),
    ("executions.py", include_str!("../../../local/executions.py")),
    ("faults.py", include_str!("../../../local/faults.py")),
    ("integrations.py", include_str!("../../../local/integrations.py")),
    ("ministack_extensions.py", include_str!("../../../local/ministack_extensions.py")),
    ("readers.py", include_str!("../../../local/readers.py")),
    ("readers_workflow.py", include_str!("../../../local/readers_workflow.py")),
    ("reading.py", include_str!("../../../local/reading.py")),
    ("record_sets.py", include_str!("../../../local/record_sets.py")),
    ("recorded-types.txt", include_str!("../../../local/recorded-types.txt")),
    ("requirements-ministack.txt", REQUIREMENTS),
    ("sqs_pipes.py", include_str!("../../../local/sqs_pipes.py")),
    ("stack_values.py", include_str!("../../../local/stack_values.py")),
    ("state_machine_resources.py", include_str!("../../../local/state_machine_resources.py")),
    ("templates.py", include_str!("../../../local/templates.py")),
    (VERIFY, include_str!("../../../local/verify.py")),
];

/// SHA-256 of all files, hexadecimal: a server of another digest was started by another version.
pub(super) fn digest() -> String {
    sha256(FILES.into_iter().flat_map(|(name, text)| [name, text]))
}

/// Writes all files into a folder; one that is as it should be is left alone.
pub(super) fn write_to(folder: &Path) -> Result<(), LocalError> {
    fs::create_dir_all(folder).map_err(LocalError::io("create", folder))?;
    for (name, text) in FILES {
        let path = folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        fs::write(&path, text).map_err(LocalError::io("write", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_local_import_is_embedded() {
        for (name, text) in FILES {
            let modules = text.lines().filter_map(|line| {
                let line = line.strip_prefix("import ").or_else(|| line.strip_prefix("from "))?;
                line.split([' ', '.']).next()
            });
            for module in modules {
                let file = format!("{module}.py");
                let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local").join(&file).exists();
                assert!(!ours || FILES.iter().any(|(name, _)| *name == file), "{name} imports {module}");
            }
        }
    }

    #[test]
    fn writes_what_is_missing_or_changed() {
        let folder = tempfile::tempdir().unwrap();
        write_to(folder.path()).unwrap();
        let path = folder.path().join(LAUNCHER);
        fs::write(&path, "changed").unwrap();
        write_to(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), FILES[0].1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), FILES.len());
    }
}
