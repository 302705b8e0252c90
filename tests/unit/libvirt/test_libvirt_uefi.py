"""Which firmware an adopted machine gets, with this computer's own builds and real files of variables."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from golden.errors import Conflict
from golden.model import Mark, Origin, Role
from golden.provider import Endpoint, Hypervisor, Scope
from golden_libvirt import PROVIDER, firmware

OVMF = Path("/usr/share/OVMF")
pytestmark = pytest.mark.skipif(
    not (OVMF / "OVMF_VARS_4M.ms.fd").exists() or not (OVMF / "OVMF_VARS.fd").exists(),
    reason="no UEFI firmware of 2 and of 4 MiB (apt install ovmf)",
)
MARK = Mark(Role.VERSION, "job", "reference", "installation")
DEFINITION = """<domain type='qemu'><name>theirs</name><memory>1</memory>OS<features><acpi/></features>
<devices><disk type='file' device='disk'><source file='disk.qcow2'/><target dev='sda' bus='sata'/></disk></devices>
</domain>"""
SECURE = "<firmware><feature enabled='yes' name='secure-boot'/></firmware>"
NAMED = "<loader readonly='yes' type='pflash'>{}</loader>"


@dataclass
class Place:
    """A folder with a disk in it, and the embedded driver, which these tests never open."""

    folder: Path
    hypervisor: Hypervisor

    def origin(self, inside: str, attributes: str = "") -> Origin:
        """A definition whose <os> holds this."""
        where = self.folder / "theirs.xml"
        kind = "<type arch='x86_64' machine='pc-q35-7.2'>hvm</type>"
        where.write_text(DEFINITION.replace("OS", f"<os {attributes}>{kind}{inside}</os>"))
        return Origin("definition", str(where))

    def adopted(self, inside: str, attributes: str = "") -> tuple[ET.Element, bytes]:
        """The definition that the machine has then, and its variables."""
        self.hypervisor.adopt("v1", self.origin(inside, attributes), MARK, in_place=False)
        store = self.folder / "state/libvirt/store/v1"
        return ET.parse(store / "domain.xml").getroot(), (store / "nvram.fd").read_bytes()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """With a disk."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(tmp_path / "disk.qcow2"), "16M"], check=True)
    endpoint = Endpoint("here", "qemu:///embed", {"virt_type": "qemu"})
    return Place(tmp_path, PROVIDER.open(endpoint, Scope("job", tmp_path / "state")))


def secure(domain: ET.Element) -> bool:
    """Whether the machine can do Secure Boot, as libvirt wants that said."""
    loader, smm = domain.find("os/loader"), domain.find("features/smm")
    assert loader is not None
    path = Path(loader.text or "")
    (build, *_) = [build for build in firmware.builds() if build.code.path == path]
    is_protected = loader.get("secure") == "yes" and smm is not None and smm.get("state") == "on"
    assert build.secure == is_protected
    assert domain.find("os").get("firmware") is None  # type: ignore[union-attr]
    return is_protected


@pytest.mark.parametrize(
    ("inside", "attributes"),
    [
        ("", "firmware='efi'"),
        (SECURE, "firmware='efi'"),
        ("<loader secure='yes'/>", "firmware='efi'"),
        ("<loader readonly='yes' secure='yes' type='pflash'>/elsewhere/OVMF_CODE.secboot.fd</loader>", ""),
        (NAMED.format("/elsewhere/OVMF_CODE_4M.ms.fd"), ""),
    ],
    ids=["libvirt's choice", "feature", "secure loader", "secure code that is not here", "code named so"],
)
def test_secure_boot_is_not_lost(place: Place, inside: str, attributes: str) -> None:
    """The keys that are enrolled in the machine's variables stay in force, whatever way its definition says so."""
    keys = OVMF / "OVMF_VARS_4M.ms.fd"
    domain, variables = place.adopted(f"{inside}<nvram>{keys}</nvram>", attributes)
    assert secure(domain)
    assert variables == keys.read_bytes()


@pytest.mark.parametrize(
    ("inside", "attributes"),
    [
        (SECURE.replace("yes", "no"), "firmware='efi'"),
        ("<loader secure='no'/>", "firmware='efi'"),
        (NAMED.format("/elsewhere/OVMF_CODE_4M.fd"), ""),
    ],
    ids=["feature", "loader", "code that is not here"],
)
def test_secure_boot_is_not_made_up(place: Place, inside: str, attributes: str) -> None:
    """A machine that has none gets none."""
    domain, variables = place.adopted(inside, attributes)
    assert not secure(domain)
    assert variables == (OVMF / "OVMF_VARS_4M.fd").read_bytes()


