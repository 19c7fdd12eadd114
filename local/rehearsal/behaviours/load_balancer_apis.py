"""Elastic Load Balancing's API over the load balancers that a scenario gave, and their metrics."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Unknown
from world import World

from behaviours.load_balancer_state import Balancer, Flow, Group, Rule, Target, flows, forwards
from behaviours.load_balancers import LoadBalancers

# Of targets, then of the load balancer itself ("CloudWatch metrics for your Application Load Balancer").
COUNTS: dict[str, Callable[[Flow], int]] = {
    "RequestCount": lambda flow: flow.requests,
    "HTTPCode_Target_2XX_Count": lambda flow: flow.ok,
    "HTTPCode_Target_5XX_Count": lambda flow: flow.errors,
}
BALANCER_COUNTS: dict[str, Callable[[Flow], int]] = {
    **COUNTS,
    "HTTPCode_ELB_5XX_Count": lambda flow: flow.bad_gateway + flow.unavailable,
    "HTTPCode_ELB_502_Count": lambda flow: flow.bad_gateway,
    "HTTPCode_ELB_503_Count": lambda flow: flow.unavailable,
}


class LoadBalancerApis(Behaviour):
    """What healing asks and changes."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.apis = {
            "elbv2:DescribeLoadBalancers": self.describe_balancers,
            "elbv2:DescribeLoadBalancerAttributes": self.describe_balancer_attributes,
            "elbv2:ModifyLoadBalancerAttributes": self.modify_balancer_attributes,
            "elbv2:DescribeTargetGroupAttributes": self.describe_group_attributes,
            "elbv2:ModifyTargetGroupAttributes": self.modify_group_attributes,
            "elbv2:DescribeTargetHealth": self.describe_health,
            "elbv2:RegisterTargets": self.register,
            "elbv2:DeregisterTargets": self.deregister,
            "elbv2:DescribeRules": self.describe_rules,
            "elbv2:ModifyRule": self.modify_rule,
        }

    @property
    def known(self) -> LoadBalancers:
        """The load balancers."""
        return self.world.behaviour(LoadBalancers)

    def balancer(self, arn: str) -> Balancer:
        """By its ARN."""
        for each in self.known.balancers.values():
            if each.arn == arn:
                return each
        raise ApiError("LoadBalancerNotFound", f"Load balancers '[{arn}]' not found")

    def group(self, arn: str) -> Group:
        """By its ARN."""
        for balancer in self.known.balancers.values():
            for each in balancer.groups.values():
                if each.arn == arn:
                    return each
        raise ApiError("TargetGroupNotFound", f"Target groups '{arn}' not found")

    def rule(self, arn: str) -> Rule:
        """By its ARN."""
        for balancer in self.known.balancers.values():
            for each in balancer.rules:
                if each.arn == arn:
                    return each
        raise ApiError("RuleNotFound", f"Rules '{arn}' not found")

    def describe_balancers(self, request: Request) -> Answer:
        """By ARN, or all."""
        named = [self.balancer(each) for each in request.get("LoadBalancerArns", [])]
        found = named or list(self.known.balancers.values())
        return {"LoadBalancers": [shown_balancer(each) for each in found]}

    def describe_balancer_attributes(self, request: Request) -> Answer:
        """All of them."""
        return {"Attributes": pairs(self.balancer(request["LoadBalancerArn"]).attributes)}

    def modify_balancer_attributes(self, request: Request) -> Answer:
        """Those that are named."""
        attributes = self.balancer(request["LoadBalancerArn"]).attributes
        changed(attributes, request["Attributes"])
        return {"Attributes": pairs(attributes)}

    def describe_group_attributes(self, request: Request) -> Answer:
        """All of them."""
        return {"Attributes": pairs(self.group(request["TargetGroupArn"]).attributes)}

    def modify_group_attributes(self, request: Request) -> Answer:
        """The threshold for DNS failover must not be below the one for routing ("Target group health")."""
        attributes = dict(self.group(request["TargetGroupArn"]).attributes)
        changed(attributes, request["Attributes"])
        for unit in ("count", "percentage"):
            dns, routing = (
                attributes[f"target_group_health.{action}.minimum_healthy_targets.{unit}"]
                for action in ("dns_failover", "unhealthy_state_routing")
            )
            if "off" not in (dns, routing) and int(dns) < int(routing):
                raise ApiError("InvalidConfigurationRequest", f"The {unit} for DNS failover is below that for routing")
        self.group(request["TargetGroupArn"]).attributes = attributes
        return {"Attributes": pairs(attributes)}

    def describe_health(self, request: Request) -> Answer:
        """Target health status ("Health checks for target groups"), with the override of a zonal shift."""
        group = self.group(request["TargetGroupArn"])
        balancer = next(each for each in self.known.balancers.values() if group.name in each.groups)
        used = group in balancer.used()
        return {"TargetHealthDescriptions": [shown_target(each, balancer, used=used) for each in group.targets]}

    def register(self, request: Request) -> Answer:
        """In the zones in turn, as an address's subnet would say."""
        group = self.group(request["TargetGroupArn"])
        balancer = next(each for each in self.known.balancers.values() if group.name in each.groups)
        for each in request["Targets"]:
            zone = each.get("AvailabilityZone", balancer.zones[len(group.targets) % len(balancer.zones)])
            self.known.register(group.name, each["Id"], zone, each.get("Port", 8080))
        return {}

    def deregister(self, request: Request) -> Answer:
        """Each by its id."""
        group = self.group(request["TargetGroupArn"])
        for each in request["Targets"]:
            if each["Id"] not in [target.id for target in group.targets]:
                raise ApiError("InvalidTarget", f"The target {each['Id']} is not registered")
            self.known.deregister(group.name, each["Id"])
        return {}

    def describe_rules(self, request: Request) -> Answer:
        """The named ones."""
        if "RuleArns" not in request:
            raise Unknown("DescribeRules by listener")
        return {"Rules": [shown_rule(self.rule(each)) for each in request["RuleArns"]]}

    def modify_rule(self, request: Request) -> Answer:
        """ModifyRule replaces the whole list of actions, and no default rule's."""
        rule = self.rule(request["RuleArn"])
        if set(request) != {"RuleArn", "Actions"}:
            raise Unknown(f"ModifyRule with {', '.join(request)}")
        if rule.default:
            raise ApiError("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be modified")
        for arn, _ in forwards(request["Actions"]):
            self.group(arn)
        rule.actions = copy.deepcopy(request["Actions"])
        return {"Rules": [shown_rule(rule)]}

    def metrics(self) -> Iterator[Datapoint]:
        """Of load balancers with requests; the others report nothing."""
        for balancer in self.known.balancers.values():
            minute = list(flows(balancer))
            if minute:
                yield from counts(balancer, minute)
                for group in balancer.used():
                    yield from health(balancer, group)


