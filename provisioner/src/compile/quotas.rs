//! What an environment takes of its account's quotas, summed over all of its stacks: one stack may fit where all together do
//! not, and CloudFormation would say so in the middle of a deployment.

use super::{AlarmInfo, CompiledStack};
use crate::config::Environment;
use crate::diagnostics::Problem;

/// Regions whose event buses take 100 rules instead of 300 (EventBridge quotas, 2026-11).
const SMALL_BUSES: [&str; 2] = ["af-south-1", "eu-south-1"];

/// What counts against a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// CloudWatch alarms.
    Alarms,
    /// Alarms on a Metrics Insights query, which have a quota of their own and count as alarms too.
    FleetAlarms,
    /// Rules of the default event bus.
    EventRules,
    /// Systems Manager documents.
    Documents,
    /// Parameter Store's standard parameters.
    Parameters,
    /// IAM roles.
    Roles,
}

impl Counted {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Alarms, Self::FleetAlarms, Self::EventRules, Self::Documents, Self::Parameters, Self::Roles];

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alarms => "alarms",
            Self::FleetAlarms => "fleet alarms",
            Self::EventRules => "event rules",
            Self::Documents => "documents",
            Self::Parameters => "parameters",
            Self::Roles => "roles",
        }
    }

    /// The field of `quotas` in healstack.yaml, and of JSON output.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::FleetAlarms => "fleet_alarms",
            Self::EventRules => "event_rules",
            other => other.name(),
        }
    }

    /// How many a stack has.
    #[must_use]
    pub fn of(self, stack: &CompiledStack) -> usize {
        let of_type = |wanted: &str| stack.template.resources().filter(|resource| resource.kind() == wanted).count();
        match self {
            Self::Alarms => of_type("AWS::CloudWatch::Alarm"),
            Self::FleetAlarms => {
                stack.rules.iter().flat_map(|rule| &rule.alarms).filter(|alarm: &&AlarmInfo| alarm.fleet).count()
            }
            Self::EventRules => of_type("AWS::Events::Rule"),
            Self::Documents => of_type("AWS::SSM::Document"),
            Self::Parameters => of_type("AWS::SSM::Parameter"),
            Self::Roles => of_type("AWS::IAM::Role"),
        }
    }

    /// How many the account takes: what `healstack.yaml` says, or AWS's default of 2026-11 (the services' quota pages).
    #[must_use]
    pub fn quota(self, environment: &Environment) -> usize {
        let quotas = &environment.quotas;
        let (raised, default) = match self {
            Self::Alarms => (quotas.alarms, 5000),
            Self::FleetAlarms => (quotas.fleet_alarms, 200),
            Self::EventRules if SMALL_BUSES.contains(&environment.region.as_str()) => (quotas.event_rules, 100),
            Self::EventRules => (quotas.event_rules, 300),
            Self::Documents => (quotas.documents, 500),
            Self::Parameters => (quotas.parameters, 10_000),
            Self::Roles => (quotas.roles, 1000),
        };
        raised.map_or(default, |raised| usize::try_from(raised).unwrap_or(usize::MAX))
    }
}

/// What all stacks together need beyond the account's quotas.
pub(super) fn check(stacks: &[CompiledStack], environment: &Environment) -> Vec<Problem> {
    let over = Counted::ALL.into_iter().filter_map(|counted| {
        let needed: usize = stacks.iter().map(|stack| counted.of(stack)).sum();
        let quota = counted.quota(environment);
        let most = stacks.iter().max_by_key(|stack| counted.of(stack))?;
        (needed > quota).then(|| {
            Problem::error(format!("all stacks together have {needed} {}, the account's quota is {quota}", counted.name()))
                .help(format!(
                    "most are in `{}`; let AWS raise the quota and write it as `quotas: {{{}: …}}` of the environment in healstack.yaml, or select more resources by fewer rules",
                    most.folder,
                    counted.field()
                ))
        })
    });
    over.collect()
}
