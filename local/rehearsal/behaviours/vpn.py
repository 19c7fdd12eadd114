"""Site-to-Site VPN connections: two tunnels each, endpoints that AWS replaces, and customer gateways that only
people mend.

Given: `{vpn_connection: vpn-0123456789abcdef0}`. Its metric has a data point of each tunnel, or with `reports:
share` one of both, since the documentation allows either reading. `tunnels` are the outside addresses.

Ailments; `for: 10m` ends the cause by itself:
- `{ail: vpn-endpoint, id: vpn-…, tunnel: 1}`: AWS's end of a tunnel, 1 or 2, is unhealthy until AWS has noticed and
  replaced it, one tunnel at a time; with `noticed: 20m` it takes that long to notice.
- `{ail: customer-gateway, id: vpn-…, tunnels: [1, 2]}`: the customer's end of the tunnels is down, which AWS cannot
  mend.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Thing, Unknown
from durations import seconds
from things import only
from world import World

# "AWS Site-to-Site VPN tunnel endpoint replacements": AWS replaces an endpoint "when automated monitoring determines"
# that it is unhealthy. No time is given; these are long enough for an alarm of three periods to see some of them.
NOTICED_SECONDS = 10 * 60
REPLACED_SECONDS = 10 * 60
# "Tunnel initiation options": dead peer detection with `restart` begins the exchange again once the peer answers.
RESTARTED_SECONDS = 60


@dataclass
class Connection:
    """A connection; tunnels are numbered from 1."""

    id: str
    tunnels: list[str]
    share: bool = False
    # Endpoints of AWS that do not work, and the one that is being replaced.
    unhealthy: set[int] = field(default_factory=set)
    replaced: int | None = None
    # What the customer's device does not answer.
    unanswered: set[int] = field(default_factory=set)

    def states(self) -> list[bool]:
        """Whether each tunnel is up."""
        down = self.unhealthy | self.unanswered | ({self.replaced} if self.replaced else set())
        return [number not in down for number in range(1, len(self.tunnels) + 1)]


class VpnConnections(Behaviour):
    """moto keeps connections with ids of its own and no tunnels, so they are kept here."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.connections: dict[str, Connection] = {}
        self.givens = {"vpn_connection": self.given}
        self.ailments = {"vpn-endpoint": self.ail_endpoint, "customer-gateway": self.ail_gateway}
        self.apis = {"ec2:DescribeVpnConnections": self.describe, "ec2:ReplaceVpnTunnel": self.replace_tunnel}

    def given(self, thing: Thing) -> None:
        """With both tunnels up."""
        only(thing, "vpn_connection", "tunnels", "reports")
        reports = thing.get("reports", "tunnels")
        if reports not in ("tunnels", "share"):
            raise Unknown(f"`reports: {reports}`; known: tunnels, share")
        tunnels = thing.get("tunnels", ["203.0.113.10", "203.0.113.20"])
        self.connections[thing["vpn_connection"]] = Connection(thing["vpn_connection"], tunnels, reports == "share")

    def connection(self, name: str) -> Connection:
        """By its id."""
        if name not in self.connections:
            raise Unknown(f"the VPN connection `{name}`; it must be given first")
        return self.connections[name]

    def ail_endpoint(self, thing: Thing) -> None:
        """AWS sees it and replaces the endpoint."""
        only(thing, "ail", "id", "tunnel", "noticed")
        connection, tunnel = self.connection(thing["id"]), thing["tunnel"]
        connection.unhealthy.add(tunnel)
        noticed = seconds(thing["noticed"]) if "noticed" in thing else NOTICED_SECONDS
        self.world.after(noticed, lambda: self.replace(connection, tunnel))

    def replace(self, connection: Connection, tunnel: int) -> None:
        """ "AWS applies tunnel endpoint updates to one tunnel of your VPN connection at a time.\""""
        if connection.replaced:
            self.world.after(REPLACED_SECONDS, lambda: self.replace(connection, tunnel))
        elif tunnel in connection.unhealthy:
            connection.replaced = tunnel
            self.world.after(REPLACED_SECONDS, lambda: self.replacement(connection, tunnel))

    def replacement(self, connection: Connection, tunnel: int) -> None:
        """The new endpoint works."""
        connection.replaced = None
        connection.unhealthy.discard(tunnel)

    def ail_gateway(self, thing: Thing) -> None:
        """The customer's device."""
        only(thing, "ail", "id", "tunnels", "for")
        connection, tunnels = self.connection(thing["id"]), set(thing["tunnels"])
        connection.unanswered |= tunnels
        if "for" in thing:
            back = seconds(thing["for"]) + RESTARTED_SECONDS
            self.world.after(back, lambda: connection.unanswered.difference_update(tunnels))

    def describe(self, request: Request) -> Answer:
        """EC2 API reference, VgwTelemetry: the status of each tunnel."""
        found = []
        for name in request.get("VpnConnectionIds", list(self.connections)):
            if name not in self.connections:
                raise ApiError("InvalidVpnConnectionID.NotFound", f"The vpnConnection ID '{name}' does not exist")
            connection = self.connections[name]
            tunnels = zip(connection.tunnels, connection.states())
            telemetry = [{"OutsideIpAddress": each, "Status": "UP" if up else "DOWN"} for each, up in tunnels]
            found.append({"VpnConnectionId": name, "State": "available", "VgwTelemetry": telemetry})
        return {"VpnConnections": found}

    def replace_tunnel(self, request: Request) -> Answer:
        """Somebody replaces an endpoint: its tunnel is down meanwhile."""
        connection, address = self.connection(request["VpnConnectionId"]), request["VpnTunnelOutsideIpAddress"]
        if address not in connection.tunnels:
            raise ApiError("InvalidParameterValue", f"{address} is no tunnel of {connection.id}")
        if connection.replaced:
            raise ApiError("IncorrectState", f"{connection.id} is being modified")
        tunnel = connection.tunnels.index(address) + 1
        connection.replaced = tunnel
        self.world.after(REPLACED_SECONDS, lambda: self.replacement(connection, tunnel))
        return {"Return": True}

    def metrics(self) -> Iterator[Datapoint]:
        """ "VPN metrics and dimensions": 1 for up, 0 for down, and a value between where not both are up."""
        for each in self.connections.values():
            values = [float(up) for up in each.states()]
            whole = (sum(values) / len(values),) if each.share else tuple(values)
            yield Datapoint("AWS/VPN", "TunnelState", {"VpnId": each.id}, whole)
            for address, value in zip(each.tunnels, values):
                yield Datapoint("AWS/VPN", "TunnelState", {"TunnelIpAddress": address}, (value,))
