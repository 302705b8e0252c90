"""Domain definitions: read safely, cleaned for a clone, completed for a start."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from golden.errors import BadConfig
from golden_libvirt import definition, network
from golden_libvirt.oddities import oddities

THEIRS = b"""<domain type='kvm' id='7' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>theirs</name><uuid>8b1c2d3e-0000-4000-8000-000000000001</uuid><title>Web</title>
<memory>1</memory><vcpu cpuset='0-1'>2</vcpu>
<os><type>hvm</type><loader readonly='yes' type='pflash'>/code.fd</loader><nvram>/var/nvram/theirs.fd</nvram></os>
<seclabel type='static'/><cputune/><memoryBacking><hugepages/></memoryBacking>
<devices><emulator>/usr/libexec/qemu-kvm</emulator>
<disk type='file' device='cdrom'><source file='/iso/secret.iso'/><target dev='sdb'/></disk>
<disk type='file' device='floppy'><source file='/floppy.img'/><target dev='fda'/></disk>
<disk type='file' device='disk'><source file='/data.qcow2'><seclabel/></source><target dev='vdb'/>
<backingStore/><alias name='a'/></disk>
<disk type='file' device='disk'><source file='/system.qcow2'/><target dev='vda'/><boot order='1'/></disk>
<interface type='bridge'><mac address='52:54:00:11:22:33'/><source bridge='br0'/><model type='e1000'/></interface>
<hostdev mode='subsystem' type='pci'><source/></hostdev><filesystem><source dir='/srv'/><target dir='x'/></filesystem>
<redirdev bus='usb'/><shmem name='s'/><vsock><cid address='3'/></vsock>
<serial type='file'><source path='/var/log/serial.log'/><target port='0'/></serial>
<console type='tcp'><source host='0.0.0.0' service='5'/><protocol type='raw'/></console>
<channel type='unix'><source path='/run/theirs.sock'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>
<graphics type='vnc' port='5900' listen='0.0.0.0' passwd='geheim'/><sound model='ich9'/>
<video><model type='qxl' ram='65536'/></video><rng model='virtio'><backend model='egd'><source/></backend></rng>
<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
<input type='evdev'><source dev='/dev/input/event1'/></input><input type='tablet' bus='usb'/>
<input type='passthrough' bus='virtio'><source evdev='/dev/input/event2'/></input>
<memory model='nvdimm'><source><path>/pmem/dax</path></source><target><size>1</size></target></memory>
<memory model='virtio-pmem'><source><path>/pmem/virtio</path></source><target><size>1</size></target></memory>
<memory model='dimm'><source><nodemask>1-3</nodemask></source><target><size>1</size></target></memory>
<pstore backend='acpi-erst'><path>/var/erst.img</path></pstore>
<lease><lockspace>shared</lockspace><key>k</key><target path='/lease'/></lease>
</devices><sysinfo type='smbios'><system><entry name='manufacturer'>OpenStack Foundation</entry>
<entry name='serial'>4711-serial</entry><entry name='uuid'>8b1c2d3e-0000-4000-8000-000000000001</entry></system>
<baseBoard><entry name='serial'>4712-serial</entry></baseBoard></sysinfo>
<sysinfo type='fwcfg'><entry name='opt/theirs' file='/host/fwcfg'/></sysinfo>
<qemu:commandline><qemu:arg value='-fsdev'/></qemu:commandline></domain>"""


def cleaned() -> ET.Element:
    """Their machine as one of golden's."""
    return definition.clean(definition.parse(THEIRS, "theirs.xml"), "ours", "the-new-uuid", None)


def test_a_clone_has_nothing_of_the_hosts_and_no_identity_of_the_originals() -> None:
    """Name, UUID, address, media, host devices, sockets, ports, passwords and paths of the original are gone."""
    text = definition.serialize(cleaned()).decode()
    gone = (
        "theirs 8b1c2d3e 52:54:00:11:22:33 br0 secret.iso floppy hostdev /srv redirdev shmem vsock serial.log 0.0.0.0"
    )
    gone += " /dev/input /pmem nodemask erst /lease 4711 4712 /host/fwcfg"
    for words in f"{gone} theirs.sock spice 5900 geheim qxl egd qemu-kvm commandline cpuset hugepages seclabel".split():
        assert words not in text.replace(definition.NVRAM, "").replace("/var/nvram/theirs.fd", ""), words
    assert "<name>ours</name>" in text
    assert "the-new-uuid" in text
    assert "OpenStack Foundation" in text
    assert '<input type="tablet"' in text
    assert '<memory model="dimm"' in text


def test_the_boot_disk_comes_first_and_only_disks_with_data_count() -> None:
    """Disks are those that hold data, in the order the machine boots."""
    assert [definition.source_of(disk) for disk in definition.disks_of(cleaned())] == ["/system.qcow2", "/data.qcow2"]


def test_there_is_exactly_one_channel_and_it_is_the_guest_agents() -> None:
    """Whatever channels the original had, a clone has the guest agent's alone."""
    channels = cleaned().findall("devices/channel")
    assert [channel.find("target").get("name") for channel in channels] == [definition.AGENT]  # type: ignore[union-attr]


