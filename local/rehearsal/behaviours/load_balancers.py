"""Application Load Balancers: target groups with health, listener rules with weights, and where requests go.

moto gives load balancers ids of its own and has no requests, so all of Elastic Load Balancing that healing uses is
answered here and in `load_balancer_apis.py`. `requests` are per minute.

Given:
- `{load_balancer: app/checkout/50dc6c495c0c9188, zones: [eu-west-1a, eu-west-1b, eu-west-1c]}`
- `{target_group: targetgroup/checkout/73e2d6bc24d8a067, load_balancer: app/…, targets: 3}`; `targets` may be a list of
  ids, which are put into the zones in turn; `attributes` are those that differ from the defaults; with `requests: 600`
  a default rule of its own forwards as many to it.
- `{listener_rule: app/checkout/50dc…/0467…/9683…, forward: {targetgroup/…: 100, targetgroup/…: 0}, requests: 600}`;
  also `default: true`, `sticky: true`, or `before: [authenticate-oidc]` (types of actions before the forward one).

Ailments; `for: 10m` ends the cause by itself, else it stays:
- `{ail: targets, group: targetgroup/…}`: health checks fail, of all, of `count: 1` or of a `zone`; `answers: errors` if
  the targets answer 5xx, else nothing answers and the load balancer says 502.
- `{ail: target-answers, group: targetgroup/…, percent: 100}`: server errors from targets that pass their health
  checks, of all or of a `zone`.
- `{ail: load-balancer-zone, load_balancer: app/…, zone: …, percent: 50}`: what enters by the zone's node gets a 502.
- `{ail: load-balancer-traffic, load_balancer: app/…, percent: 0}`: percent of the usual requests that come.

For other behaviours, which get this one by `world.behaviour(LoadBalancers)`; names are the ends of ARNs:
- `balancer(name)`: the `Balancer`; `demand` (percent of the usual requests), `impaired` (zone to percent of 502s).
- `shift(name, zone)` and `unshift(name, zone)`: a zonal shift begins and ends.
- `zone_requests(name)`: zone to (requests, server errors) of the current minute.
- `dns_healthy(name)`: what Route 53 sees when it evaluates the target's health. `open_zones(name)`: the zones in DNS.
- `served(name)`: percent of the requests that are answered well now, 100 without any; for checkers from outside.
- `register(group, id, zone)`, `deregister(group, id)`, `fail(group, ids, cause)`, `mend(group, ids)`: others' targets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from behaviour import Behaviour, Thing, Unknown
from durations import seconds
from things import only
from world import World

from behaviours.load_balancer_state import (
    DNS_SECONDS,
    HEALTHY_AFTER,
    INTERVAL,
    UNHEALTHY_AFTER,
    Balancer,
    Group,
    Rule,
    Target,
    flows,
)


class LoadBalancers(Behaviour):
    """Elastic Load Balancing, application load balancers."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.balancers: dict[str, Balancer] = {}
        self.givens = {"load_balancer": self.given, "target_group": self.given_group, "listener_rule": self.given_rule}
        self.ailments = {
            "targets": self.ail_targets,
            "target-answers": self.ail_answers,
            "load-balancer-zone": self.ail_zone,
            "load-balancer-traffic": self.ail_traffic,
        }

    # Given

    def arn(self, resource: str) -> str:
        """An ARN with exactly this end."""
        return self.world.arn("elasticloadbalancing", resource)

    def given(self, thing: Thing) -> None:
        """A load balancer with a node in each zone."""
        only(thing, "load_balancer", "zones", "attributes")
        name = thing["load_balancer"]
        self.balancers[name] = Balancer(name, self.arn(f"loadbalancer/{name}"), list(thing["zones"]))
        self.balancers[name].attributes.update(thing.get("attributes", {}))

    def given_group(self, thing: Thing) -> None:
        """A target group with healthy targets."""
        only(thing, "target_group", "load_balancer", "targets", "attributes", "requests")
        balancer, name, targets = self.balancer(thing["load_balancer"]), thing["target_group"], thing["targets"]
        ids = targets if isinstance(targets, list) else [f"10.0.{len(balancer.groups)}.{n}" for n in range(targets)]
        made = [Target(each, balancer.zones[index % len(balancer.zones)], 8080) for index, each in enumerate(ids)]
        group = balancer.groups[name] = Group(name, self.arn(name), made)
        group.attributes.update(thing.get("attributes", {}))
        if "requests" in thing:
            listener = f"{balancer.name}/{name.rsplit('/', 1)[-1]}/{len(balancer.rules):016x}"
            self.rule(balancer, listener, {name: 1}, {"default": True, "requests": thing["requests"]})

    def given_rule(self, thing: Thing) -> None:
        """A listener rule that forwards by weights."""
        only(thing, "listener_rule", "forward", "requests", "default", "sticky", "before")
        balancer = self.balancer(thing["listener_rule"].rsplit("/", 2)[0])
        self.rule(balancer, thing["listener_rule"], thing["forward"], thing)

    def rule(self, balancer: Balancer, name: str, forward: dict[str, int], thing: Thing) -> None:
        """Adds it to its load balancer."""
        arns = [(balancer.groups[group].arn, weight) for group, weight in forward.items()]
        weights = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in arns]
        config = {"TargetGroups": weights, "TargetGroupStickinessConfig": {"Enabled": thing.get("sticky", False)}}
        actions: list[dict[str, Any]] = [{"Type": each} for each in thing.get("before", [])]
        actions.append({"Type": "forward", "ForwardConfig": config})
        default = thing.get("default", False)
        conditions = [] if default else [{"Field": "path-pattern", "Values": ["/*"]}]
        arn = self.arn(f"listener-rule/{name}")
        # A scenario may give one of its file's rules anew.
        balancer.rules = [each for each in balancer.rules if each.name != name]
        balancer.rules.append(Rule(name, arn, actions, default, thing["requests"], conditions))

    # Ailments

    def ail_targets(self, thing: Thing) -> None:
        """Health checks of targets fail."""
        only(thing, "ail", "group", "count", "zone", "answers", "for")
        group = self.group(thing["group"])
        found = [each for each in group.targets if thing.get("zone", each.zone) == each.zone][: thing.get("count")]
        causes = {"none": "silent", "errors": "errors"}
        if thing.get("answers", "none") not in causes:
            raise Unknown(f"`answers: {thing['answers']}`; known: {', '.join(causes)}")
        self.fail(group.name, [each.id for each in found], causes[thing.get("answers", "none")])
        self.passes(thing, lambda: self.mend(group.name, [each.id for each in found]))

    def ail_answers(self, thing: Thing) -> None:
        """Targets answer errors, and their health checks do not notice."""
        only(thing, "ail", "group", "percent", "zone", "for")
        errors, zone = self.group(thing["group"]).errors, thing.get("zone", "")
        errors[zone] = thing["percent"]
        self.passes(thing, lambda: errors.pop(zone, None))

    def ail_zone(self, thing: Thing) -> None:
        """A zone's node fails."""
        only(thing, "ail", "load_balancer", "zone", "percent", "for")
        impaired = self.balancer(thing["load_balancer"]).impaired
        impaired[thing["zone"]] = thing["percent"]
        self.passes(thing, lambda: impaired.pop(thing["zone"], None))

    def ail_traffic(self, thing: Thing) -> None:
        """Clients ask more or less than usual."""
        only(thing, "ail", "load_balancer", "percent", "for")
        balancer = self.balancer(thing["load_balancer"])
        balancer.demand = thing["percent"]
        self.passes(thing, lambda: setattr(balancer, "demand", 100))

    def passes(self, thing: Thing, what: Callable[[], Any]) -> None:
        """What ends by itself."""
        if "for" in thing:
            self.world.after(seconds(thing["for"]), what)

    # For other behaviours

    def balancer(self, name: str) -> Balancer:
        """By the end of its name."""
        if name not in self.balancers:
            raise Unknown(f"the load balancer `{name}`; it must be given first")
        return self.balancers[name]

    def group(self, name: str) -> Group:
        """By the end of its name."""
        for balancer in self.balancers.values():
            if name in balancer.groups:
                return balancer.groups[name]
        raise Unknown(f"the target group `{name}`; it must be given first")

    def shift(self, name: str, zone: str) -> None:
        """Its targets are blocked at once, and its node leaves DNS, which clients know after the record's time to live
        ("Zonal shift for your Application Load Balancer")."""
        balancer = self.balancer(name)
        balancer.shifted.add(zone)
        balancer.cached.add(zone)
        self.world.after(DNS_SECONDS, lambda: balancer.cached.discard(zone))

    def unshift(self, name: str, zone: str) -> None:
        """It ends or is cancelled."""
        self.balancer(name).shifted.discard(zone)

    def zone_requests(self, name: str) -> dict[str, tuple[int, int]]:
        """Requests and server errors of each zone of entry."""
        found = {zone: (0, 0) for zone in self.balancer(name).zones}
        for each in flows(self.balancer(name)):
            requests, errors = found[each.zone]
            failed = each.errors + each.bad_gateway + each.unavailable
            found[each.zone] = (requests + each.requests + each.unavailable, errors + failed)
        return found

    def served(self, name: str) -> int:
        """Percent that is answered well."""
        asked, failed = (sum(column) for column in zip(*self.zone_requests(name).values()))
        return 100 * (asked - failed) // asked if asked else 100

    def dns_healthy(self, name: str) -> bool:
        """For aliases that evaluate the target's health."""
        return self.balancer(name).dns_healthy()

    def open_zones(self, name: str) -> list[str]:
        """The zones in DNS."""
        return self.balancer(name).open_zones()

    def register(self, group: str, target: str, zone: str, port: int = 8080) -> None:
        """It gets requests once it has passed one health check ("Target groups", Registered targets)."""
        known = self.group(group)
        known.targets = [each for each in known.targets if each.id != target]
        made = Target(target, zone, port, state="initial", reason="Elb.InitialHealthChecking")
        known.targets.append(made)
        self.world.after(INTERVAL, lambda: self.checked(made, well=True))

    def deregister(self, group: str, target: str) -> None:
        """It gets no more requests at once, and is gone after the deregistration delay."""
        known = self.group(group)
        for each in known.targets:
            if each.id == target:
                each.state, each.reason = "draining", "Target.DeregistrationInProgress"
                gone = each
                delay = int(known.attributes["deregistration_delay.timeout_seconds"])
                self.world.after(delay, lambda: known.targets.remove(gone) if gone in known.targets else None)

    def fail(self, group: str, targets: list[str], cause: str) -> None:
        """Their health checks fail from now on: `silent` or `errors`."""
        for each in self.group(group).targets:
            if each.id in targets:
                each.cause = cause
                self.world.after(INTERVAL * UNHEALTHY_AFTER, lambda each=each: self.checked(each, well=False))

    def mend(self, group: str, targets: list[str]) -> None:
        """What made them fail is gone; the load balancer sees it after its health checks."""
        for each in self.group(group).targets:
            if each.id in targets:
                each.cause = None
                self.world.after(INTERVAL * HEALTHY_AFTER, lambda each=each: self.checked(each, well=True))

    def checked(self, target: Target, *, well: bool) -> None:
        """Enough health checks in a row, if nothing has changed meanwhile."""
        if target.state != "draining" and well == (target.cause is None):
            target.state, target.reason = ("healthy", None) if well else ("unhealthy", "Target.FailedHealthChecks")
            if target.cause == "errors":
                target.reason = "Target.ResponseCodeMismatch"
