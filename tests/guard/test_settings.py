"""What keeps AWS's own healing set, run step by step: sets what is weaker and nothing else, and nothing at all when it may not.

The documents are those that `healstack synth` writes, deployed; the switches are written by `healstack pause` and `mode`.
"""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import automation
from core_stack import TABLE
from own_healing import DNS, ROUTING, SHIFT, World
from test_operator import BINARY, OperatorCase

import templates

NOW = "2026-11-24_12.00.00"
ALB = "app/web/50dc6c495c0c9188"
TARGETS = "targetgroup/web/73e2d6bc24d8a067"

# Rule, its kind's selector lines, the resource, and the ledger's name of what a healing of it leases.
KINDS: dict[str, tuple[str, str, str]] = {
    "asg": (
        "layer: infrastructure, trigger_condition: unhealthy_instance_threshold, action: scale, "
        "target: {auto_scaling_groups: {names: [web]}}, parameters: {health_check_type: 'ELB'}",
        "web",
        "autoscaling:autoScalingGroup/web",
    ),
    "ec2": (
        "layer: infrastructure, trigger_condition: instance_status_check_failed, action: replace, "
        "target: {instances: {tag: {app: shop}}}",
        "i-0123456789abcdef0",
        "ec2:instance/i-0123456789abcdef0",
    ),
    "ecs": (
        "layer: platform, trigger_condition: service_unhealthy_tasks, action: restart, "
        "target: {services: {cluster: prod, names: [web]}}",
        "web",
        "ecs:service/prod/web",
    ),
    "zonal": (
        "layer: network, trigger_condition: zone_impaired, action: failover, "
        f"target: {{load_balancers: {{name: {ALB}, zones: [eu-west-1a, eu-west-1b]}}}}",
        ALB,
        f"elasticloadbalancing:loadbalancer/{ALB}",
    ),
    "alb": (
        "layer: network, trigger_condition: target_group_unhealthy, action: failover, "
        f"target: {{listener_rules: {{rule: {ALB}/0467ef3c8400ae65/9683b2d02a6cabee, load_balancer: {ALB}, "
        f"primary: {TARGETS}, standby: targetgroup/standby/09966783158cda59}}}}",
        TARGETS,
        f"elasticloadbalancing:listener-rule/{ALB}/0467ef3c8400ae65/9683b2d02a6cabee",
    ),
    "dns": (
        "layer: network, trigger_condition: endpoint_unhealthy, action: failover, "
        "target: {records: {zone: Z1, name: www.example.com, "
        f"primary: {{dns_name: a.example.com, zone: Z2, load_balancer: {ALB}, target_group: {TARGETS}}}, "
        "secondary: {dns_name: b.example.com, zone: Z3}}}",
        TARGETS,
        "route53:recordset/www.example.com",
    ),
    "cache": (
        "layer: data, trigger_condition: cache_memory_pressure, action: scale, "
        "target: {caches: {replication_group: orders, nodes: [orders-001, orders-002]}}, parameters: {replica_count: 2}",
        "orders",
        "elasticache:replicationgroup/orders",
    ),
    "rds": (
        "layer: platform, trigger_condition: database_connection_failures, action: restart, "
        "target: {databases: {ids: [orders]}}",
        "orders",
        "rds:db/orders",
    ),
    "aurora": (
        "layer: platform, trigger_condition: database_connection_failures, action: restart, "
        "target: {clusters: {ids: [orders]}}",
        "orders",
        "rds:cluster/orders",
    ),
}
REPORTED = ("rds", "aurora")
ENFORCED = [name for name in KINDS if name not in REPORTED]

# What was deployed, by name; once for all tests.
_DOCUMENTS: dict[str, dict[str, Any]] = {}


