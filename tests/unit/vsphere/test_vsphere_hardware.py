"""Disks, chains, adapters and records are read as vCenter writes them."""

from __future__ import annotations

from typing import Any

import pytest
from pyVmomi import vim

from golden.errors import BadName
from golden.model import Mark, Role
from golden_vsphere import devices, marking
from golden_vsphere.devices import DEVICE
from golden_vsphere.inventory import checked, escaped, plain
from golden_vsphere.marking import Record
from golden_vsphere.origins import Found, problems
from golden_vsphere.reading import Seen

MARK = Mark(Role.VERSION, "job-1", "win2022", "here")


def disk(file: str = "[ds] a/a.vmdk", **backing: Any) -> Any:
    """A virtual disk of 1 MiB."""
    info = DEVICE.VirtualDisk.FlatVer2BackingInfo(fileName=file, diskMode="persistent", **backing)
    return DEVICE.VirtualDisk(key=2000, backing=info, capacityInKB=1024)


def card(address: str = "generated", *, connected: bool = True) -> Any:
    """A network adapter."""
    plug = DEVICE.VirtualDevice.ConnectInfo(startConnected=connected, connected=False, allowGuestControl=True)
    backing = DEVICE.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network")
    return DEVICE.VirtualVmxnet3(
        key=4000, backing=backing, connectable=plug, addressType=address, macAddress="00:50:56:00:00:01"
    )


def test_the_depth_of_a_chain_is_that_of_its_deepest_disk() -> None:
    """A disk that stands alone has none."""
    base = DEVICE.VirtualDisk.FlatVer2BackingInfo(fileName="[ds] base.vmdk", diskMode="persistent")
    middle = DEVICE.VirtualDisk.FlatVer2BackingInfo(fileName="[ds] mid.vmdk", diskMode="persistent", parent=base)
    assert devices.depth([disk()]) == 0
    assert devices.depth([disk(), disk(parent=middle)]) == 2


def test_a_clone_has_no_media_no_hosts_devices_and_no_network() -> None:
    """A CD drive becomes the client's own and disconnected, a passed-through device goes, an own MAC is made."""
    iso = DEVICE.VirtualCdrom(key=3000, backing=DEVICE.VirtualCdrom.IsoBackingInfo(fileName="[ds] install.iso"))
    gpu = DEVICE.VirtualPCIPassthrough(key=13000)
    changes = devices.cleaned([disk(), iso, gpu, card("manual")])
    by_key = {change.device.key: change for change in changes}
    assert set(by_key) == {3000, 13000, 4000}
    assert isinstance(by_key[3000].device.backing, DEVICE.VirtualCdrom.RemotePassthroughBackingInfo)
    assert str(by_key[13000].operation) == "remove"
    adapter = by_key[4000].device
    assert (adapter.addressType, adapter.macAddress) == ("generated", None)
    assert not adapter.connectable.startConnected


def test_an_image_is_connected_where_it_is_deployed() -> None:
    """Machines made from a template come with their adapters plugged in."""
    (change,) = devices.deployable([card(connected=False)])
    assert change.device.connectable.startConnected
    assert not change.device.connectable.connected


def test_networks_are_those_that_are_or_will_be_connected() -> None:
    """By the name the datacenter has for them."""
    assert devices.networks([card()], {}) == ("VM Network",)
    assert devices.networks([card(connected=False)], {}) == ()
    port = vim.dvs.PortConnection(portgroupKey="dvportgroup-7", switchUuid="u")
    far = card()
    far.backing = DEVICE.VirtualEthernetCard.DistributedVirtualPortBackingInfo(port=port)
    assert devices.networks([far], {"dvportgroup-7": "isolated"}) == ("isolated",)


