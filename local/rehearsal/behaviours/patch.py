"""Patch Manager: what scans find, what installations do, and what Compliance says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from behaviour import Answer, Behaviour, Request, Thing, Unknown
from world import World

from behaviours.ec2 import Instances
from behaviours.ec2_things import ec2, only, seconds

# Durations that no page of AWS names; plausible ones.
SCAN = 90
INSTALLATION = 600
REBOOT = 105
# State Manager scans on its schedule, once a day; a rehearsal does not wait for that.
NEXT_SCAN = 60


@dataclass
class Patched:
    """Patches of one host: what is true of it, and what Patch Manager has last found."""

    baseline: str
    missing: int = 0
    # Missing ones whose installation fails, and those that an installation leaves out without a word, as an excluded
    # package.
    broken: int = 0
    held: int = 0
    # Installed ones that wait for a reboot, and whether the host reboots when it should.
    pending: int = 0
    reboots: bool = True
    installed: int = 100
    online: bool = True
    # What an installation itself comes to: `Success`, `Failed`, `TimedOut`.
    command: str = "Success"
    report: dict[str, Any] = field(default_factory=dict)
    # What Compliance has last said.
    compliance: str = ""


class Patches(Behaviour):
    """Managed hosts and their patches."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.hosts: dict[str, Patched] = {}
        self.givens = {"managed-instance": self.given}
        self.ailments = {"patches": self.ail, "ssm-agent": self.ail_agent}
        self.apis = {
            "ssm:DescribeInstancePatchStates": self.states,
            "ssm:DescribeInstanceInformation": self.information,
        }
        self.commands = {"AWS-RunPatchBaseline": self.run}

    def given(self, thing: Thing) -> None:
        """`managed-instance: i-…` with the `baseline` that its patch group has; an EC2 instance is made where there is
        none.
        """
        only(thing, "managed-instance", "baseline", "tags")
        name = thing["managed-instance"]
        if ec2(self.world).get_instance_by_id(name) is None:
            self.world.behaviour(Instances).given({"instance": name, "tags": thing.get("tags", {})})
        host = self.hosts[name] = Patched(thing["baseline"])
        self._report(host, "Scan")
        host.compliance = "compliant"

    def ail(self, thing: Thing) -> None:
        """`id` lacks `missing` patches, of which `broken` fail to install and `held` are left out.

        `pending` ones wait for a reboot, and `reboots: false` does none. `command` is what an installation itself
        comes to, `baseline` another one that the host is measured by. The next scan finds it. After `for` a while
        somebody has patched it by hand, and has had it scanned.
        """
        only(thing, "ail", "id", "missing", "broken", "held", "pending", "reboots", "command", "baseline", "for")
        host = self.hosts[thing["id"]]
        host.missing, host.broken, host.held = thing.get("missing", 0), thing.get("broken", 0), thing.get("held", 0)
        host.pending, host.reboots = thing.get("pending", 0), thing.get("reboots", True)
        host.command, host.baseline = thing.get("command", "Success"), thing.get("baseline", host.baseline)
        self.world.after(NEXT_SCAN, lambda: self._ends(thing["id"], "Scan", "NoReboot"))
        if "for" in thing:
            self.world.after(seconds(thing["for"], "for"), lambda: self._by_hand(thing["id"]))

    def ail_agent(self, thing: Thing) -> None:
        """The SSM Agent of `id` is silent: its connection is lost."""
        only(thing, "ail", "id")
        self.hosts[thing["id"]].online = False

    def _by_hand(self, name: str) -> None:
        host = self.hosts[name]
        host.missing = host.broken = host.held = host.pending = 0
        self._ends(name, "Scan", "NoReboot")

    def run(self, host: str, parameters: Request) -> tuple[int, str]:
        """Systems Manager user guide, "SSM Command document for patching: AWS-RunPatchBaseline"."""
        known = self.hosts.get(host)
        if known is None or not known.online or ec2(self.world).get_instance(host).state != "running":
            return 600, "Undeliverable"
        operation = parameters["Operation"][0]
        option = parameters.get("RebootOption", ["RebootIfNeeded"])[0]
        if operation == "Scan":
            self.world.after(SCAN, lambda: self._ends(host, "Scan", option))
            return SCAN, "Success"
        if operation != "Install":
            raise Unknown(f"the operation {operation} of AWS-RunPatchBaseline")
        if known.command != "Success":
            return INSTALLATION, known.command
        # It reboots when it has installed something, or something waits for it (API reference, InstancePatchState,
        # RebootOption).
        reboots = option == "RebootIfNeeded" and known.reboots and (self._installable(known) or known.pending)
        if reboots:
            self.world.after(INSTALLATION, lambda: self.world.behaviour(Instances).reboot({"InstanceIds": [host]}))
        takes = INSTALLATION + (REBOOT if reboots else 0)
        self.world.after(takes, lambda: self._ends(host, "Install", option))
        return takes, "Success"

    def _installable(self, host: Patched) -> int:
        return host.missing - host.broken - host.held

    def _ends(self, name: str, operation: str, option: str) -> None:
        host = self.hosts[name]
        if not host.online:
            return
        if operation == "Install":
            done = self._installable(host)
            host.missing -= done
            host.installed += done
            host.pending = 0 if option == "RebootIfNeeded" and host.reboots else host.pending + done
        self._report(host, operation)
        self._tell(name, host)

    def _report(self, host: Patched, operation: str) -> None:
        """User guide, "SSM Command document for patching": an installation lists no missing patches, and what failed
        only it says.
        """
        failed = host.broken if operation == "Install" else 0
        host.report = {
            "BaselineId": host.baseline,
            "OperationStartTime": self.world.now,
            "OperationEndTime": self.world.now,
            "Operation": operation,
            "MissingCount": 0 if operation == "Install" else host.missing,
            "FailedCount": failed,
            "InstalledCount": host.installed,
            "InstalledPendingRebootCount": host.pending,
        }

    def _tell(self, name: str, host: Patched) -> None:
        """Only a change is an event (user guide, "Amazon EventBridge event examples for Systems Manager")."""
        report = host.report
        bad = report["MissingCount"] + report["FailedCount"] + report["InstalledPendingRebootCount"]
        now = "non_compliant" if bad else "compliant"
        if now == host.compliance:
            return
        host.compliance = now
        detail = {
            "last-runtime": self.world.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "compliance-status": now,
            "resource-type": "managed-instance",
            "resource-id": name,
            "compliance-type": "Patch",
            "patch-baseline-id": host.baseline,
        }
        arn = self.world.arn("ssm", f"managed-instance/{name}")
        self.world.emit("aws.ssm", "Configuration Compliance State Change", detail, [arn])

    def states(self, request: Request) -> Answer:
        """API reference, DescribeInstancePatchStates: of those that were ever scanned."""
        known = [(each, self.hosts[each]) for each in request["InstanceIds"] if each in self.hosts]
        return {"InstancePatchStates": [{"InstanceId": n, "PatchGroup": "-", **h.report} for n, h in known]}

    def information(self, request: Request) -> Answer:
        """API reference, DescribeInstanceInformation."""
        shown = []
        for name, host in self.hosts.items():
            if all(self._has(name, each) for each in request.get("Filters", [])):
                running = ec2(self.world).get_instance(name).state == "running"
                status = "Online" if host.online and running else "ConnectionLost"
                shown.append({"InstanceId": name, "PingStatus": status})
        return {"InstanceInformationList": shown}

    def _has(self, name: str, wanted: Request) -> bool:
        """API reference, InstanceInformationStringFilter."""
        key = wanted["Key"]
        if key == "InstanceIds":
            return name in wanted["Values"]
        if not key.startswith("tag:"):
            raise Unknown(f"the filter {key} of DescribeInstanceInformation")
        tags = ec2(self.world).get_instance(name).get_tags()
        return any(f"tag:{tag['key']}" == key and tag["value"] in wanted["Values"] for tag in tags)
