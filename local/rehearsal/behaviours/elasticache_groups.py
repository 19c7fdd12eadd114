"""ElastiCache replication groups without cluster mode: memory and what does not fit, and changes that take their time.

moto changes a group at once and knows no memory, so what healing uses of ElastiCache is answered here.

Given: `{replication_group: checkout, nodes: [checkout-001, checkout-002], node_type: cache.r7g.large}`; also
`zones: [eu-west-1a, eu-west-1b]` (of the nodes in turn), `failover: enabled`, `multi_az: enabled`,
`cluster_mode: true`, and `pending: {EngineVersion: "8.1"}` (what waits for the maintenance window, of every node).

Ailment: `{ail: cache-growth, group: checkout, percent: 150}`: what the application keeps is that percent of what a node
of the present type holds, and the primary evicts `keys: 500` a minute while it does not fit. `buffers: 30` of the
percent are for reading clients, which all nodes share. `for: 10m` ends it by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Thing, Unknown
from durations import seconds
from things import only
from world import World

# "Scaling replica nodes …": how long it takes depends on the node type and the data; AWS names no time. Some gibibytes
# take about a quarter of an hour, in which all is copied before the old nodes go.
COPY, CLEAN = 900, 120
# AWS names no time for these either.
ADD_REPLICAS, SET_FAILOVER, SNAPSHOT = 600, 180, 600
# What ModifyReplicationGroup may be asked here.
MODIFIABLE = (
    "ReplicationGroupId",
    "ApplyImmediately",
    "CacheNodeType",
    "AutomaticFailoverEnabled",
    "MultiAZEnabled",
)
# "Supported node types": gibibytes of a `large`; a size above doubles it.
LARGE = {"m": 6.38, "r": 13.07}
SMALL = {"micro": 0.5, "small": 1.37, "medium": 3.09}


def memory(node_type: str) -> float:
    """Gibibytes of a node."""
    found = re.fullmatch(r"cache\.([mrt])\d\w*\.(?:(micro|small|medium|large)|(\d*)xlarge)", node_type)
    if found and found[1] == "t" and found[2] in SMALL:
        return SMALL[found[2]]
    if not found or found[1] not in LARGE or found[2] in SMALL:
        raise Unknown(f"the memory of the node type `{node_type}`")
    return LARGE[found[1]] * (1 if found[2] else 2 * int(found[3] or 1))


@dataclass
class Group:
    """A replication group; the first node is the primary one."""

    name: str
    arn: str
    nodes: dict[str, str]
    node_type: str
    failover: str
    multi_az: str
    cluster_mode: bool
    pending: dict[str, Any]
    status: str = "available"
    # What the application keeps, and of it what its readers need, in gibibytes; keys that are evicted a minute.
    data: float = 0
    buffers: float = 0
    keys: int = 0

    def evicts(self) -> int:
        """Keys a minute, of the primary: replicas follow it."""
        needed = self.data - self.buffers + self.buffers / len(self.nodes)
        return self.keys if needed > memory(self.node_type) else 0


class ElastiCacheGroups(Behaviour):
    """Replication groups."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.groups: dict[str, Group] = {}
        self.givens = {"replication_group": self.given}
        self.ailments = {"cache-growth": self.ail_growth}
        self.apis = {
            "elasticache:DescribeReplicationGroups": self.describe_groups,
            "elasticache:DescribeCacheClusters": self.describe_clusters,
            "elasticache:ModifyReplicationGroup": self.modify,
            "elasticache:IncreaseReplicaCount": self.add_replicas,
            "elasticache:CreateSnapshot": self.snapshot,
        }

    def given(self, thing: Thing) -> None:
        """A group whose data fits."""
        known = ("replication_group", "nodes", "node_type", "zones", "failover", "multi_az", "cluster_mode", "pending")
        only(thing, *known)
        name, zones = thing["replication_group"], thing.get("zones", [f"{self.world.region}a", f"{self.world.region}b"])
        nodes = {each: zones[index % len(zones)] for index, each in enumerate(thing["nodes"])}
        memory(thing["node_type"])
        self.groups[name] = Group(
            name,
            self.world.arn("elasticache", f"replicationgroup:{name}"),
            nodes,
            thing["node_type"],
            thing.get("failover", "enabled"),
            thing.get("multi_az", "enabled"),
            thing.get("cluster_mode", False),
            dict(thing.get("pending", {})),
        )

    def ail_growth(self, thing: Thing) -> None:
        """More than fits."""
        only(thing, "ail", "group", "percent", "keys", "buffers", "for")
        group = self.groups.get(thing["group"])
        if group is None:
            raise Unknown(f"the replication group `{thing['group']}`; it must be given first")
        group.data = memory(group.node_type) * thing["percent"] / 100
        group.buffers = memory(group.node_type) * thing.get("buffers", 0) / 100
        group.keys = thing.get("keys", 500)
        if "for" in thing:
            self.world.after(seconds(thing["for"]), lambda: setattr(group, "keys", 0))

    # The API

    def group(self, request: Request) -> Group:
        """The one that a request names."""
        name = request["ReplicationGroupId"]
        found = self.groups.get(name)
        if found is None:
            raise ApiError("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.")
        return found

    def free(self, request: Request) -> Group:
        """It must be available for a change."""
        found = self.group(request)
        if found.status != "available":
            raise ApiError("InvalidReplicationGroupState", f"Replication group {found.name} is not in available state.")
        return found

    def describe_groups(self, request: Request) -> Answer:
        """One, or all."""
        found = [self.group(request)] if "ReplicationGroupId" in request else list(self.groups.values())
        return {"ReplicationGroups": [self.shown(each) for each in found]}

    def describe_clusters(self, request: Request) -> Answer:
        """One node, which ElastiCache calls a cluster."""
        only(request, "CacheClusterId", "ShowCacheNodeInfo")
        for group in self.groups.values():
            if request["CacheClusterId"] in group.nodes:
                return {"CacheClusters": [self.cluster(group, request["CacheClusterId"])]}
        raise ApiError("CacheClusterNotFound", f"CacheCluster not found: {request['CacheClusterId']}")

    def modify(self, request: Request) -> Answer:
        """At once: a node type, or the failover. An engine upgrade that waits blocks scaling up ("Scaling replica nodes
        …", Blocked operations; it names no error code). What else waits is applied along."""
        only(request, *MODIFIABLE)
        group = self.free(request)
        if not request.get("ApplyImmediately"):
            raise Unknown("ModifyReplicationGroup for the next maintenance window")
        if "CacheNodeType" in request:
            if "EngineVersion" in group.pending:
                raise ApiError("InvalidReplicationGroupState", "An engine upgrade is scheduled.")
            larger = request["CacheNodeType"]
            memory(larger)
            self.changes(group, COPY + CLEAN, lambda: None)
            # The new nodes take over, and then the old ones are deleted.
            self.world.after(COPY, lambda: setattr(group, "node_type", larger))
        group.pending = {}
        if "AutomaticFailoverEnabled" in request or "MultiAZEnabled" in request:
            self.failover(group, request)
        return {"ReplicationGroup": self.shown(group)}

    def failover(self, group: Group, request: Request) -> None:
        """A replica must be there ("Minimizing downtime … by using Multi-AZ"); Multi-AZ needs the failover."""
        wanted = request.get("AutomaticFailoverEnabled", group.failover == "enabled")
        spread = request.get("MultiAZEnabled", group.multi_az == "enabled")
        if wanted and len(group.nodes) < 2:
            raise ApiError("InvalidParameterValue", "Automatic failover needs at least one replica.")
        if spread and not wanted:
            raise ApiError("InvalidParameterCombination", "Multi-AZ needs automatic failover.")
        ends = {True: ("enabling", "enabled"), False: ("disabling", "disabled")}[wanted]
        if group.failover != ends[1]:
            group.failover = ends[0]

        def end() -> None:
            group.failover, group.multi_az = ends[1], "enabled" if spread else "disabled"

        self.changes(group, SET_FAILOVER, end)

    def add_replicas(self, request: Request) -> Answer:
        """To a number of them, in the zones in turn ("IncreaseReplicaCount")."""
        only(request, "ReplicationGroupId", "NewReplicaCount", "ApplyImmediately")
        group = self.free(request)
        more = request["NewReplicaCount"] + 1 - len(group.nodes)
        if more <= 0:
            raise ApiError("InvalidParameterValue", "The new replica count must be greater than the present one.")
        zones = list(dict.fromkeys(group.nodes.values()))
        first = len(group.nodes)
        made = {f"{group.name}-{first + index + 1:03d}": zones[(first + index) % len(zones)] for index in range(more)}
        self.changes(group, ADD_REPLICAS, lambda: group.nodes.update(made))
        return {"ReplicationGroup": self.shown(group)}

    def snapshot(self, request: Request) -> Answer:
        """The group is not available for a while."""
        only(request, "ReplicationGroupId", "SnapshotName")
        group = self.free(request)
        self.changes(group, SNAPSHOT, lambda: None, "snapshotting")
        return {"Snapshot": {"SnapshotName": request["SnapshotName"], "SnapshotStatus": "creating"}}

    def changes(self, group: Group, after: int, end: Callable[[], Any], status: str = "modifying") -> None:
        """Until it is available again."""
        group.status = status

        def done() -> None:
            end()
            group.status = "available"

        self.world.after(after, done)

    def shown(self, group: Group) -> Answer:
        """As DescribeReplicationGroups shows it."""
        members = [
            {
                "CacheClusterId": node,
                "CacheNodeId": "0001",
                "PreferredAvailabilityZone": zone,
                "CurrentRole": "replica" if index else "primary",
            }
            for index, (node, zone) in enumerate(group.nodes.items())
        ]
        return {
            "ReplicationGroupId": group.name,
            "ARN": group.arn,
            "Status": group.status,
            "PendingModifiedValues": {},
            "MemberClusters": list(group.nodes),
            "NodeGroups": [{"NodeGroupId": "0001", "Status": group.status, "NodeGroupMembers": members}],
            "AutomaticFailover": group.failover,
            "MultiAZ": group.multi_az,
            "ClusterEnabled": group.cluster_mode,
            "CacheNodeType": group.node_type,
            "Engine": "valkey",
        }

    def cluster(self, group: Group, node: str) -> Answer:
        """As DescribeCacheClusters shows it."""
        return {
            "CacheClusterId": node,
            "CacheClusterStatus": group.status,
            "CacheNodeType": group.node_type,
            "ReplicationGroupId": group.name,
            "PreferredAvailabilityZone": group.nodes[node],
            "NumCacheNodes": 1,
            "PendingModifiedValues": dict(group.pending),
        }

    def metrics(self) -> Iterator[Datapoint]:
        """ "Metrics for Valkey and Redis OSS": each at the level of a node."""
        for group in self.groups.values():
            for index, node in enumerate(group.nodes):
                place = {"CacheClusterId": node, "CacheNodeId": "0001"}
                yield Datapoint("AWS/ElastiCache", "Evictions", place, (0 if index else group.evicts(),))