def compiled(stack: str, more: str) -> dict[str, Any]:
    """The settings of every kind's rule in a stack of this name, with `more` in each rule."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "rules").mkdir()
        config = 'environments:\n  dev:\n    account: "111122223333"\n    region: eu-west-1\n'
        (root / "healstack.yaml").write_text(config, encoding="utf-8")
        rules = [f"  - {{name: {name}, {rule}{more}}}\n" for name, (rule, _, _) in KINDS.items()]
        (root / f"rules/{stack}.yaml").write_text(f"stack: {stack}\nrules:\n{''.join(rules)}", encoding="utf-8")
        done = subprocess.run([BINARY, "-C", folder, "synth"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return templates.load(root / f"generated/dev/{stack}/template.yaml")


class SettingsCase(OperatorCase):
    """The documents of both stacks: `on` enforces, `off` says `enforce: false`."""

    def setUp(self) -> None:
        super().setUp()
        if not _DOCUMENTS:
            for stack, more in (("on", ""), ("off", ", enforce: false")):
                found = compiled(stack, more)["Resources"]
                for kind in KINDS:
                    mine = {key: value for key, value in found.items() if key.startswith(f"{kind.title()}Settings")}
                    self.assertEqual(3, len(mine))
                    self.deploy(mine, f"heal--{stack}--{kind}")
            for each in self.launcher.control("GET", "recorded"):
                if each["account"] == self.account and each["type"] == "AWS::SSM::Document":
                    content = _in_account(each["properties"]["Content"], self.account)
                    self.assertNotIn("${", str(content))
                    _DOCUMENTS[each["physical_id"]] = content
        self.world = World(self.clients["dynamodb"])

    def run_settings(self, kind: str, stack: str = "on", now: str = NOW) -> automation.Run:
        """One automation of the association, on the kind's resource."""
        content = _DOCUMENTS[f"heal-settings--{stack}--{kind}"]
        self.world.begin()
        return automation.run(content, {"ResourceId": KINDS[kind][1]}, self.world.call, now)

    def item(self, pk: str, sk: str, **attributes: Any) -> None:
        """Puts an item into the ledger."""
        self.clients["dynamodb"].put_item(TableName=TABLE, Item={"pk": {"S": pk}, "sk": {"S": sk}, **attributes})

    def delete(self, pk: str, sk: str) -> None:
        """Deletes one."""
        self.clients["dynamodb"].delete_item(TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})

    def assert_left_alone(self, run: automation.Run, why: str) -> None:
        """Nothing was written, nobody was told, and it ended well."""
        self.assertEqual(([], [], "Success"), (self.world.writes, self.world.items, run.status), f"{why}: {run}")
        self.assertEqual("leaveAlone", run.steps[-1], why)


def after(hours: int) -> str:
    """The time as Automation has it, so many hours from now."""
    return f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%d_%H.%M.%S}"


def _in_account(value: Any, account: str) -> Any:
    """The account of the stand-ins instead of the test's own."""
    if isinstance(value, dict):
        return {key: _in_account(item, account) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_account(item, account) for item in value]
    return value.replace(account, "111122223333") if isinstance(value, str) else value


