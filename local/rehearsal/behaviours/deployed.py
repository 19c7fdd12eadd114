"""What the generated templates themselves put beside the workload: kept as it was deployed, for the behaviours that act by it."""

from __future__ import annotations

from typing import Any

from behaviour import Behaviour, Thing
from world import World

# Types that heal natively, or say what is healthy. `Deployment` of the engine hands these over.
TYPES = (
    "AWS::ARCZonalShift::AutoshiftObserverNotificationStatus",
    "AWS::ARCZonalShift::ZonalAutoshiftConfiguration",
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::Backup::RestoreTestingPlan",
    "AWS::Backup::RestoreTestingSelection",
    "AWS::Route53::HealthCheck",
    "AWS::Route53::RecordSet",
    "AWS::SSM::PatchBaseline",
)


class Deployed(Behaviour):
    """The properties of these resources, intrinsics resolved."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.resources: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in TYPES}
        self.givens = {kind: self.keep for kind in TYPES}

    def keep(self, thing: Thing) -> None:
        """`{"AWS::Type": physical name, "properties": {…}}`"""
        kind = next(iter(thing))
        self.resources[kind][str(thing[kind])] = thing["properties"]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """All resources of a type, by their names."""
        return self.resources[kind]
