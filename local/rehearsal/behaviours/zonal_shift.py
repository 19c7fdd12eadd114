"""ARC zonal shift for Application Load Balancers: shifts, autoshifts and practice runs, of which one is applied at
a time.

Given: `{zonal_autoshift: app/checkout/50dc6c495c0c9188}` lets AWS shift the load balancer too. A load balancer is
known to ARC while its attribute `zonal_shift.config.enabled` is true.

Ailments; `for: 10m` ends the cause by itself, else it stays:
- `{ail: zone, zone: eu-west-1a, percent: 60}`: nodes of load balancers in the zone answer that many percent with
  errors; with `noticed: 4m` AWS sees it too, starts its autoshifts, and ends them after the zone has recovered.
- `{ail: practice-run, load_balancer: app/…, zone: …}`: no ailment, but nobody asked for it: ARC practises for 30
  minutes.
- `{ail: zones-without-reserve, load_balancer: app/…, percent: 60}`: a zone that gets more requests than it does now
  answers that many percent with errors.
- `{ail: kept-connections, load_balancer: app/…}`: clients keep their connections to a zone that has left DNS.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from behaviour import Answer, ApiError, Behaviour, Request, Thing, Unknown
from durations import seconds
from things import only
from world import World

from behaviours.load_balancers import LoadBalancers
from behaviours.zonal_state import Autoshift, Shift, Trouble, lifetime, said

# ARC API reference, ZonalShiftSummary: "A practice run zonal shift has a 30 minute duration."
PRACTICE_SECONDS = 30 * 60
# "When AWS starts and stops autoshifts": AWS ends one "when it determines that the Availability Zone has recovered".
# No time is given.
RECOVERY_SECONDS = 15 * 60
# "Application Load Balancers" in the same guide: clients keep a connection for up to 3600 seconds by default.
KEPT_SECONDS = 3600
DNS_SECONDS = 60
SOURCE = "aws.arc-zonal-shift"


class ZonalShifts(Behaviour):
    """Which moto lacks."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.shifts: list[Shift] = []
        self.autoshifts: list[Autoshift] = []
        self.automatic: set[str] = set()
        self.troubles: dict[str, Trouble] = {}
        self.ids: dict[str, str] = {}
        self.givens = {"zonal_autoshift": self.given}
        self.ailments = {
            "zone": self.ail_zone,
            "practice-run": self.practise,
            "zones-without-reserve": self.ail_reserve,
            "kept-connections": self.ail_kept,
        }
        self.apis = {
            "arc-zonal-shift:GetManagedResource": self.get,
            "arc-zonal-shift:StartZonalShift": self.start,
            "arc-zonal-shift:CancelZonalShift": self.cancel,
            "arc-zonal-shift:ListZonalShifts": self.list,
        }

    @property
    def lbs(self) -> LoadBalancers:
        """The load balancers, made after this behaviour or before it."""
        return self.world.behaviour(LoadBalancers)

    def zone_ids(self) -> dict[str, str]:
        """Zone names to ids, as EC2 says."""
        if not self.ids:
            zones = self.world.client("ec2").describe_availability_zones()["AvailabilityZones"]
            self.ids = {each["ZoneName"]: each["ZoneId"] for each in zones}
        return self.ids

    def given(self, thing: Thing) -> None:
        """AWS may shift it."""
        only(thing, "zonal_autoshift")
        self.automatic.add(self.lbs.balancer(thing["zonal_autoshift"]).name)

    # Ailments

    def ail_zone(self, thing: Thing) -> None:
        """A zone fails, grey: its health checks pass."""
        only(thing, "ail", "zone", "percent", "noticed", "for")
        zone = thing["zone"]
        hit = [each.name for each in self.lbs.balancers.values() if zone in each.zones]
        for name in hit:
            self.trouble(name).failing[zone] = thing["percent"]
            self.apply(name)
        if "for" in thing:
            self.world.after(seconds(thing["for"]), lambda: self.recover(zone, hit))
        if "noticed" in thing:
            self.world.after(seconds(thing["noticed"]), lambda: self.autoshift(zone, hit))

    def recover(self, zone: str, names: list[str]) -> None:
        """The zone is well again, and AWS sees it a while later."""
        for name in names:
            self.trouble(name).failing.pop(zone, None)
            self.apply(name)
        self.world.after(RECOVERY_SECONDS, lambda: self.end_autoshifts(zone))

    def autoshift(self, zone: str, names: list[str]) -> None:
        """ "Precedence for zonal shifts": a practice run is interrupted, a customer's own shift stays in force."""
        for name in names:
            if name in self.automatic and zone in self.trouble(name).failing:
                self.interrupt(name)
                self.autoshifts.append(Autoshift(name, zone, self.world.now))
                self.say("Autoshift In Progress", name, zone)
                self.apply(name)

    def end_autoshifts(self, zone: str) -> None:
        """Traffic comes back."""
        for each in [each for each in self.autoshifts if each.zone == zone]:
            self.autoshifts.remove(each)
            self.say("Autoshift Completed", each.name, zone)
            self.apply(each.name)

    def practise(self, thing: Thing) -> None:
        """It does not start while anything else is applied ("Precedence for zonal shifts")."""
        only(thing, "ail", "load_balancer", "zone")
        name, zone = thing["load_balancer"], thing["zone"]
        if self.in_force(name):
            raise Unknown(f"a practice run of {name} while a shift is applied, which fails to start")
        expires = self.world.now + timedelta(seconds=PRACTICE_SECONDS)
        run = Shift(self.identity(), name, zone, "Practice run", self.world.now, expires, "PRACTICE_RUN")
        run.outcome = "PENDING"
        self.shifts.append(run)
        self.say("Practice Run Started", name, zone)
        self.world.after(PRACTICE_SECONDS, lambda: self.expire(run))
        self.apply(name)

    def interrupt(self, name: str) -> None:
        """A practice run gives way to every other shift."""
        for each in self.active(name, "PRACTICE_RUN"):
            each.status, each.outcome = "CANCELED", "INTERRUPTED"
            self.say("Practice Run Interrupted", name, each.zone)

    def ail_reserve(self, thing: Thing) -> None:
        """The zones are full with their own share."""
        only(thing, "ail", "load_balancer", "percent")
        name = thing["load_balancer"]
        usual = max(requests for requests, _ in self.lbs.zone_requests(name).values())
        trouble = self.trouble(name)
        trouble.usual, trouble.overload = usual, thing["percent"]

    def ail_kept(self, thing: Thing) -> None:
        """For shifts that begin from now on."""
        only(thing, "ail", "load_balancer")
        self.trouble(thing["load_balancer"]).kept = True

    def trouble(self, name: str) -> Trouble:
        """Of a load balancer that was given."""
        return self.troubles.setdefault(self.lbs.balancer(name).name, Trouble())

    # What is in force

    def active(self, name: str, kind: str) -> list[Shift]:
        """Shifts of a load balancer that have not ended."""
        return [each for each in self.shifts if (each.name, each.kind, each.status) == (name, kind, "ACTIVE")]

    def in_force(self, name: str) -> Shift | Autoshift | None:
        """ "There can be no more than one applied zonal shift at a given time": the customer's before AWS's."""
        automatic = [each for each in self.autoshifts if each.name == name]
        found = [*self.active(name, "ZONAL_SHIFT"), *automatic, *self.active(name, "PRACTICE_RUN")]
        return found[0] if found else None

    def apply(self, name: str) -> None:
        """Moves the traffic to where it should be."""
        shift, balancer, trouble = self.in_force(name), self.lbs.balancer(name), self.trouble(name)
        wanted = {shift.zone} if shift else set()
        for zone in sorted(balancer.shifted - wanted):
            self.lbs.unshift(name, zone)
            balancer.cached.discard(zone)
        for zone in sorted(wanted - balancer.shifted):
            self.lbs.shift(name, zone)
            if trouble.kept:
                self.world.after(DNS_SECONDS, partial(self.keep, name, zone))
            self.world.after(DNS_SECONDS, lambda: self.load(name))
        self.load(name)

    def keep(self, name: str, zone: str) -> None:
        """Connections stay for as long as the load balancer lets them."""
        balancer = self.lbs.balancer(name)
        if zone in balancer.shifted:
            balancer.cached.add(zone)
            self.world.after(KEPT_SECONDS, lambda: balancer.cached.discard(zone))

    def load(self, name: str) -> None:
        """What each zone's node answers with errors: because the zone fails, or because it has no room."""
        balancer, trouble = self.lbs.balancer(name), self.trouble(name)
        for zone, (requests, _) in self.lbs.zone_requests(name).items():
            over = trouble.overload if requests > trouble.usual else 0
            balancer.impaired[zone] = max(over, trouble.failing.get(zone, 0))

    # API

    def get(self, request: Request) -> Answer:
        """Weights of 0 and 1 by zone id, and every shift in progress."""
        name, ids = self.managed(request["resourceIdentifier"]), self.zone_ids()
        balancer, applied = self.lbs.balancer(name), self.in_force(name)
        away = applied.zone if applied else None
        running = [*self.active(name, "ZONAL_SHIFT"), *self.active(name, "PRACTICE_RUN")]
        return {
            "arn": balancer.arn,
            "name": name.split("/")[1],
            "appliedWeights": {ids[zone]: 0.0 if zone == away else 1.0 for zone in balancer.zones},
            "zonalShifts": [{**self.described(each), "appliedStatus": said(each is applied)} for each in running],
            "autoshifts": [
                {"appliedStatus": said(each is applied), "awayFrom": ids[each.zone], "startTime": each.started}
                for each in self.autoshifts
                if each.name == name
            ],
            "zonalAutoshiftStatus": "ENABLED" if name in self.automatic else "DISABLED",
        }

    def start(self, request: Request) -> Answer:
        """At most one of the customer's own for a load balancer, whichever the zone."""
        name, ids = self.managed(request["resourceIdentifier"]), self.zone_ids()
        zones = [zone for zone in self.lbs.balancer(name).zones if ids[zone] == request["awayFrom"]]
        if not zones:
            raise ApiError("ValidationException", f"InvalidAz: {request['awayFrom']}")
        if self.active(name, "ZONAL_SHIFT"):
            raise ApiError("ConflictException", "ZonalShiftAlreadyExists")
        lasts = lifetime(request["expiresIn"])
        self.interrupt(name)
        shift = Shift(self.identity(), name, zones[0], request["comment"], self.world.now, self.world.now + lasts)
        self.shifts.append(shift)
        self.say("Manual Shift Started", name, shift.zone)
        self.world.after(lasts.total_seconds(), lambda: self.expire(shift))
        self.apply(name)
        return {**self.described(shift), "status": shift.status}

    def cancel(self, request: Request) -> Answer:
        """Only one that is active; a practice run too."""
        found = [each for each in self.shifts if each.id == request["zonalShiftId"]]
        if not found:
            raise ApiError("ResourceNotFoundException", request["zonalShiftId"])
        if found[0].status != "ACTIVE":
            raise ApiError("ConflictException", "ZonalShiftStatusNotActive")
        if found[0].kind == "PRACTICE_RUN":
            self.interrupt(found[0].name)
        else:
            found[0].status = "CANCELED"
            self.say("Manual Shift Canceled", found[0].name, found[0].zone)
        self.apply(found[0].name)
        return {**self.described(found[0]), "status": found[0].status}

    def expire(self, shift: Shift) -> None:
        """ARC ends it by itself."""
        if shift.status == "ACTIVE":
            shift.status = "EXPIRED"
            if shift.kind == "PRACTICE_RUN":
                shift.outcome = "SUCCEEDED"
                self.say("Practice Run Succeeded", shift.name, shift.zone)
            self.apply(shift.name)

    def list(self, request: Request) -> Answer:
        """Active ones, if the request says nothing else."""
        status, arn = request.get("status", "ACTIVE"), request.get("resourceIdentifier")
        found = [each for each in self.shifts if each.status == status]
        found = [each for each in found if arn in (None, self.lbs.balancer(each.name).arn)]
        return {"items": [{**self.described(each), "status": each.status} for each in found]}

    def described(self, shift: Shift) -> dict[str, Any]:
        """What every answer says of a shift."""
        described = {
            "zonalShiftId": shift.id,
            "resourceIdentifier": self.lbs.balancer(shift.name).arn,
            "awayFrom": self.zone_ids()[shift.zone],
            "startTime": shift.started,
            "expiryTime": shift.expires,
            "comment": shift.comment,
        }
        if shift.outcome:
            described.update(practiceRunOutcome=shift.outcome, shiftType=shift.kind)
        return described

    def managed(self, arn: str) -> str:
        """Load balancers that allow it are registered (ARC developer guide, "Application Load Balancers")."""
        for balancer in self.lbs.balancers.values():
            if balancer.arn == arn and balancer.attributes["zonal_shift.config.enabled"] == "true":
                return balancer.name
        raise ApiError("ResourceNotFoundException", f"{arn} is not registered")

    def identity(self) -> str:
        """As long as ARC's: a UUID."""
        digits = f"{self.world.random.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def say(self, what: str, name: str, zone: str) -> None:
        """ "Using zonal autoshift with Amazon EventBridge": the resource, by its name alone as in the examples there, and
        the zone's id in the metadata.
        """
        detail = {"version": "0.0.1", "data": "", "metadata": {"awayFrom": self.zone_ids()[zone], "notes": ""}}
        self.world.emit(SOURCE, what, detail, [name.split("/")[1]])

