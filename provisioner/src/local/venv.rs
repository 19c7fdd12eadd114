//! Python virtual environments with exactly pinned packages, made when they are first needed.
//!
//! An environment is complete when its marker file holds the digest of the requirements that it was made from, its own
//! path and its interpreter's. The marker is written last: an interrupted set-up has none and is done again. A changed pin has
//! another digest. An environment works neither in another place nor, its packages being below a folder named for the
//! version, after Python was upgraded below it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::digest::sha256;

/// The file that says an environment is complete.
const MARKER: &str = "healstack-requirements";

/// The oldest Python that every pinned package runs on.
const OLDEST: (u32, u32) = (3, 10);

/// Names of interpreters, best first. `python3` first: its `venv` module is the one most likely to be installed.
const NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// What a fresh environment is asked for its installed versions; arguments are package names.
const VERSIONS_SCRIPT: &str = "\
import importlib.metadata as m, sys
for name in sys.argv[1:]:
    try: print(name, m.version(name))
    except m.PackageNotFoundError: print(name, '-')
";

/// Why an environment could not be made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum VenvError {
    /// No interpreter is new enough.
    #[error("no Python {}.{} or newer was found{}", OLDEST.0, OLDEST.1, found_instead(found))]
    #[diagnostic(help(
        "install one (Debian, Ubuntu: `apt-get install python3 python3-venv`; Amazon Linux, Fedora: `dnf install python3.11`)"
    ))]
    NoPython {
        /// What was found and is too old.
        found: Vec<String>,
    },

    /// The interpreter lacks the module that makes environments (Debian packages it apart).
    #[error("{python} cannot make virtual environments: its `venv` or `ensurepip` module is missing")]
    #[diagnostic(help("apt-get install python3-venv"))]
    NoVenvModule {
        /// The interpreter.
        python: String,
    },

    /// `python -m venv` failed in another way.
    #[error("{python} could not make {}\n{output}", dir.display())]
    #[diagnostic(help("delete {} and try again", dir.display()))]
    Create {
        /// The interpreter.
        python: String,
        /// The environment's folder.
        dir: PathBuf,
        /// What it printed.
        output: String,
    },

    /// pip could not reach the package index.
    #[error("pip could not download the pinned packages\n{output}")]
    #[diagnostic(help(
        "check the network; behind a proxy or with a mirror, set HTTPS_PROXY or PIP_INDEX_URL as for any use of pip"
    ))]
    Network {
        /// The end of what pip printed.
        output: String,
    },

    /// pip failed in another way.
    #[error("pip could not install the pinned packages\n{output}")]
    #[diagnostic(help("the lines above are pip's; run the command again once that is solved"))]
    Install {
        /// The end of what pip printed.
        output: String,
    },

    /// What is installed is not what is pinned.
    #[error("{package} is pinned at {pinned}, and {installed} is installed in {}", dir.display())]
    #[diagnostic(help("delete {} and try again", dir.display()))]
    Version {
        /// The package.
        package: String,
        /// The version of the requirements.
        pinned: String,
        /// The version found, or `-`.
        installed: String,
        /// The environment's folder.
        dir: PathBuf,
    },

    /// A program could not be run.
    #[error("cannot run {}", program.display())]
    #[diagnostic(help("delete the virtual environment that it is in and try again"))]
    Run {
        /// The program.
        program: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },

    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    #[diagnostic(help("check that you may write there and that the disk is not full"))]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
}

impl VenvError {
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// A complete environment.
#[derive(Debug, Clone)]
pub struct Venv {
    dir: PathBuf,
}

impl Venv {
    /// The environment in `dir`, made from the text of a requirements file if it is not there already.
    ///
    /// One process at a time makes the environments of a folder; others wait. `progress` is told what takes time.
    pub fn ensure(dir: &Path, requirements: &str, progress: &mut dyn FnMut(&str)) -> Result<Self, VenvError> {
        let venv = Self { dir: dir.to_owned() };
        if venv.is_complete(requirements) {
            return Ok(venv);
        }
        let _lock = lock(dir.parent().unwrap_or(dir))?;
        if venv.is_complete(requirements) {
            return Ok(venv);
        }
        if dir.exists() {
            fs::remove_dir_all(dir).map_err(VenvError::io("remove", dir))?;
        }
        progress(&format!("making the Python environment {}", dir.display()));
        venv.create()?;
        progress("installing its pinned packages");
        venv.install(requirements)?;
        venv.check_versions(requirements)?;
        let path = dir.join(MARKER);
        let marker = venv.marker(requirements).map_err(VenvError::io("read", venv.interpreter()))?;
        fs::write(&path, marker).map_err(VenvError::io("write", &path))?;
        Ok(venv)
    }

