"""Route 53 records of the local AWS: in zones that their users own elsewhere, and taken back when they were left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]


def in_the_users_zone(route53: Any, create: Callable[..., Created]) -> Callable[..., Created]:
    """Makes the hosted zone of a record first, where nobody has: on AWS it would have been there. A record that a deleted stack
    has left is taken back, as ImportExistingResources does with what is named in the template."""

    def created(logical_id: str, props: Properties, stack_name: str) -> Created:
        zone, name = str(props.get("HostedZoneId", "")), str(props.get("Name", ""))
        with route53._lock:
            if zone and zone not in route53._zones:
                domain = route53._normalise_name(name.split(".", 1)[-1])
                route53._zones[zone] = {
                    "id": zone,
                    "name": domain,
                    "caller_reference": zone,
                    "comment": "",
                    "private": False,
                    "vpcs": [],
                }
                route53._records[zone] = route53._default_records(domain)
            if not in_some_stack(props):
                same = ("Type", "SetIdentifier")
                route53._records[zone] = [
                    record
                    for record in route53._records.get(zone, [])
                    if record["Name"].rstrip(".") != name.rstrip(".")
                    or any(record.get(key) != props.get(key) for key in same)
                ]
        return create(logical_id, props, stack_name)

    return created


def in_some_stack(record: Properties) -> bool:
    """Whether a stack holds a record set of this zone, name, type and identifier."""
    from ministack.services.cloudformation import _stacks

    keys = ("HostedZoneId", "Name", "Type", "SetIdentifier")
    return any(
        resource.get("ResourceType") == "AWS::Route53::RecordSet"
        and resource.get("PhysicalResourceId")
        and all((resource.get("Properties") or {}).get(key) == record.get(key) for key in keys)
        for stack in _stacks.values()
        if stack.get("StackStatus") != "DELETE_COMPLETE"
        for resource in stack.get("_resources", {}).values()
    )
