//! `cargo xtask bench`: what compiling costs, over rules. Figures, no verdict: machines differ and are shared.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use crate::clock::Started;
use crate::error::XtaskError;
use crate::steps::succeed;
use crate::workspace::Workspace;

/// Numbers of rules: those that are shipped first, then two that show whether time and memory are linear.
const RULES: [usize; 3] = [12, 1_000, 10_000];
/// Runs of each; the median is quoted.
const RUNS: usize = 7;
/// Rules a stack: a template's limit is 500 resources, and each of these rules has three.
const RULES_A_STACK: usize = 100;

/// Prints a table of wall time and peak memory of `healstack synth`, whole process, release build.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode, XtaskError> {
    let build = ["build", "--quiet", "--release", "--package", "healstack", "--no-default-features"];
    succeed(workspace.cargo().args(build))?;
    let healstack = workspace.target.join("release").join("healstack");
    println!("{:>6}  {:>10}  {:>10}  {:>12}  {:>10}", "rules", "median", "slowest", "us a rule", "peak MiB");
    for rules in RULES {
        let project = workspace.target.join("xtask").join("bench").join(rules.to_string());
        write_project(&project, rules)?;
        let mut times = Vec::new();
        let mut peak = 0;
        // The first run fills the page cache and writes generated/; it is not counted.
        for run in 0..=RUNS {
            let (took, kib) = measure(&healstack, &project)?;
            if run > 0 {
                times.push(took);
                peak = peak.max(kib);
            }
        }
        times.sort();
        let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
        println!(
            "{rules:>6}  {:>10}  {:>10}  {:>12.0}  {:>10.1}",
            milliseconds(median),
            milliseconds(slowest),
            median.as_secs_f64() * 1e6 / f64::from(u32::try_from(rules).unwrap_or(u32::MAX)),
            f64::from(peak) / 1024.0,
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

/// Runs `synth` once: how long it took, and the most memory that it held, in KiB as the kernel counts it (`VmHWM`).
fn measure(healstack: &Path, project: &Path) -> Result<(Duration, u32), XtaskError> {
    let mut command = Command::new(healstack);
    command.arg("--directory").arg(project).arg("synth").stdout(Stdio::null());
    let started = Started::now();
    let mut child = command.spawn().map_err(XtaskError::io("start", healstack))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let exit = loop {
        // Gone or a zombie: what was read last stands.
        if let Some(kib) = fs::read_to_string(&status).ok().as_deref().and_then(high_water_mark) {
            peak = kib;
        }
        match child.try_wait().map_err(XtaskError::io("wait for", healstack))? {
            Some(exit) => break exit,
            None => std::thread::sleep(Duration::from_micros(200)),
        }
    };
    let took = started.elapsed();
    if exit.success() {
        Ok((took, peak))
    } else {
        Err(XtaskError::Failed { program: "healstack synth".to_owned(), status: exit })
    }
}

fn high_water_mark(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// A project with this many rules, each with a target and parameters of its own.
fn write_project(project: &Path, rules: usize) -> Result<(), XtaskError> {
    let folder = project.join("rules");
    fs::create_dir_all(&folder).map_err(XtaskError::io("create", &folder))?;
    let write = |name: &str, text: &str| {
        let path = project.join(name);
        fs::write(&path, text).map_err(XtaskError::io("write", &path))
    };
    write("healstack.yaml", "environments:\n  bench:\n    account: \"111122223333\"\n    region: eu-west-1\n")?;
    for first in (0..rules).step_by(RULES_A_STACK) {
        let stack = first / RULES_A_STACK;
        let rules: String = (first..rules.min(first + RULES_A_STACK)).map(rule).collect();
        write(&format!("rules/s{stack}.yaml"), &format!("stack: s{stack}\nrules:\n{rules}"))?;
    }
    Ok(())
}

fn rule(index: usize) -> String {
    format!(
        "  - name: leak-n{index}
    layer: application
    trigger_condition: high_memory_usage
    action: restart
    target: {{units: {{names: [app{index}.service], hosts: {{tag: {{app: a{index}}}}}}}}}
    parameters: {{memory_threshold: {}}}
    cooldown_period: 600
    max_attempts: 3
",
        50 + index % 50
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_high_water_mark() {
        assert_eq!(high_water_mark("Name:\tx\nVmHWM:\t   12616 kB\nVmRSS:\t 1 kB\n"), Some(12_616));
        assert_eq!(high_water_mark("Name:\tzombie\n"), None);
    }
}
