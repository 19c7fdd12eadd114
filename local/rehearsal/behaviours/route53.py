"""Route 53: a health check, failover records, and which of them answers.

The rule's own stack makes health check and records, and no healing changes them, so they are kept here with what
decides between them.

Given: `{failover_records: checkout.example.com, zone: Z0123456789ABCDEFGHIJ, health_check: …, interval: 10,
threshold: 3, primary: {…}, secondary: {…}}`. An endpoint is `{dns_name: …}`, and `load_balancer: app/…` if it is
one of this account that was given; `address` is what DNS answers for it. `types` are the records' types, `[A]` if
nothing is said.

Ailments; `for: 10m` ends the cause by itself, else it stays:
- `{ail: health-page, dns_name: …}`: the page that the health checkers ask answers 503.
- `{ail: endpoint, dns_name: …}`: a load balancer that is not of this account says itself that it has no healthy
  target.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Thing, Unknown
from durations import seconds
from things import only
from world import World

from behaviours.load_balancers import LoadBalancers

# Route 53 developer guide, "How Amazon Route 53 determines whether a health check is healthy": above 18 percent of
# the checkers.
HEALTHY_PERCENT = 18
# "Monitoring health checks using CloudWatch": the metrics exist there and nowhere else.
METRICS_REGION = "us-east-1"
# What DNS answers for each, if the scenario does not say.
ROLES = {"primary": "192.0.2.10", "secondary": "198.51.100.10"}


@dataclass
class Endpoint:
    """A load balancer that a record leads to."""

    dns_name: str
    address: str
    load_balancer: str | None = None
    # Its health page answers 503; it says itself that it is unhealthy.
    page_fails: bool = False
    unhealthy: bool = False


@dataclass
class Records:
    """The failover records of one name."""

    name: str
    zone: str
    types: list[str]
    health_check: str
    threshold: int
    primary: Endpoint
    secondary: Endpoint
    # The health check's status, and how many answers in a row say otherwise.
    healthy: bool = True
    against: int = 0
    endpoints: list[Endpoint] = field(init=False)

    def __post_init__(self) -> None:
        self.endpoints = [self.primary, self.secondary]


class Route53(Behaviour):
    """Health checks of failover records."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.records: list[Records] = []
        self.givens = {"failover_records": self.given}
        self.ailments = {"health-page": self.ail_page, "endpoint": self.ail_endpoint}
        self.apis = {"route53:TestDNSAnswer": self.answer, "route53:GetHealthCheckStatus": self.status}

    def given(self, thing: Thing) -> None:
        """ "Route 53 considers a new health check to be healthy until there's enough data.\""""
        only(thing, "failover_records", "zone", "types", "health_check", "interval", "threshold", *ROLES)
        ends = []
        for role, address in ROLES.items():
            end = thing[role]
            ends.append(Endpoint(end["dns_name"], end.get("address", address), end.get("load_balancer")))
            if set(end) - {"dns_name", "address", "load_balancer"}:
                raise Unknown(f"an endpoint with {', '.join(end)}; known: dns_name, address, load_balancer")
        types = thing.get("types", ["A"])
        check, threshold = thing["health_check"], thing["threshold"]
        records = Records(thing["failover_records"], thing["zone"], types, check, threshold, *ends)
        self.records.append(records)
        self.world.after(thing["interval"], lambda: self.check(records, thing["interval"]))

    def check(self, records: Records, interval: int) -> None:
        """The failure threshold counts answers in a row, for the way down and for the way up."""
        if self.answers(records.primary) != records.healthy:
            records.against += 1
        else:
            records.against = 0
        if records.against >= records.threshold:
            records.healthy, records.against = not records.healthy, 0
        self.world.after(interval, lambda: self.check(records, interval))

    def answers(self, end: Endpoint) -> bool:
        """What most checkers get. Each asks the load balancer as any client does."""
        if end.page_fails or end.unhealthy:
            return False
        served = self.world.behaviour(LoadBalancers).served(end.load_balancer) if end.load_balancer else 100
        return bool(served > HEALTHY_PERCENT)

    def evaluated(self, end: Endpoint) -> bool:
        """`EvaluateTargetHealth`, which both records have: the load balancer's own word."""
        known = self.world.behaviour(LoadBalancers)
        return not end.unhealthy and (end.load_balancer is None or known.dns_healthy(end.load_balancer))

    def in_force(self, records: Records) -> Endpoint:
        """ "How Amazon Route 53 chooses records when health checking is configured", Failover records: with none healthy
        it is the primary. An alias with a health check needs both ("What happens when you associate a health check
        with an alias record?")."""
        healthy = records.healthy and self.evaluated(records.primary)
        return records.secondary if not healthy and self.evaluated(records.secondary) else records.primary

    def ail_page(self, thing: Thing) -> None:
        """Only the health checkers see it."""
        only(thing, "ail", "dns_name", "for")
        self.set(thing, "page_fails")

    def ail_endpoint(self, thing: Thing) -> None:
        """Whoever asks sees it."""
        only(thing, "ail", "dns_name", "for")
        if any(each.load_balancer for each in self.ends(thing["dns_name"])):
            raise Unknown(f"`endpoint` for {thing['dns_name']}, a load balancer that was given; ail its targets")
        self.set(thing, "unhealthy")

    def set(self, thing: Thing, what: str) -> None:
        """Until it ends."""
        ends = self.ends(thing["dns_name"])
        for each in ends:
            setattr(each, what, True)
        if "for" in thing:
            self.world.after(seconds(thing["for"]), lambda: [setattr(each, what, False) for each in ends])

    def ends(self, dns_name: str) -> list[Endpoint]:
        """Every record's endpoint of that name."""
        found = [end for records in self.records for end in records.endpoints if end.dns_name == dns_name]
        if not found:
            raise Unknown(f"the endpoint `{dns_name}`; it must be given first")
        return found

    def answer(self, request: Request) -> Answer:
        """Like the answer section of `dig`."""
        name = request["RecordName"].rstrip(".")
        zones = [each for each in self.records if each.zone == request["HostedZoneId"]]
        if not zones:
            raise ApiError("NoSuchHostedZone", f"No hosted zone found with ID: {request['HostedZoneId']}")
        found = [each for each in zones if each.name == name and request["RecordType"] in each.types]
        return {
            "Nameserver": "ns-2048.awsdns-64.com",
            "RecordName": name,
            "RecordType": request["RecordType"],
            "RecordData": [self.in_force(each).address for each in found],
            "ResponseCode": "NOERROR" if found else "NXDOMAIN",
            "Protocol": "UDP",
        }

    def status(self, request: Request) -> Answer:
        """One checker's word for all, since all see the same here."""
        found = [each for each in self.records if each.health_check == request["HealthCheckId"]]
        if not found:
            raise ApiError("NoSuchHealthCheck", f"No health check exists with the ID {request['HealthCheckId']}")
        said = "Success: HTTP Status Code 200, OK" if found[0].healthy else "Failure: HTTP Status Code 503"
        report = {"Status": said, "CheckedTime": self.world.now}
        return {"HealthCheckObservations": [{"Region": "eu-west-1", "StatusReport": report}]}

    def metrics(self) -> Iterator[Datapoint]:
        """Of every health check, in the one region that has them."""
        if self.world.region == METRICS_REGION:
            for each in self.records:
                place = {"HealthCheckId": each.health_check}
                yield Datapoint("AWS/Route53", "HealthCheckStatus", place, (float(each.healthy),))
