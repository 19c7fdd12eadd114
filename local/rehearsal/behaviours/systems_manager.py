"""Systems Manager, where healing calls people: OpsItems."""

from __future__ import annotations

from behaviour import Answer, Behaviour, Request
from world import World


class OpsCenter(Behaviour):
    """OpsItems, which moto lacks."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.items: list[Request] = []
        self.apis = {"ssm:CreateOpsItem": self.create, "ssm:DescribeOpsItems": self.describe}

    def create(self, request: Request) -> Answer:
        """Systems Manager API reference, CreateOpsItem: an id such as oi-0123456789ab."""
        self.items.append({**request, "id": f"oi-{len(self.items) + 1:012x}"})
        return {"OpsItemId": self.items[-1]["id"]}

    def describe(self, request: Request) -> Answer:
        """All of them; a rehearsal filters by nothing."""
        shown = [{"OpsItemId": each["id"], "Title": each["Title"], "Source": each["Source"]} for each in self.items]
        return {"OpsItemSummaries": shown}