def test_a_card_is_there_only_where_a_network_is_asked_for_with_a_fresh_address() -> None:
    """No network by default; with one, the original's model and a new address each time."""
    first, second = cleaned(), cleaned()
    assert first.find("devices/interface") is None
    addresses = set()
    for domain in (first, second):
        network.connect(domain, "user")
        interface = domain.find("devices/interface")
        assert interface is not None
        assert interface.find("model").get("type") == "e1000"  # type: ignore[union-attr]
        addresses.add(interface.find("mac").get("address"))  # type: ignore[union-attr]
    assert len(addresses) == 2
    assert all(str(address).startswith("52:54:00:") for address in addresses)


def test_a_machine_that_runs_in_software_keeps_nothing_that_needs_kvm() -> None:
    """libvirt refuses such a domain otherwise: the host's own processor, Hyper-V's enlightenments, KVM's clock."""
    processor = "<cpu mode='host-model' check='partial'><topology sockets='1' cores='2' threads='1'/>"
    features = "<features><acpi/><hyperv><relaxed state='on'/></hyperv><kvm><hidden state='on'/></kvm></features>"
    clock = "<clock offset='localtime'><timer name='hypervclock' present='yes'/><timer name='rtc'/></clock>"
    text = THEIRS.replace(b"<os>", f"{processor}<feature name='vmx'/></cpu>{features}{clock}<os>".encode())
    domain = definition.clean(definition.parse(text, "theirs.xml"), "ours", "uuid", "qemu")
    assert domain.get("type") == "qemu"
    cleaned_text = definition.serialize(domain).decode()
    for words in ("host-model", "vmx", "hyperv", "<kvm>"):
        assert words not in cleaned_text, words
    assert domain.find("cpu").get("mode") == "maximum"  # type: ignore[union-attr]
    assert domain.find("cpu/topology") is not None
    assert [timer.get("name") for timer in domain.findall("clock/timer")] == ["rtc"]
    kept = definition.serialize(definition.clean(definition.parse(text, "theirs.xml"), "ours", "uuid", None)).decode()
    assert "hypervclock" in kept, "for KVM it all stays"


def test_cleaning_twice_changes_nothing_more() -> None:
    """A clone of a clone is as clean as the first."""
    once = cleaned()
    again = definition.clean(once, "ours", "the-new-uuid", None)
    assert sorted(map(ET.tostring, again)) == sorted(map(ET.tostring, once))


def test_a_path_with_any_character_stays_one_path() -> None:
    """Quotes, angle brackets, ampersands and newlines in a folder's name come back as they were."""
    folder = "/a 'b' \"c\" <d> & e\nf"
    domain = cleaned()
    for number, disk in enumerate(definition.disks_of(domain)):
        definition.point(disk, f"disk{number}.qcow2", "qcow2")
    again = ET.fromstring(definition.complete(domain, folder, f"{folder}/a"))
    assert definition.source_of(definition.disks_of(again)[0]) == f"{folder}/disk0.qcow2"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no xml",
        b"<network/>",
        b"<domain>",
        b"\xff\xfe\x00",
        b"<!DOCTYPE d [<!ENTITY a 'x'><!ENTITY b '&a;&a;&a;'>]><domain>&b;</domain>",
        b"<!DOCTYPE d SYSTEM 'file:///etc/passwd'><domain/>",
    ],
)
def test_what_is_no_definition_is_refused_and_entities_are_never_expanded(text: bytes) -> None:
    """Anything but a <domain> without a document type is BadConfig that names the file."""
    with pytest.raises(BadConfig) as refused:
        definition.parse(text, "their.xml")
    assert "their.xml" in refused.value.brief


def test_what_cannot_be_copied_is_an_error_and_what_is_left_out_a_warning() -> None:
    """A shared, raw or network disk forbids adopting; a host device is only left out."""
    text = THEIRS.replace(b"<target dev='vdb'/>", b"<target dev='vdb'/><shareable/>")
    text = text.replace(
        b"<disk type='file' device='disk'><source file='/system.qcow2'/>", b"<disk type='block' device='disk'>"
    )
    found = {finding.id: finding.severity.value for finding in oddities(definition.parse(text, "x"))}
    assert found["shared-disk"] == "error"
    assert found["raw-host-disk"] == "error"
    assert {kind for kind, severity in found.items() if severity == "warning"} == {
        f"{tag}-left-out" for tag in ("hostdev", "filesystem", "nvdimm", "pmem", "pstore")
    }


@pytest.mark.parametrize("kind", ["xen", "lxc", "bhyve", "vz"])
def test_a_machine_of_another_hypervisor_is_no_machine_for_qemu(kind: str) -> None:
    """Its devices are others, and libvirt's QEMU driver would refuse it at its first start."""
    text = THEIRS.replace(b"<domain type='kvm'", f"<domain type='{kind}'".encode())
    found = {finding.id: finding.severity.value for finding in oddities(definition.parse(text, "x"))}
    assert found["domain-type"] == "error"
    assert "domain-type" not in {finding.id for finding in oddities(definition.parse(THEIRS, "x"))}
