"""What an Application Load Balancer knows, and where a minute's requests go. No part of this heals anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# Application Load Balancers, "Health checks for target groups": every 30 s, unhealthy after 2 failures, healthy again
# after 5 successes.
INTERVAL, UNHEALTHY_AFTER, HEALTHY_AFTER = 30, 2, 5
# "Target group health": clients may know a node that left DNS until the record's time to live has passed.
DNS_SECONDS = 60

# "Target groups for your Application Load Balancers", Target group attributes.
GROUP_ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "slow_start.duration_seconds": "0",
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
# "Application Load Balancers", Load balancer attributes: those that a healing could look at.
BALANCER_ATTRIBUTES = {
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "load_balancing.cross_zone.enabled": "true",
    "zonal_shift.config.enabled": "false",
}


@dataclass
class Target:
    """One target of one group."""

    id: str
    zone: str
    port: int
    # `DescribeTargetHealth`: initial, healthy, unhealthy, draining.
    state: str = "healthy"
    reason: str | None = None
    # Why its health checks fail: `silent` (nothing answers, the load balancer says 502) or `errors` (it says 5xx).
    cause: str | None = None


@dataclass
class Group:
    """A target group; `name` is the end of its ARN, `targetgroup/…`."""

    name: str
    arn: str
    targets: list[Target]
    attributes: dict[str, str] = field(default_factory=lambda: dict(GROUP_ATTRIBUTES))
    # Percent of server errors in the answers of targets that pass their health checks, in a zone or (`""`) in all.
    errors: dict[str, int] = field(default_factory=dict)

    def cross_zone(self) -> bool:
        """Whether every node sends to all zones' targets. On at the load balancer, where it cannot be turned off."""
        return self.attributes["load_balancing.cross_zone.enabled"] != "false"

    def seen(self, zone: str) -> list[Target]:
        """The registered targets that the node of a zone sends to."""
        known = [each for each in self.targets if each.state != "draining"]
        return known if self.cross_zone() else [each for each in known if each.zone == zone]

    def healthy(self, zone: str) -> int:
        """How many of them are healthy."""
        return sum(each.state == "healthy" for each in self.seen(zone))

    def enough(self, zone: str, action: str) -> bool:
        """Whether the healthy ones meet both thresholds of an action, `dns_failover` or `unhealthy_state_routing`."""
        prefix = f"target_group_health.{action}.minimum_healthy_targets"
        count, percentage = (self.attributes[f"{prefix}.{unit}"] for unit in ("count", "percentage"))
        healthy, all_of_them = self.healthy(zone), len(self.seen(zone))
        few = count != "off" and healthy < int(count)
        return not few and (percentage == "off" or 100 * healthy >= int(percentage) * all_of_them)


@dataclass
class Rule:
    """A listener rule, with its actions as the API has them, and the requests a minute that match it."""

    name: str
    arn: str
    actions: list[dict[str, Any]]
    default: bool
    requests: int
    conditions: list[dict[str, Any]]


@dataclass
class Balancer:
    """A load balancer; `name` is the end of its ARN, `app/<name>/<id>`."""

    name: str
    arn: str
    zones: list[str]
    attributes: dict[str, str] = field(default_factory=lambda: dict(BALANCER_ATTRIBUTES))
    groups: dict[str, Group] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    # Percent of the usual requests that come.
    demand: int = 100
    # Zones that a zonal shift takes away: no node in DNS, and no request to their targets.
    shifted: set[str] = field(default_factory=set)
    # Zones whose node still gets requests although it left DNS a moment ago.
    cached: set[str] = field(default_factory=set)
    # Percent of what enters by a zone's node that is answered 502.
    impaired: dict[str, int] = field(default_factory=dict)

    def used(self) -> list[Group]:
        """The groups that a rule forwards to, with whatever weight: only those have their health checked."""
        arns = {arn for rule in self.rules for arn, _ in forwards(rule.actions)}
        return [each for each in self.groups.values() if each.arn in arns]

    def open_zones(self) -> list[str]:
        """The zones in DNS. One group with enough will do ("Target group health"); if no zone has one, all are in."""
        left = [each for each in self.zones if each not in self.shifted]
        well = [zone for zone in left if any(group.enough(zone, "dns_failover") for group in self.used())]
        return well or left

    def dns_healthy(self) -> bool:
        """What Route 53 sees for an alias that evaluates target health: a group that is unhealthy in every zone fails
        it, as do groups that are all empty ("Using Route 53 DNS failover for your load balancer")."""
        filled = [each for each in self.used() if each.targets]
        return bool(filled) and all(any(each.enough(zone, "dns_failover") for zone in self.zones) for each in filled)


@dataclass
class Flow:
    """What happened in one minute to the requests that entered by one zone for one group."""

    zone: str
    group: Group
    requests: int = 0
    # Answers by targets.
    ok: int = 0
    errors: int = 0
    # Answers by the load balancer: 502 for targets that do not answer, 503 for groups without targets.
    bad_gateway: int = 0
    unavailable: int = 0


def forwards(actions: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """The ARNs and weights of a rule's forward action."""
    found = [each for each in actions if each["Type"] == "forward"]
    groups = found[-1].get("ForwardConfig", {}).get("TargetGroups") if found else None
    return [(each["TargetGroupArn"], each.get("Weight", 1)) for each in groups or []]


def split(total: int, shares: list[int]) -> list[int]:
    """Whole requests by shares; the sum stays."""
    whole, given, done = sum(shares), [], 0
    for index in range(len(shares)):
        until = total * sum(shares[: index + 1]) // whole if whole else 0
        given.append(until - done)
        done = until
    return given


def flows(balancer: Balancer) -> Iterator[Flow]:
    """The requests of a minute, by zone of entry and by group."""
    zones = balancer.open_zones()
    zones += [each for each in balancer.zones if each in balancer.cached and each not in zones]
    for rule in balancer.rules:
        groups = forwards(rule.actions)
        weights = [weight for _, weight in groups]
        for zone, entered in zip(zones, split(rule.requests * balancer.demand // 100, [1] * len(zones))):
            for (arn, _), requests in zip(groups, split(entered, weights)):
                if requests:
                    group = next(each for each in balancer.groups.values() if each.arn == arn)
                    yield flow(balancer, zone, group, requests)


def flow(balancer: Balancer, zone: str, group: Group, requests: int) -> Flow:
    """Where they end: with the healthy targets, or with all of them when too few are healthy."""
    seen = [each for each in group.seen(zone) if each.zone not in balancer.shifted]
    # "Troubleshoot your Application Load Balancers", HTTP 503: no registered targets. None was chosen, so it is no
    # RequestCount.
    if not seen:
        return Flow(zone, group, unavailable=requests)
    well = [each for each in seen if each.state == "healthy"]
    chosen = well if well and group.enough(zone, "unhealthy_state_routing") else seen
    found = Flow(zone, group, requests=requests)
    found.bad_gateway = requests * balancer.impaired.get(zone, 0) // 100
    for target, share in zip(chosen, split(requests - found.bad_gateway, [1] * len(chosen))):
        if target.cause == "silent":
            found.bad_gateway += share
        else:
            percent = 100 if target.cause else max(group.errors.get("", 0), group.errors.get(target.zone, 0))
            found.errors += share * percent // 100
            found.ok += share - share * percent // 100
    return found
