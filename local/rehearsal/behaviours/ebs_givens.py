"""Volumes that a scenario begins with."""

from __future__ import annotations

from behaviour import Behaviour, Thing
from world import World

from behaviours.ebs import Volumes
from behaviours.ec2 import Instances
from behaviours.ec2_things import ec2, only, tag_specifications, with_ids


class GivenVolumes(Behaviour):
    """Volumes with exactly the wanted ids."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.givens = {"volume": self.given, "volume-is": self.given_is}

    def given(self, thing: Thing) -> None:
        """`volume: vol-…`, `size` in GiB, `type`, `iops`, `throughput`, `multiAttach`, `tags`, `zone`, `attached`.

        `attached: {instance, device, tags}` makes an instance with these tags where there is none, and without a
        device takes the next one.
        """
        only(thing, "volume", "size", "type", "iops", "throughput", "multiAttach", "tags", "zone", "attached")
        request = {
            "Size": thing.get("size", 100),
            "VolumeType": thing.get("type", "gp3"),
            "AvailabilityZone": thing.get("zone", self.world.region + "a"),
            "TagSpecifications": tag_specifications("volume", thing.get("tags")),
        }
        for name, member in (("iops", "Iops"), ("throughput", "Throughput"), ("multiAttach", "MultiAttachEnabled")):
            if name in thing:
                request[member] = thing[name]
        with with_ids(self.world, volumes=[thing["volume"]]):
            self.world.client("ec2").create_volume(**request)
        if "attached" in thing:
            self._attach(thing["volume"], only(thing["attached"], "instance", "device", "tags"))

    def _attach(self, volume: str, to: Thing) -> None:
        instances = self.world.behaviour(Instances)
        if ec2(self.world).get_instance_by_id(to["instance"]) is None:
            instances.given({"instance": to["instance"], "tags": to.get("tags", {})})
        taken = instances.instance(to["instance"]).block_device_mapping
        free = next(f"/dev/sd{letter}" for letter in "fghijklmnop" if f"/dev/sd{letter}" not in taken)
        ec2(self.world).attach_volume(volume, to["instance"], to.get("device", free))

    def given_is(self, thing: Thing) -> None:
        """A volume that is there has another `type`, `size`, `iops`, `throughput` or `device`, or is the `root`."""
        only(thing, "volume-is", "type", "size", "iops", "throughput", "multiAttach", "device", "root")
        volume = self.world.behaviour(Volumes).volume(thing["volume-is"])
        volume.volume_type, volume.size = thing.get("type", volume.volume_type), thing.get("size", volume.size)
        volume.iops, volume.throughput = thing.get("iops"), thing.get("throughput")
        volume.multi_attach_enabled = thing.get("multiAttach", False)
        if "device" in thing:
            instance, device = volume.attachment.instance, thing["device"]
            instance.block_device_mapping[device] = instance.block_device_mapping.pop(volume.attachment.device)
            volume.attachment.device = device
            if thing.get("root", False):
                instance.root_device_name = device