class Sets(SettingsCase):
    """What is weaker, and what is not."""

    def test_what_is_weaker_is_set_once(self) -> None:
        for kind in ENFORCED:
            with self.subTest(kind):
                self.world = World(self.clients["dynamodb"])
                run = self.run_settings(kind)
                self.assertEqual(("Success", "set"), (run.status, run.steps[-1]), run)
                self.assertEqual((1, []), (len(self.world.writes), self.world.items))
                self.assertNotEqual(World(None).state, self.world.state)
                self.assert_left_alone(self.run_settings(kind), "a second run")

    def test_what_is_set_is_this(self) -> None:
        for kind in ENFORCED:
            self.run_settings(kind)
        state = self.world.state
        self.assertEqual(("EBS", 300), (state["group"]["HealthCheckType"], state["group"]["HealthCheckGracePeriod"]))
        self.assertEqual("default", state["instance"]["MaintenanceOptions"]["AutoRecovery"])
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
        percentages = {"minimumHealthyPercent": 50, "maximumPercent": 150}
        self.assertEqual({**breaker, **percentages}, state["service"]["deploymentConfiguration"])
        self.assertEqual({"idle_timeout.timeout_seconds": "60", SHIFT: "true"}, state["balancer"])
        # The rule of a listener sets the one, the rule of a name the other.
        self.assertEqual({"stickiness.enabled": "false", DNS: "50", ROUTING: "25"}, state["targets"])
        self.assertEqual(("enabled", "enabled"), (state["cache"]["AutomaticFailover"], state["cache"]["MultiAZ"]))

    def left_alone(self, kind: str, why: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """A change of the weak state after which nothing is set."""
        with self.subTest(f"{kind}: {why}"):
            self.world = World(self.clients["dynamodb"])
            change(self.world.state)
            self.assert_left_alone(self.run_settings(kind), why)

    def test_what_is_stronger_or_busy_is_left_alone(self) -> None:
        def group(**values: Any) -> Callable[[dict[str, Any]], Any]:
            return lambda state: state["group"].update(values)

        self.left_alone("asg", "stronger", group(HealthCheckType="ELB,EBS", HealthCheckGracePeriod=900, TargetGroupARNs=["t"]))
        self.left_alone("asg", "no load balancer", group(HealthCheckType="EBS", HealthCheckGracePeriod=60))
        self.left_alone("ec2", "another tag", lambda state: state["instance"].update(app="other"))
        self.left_alone("ec2", "gone", lambda state: state["instance"].update(State={"Name": "terminated"}))
        service = lambda **values: lambda state: state["service"].update(values)  # noqa: E731
        running = [{"rolloutState": "IN_PROGRESS"}, {"rolloutState": "COMPLETED"}]
        self.left_alone("ecs", "a deployment runs", service(deployments=running))
        self.left_alone("ecs", "a deployment failed", service(deployments=[{"rolloutState": "FAILED"}]))
        self.left_alone("ecs", "CodeDeploy's", service(deployments=[]))
        self.left_alone("ecs", "inactive", service(status="INACTIVE"))
        configuration = lambda **values: lambda state: state["service"]["deploymentConfiguration"].update(values)  # noqa: E731
        self.left_alone("ecs", "blue and green", configuration(strategy="BLUE_GREEN"))
        by_alarm = {"alarmNames": ["a"], "enable": True, "rollback": True}
        self.left_alone("ecs", "rolls back by alarms", configuration(alarms=by_alarm))
        for kind in ("alb", "dns"):
            self.left_alone(kind, "set by its owner", lambda state: state["targets"].update({DNS: "10", ROUTING: "5"}))
            self.left_alone(kind, "a target fails", lambda state: state["health"].append("unhealthy"))
            self.left_alone(kind, "no target", lambda state: state["health"].clear())
            self.left_alone(kind, "of a function", lambda state: state.update(targets={"stickiness.enabled": "false"}))
        cache = lambda **values: lambda state: state["cache"].update(values)  # noqa: E731
        self.left_alone("cache", "one node", cache(MemberClusters=["orders-001"]))
        self.left_alone("cache", "cluster mode", cache(ClusterEnabled=True))
        self.left_alone("cache", "it is being changed", cache(Status="modifying"))
        self.left_alone("cache", "a change of it waits", cache(PendingModifiedValues={"AuthTokenStatus": "SETTING"}))
        self.left_alone("cache", "an engine waits", lambda state: state.update(nodes={"orders-002": {"EngineVersion": "8"}}))
        database = lambda **values: lambda state: state["database"].update(values)  # noqa: E731
        self.left_alone("rds", "strong", database(BackupRetentionPeriod=7, MultiAZ=True))
        self.left_alone("rds", "a replica", database(ReadReplicaSourceDBInstanceIdentifier="orders-0"))
        self.left_alone("rds", "a replica of a cluster", database(ReadReplicaSourceDBClusterIdentifier="orders-c"))
        self.left_alone("aurora", "two zones", lambda state: state["cluster"].update(MultiAZ=True))

    def test_one_percentage_that_is_set_keeps_its_value(self) -> None:
        for kind, values, expected in (
            ("alb", {}, ("off", "25")),
            ("alb", {DNS: "10"}, ("10", "10")),
            ("alb", {DNS: "90"}, ("90", "25")),
            ("dns", {}, ("50", "off")),
            ("dns", {ROUTING: "70"}, ("70", "70")),
            ("dns", {ROUTING: "5"}, ("50", "5")),
        ):
            self.world = World(self.clients["dynamodb"])
            self.world.state["targets"] |= values
            self.run_settings(kind)
            self.assertEqual(expected, (self.world.state["targets"][DNS], self.world.state["targets"][ROUTING]))

    def test_nodes_in_one_zone_get_no_multi_az(self) -> None:
        self.world.state["cache"]["NodeGroups"][0]["NodeGroupMembers"][1]["PreferredAvailabilityZone"] = "1a"
        run = self.run_settings("cache")
        cache = self.world.state["cache"]
        self.assertEqual(("set", "enabled", "disabled"), (run.steps[-1], cache["AutomaticFailover"], cache["MultiAZ"]))


class Tells(SettingsCase):
    """What is only reported."""

    def assert_told(self, run: automation.Run, told: int) -> None:
        """Nothing was written, the automation failed for people to see, and there is one OpsItem."""
        self.assertEqual(([], "Failed", "report"), (self.world.writes, run.status, run.steps[-1]), run)
        self.assertEqual(told, len(self.world.items))

    def test_without_enforcement_it_tells_once(self) -> None:
        for kind in KINDS:
            for stack in ("off", "on") if kind in REPORTED else ("off",):
                with self.subTest(f"{stack} {kind}"):
                    self.world = World(self.clients["dynamodb"])
                    self.assert_told(self.run_settings(kind, stack), 1)
                    self.assertIn(KINDS[kind][1], self.world.items[0]["Title"])
                    self.assert_told(self.run_settings(kind, stack), 1)

    def test_health_checks_that_replace_at_once_are_told_of(self) -> None:
        group = {"HealthCheckType": "EC2,EBS", "HealthCheckGracePeriod": 300, "TargetGroupARNs": ["t"]}
        self.world.state["group"] |= group
        self.assert_told(self.run_settings("asg"), 1)
        self.assertIn("without ELB", self.world.items[0]["Description"])

    def test_a_configuration_with_more_in_it_is_told_of(self) -> None:
        for more in ({"lifecycleHooks": [{"hookTargetArn": "h"}]}, {"deploymentCircuitBreaker": {"enable": True, "rollback": False, "resetOnHealthyTask": True}}):
            self.world = World(self.clients["dynamodb"])
            self.world.state["service"]["deploymentConfiguration"] |= more
            self.assert_told(self.run_settings("ecs"), 1)


class MayNot(SettingsCase):
    """Switches, leases, and what cannot be read."""

    def test_whatever_people_have_switched(self) -> None:
        switches = {}
        for verb in (["pause"], ["mode", "observe"]):
            self.run_command(*verb, "--all", "--reason", "r", "--for", "2h")
            key = {"pk": {"S": "CONTROL"}, "sk": {"S": "ALL"}}
            item = self.clients["dynamodb"].get_item(TableName=TABLE, Key=key)["Item"]
            switches[verb[-1]] = {name: value for name, value in item.items() if name not in key}
            self.delete("CONTROL", "ALL")
        for kind in KINDS:
            for scope in ("ALL", "on", f"on/{kind}"):
                for verb, switch in switches.items():
                    with self.subTest(f"{kind}: {verb} {scope}"):
                        self.item("CONTROL", scope, **switch)
                        self.assert_left_alone(self.run_settings(kind, now=after(1)), verb)
                        self.delete("CONTROL", scope)

    def test_a_pause_that_has_ended_means_nothing(self) -> None:
        self.run_command("pause", "--all", "--reason", "r", "--for", "2h")
        self.assert_left_alone(self.run_settings("zonal", now=after(1)), "it is not over")
        self.assertEqual("set", self.run_settings("zonal", now=after(3)).steps[-1])

    def test_a_pause_of_which_the_end_is_not_known_holds(self) -> None:
        self.item("CONTROL", "ALL", mode={"S": "pause"}, until={"N": "1"})
        self.assert_left_alone(self.run_settings("zonal"), "written by hand")

    def test_a_pause_of_others_means_nothing(self) -> None:
        for scope in ("other", "on/asg"):
            self.item("CONTROL", scope, mode={"S": "pause"})
        self.assertEqual("set", self.run_settings("zonal").steps[-1])

    def test_a_healing_that_holds_the_resource(self) -> None:
        for kind, (_, _, key) in KINDS.items():
            with self.subTest(kind):
                self.world = World(self.clients["dynamodb"])
                self.item(f"RES#{key}", "STATE", leaseUntil={"N": "1795520000"}, leaseOwner={"S": "e"})
                self.assert_left_alone(self.run_settings(kind), "leased")
                # What a release leaves.
                self.item(f"RES#{key}", "STATE", **{f"cd#on/{kind}": {"N": "1795520000"}})
                self.assertIn(self.run_settings(kind).steps[-1], ("set", "report"))

    def test_what_cannot_be_read_writes_nothing(self) -> None:
        for kind in KINDS:
            self.world = World(self.clients["dynamodb"])
            self.run_settings(kind)
            # Up to the first write every call fails in turn, at each of its tries.
            calls, writes = self.world.calls, self.world.writes
            last = next((at for at, name in enumerate(calls) if name in writes), len(calls))
            reads = [at for at in range(last) if calls[at] != "ssm:CreateOpsItem"]
            self.assertGreater(len(reads), 4, kind)
            for at in reads:
                with self.subTest(f"{kind}: call {at}, {calls[at]}"):
                    self.world = World(self.clients["dynamodb"])
                    self.world.failing = {str(at + attempt) for attempt in range(3)}
                    run = self.run_settings(kind)
                    self.assertEqual([], self.world.writes, run)
                    self.assertIn(run.steps[-1], ("escalate", "leaveAlone"))
                    # Only an instance that cannot be found is no failure: it may be gone.
                    self.assertEqual(run.steps[-1] == "escalate", run.status == "Failed", run)
                    self.assertTrue(run.steps[-1] == "escalate" or kind == "ec2", run)

    def test_a_write_that_is_refused_or_does_nothing_calls_people(self) -> None:
        for kind in ENFORCED:
            with self.subTest(kind):
                self.world = World(self.clients["dynamodb"])
                self.run_settings(kind)
                (write,) = self.world.writes
                self.world = World(self.clients["dynamodb"])
                self.world.failing = {write}
                run = self.run_settings(kind)
                self.assertEqual(("Failed", "escalate", 1), (run.status, run.steps[-1], len(self.world.items)), run)
                self.world = World(self.clients["dynamodb"])
                setattr(self.world, write.replace(":", "_"), lambda request: {})
                run = self.run_settings(kind)
                self.assertEqual(("Failed", "escalate", 1), (run.status, run.steps[-1], len(self.world.items)), run)


if __name__ == "__main__":
    unittest.main()
