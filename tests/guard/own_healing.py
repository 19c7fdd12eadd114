"""Resources that AWS could heal by itself, each weaker than it could be, behind the calls that settings runbooks make.

Requests and answers are held against botocore's models, so that neither a runbook nor a stand-in can make one up. The ledger is the
local AWS's own.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

SESSION = botocore.session.Session()
ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333"
DNS = "target_group_health.dns_failover.minimum_healthy_targets.percentage"
ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"
SHIFT = "zonal_shift.config.enabled"

Request = dict[str, Any]

# Everything weak, as it may well be found.
WEAK: dict[str, Any] = {
    "group": {"HealthCheckType": "EC2", "HealthCheckGracePeriod": 0, "TargetGroupARNs": [], "LoadBalancerNames": []},
    "instance": {"State": {"Name": "running"}, "MaintenanceOptions": {"AutoRecovery": "disabled"}, "app": "shop"},
    "service": {
        "status": "ACTIVE",
        "deploymentConfiguration": {
            "minimumHealthyPercent": 50,
            "maximumPercent": 150,
            "alarms": {"alarmNames": [], "enable": False, "rollback": False},
        },
        "deployments": [{"rolloutState": "COMPLETED", "failedTasks": 0}],
    },
    "balancer": {"idle_timeout.timeout_seconds": "60", SHIFT: "false"},
    "targets": {"stickiness.enabled": "false", DNS: "off", ROUTING: "off"},
    "health": ["healthy", "healthy"],
    "cache": {
        "Status": "available",
        "AutomaticFailover": "disabled",
        "MultiAZ": "disabled",
        "MemberClusters": ["orders-001", "orders-002"],
        "PendingModifiedValues": {},
        "NodeGroups": [{"NodeGroupMembers": [{"PreferredAvailabilityZone": zone} for zone in ("1a", "1b")]}],
    },
    "nodes": {},
    "database": {"BackupRetentionPeriod": 0, "MultiAZ": False, "DBInstanceStatus": "available"},
    "cluster": {"MultiAZ": False},
}


class World:
    """The resources, everything that was written to them, and the OpsItems that are open."""

    def __init__(self, dynamodb: Any) -> None:
        self.state, self._dynamodb = copy.deepcopy(WEAK), dynamodb
        self.calls: list[str] = []
        self.writes: list[str] = []
        self.items: list[dict[str, Any]] = []
        # Calls that fail: `service:Api`, or `service:Api` with a number that counts the calls of a run from 0.
        self.failing: set[str] = set()

    def begin(self) -> None:
        """Another run."""
        self.calls, self.writes = [], []

    def call(self, service: str, api: str, request: Request) -> Request:
        """One call of an automation."""
        name = f"{service}:{api}"
        self.calls.append(name)
        if {name, str(len(self.calls) - 1)} & self.failing:
            raise PermissionError(f"{name} is not allowed")
        model = SESSION.get_service_model(service).operation_model(api)
        check(request, model.input_shape)
        if service == "dynamodb":
            return dict(self._dynamodb.query(**request))
        if not api.startswith("Describe") and api != "CreateOpsItem":
            self.writes.append(name)
        answer: Request = getattr(self, f"{service}_{api}")(request)
        check(answer, model.output_shape)
        return answer

    def ssm_CreateOpsItem(self, request: Request) -> Request:
        """As OpsCenter: no second item of the same deduplication string while one is open."""
        same = json.loads(request["OperationalData"]["/aws/dedup"]["Value"])["dedupString"]
        if any(each["same"] == same for each in self.items):
            raise FileExistsError("OpsItemAlreadyExistsException")
        self.items.append({"same": same, **request})
        return {"OpsItemId": "oi-1"}

    def autoscaling_DescribeAutoScalingGroups(self, request: Request) -> Request:
        """The group."""
        more = {"MinSize": 0, "MaxSize": 2, "DesiredCapacity": 1, "DefaultCooldown": 300, "AvailabilityZones": ["1a"]}
        made = {"CreatedTime": "2026-11-24T10:00:00Z", "AutoScalingGroupName": request["AutoScalingGroupNames"][0]}
        return {"AutoScalingGroups": [{**self.state["group"], **more, **made}]}

    def autoscaling_UpdateAutoScalingGroup(self, request: Request) -> Request:
        """What is given."""
        self.state["group"] |= {name: value for name, value in request.items() if name != "AutoScalingGroupName"}
        return {}

    def ec2_DescribeInstances(self, request: Request) -> Request:
        """The instance, by id, or where every filter holds."""
        (wanted,) = request.get("InstanceIds") or next(
            each["Values"] for each in request["Filters"] if each["Name"] == "instance-id"
        )
        instance = {key: value for key, value in self.state["instance"].items() if key != "app"}
        has = {"instance-id": wanted, "instance-state-name": instance["State"]["Name"], "tag:app": self.state["instance"]["app"]}
        if not all(has[each["Name"]] in each["Values"] for each in request.get("Filters", [])):
            return {"Reservations": []}
        return {"Reservations": [{"Instances": [{"InstanceId": wanted, **instance}]}]}

    def ec2_ModifyInstanceMaintenanceOptions(self, request: Request) -> Request:
        """Recovery."""
        self.state["instance"]["MaintenanceOptions"]["AutoRecovery"] = request["AutoRecovery"]
        return {}

    def ecs_DescribeServices(self, request: Request) -> Request:
        """The service."""
        return {"services": [{"serviceName": request["services"][0], **self.state["service"]}]}

    def ecs_UpdateService(self, request: Request) -> Request:
        """The configuration as a whole: what is left out is gone."""
        self.state["service"]["deploymentConfiguration"] = request["deploymentConfiguration"]
        return {}

    def elbv2_DescribeLoadBalancerAttributes(self, request: Request) -> Request:
        """The load balancer's."""
        assert request["LoadBalancerArn"] == f"{ARN}:loadbalancer/app/web/50dc6c495c0c9188", request
        return pairs(self.state["balancer"])

    def elbv2_ModifyLoadBalancerAttributes(self, request: Request) -> Request:
        """Those that are named."""
        self.state["balancer"] |= {each["Key"]: each["Value"] for each in request["Attributes"]}
        return pairs(self.state["balancer"])

    def elbv2_DescribeTargetGroupAttributes(self, request: Request) -> Request:
        """The target group's."""
        assert request["TargetGroupArn"] == f"{ARN}:targetgroup/web/73e2d6bc24d8a067", request
        return pairs(self.state["targets"])

    def elbv2_ModifyTargetGroupAttributes(self, request: Request) -> Request:
        """Those that are named, if DNS is not behind routing."""
        changed = self.state["targets"] | {each["Key"]: each["Value"] for each in request["Attributes"]}
        least = {name: int(changed[name]) for name in (DNS, ROUTING) if changed[name] != "off"}
        assert len(least) < 2 or least[DNS] >= least[ROUTING], changed
        self.state["targets"] = changed
        return pairs(changed)

    def elbv2_DescribeTargetHealth(self, request: Request) -> Request:
        """Of each target."""
        return {"TargetHealthDescriptions": [{"TargetHealth": {"State": each}} for each in self.state["health"]]}

    def elasticache_DescribeReplicationGroups(self, request: Request) -> Request:
        """The group."""
        return {"ReplicationGroups": [{"ReplicationGroupId": request["ReplicationGroupId"], **self.state["cache"]}]}

    def elasticache_DescribeCacheClusters(self, request: Request) -> Request:
        """A node, and what waits for its maintenance window."""
        waits = self.state["nodes"].get(request["CacheClusterId"], {})
        return {"CacheClusters": [{"CacheClusterId": request["CacheClusterId"], "PendingModifiedValues": waits}]}

    def elasticache_ModifyReplicationGroup(self, request: Request) -> Request:
        """At once; and what waits, too."""
        assert request["ApplyImmediately"] and not self.state["nodes"], request
        for name, given in (("AutomaticFailover", "AutomaticFailoverEnabled"), ("MultiAZ", "MultiAZEnabled")):
            self.state["cache"][name] = "enabled" if request[given] else "disabled"
        return {}

    def rds_DescribeDBInstances(self, request: Request) -> Request:
        """The instance."""
        return {"DBInstances": [{"DBInstanceIdentifier": request["DBInstanceIdentifier"], **self.state["database"]}]}

    def rds_DescribeDBClusters(self, request: Request) -> Request:
        """The cluster."""
        return {"DBClusters": [{"DBClusterIdentifier": request["DBClusterIdentifier"], **self.state["cluster"]}]}


def pairs(attributes: dict[str, str]) -> Request:
    """Attributes as Elastic Load Balancing lists them, in no order to rely on."""
    return {"Attributes": [{"Key": key, "Value": value} for key, value in reversed(attributes.items())]}


def check(value: Request, shape: Any) -> None:
    """Fails unless a request or an answer is one of the operation's."""
    if shape is not None:
        report = ParamValidator().validate(value, shape)
        assert not report.has_errors(), report.generate_report()