    fn is_complete(&self, requirements: &str) -> bool {
        let found = fs::read_to_string(self.dir.join(MARKER));
        found.is_ok_and(|found| self.marker(requirements).is_ok_and(|wanted| found == wanted))
    }

    /// What the marker file holds. The interpreter is a link out of the environment: an error when that Python is gone.
    fn marker(&self, requirements: &str) -> io::Result<String> {
        let digest = sha256([requirements]);
        let interpreter = self.interpreter().canonicalize()?;
        Ok(format!("{digest}\n{}\n{}\n", self.dir.display(), interpreter.display()))
    }

    /// Its interpreter.
    #[must_use]
    pub fn interpreter(&self) -> PathBuf {
        self.program("python")
    }

    /// A program that one of its packages brings, `cfn-lint` for one.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// A command that runs its interpreter, undisturbed by the caller's Python settings.
    #[must_use]
    pub fn python(&self) -> Command {
        python_command(&self.interpreter())
    }

    /// A folder that looks like a complete environment, with some program for its interpreter.
    #[cfg(test)]
    pub(super) fn complete_for_tests(dir: &Path, requirements: &str, interpreter: &str) -> Self {
        let venv = Self { dir: dir.to_owned() };
        let _ = fs::remove_dir_all(dir);
        fs::create_dir_all(dir.join("bin")).unwrap();
        std::os::unix::fs::symlink(interpreter, venv.interpreter()).unwrap();
        fs::write(dir.join(MARKER), venv.marker(requirements).unwrap()).unwrap();
        venv
    }

    fn create(&self) -> Result<(), VenvError> {
        let python = find_python()?;
        if let Some(parent) = self.dir.parent() {
            fs::create_dir_all(parent).map_err(VenvError::io("create", parent))?;
        }
        let output = run(python_command(Path::new(&python)).args(["-m", "venv"]).arg(&self.dir))?;
        if output.status.success() {
            return Ok(());
        }
        let text = printed(&output);
        if text.contains("ensurepip") || text.contains("No module named venv") {
            return Err(VenvError::NoVenvModule { python });
        }
        Err(VenvError::Create { python, dir: self.dir.clone(), output: text })
    }

    fn install(&self, requirements: &str) -> Result<(), VenvError> {
        let file = self.dir.join("requirements.txt");
        fs::write(&file, requirements).map_err(VenvError::io("write", &file))?;
        let output = run(self
            .python()
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
            // pip's own defaults make a missing network take a minute and a half.
            .args(["--retries", "2", "--timeout", "15", "--requirement"])
            .arg(&file))?;
        if output.status.success() {
            return Ok(());
        }
        let text = printed(&output);
        let network = [
            "NewConnectionError",
            "ConnectTimeoutError",
            "NameResolutionError",
            "ProxyError",
            "ReadTimeoutError",
            "(from versions: none)",
        ];
        if network.iter().any(|sign| text.contains(sign)) {
            return Err(VenvError::Network { output: text });
        }
        Err(VenvError::Install { output: text })
    }

    /// Asks the environment what it has: a constraint file or a mirror of the caller's may have changed it.
    fn check_versions(&self, requirements: &str) -> Result<(), VenvError> {
        let pins = pins(requirements);
        let names = pins.iter().map(|pin| pin.package);
        let output = run(self.python().args(["-c", VERSIONS_SCRIPT]).args(names))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let installed: Vec<_> = text.lines().filter_map(|line| line.split_once(' ')).collect();
        for pin in pins {
            let found = installed.iter().find(|(name, _)| *name == pin.package).map_or("-", |(_, version)| version);
            if found != pin.version && !(pin.conditional && found == "-") {
                return Err(VenvError::Version {
                    package: pin.package.to_owned(),
                    pinned: pin.version.to_owned(),
                    installed: found.to_owned(),
                    dir: self.dir.clone(),
                });
            }
        }
        Ok(())
    }
}

/// A line `package==version`, or `package==version; condition`.
#[derive(Debug, PartialEq, Eq)]
struct Pin<'a> {
    package: &'a str,
    version: &'a str,
    conditional: bool,
}

/// The pins of a requirements file.
fn pins(requirements: &str) -> Vec<Pin<'_>> {
    let lines = requirements.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter_map(|line| {
            let (pin, condition) = line.split_once(';').map_or((line, None), |(pin, rest)| (pin, Some(rest)));
            let (package, version) = pin.split_once("==")?;
            Some(Pin { package: package.trim(), version: version.trim(), conditional: condition.is_some() })
        })
        .collect()
}