@pytest.mark.parametrize(("code", "template"), [("secboot", "VARS_4M.fd"), ("ms", "VARS_4M.ms.fd")])
def test_fresh_variables_are_those_of_the_code_by_its_name(place: Place, code: str, template: str) -> None:
    """Debian's code with Microsoft's keys and that without are one file; the keys lie in the template."""
    _, variables = place.adopted(NAMED.format(OVMF / f"OVMF_CODE_4M.{code}.fd"))
    assert variables == (OVMF / f"OVMF_{template}").read_bytes()


@pytest.mark.parametrize("ending", ["", "_4M"], ids=["2 MiB", "4 MiB"])
def test_code_and_variables_belong_together(place: Place, ending: str) -> None:
    """Code of one size reads no variables of the other: fresh ones fit the code, and code fits the variables."""
    code, template = OVMF / f"OVMF_CODE{ending}.fd", OVMF / f"OVMF_VARS{ending}.fd"
    domain, variables = place.adopted(NAMED.format(code))
    assert variables == template.read_bytes()
    assert domain.findtext("os/loader") == str(code)
    place.hypervisor.destroy(place.hypervisor.find("v1"))  # type: ignore[arg-type]
    domain, variables = place.adopted(f"{NAMED.format('/elsewhere/CODE.fd')}<nvram>{template}</nvram>")
    assert domain.findtext("os/loader") == str(code)


def test_variables_in_qcow2_become_raw(place: Place) -> None:
    """Libvirt before 9.2 knows no format of a flash, and a file that says none is raw."""
    keys, theirs = OVMF / "OVMF_VARS_4M.ms.fd", place.folder / "theirs.qcow2"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(keys), str(theirs)], check=True)
    domain, variables = place.adopted(f"{SECURE}<nvram format='qcow2'>{theirs}</nvram>", "firmware='efi'")
    assert variables == keys.read_bytes()
    assert secure(domain)
    assert domain.find("os/nvram").attrib == {}  # type: ignore[union-attr]


def test_variables_that_lie_on_another_file_are_refused(place: Place) -> None:
    """As a disk is: what lies below it would be copied into the version."""
    (place.folder / "secret").write_bytes(bytes(540672))
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "secret", "-F", "raw", str(place.folder / "v.qcow2")]
    subprocess.run(argv, check=True)
    origin = place.origin("<nvram format='qcow2'>v.qcow2</nvram>", "firmware='efi'")
    (problem,) = place.hypervisor.examine(origin).problems
    assert problem.severity == "error"
    assert "secret" in problem.evidence


def test_a_machine_that_no_firmware_fits_is_refused_before_anything_is_copied(place: Place) -> None:
    """Variables of a size that no code here is built for."""
    (place.folder / "odd.fd").write_bytes(bytes(4096))
    origin = place.origin(f"{NAMED.format('/elsewhere/CODE.fd')}<nvram>odd.fd</nvram>")
    (problem,) = place.hypervisor.examine(origin).problems
    assert (problem.id, problem.severity.value) == ("firmware-missing", "error")
    assert "4096" in problem.sentence
    with pytest.raises(Conflict):
        place.hypervisor.adopt("v1", origin, MARK, in_place=False)
    assert place.hypervisor.find("v1") is None


def test_builds_are_tried_in_libvirts_order(tmp_path: Path) -> None:
    """By name; a later folder's file hides one of the same name, also by being empty; what is torn is none."""
    first, second = tmp_path / "share", tmp_path / "etc"
    for folder in (first, second):
        folder.mkdir()
    (tmp_path / "flash.fd").write_bytes(b"f")
    file = {"filename": str(tmp_path / "flash.fd"), "format": "raw"}
    for folder, name, kind in (
        (first, "20", "enrolled-keys"),
        (first, "10", "x"),
        (first, "30", "x"),
        (second, "10", "secure-boot"),
    ):
        about = {
            "interface-types": ["uefi"],
            "mapping": {"device": "flash", "executable": file, "nvram-template": file},
            "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}],
            "features": [kind],
        }
        (folder / f"{name}.json").write_text(json.dumps(about))
    (second / "30.json").touch()
    (second / "40.json").write_text("{")
    found = [build for build in firmware.builds((first, second)) if build.code.path == tmp_path / "flash.fd"]
    assert [(build.secure, build.enrolled) for build in found] == [(True, False), (False, True)]
