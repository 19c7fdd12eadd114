"""NAT gateways, the routes that lead to them, and what the agents' egress probes see through them.

moto keeps gateways and tables; a scenario's ids are given to it while it makes them.

Given:
- `{nat_gateway: nat-0123456789abcdef0, zone: eu-west-1a}`
- `{route_table: rtb-0123456789abcdef0, nat_gateway: nat-…}`: its default route leads to the gateway.
- `{egress_probes: rtb-…, stack: checkout, rule: nat-path-healing, hosts: 2}`: the agents of the hosts behind the
  table.

Ailments; `for: 10m` ends the cause by itself, else it stays:
- `{ail: nat-path, gateway: nat-…}`: nothing gets through the gateway, though EC2 says that it is available.
- `{ail: destinations}`: what the probes ask does not answer, whichever the way.
- `{ail: host-egress, route_table: rtb-…}`: one host behind the table reaches nothing (its own security group).
- `{ail: probes-silent, route_table: rtb-…}`: the hosts report nothing.
- `{ail: nat-ports, route_table: rtb-…, addresses: 2}`: the hosts open more connections to one destination than a
  gateway has ports with fewer addresses than these. It goes with the hosts to any other gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Thing
from durations import seconds
from moto.ec2.models import nat_gateways, route_tables
from things import only
from world import World

DEFAULT_ROUTE = "0.0.0.0/0"
# The kind's `probe_urls`: the agents ask every ten seconds.
PROBES_A_MINUTE = 6
# How many connections a gateway refuses in a minute; any number but 0 is an alarm's.
REFUSED = 120


@dataclass
class Probes:
    """The agents behind a route table."""

    stack: str
    rule: str
    hosts: int
    # Hosts that reach nothing for reasons of their own.
    cut_off: int = 0
    silent: bool = False


@dataclass
class Paths:
    """What is wrong, and how many addresses each gateway has."""

    failed: set[str] = field(default_factory=set)
    no_destination: bool = False
    # Route table to addresses that its hosts' connections need.
    connections: dict[str, int] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)


class NatGateways(Behaviour):
    """Zonal NAT gateways of the default VPC."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.paths = Paths()
        self.probes: dict[str, Probes] = {}
        self.tables: list[str] = []
        self.givens = {
            "nat_gateway": self.given,
            "route_table": self.given_table,
            "egress_probes": self.given_probes,
        }
        self.ailments = {
            "nat-path": self.ail_path,
            "destinations": self.ail_destinations,
            "host-egress": self.ail_host,
            "probes-silent": self.ail_silent,
            "nat-ports": self.ail_ports,
        }
        self.apis = {
            "ec2:ReplaceRoute": self.replace_route,
            "ec2:AssociateNatGatewayAddress": self.add_address,
        }

    # Given

    def given(self, thing: Thing) -> None:
        """In the default subnet of its zone, with one address."""
        only(thing, "nat_gateway", "zone")
        ec2 = self.world.client("ec2")
        wanted = [{"Name": "availability-zone", "Values": [thing["zone"]]}]
        subnet = ec2.describe_subnets(Filters=wanted)["Subnets"][0]["SubnetId"]
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        with mock.patch.object(nat_gateways, "random_nat_gateway_id", return_value=thing["nat_gateway"]):
            ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)
        self.paths.addresses[thing["nat_gateway"]] = 1

    def given_table(self, thing: Thing) -> None:
        """Of the default VPC."""
        only(thing, "route_table", "nat_gateway")
        ec2, name = self.world.client("ec2"), thing["route_table"]
        vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        with mock.patch.object(route_tables, "random_route_table_id", return_value=name):
            ec2.create_route_table(VpcId=vpc)
        ec2.create_route(RouteTableId=name, DestinationCidrBlock=DEFAULT_ROUTE, NatGatewayId=thing["nat_gateway"])
        self.tables.append(name)

    def given_probes(self, thing: Thing) -> None:
        """Their metric has the rule's identity alone, so that one that succeeds makes the minimum 0."""
        only(thing, "egress_probes", "stack", "rule", "hosts")
        self.probes[thing["egress_probes"]] = Probes(thing["stack"], thing["rule"], thing["hosts"])

    # Ailments

    def ail_path(self, thing: Thing) -> None:
        """The gateway's zone fails, and other zones do not."""
        only(thing, "ail", "gateway", "for")
        self.paths.failed.add(thing["gateway"])
        self.passes(thing, lambda: self.paths.failed.discard(thing["gateway"]))

    def ail_destinations(self, thing: Thing) -> None:
        """The cause is out there."""
        only(thing, "ail", "for")
        self.paths.no_destination = True
        self.passes(thing, lambda: setattr(self.paths, "no_destination", False))

    def ail_host(self, thing: Thing) -> None:
        """One of them."""
        only(thing, "ail", "route_table", "for")
        probes = self.probes[thing["route_table"]]
        probes.cut_off = 1
        self.passes(thing, lambda: setattr(probes, "cut_off", 0))

    def ail_silent(self, thing: Thing) -> None:
        """They may be gone."""
        only(thing, "ail", "route_table", "for")
        probes = self.probes[thing["route_table"]]
        probes.silent = True
        self.passes(thing, lambda: setattr(probes, "silent", False))

    def ail_ports(self, thing: Thing) -> None:
        """VPC user guide, "Troubleshoot NAT gateways": 55,000 connections to one destination for each address."""
        only(thing, "ail", "route_table", "addresses", "for")
        self.paths.connections[thing["route_table"]] = thing["addresses"]
        self.passes(thing, lambda: self.paths.connections.pop(thing["route_table"], None))

    def passes(self, thing: Thing, what: Callable[[], Any]) -> None:
        """What ends by itself."""
        if "for" in thing:
            self.world.after(seconds(thing["for"]), what)

    # API

    def replace_route(self, request: Request) -> Answer:
        """moto takes any gateway's id, and leads nowhere with one that it does not know."""
        gateway = request.get("NatGatewayId")
        if gateway and self.state(gateway) in (None, "deleted"):
            raise ApiError("InvalidNatGatewayID.NotFound", f"The Nat Gateway {gateway} was not found")
        answer = self.world.client("ec2").replace_route(**request)
        answer.pop("ResponseMetadata", None)
        return dict(answer)

    def add_address(self, request: Request) -> Answer:
        """Each address adds as many ports ("Edit secondary IP address associations")."""
        gateway, added = request["NatGatewayId"], request["AllocationIds"]
        if self.state(gateway) != "available":
            raise ApiError("InvalidNatGatewayID.NotFound", f"The Nat Gateway {gateway} was not found")
        self.paths.addresses[gateway] += len(added)
        return {
            "NatGatewayId": gateway,
            "NatGatewayAddresses": [{"AllocationId": each, "Status": "associating"} for each in added],
        }

    # What hosts see

    def state(self, gateway: str) -> str | None:
        """As EC2 says."""
        found = self.world.client("ec2").describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
        return found[0]["State"] if found else None

    def leads_to(self, table: str) -> str | None:
        """The gateway of the default route, if it is one."""
        found = self.world.client("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"]
        routes = [each for each in found[0]["Routes"] if each.get("DestinationCidrBlock") == DEFAULT_ROUTE]
        return routes[0].get("NatGatewayId") if routes else None

    def reaches(self, table: str) -> bool:
        """Whether hosts behind the table reach what the probes ask. Routes to other things than NAT gateways work."""
        gateway = self.leads_to(table)
        works = gateway is None or (self.state(gateway) == "available" and gateway not in self.paths.failed)
        return works and not self.paths.no_destination

    def metrics(self) -> Iterator[Datapoint]:
        """Every gateway's, and what the agents say."""
        for gateway, addresses in self.paths.addresses.items():
            needed = [count for table, count in self.paths.connections.items() if self.leads_to(table) == gateway]
            refused = REFUSED if sum(needed) > addresses else 0
            yield Datapoint("AWS/NATGateway", "ErrorPortAllocation", {"NatGatewayId": gateway}, (refused,))
        for table, probes in self.probes.items():
            if not probes.silent:
                failed = probes.hosts if not self.reaches(table) else probes.cut_off
                values = [1.0] * failed + [0.0] * (probes.hosts - failed)
                place = {"Stack": probes.stack, "Rule": probes.rule}
                yield Datapoint("Healing/Agent", "EgressProbeFailed", place, tuple(values * PROBES_A_MINUTE))
