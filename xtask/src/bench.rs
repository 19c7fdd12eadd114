//! `cargo xtask bench`: what compiling costs, over rules. Figures, no verdict: machines differ and are shared.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use crate::clock::Started;
use crate::error::XtaskError;
use crate::steps::succeed;
use crate::workspace::{Workspace, write_file};

/// Numbers of rules: those that are shipped first, then two that show whether time and memory are linear.
const RULES: [usize; 3] = [12, 1_000, 10_000];
/// Runs of each; the median is quoted.
const RUNS: usize = 7;
/// Rules a stack: one application, with the twelve rules of REL11-BP03.
const RULES_A_STACK: usize = 12;

/// Groups of the workload's template, as many as one rule takes.
const GROUPS: usize = 50;

/// Prints a table of wall time and peak memory of `healstack synth`, whole process, release build.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode, XtaskError> {
    let build = ["build", "--quiet", "--release", "--package", "healstack", "--no-default-features"];
    succeed(workspace.cargo().args(build))?;
    let healstack = workspace.target.join("release").join("healstack");
    println!("{:>6}  {:>10}  {:>10}  {:>12}  {:>10}", "rules", "median", "slowest", "us a rule", "peak MiB");
    for rules in RULES {
        let project = workspace.target.join("xtask").join("bench").join(rules.to_string());
        write_project(workspace, &project, rules)?;
        let (median, slowest, peak) = figures(&healstack, &project)?;
        println!(
            "{rules:>6}  {:>10}  {:>10}  {:>12.0}  {:>10.1}",
            milliseconds(median),
            milliseconds(slowest),
            median.as_secs_f64() * 1e6 / f64::from(u32::try_from(rules).unwrap_or(u32::MAX)),
            peak,
        );
    }
    let project = workspace.target.join("xtask").join("bench").join("workload");
    let bytes = write_workload(&project)?;
    let (median, slowest, peak) = figures(&healstack, &project)?;
    println!(
        "a template of {bytes} bytes, {GROUPS} of its resources healed: {} (slowest {}), {peak:.1} MiB",
        milliseconds(median),
        milliseconds(slowest)
    );
    Ok(ExitCode::SUCCESS)
}

/// Median and slowest of some runs, and the most memory of one in MiB.
fn figures(healstack: &Path, project: &Path) -> Result<(Duration, Duration, f64), XtaskError> {
    let mut times = Vec::new();
    let mut peak = 0;
    // The first run fills the page cache and writes generated/; it is not counted.
    for run in 0..=RUNS {
        let (took, kib) = measure(healstack, project)?;
        if run > 0 {
            times.push(took);
            peak = peak.max(kib);
        }
    }
    times.sort();
    Ok((times[times.len() / 2], times[times.len() - 1], f64::from(peak) / 1024.0))
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

/// A project with this many rules: those that ship for REL11-BP03, again and again, each time for another application in a
/// stack of its own.
fn write_project(workspace: &Workspace, project: &Path, rules: usize) -> Result<(), XtaskError> {
    write_file(&project.join("healstack.yaml"), CONFIG)?;
    let path = workspace.root.join("rules").join("checkout.yaml");
    let shipped = fs::read_to_string(&path).map_err(XtaskError::io("read", &path))?;
    let shipped: Vec<&str> = shipped.split("  - name: ").skip(1).take(RULES_A_STACK).collect();
    for first in (0..rules).step_by(RULES_A_STACK) {
        let application = format!("app{}", first / RULES_A_STACK);
        let some = shipped.iter().take(rules - first).map(|rule| format!("  - name: {rule}"));
        let text = format!("stack: checkout\nrules:\n{}", some.collect::<String>()).replace("checkout", &application);
        write_file(&project.join(format!("rules/{application}.yaml")), text)?;
    }
    Ok(())
}

/// A project whose rule heals groups of a template that is nearly as large as CloudFormation takes. Gives its size in bytes.
fn write_workload(project: &Path) -> Result<usize, XtaskError> {
    let ids: Vec<String> = (0..GROUPS).map(|group| format!("Web{group}")).collect();
    let mut template = "Resources:\n".to_owned();
    for id in &ids {
        let _ = write!(
            template,
            "  {id}:\n    Type: AWS::AutoScaling::AutoScalingGroup\n    Properties:\n      MinSize: \"1\" # at least\n      MaxSize: \"4\"\n"
        );
    }
    let line = "            # one of the lines of a script that a host runs when it boots\n";
    for hosts in 0..300 {
        let _ = write!(
            template,
            "\n  Hosts{hosts}:\n    Type: AWS::EC2::LaunchTemplate\n    Properties:\n      LaunchTemplateData:\n        UserData:\n          Fn::Base64: !Sub |\n{}",
            line.repeat(40)
        );
    }
    let names: Vec<String> = ids.iter().map(|id| format!("{{resource: {id}}}")).collect();
    let rules = format!(
        "stack: shop\nworkload: workloads/shop.yaml\nrules:\n  - name: web\n    layer: infrastructure\n    trigger_condition: unhealthy_instance_threshold\n    action: scale\n    target: {{auto_scaling_groups: {{names: [{}]}}}}\n    parameters: {{scale_out_amount: 1}}\n",
        names.join(", ")
    );
    for (name, text) in [("healstack.yaml", CONFIG), ("rules/shop.yaml", &rules), ("workloads/shop.yaml", &template)] {
        write_file(&project.join(name), text)?;
    }
    Ok(template.len())
}

/// 10,000 rules need more of everything than an account has by default.
const CONFIG: &str = "environments:
  bench:
    account: \"111122223333\"
    region: eu-west-1
    quotas: {alarms: 99999, fleet_alarms: 99999, event_rules: 99999, documents: 99999, parameters: 99999, roles: 99999}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_high_water_mark() {
        assert_eq!(high_water_mark("Name:\tx\nVmHWM:\t   12616 kB\nVmRSS:\t 1 kB\n"), Some(12_616));
        assert_eq!(high_water_mark("Name:\tzombie\n"), None);
    }
}