@pytest.mark.parametrize(
    ("hardware", "told", "found"),
    [
        ([disk()], {}, set()),
        ([], {}, {"no-disk"}),
        ([disk()], {"config.template": True}, {"is-template"}),
        ([disk()], {"runtime.powerState": "poweredOn"}, {"machine-running"}),
        ([disk()], {"runtime.powerState": "suspended"}, {"machine-running"}),
        ([disk()], {"runtime.connectionState": "inaccessible"}, {"machine-unreachable"}),
        ([disk(sharing="sharingMultiWriter")], {}, {"shared-disk"}),
        ([disk(keyId=vim.encryption.CryptoKeyId(keyId="k"))], {}, {"encrypted-disk"}),
        ([disk(), DEVICE.VirtualPCIPassthrough(key=1)], {}, {"host-device"}),
        ([disk(), DEVICE.VirtualSriovEthernetCard(key=4000)], {}, {"host-device"}),
        ([disk(), DEVICE.VirtualLsiLogicController(key=1, sharedBus="physicalSharing")], {}, {"shared-bus"}),
    ],
)
def test_what_forbids_adopting_is_named(hardware: list[Any], told: dict[str, Any], found: set[str]) -> None:
    """As findings of severity error, each with its evidence."""
    whole = {
        "name": "theirs",
        "runtime.powerState": "poweredOff",
        "config.hardware.device": hardware,
        "guest.toolsVersionStatus2": "guestToolsCurrent",
        "config.tools.toolsVersion": 12352,
        **told,
    }
    listed = list(problems(Found(None, whole)))
    assert {one.id for one in listed if one.severity == "error"} == found
    assert [one for one in listed if one.id == "host-device" and not one.fix] == []


@pytest.mark.parametrize(
    ("status", "version", "found"),
    [
        ("guestToolsNotInstalled", 0, "tools-missing"),
        (None, 0, "tools-missing"),
        ("guestToolsTooOld", 8000, "tools-old"),
        ("guestToolsNeedUpgrade", 11000, "tools-old"),
    ],
)
def test_tools_that_are_missing_or_old_are_named(status: str | None, version: int, found: str) -> None:
    """As a warning: SSH may be the way in."""
    told = {
        "name": "theirs",
        "runtime.powerState": "poweredOff",
        "config.hardware.device": [disk()],
        "guest.toolsVersionStatus2": status,
        "config.tools.toolsVersion": version,
    }
    assert [(one.id, one.severity) for one in problems(Found(None, told))] == [(found, "warning")]


def test_independent_and_raw_disks_and_a_tpm_are_named() -> None:
    """The disks as errors; a TPM as a warning, as each clone gets a new one."""
    independent, raw = disk(), disk()
    independent.backing.diskMode = "independent_persistent"
    raw.backing = DEVICE.VirtualDisk.RawDiskMappingVer1BackingInfo(fileName="[ds] rdm.vmdk", diskMode="persistent")
    told = {
        "name": "theirs",
        "runtime.powerState": "poweredOff",
        "config.hardware.device": [independent, raw, DEVICE.VirtualTPM(key=11000)],
        "config.keyId": vim.encryption.CryptoKeyId(keyId="k"),
        "guest.toolsVersionStatus2": "guestToolsCurrent",
        "config.tools.toolsVersion": 12352,
    }
    met = {one.id: one.severity for one in problems(Found(None, told))}
    assert met == {"independent-disk": "error", "raw-disk": "error", "virtual-tpm": "warning"}


@pytest.mark.parametrize("name", ["a/b", "100%", "back\\slash", "%2f", "Größe 漢字", "plain"])
def test_names_are_escaped_as_vcenter_stores_them(name: str) -> None:
    """And come back as people write them."""
    assert plain(escaped(name)) == name
    assert not {"/", "\\"} & set(escaped(name))


@pytest.mark.parametrize("name", ["", "A", "a b", "a" * 81, "ä", "../x"])
def test_golden_gives_no_machine_such_a_name(name: str) -> None:
    """vSphere takes 80 characters."""
    with pytest.raises(BadName):
        checked(name)


def test_a_record_is_its_own_machines_only() -> None:
    """A clone inherits the key; by instanceUuid or name it is known to be another's."""
    begun = Record("machine", "mine", MARK, "t1")
    done = begun.but(uuid="uuid-1")

    def seen(record: Record, name: str, uuid: str) -> Seen:
        props = {"name": name, "config.instanceUuid": uuid, marking.WHOLE: record.options()}
        return Seen(None, props)

    assert marking.read(seen(begun, "mine", "uuid-1")) == begun
    assert marking.read(seen(begun, "other", "uuid-2")) is None
    assert marking.read(seen(done, "renamed by somebody", "uuid-1")) == done
    assert marking.read(seen(done, "mine", "uuid-2")) is None
    assert marking.read(Seen(None, {"name": "mine"})) is None
    broken = [vim.option.OptionValue(key=marking.KEY, value="{")]
    assert marking.read(Seen(None, {"name": "mine", marking.WHOLE: broken})) is None