/// The first interpreter that is new enough.
fn find_python() -> Result<String, VenvError> {
    let mut found = Vec::new();
    for name in NAMES {
        let script = "import sys; print(*sys.version_info[:2])";
        // Not there, or a stub that fails: the next name may do.
        let Ok(output) = python_command(Path::new(name)).args(["-c", script]).stdin(Stdio::null()).output() else {
            continue;
        };
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        match parse_version(&version) {
            Some(version) if version >= OLDEST => return Ok(name.to_owned()),
            Some((major, minor)) => found.push(format!("{name} is {major}.{minor}")),
            None => {}
        }
    }
    Err(VenvError::NoPython { found })
}

/// `3 11` as a pair.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn found_instead(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(" ({})", found.join(", ")) }
}

/// An interpreter without the variables that would lead it, or pip, out of its environment.
fn python_command(interpreter: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command.env_remove("PYTHONHOME").env_remove("PYTHONPATH").env("PIP_USER", "0");
    command
}

fn run(command: &mut Command) -> Result<Output, VenvError> {
    let program = PathBuf::from(command.get_program());
    command.stdin(Stdio::null()).output().map_err(|source| VenvError::Run { program, source })
}

/// The last lines of what a command printed to both streams.
fn printed(output: &Output) -> String {
    const LINES: usize = 12;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Held until dropped.
fn lock(folder: &Path) -> Result<File, VenvError> {
    fs::create_dir_all(folder).map_err(VenvError::io("create", folder))?;
    let path = folder.join("venv.lock");
    let file = File::create(&path).map_err(VenvError::io("create", &path))?;
    file.lock().map_err(VenvError::io("lock", &path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that looks like a complete environment of some requirements.
    fn complete(dir: &Path, requirements: &str) {
        Venv::complete_for_tests(dir, requirements, "/bin/true");
    }

    #[test]
    fn pins_of_a_file() {
        let pin = |package, version, conditional| Pin { package, version, conditional };
        let text = "# why\na==1.0 # note\n\nb-c == 2 ; python_version < \"3.11\"\n";
        assert_eq!(pins(text), [pin("a", "1.0", false), pin("b-c", "2", true)]);
    }

    #[test]
    fn every_requirement_is_an_exact_pin() {
        let others = [
            include_str!("../../../local/requirements-checkov.txt"),
            include_str!("../../../local/requirements-lint.txt"),
        ];
        for text in others.into_iter().chain([super::super::files::REQUIREMENTS]) {
            let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
            assert_eq!(pins(text).len(), lines);
        }
    }

    #[test]
    fn complete_environment_is_reused_and_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("venv");
        complete(&dir, "a==1");
        let venv = Venv::ensure(&dir, "a==1", &mut |text| panic!("{text}")).unwrap();
        assert_eq!(venv.program("cfn-lint"), dir.join("bin/cfn-lint"));
    }

    #[test]
    fn interrupted_or_changed_environment_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("venv");
        for (requirements, spoil) in [("b==2", false), ("", true)] {
            complete(&dir, "a==1");
            fs::write(dir.join("left-over"), "").unwrap();
            if spoil {
                fs::remove_file(dir.join(MARKER)).unwrap();
            }
            // Stops at the first message: making one takes seconds and, with packages, network.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                Venv::ensure(&dir, requirements, &mut |_| std::panic::resume_unwind(Box::new(())))
            }));
            assert!(outcome.is_err(), "it was reused");
            assert!(!dir.join("left-over").exists());
        }
    }

    #[test]
    fn environment_that_was_moved_or_whose_python_was_upgraded_is_not_complete() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, moved) = (folder.path().join("venv"), folder.path().join("moved"));
        let venv = Venv::complete_for_tests(&dir, "a==1", "/bin/true");
        assert!(venv.is_complete("a==1"));
        fs::remove_file(venv.interpreter()).unwrap();
        assert!(!venv.is_complete("a==1"), "its interpreter is gone");
        std::os::unix::fs::symlink("/bin/false", venv.interpreter()).unwrap();
        assert!(!venv.is_complete("a==1"), "its interpreter is another");
        complete(&dir, "a==1");
        fs::rename(&dir, &moved).unwrap();
        assert!(!Venv { dir: moved }.is_complete("a==1"), "it is in another place");
    }

    #[test]
    fn version_numbers_compare_as_numbers() {
        assert_eq!(parse_version("3 9\n"), Some((3, 9)));
        assert!(parse_version("3 9").unwrap() < OLDEST && parse_version("3 13").unwrap() > OLDEST);
        assert_eq!(parse_version("Python was not found"), None);
    }

    #[test]
    fn messages_say_what_to_install() {
        let error = VenvError::NoPython { found: vec!["python3 is 3.9".to_owned()] };
        assert_eq!(error.to_string(), "no Python 3.10 or newer was found (python3 is 3.9)");
        let error = VenvError::NoVenvModule { python: "python3".to_owned() };
        let help = miette::Diagnostic::help(&error).unwrap().to_string();
        assert_eq!(help, "apt-get install python3-venv");
    }
}