def counts(balancer: Balancer, minute: list[Flow]) -> Iterator[Datapoint]:
    """What has a value, by load balancer, zone and group. RequestCount comes, as 0 too, if targets are registered."""
    groups = balancer.used()
    for zone in (None, *balancer.zones):
        whole = [each for each in minute if zone in (None, each.zone)]
        place = {"AvailabilityZone": zone} if zone else {}
        for name, count in BALANCER_COUNTS.items():
            total = sum(count(each) for each in whole)
            if total or (name == "RequestCount" and any(each.targets for each in groups)):
                yield point(name, {"LoadBalancer": balancer.name, **place}, total)
        for group in groups:
            for name, count in COUNTS.items():
                total = sum(count(each) for each in whole if each.group is group)
                if total or (name == "RequestCount" and group.targets):
                    yield point(name, {"LoadBalancer": balancer.name, "TargetGroup": group.name, **place}, total)


def health(balancer: Balancer, group: Group) -> Iterator[Datapoint]:
    """Every node reports what it sees, if targets are registered; whether a zone has enough is reported in any case."""
    place = {"LoadBalancer": balancer.name, "TargetGroup": group.name}
    if [each for each in group.targets if each.state != "draining"]:
        yield point("HealthyHostCount", place, *(group.healthy(zone) for zone in balancer.zones))
        for zone in balancer.zones:
            here = sum(each.state == "healthy" for each in group.targets if each.zone == zone)
            yield point("HealthyHostCount", {**place, "AvailabilityZone": zone}, here)
    yield point("HealthyStateDNS", place, sum(group.enough(zone, "dns_failover") for zone in balancer.zones))
    for zone in balancer.zones:
        yield point("HealthyStateDNS", {**place, "AvailabilityZone": zone}, int(group.enough(zone, "dns_failover")))


def point(name: str, dimensions: dict[str, str], *values: float) -> Datapoint:
    """One of a load balancer."""
    return Datapoint("AWS/ApplicationELB", name, dimensions, tuple(values))


def pairs(attributes: dict[str, str]) -> list[dict[str, str]]:
    """As the API lists them."""
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


def changed(attributes: dict[str, str], request: list[dict[str, str]]) -> None:
    """Writes what is named over them."""
    for each in request:
        if each["Key"] not in attributes:
            raise ApiError("InvalidConfigurationRequest", f"The attribute {each['Key']} is not known")
        attributes[each["Key"]] = each["Value"]


def shown_balancer(balancer: Balancer) -> Answer:
    """As DescribeLoadBalancers shows it."""
    zones = [{"ZoneName": each} for each in balancer.zones]
    name = balancer.name.split("/")[1]
    shown = {"LoadBalancerArn": balancer.arn, "LoadBalancerName": name, "Type": "application"}
    return {**shown, "AvailabilityZones": zones}


def shown_rule(rule: Rule) -> Answer:
    """As DescribeRules shows it."""
    shown = {"RuleArn": rule.arn, "Priority": "default" if rule.default else "10", "Conditions": rule.conditions}
    return {**shown, "IsDefault": rule.default, "Actions": copy.deepcopy(rule.actions)}


def shown_target(target: Target, balancer: Balancer, *, used: bool) -> Answer:
    """As DescribeTargetHealth shows it. A group in no rule has its health not checked."""
    state = {"State": target.state} if target.reason is None else {"State": target.state, "Reason": target.reason}
    if not used:
        state = {"State": "unused", "Reason": "Target.NotInUse"}
    shifted = target.zone in balancer.shifted
    return {
        "Target": {"Id": target.id, "Port": target.port, "AvailabilityZone": target.zone},
        "HealthCheckPort": str(target.port),
        "TargetHealth": state,
        "AdministrativeOverride": {"State": "zonal_shift_active" if shifted else "no_override"},
    }
