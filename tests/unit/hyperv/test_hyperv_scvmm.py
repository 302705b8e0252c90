"""URLs of SCVMM's library, its notes and names, what VMM's errors mean, and what a template is made with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import BadConfig, Conflict, EndpointError, GoldenError, NotAble, NotFound, PolicyRefused, Refused
from golden.errors import Unreachable as Away
from golden.model import Publication
from golden.plugins import library_factory
from golden.provider import Endpoint, Scope
from golden.testing.library_contract import sample
from golden_hyperv import scvmm_note
from golden_hyperv.libraries import SCVMM_LIBRARY, Place, understand
from golden_hyperv.marking import Hardware
from golden_hyperv.remoting import HostTable, RemoteError
from golden_hyperv.remoting.losses import Failure
from golden_hyperv.scvmm_faults import understood
from golden_hyperv.scvmm_note import MARK, Note
from golden_hyperv.scvmm_plan import Plan, plan
from golden_hyperv.scvmm_server import Choice, Vmm

HOSTILE = "v1'; Remove-Item C:\\ -Recurse # $(calc) \"é’"  # noqa: RUF001
ENDPOINTS = {
    "hv": Endpoint("hv", "hyperv://hv1.example.com", {"user": "LAB\\golden", "password_env": "HV_PASSWORD"}),
    "ssh": Endpoint("ssh", "hyperv+ssh://golden@hv1.example.com"),
    "vc": Endpoint("vc", "vsphere://vc.example.com"),
}


def scope() -> Scope:
    """A project with three endpoints."""

    def named(name: str) -> Endpoint:
        if name not in ENDPOINTS:
            raise NotFound(f"there is no endpoint {name}")
        return ENDPOINTS[name]

    return Scope("look", Path("/state"), endpoint=named)


def place(url: str = "scvmm://vmm01/library?endpoint=hv", **options: str) -> Place:
    """As the factory understands it."""
    return understand(Endpoint("shelf", url, options), scope(), Path("/project"))


def test_a_url_names_server_share_and_folder() -> None:
    """With a port, a folder below the share, options of the URL and of the table; the entry point opens it."""
    made = place("scvmm://vmm01.example.com:8101/MSSCVMMLibrary/VHDs/golden%20images?endpoint=hv", generation="1")
    assert (made.server, made.port, made.share) == ("vmm01.example.com", 8101, "MSSCVMMLibrary")
    assert (made.folder, made.options, made.address.host) == (
        "VHDs\\golden images",
        {"generation": "1"},
        "hv1.example.com",
    )
    assert made.shown == "scvmm://vmm01.example.com/MSSCVMMLibrary/VHDs/golden images"
    assert (place().port, place().folder, place().is_yes("template", "yes")) == (8100, "", True)
    assert place(user="LAB\\vmm", password_file="secret").options["password_file"] == "/project/secret"
    assert library_factory(Endpoint("shelf", "scvmm://vmm01/library")) is SCVMM_LIBRARY


BAD = {
    "scvmm://vmm01": "no library share",
    "scvmm://vmm01/?endpoint=hv": "no library share",
    "scvmm:///library?endpoint=hv": "no VMM server",
    "scvmm:library?endpoint=hv": "no VMM server",
    "scvmm://vmm01/library#x": "no VMM server",
    "scvmm://vmm01/a%3Ab?endpoint=hv": "no library share",
    "scvmm://vmm01/library/..?endpoint=hv": "no library share",
    "scvmm://vmm01/library/%5C%5Cother?endpoint=hv": "no library share",
    "scvmm://vmm01/library/a%0Ab?endpoint=hv": "no library share",
    "scvmm://vmm01:no/library?endpoint=hv": "cannot be opened",
    "scvmm://vmm01/library?endpoint": "cannot be opened",
    "scvmm://[vmm01/library?endpoint=hv": "cannot be opened",
    "scvmm://u:secret-1@vmm01/library?endpoint=hv": "accounts do not belong into it",
    "scvmm://vmm01/library": "does not say which endpoint",
    "scvmm://vmm01/library?endpoint=vc": "no Hyper-V host",
    "scvmm://vmm01/library?endpoint=hv&generation=3": "generation is 1 or 2",
    "scvmm://vmm01/library?endpoint=hv&template=maybe": "template is yes or no",
    "scvmm://vmm01/library?endpoint=hv&unencrypted=1": "unencrypted is yes or no",
    "scvmm://vmm01/library?endpoint=hv&password_env=X": "a password and no user",
}


@pytest.mark.parametrize("url", BAD)
def test_a_url_that_cannot_be_is_told(url: str) -> None:
    """BadConfig with what it should look like, and never a password."""
    with pytest.raises(BadConfig, match=BAD[url]) as caught:
        SCVMM_LIBRARY.open(Endpoint("shelf", url), scope(), Path("/project"))
    assert "secret-1" not in f"{caught.value.brief}{caught.value.details}{caught.value.hint}"


def test_an_option_that_is_not_known_is_told() -> None:
    """With the nearest one."""
    with pytest.raises(BadConfig, match="does not know: hardware_profil") as caught:
        place(hardware_profil="x")
    assert caught.value.hint == "did you mean hardware_profile?"
    with pytest.raises(NotFound):
        place("scvmm://vmm01/library?endpoint=other")
    with pytest.raises(BadConfig, match=r"no golden\.toml"):
        understand(Endpoint("shelf", "scvmm://vmm01/library?endpoint=hv"), Scope("look", Path("/state")), Path("/p"))


def test_ssh_is_refused_with_what_to_type() -> None:
    """VMM's module does not load in PowerShell 7, which is what SSH reaches."""
    with pytest.raises(NotAble, match=r"Windows PowerShell 5\.1") as caught:
        place("scvmm://vmm01/library?endpoint=ssh")
    assert 'url = "hyperv://hv1.example.com"' in str(caught.value.hint)


@dataclass
class Answering:
    """A line to a host that has answered so far with what it is."""

    table: HostTable


def test_powershell_7_is_refused_over_wsman_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session configuration may lead to it: nothing of VMM's is tried."""
    monkeypatch.setenv("HV_PASSWORD", "secret-1")
    line: Any = Answering(HostTable((7, 4, 6), "Core", "10.0.20348"))
    with pytest.raises(NotAble, match=r"answers with PowerShell 7\.4\.6") as caught:
        Vmm(line, place())
    assert "Microsoft.PowerShell" in str(caught.value.hint)


ERRORS = [
    ("1602,X", "ReadError", "The service on that server did not respond.", Away),
    ("1604,X", "ReadError", "You cannot access VMM management server.", Refused),
    ("2910,X", "ReadError", "VMM hat keine Berechtigung. Zugriff verweigert (0x80070005)", Refused),
    ("2912,X", "ReadError", "Auf dem Datenträger ist nicht genug Platz (0x80070070)", Refused),
    ("13206,X", "ReadError", "The disk is not compatible with the template.", EndpointError),
    ("CommandNotFoundException", "ObjectNotFound", "Get-SCVMMServer is not recognized", NotAble),
    ("Whatever,X", "NotSpecified", "Something else", EndpointError),
]


@pytest.mark.parametrize(("fqid", "category", "message", "error"), ERRORS, ids=[one[0] for one in ERRORS])
def test_errors_of_vmm_become_goldens(fqid: str, category: str, message: str, error: type[GoldenError]) -> None:
    """By number and by Windows' own code in it, whatever the language; its words are the details."""
    with pytest.raises(error) as caught, understood(place(), "publishing x"):
        raise RemoteError(Failure(message, fqid, category))
    assert type(caught.value) is error
    assert message in str(caught.value.details)


MADE = Publication("ref", 3, "", "ref-i3-x", "vhdx", "key", "\\\\s\\l\\x.vhdx", "00", 1, "2026-01-01")


def test_a_note_is_read_back_from_a_description() -> None:
    """And from nothing else."""
    note = Note(MADE, "00ff", disk="d", template="t", proof="1,2")
    image = sample("ref", 3, "vhdx", "none")
    told = scvmm_note.description(image, note)
    assert scvmm_note.read(told, MADE.where) == note
    assert told.startswith("NOT GENERALIZED. ref image 3 of version 1, seal none")
    assert told.isascii()
    assert "\n" not in told
    for text in ("", "mine", note.text(), MARK, f"{MARK}{{}}", f"{MARK}[1]", MARK + "[" * 100_000, told[:-2]):
        assert scvmm_note.read(text) is None


def test_a_description_is_short() -> None:
    """With the longest of everything golden itself gives: VMM's limit is not documented, and 1024 is a usual one."""
    reference, key = "r" * 50, "l" * 40 + "/" + "r" * 50 + "-i9999-" + "0" * 12
    image = replace(sample(reference, 9999, "vhdx", "none"), version=9999)
    made = replace(MADE, reference=reference, image=9999, key=key, name=scvmm_note.name_of(image, key))
    made = replace(made, sha256="0" * 64, size=1 << 41, created="2026-11-23T12:00:00+00:00")
    note = Note(made, "0" * 16, "0" * 36, "0" * 36, f"{1 << 41},639310322331316990")
    assert len(scvmm_note.description(image, note)) < 1000


@given(st.text())
def test_no_text_breaks_reading_notes(text: str) -> None:
    """Anybody may write anything into a description."""
    assert scvmm_note.read(text) is None
    assert scvmm_note.read(MARK + text) is None


@given(st.text(min_size=1, max_size=120), st.text(max_size=60))
def test_names_are_files_names_whatever_the_reference(reference: str, key: str) -> None:
    """Short, of harmless characters, different for every key, and the reference itself goes to VMM unchanged."""
    name = scvmm_note.name_of(sample(reference, 7, "vhdx", "sysprep"), key)
    assert len(name) <= scvmm_note.LONGEST
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert name != scvmm_note.name_of(sample(reference, 7, "vhdx", "sysprep"), key + "x")


def test_a_release_is_one_image_of_one_installation() -> None:
    """The same in every library of one golden, another for another image, another installation, another seal."""
    image = sample("ref", 3, "vhdx", "sysprep")
    release = scvmm_note.release(image, "shelf/ref-i3-here")
    assert release == scvmm_note.release(image, "other/ref-i3-here")
    others = [
        scvmm_note.release(image, "shelf/ref-i3-there"),
        scvmm_note.release(replace(image, number=4), "shelf/ref-i4-here"),
        scvmm_note.release(replace(image, seal="none"), "shelf/ref-i3-here"),
    ]
    assert len({release, *others}) == 4


def test_what_is_not_taken_is_refused() -> None:
    """Other forms and seals, with what is."""
    image = sample("ref", 1, "qcow2", "sysprep")
    with pytest.raises(PolicyRefused, match="takes vhdx, not qcow2"):
        scvmm_note.must_take(image, image.artifact.forms[0], "there")
    image = sample("ref", 1, "vhdx", "wax")
    with pytest.raises(PolicyRefused, match="takes the seals sysprep, linux, none"):
        scvmm_note.must_take(image, image.artifact.forms[0], "there")


@dataclass
class Offering:
    """A VMM server that has these to choose from."""

    place: Place
    offered: tuple[Choice, ...]

    def choices(self) -> list[Choice]:
        """All."""
        return list(self.offered)


CHOICES = (
    Choice("hardware", "h1", "Small", 2),
    Choice("hardware", "h2", "Old", 1),
    Choice("hardware", "h3", "Twice", 0),
    Choice("hardware", "h4", "twice", 0),
    Choice("guest", "g1", HOSTILE, 0),
    Choice("system", "s1", "Windows Server 2022 Datacenter", 0),
)
KNOWN = Hardware(2, 4 << 30, 2, secure_boot=True, secure_boot_template="MicrosoftUEFICertificateAuthority")


def planned(seal: str = "sysprep", known: Hardware | None = KNOWN, product: str = "", **options: str) -> Plan:
    """A plan of that server."""
    image = sample("ref", 1, "vhdx", seal)
    image = replace(image, proof=replace(image.proof, facts=replace(image.proof.facts, product=product)))
    vmm: Any = Offering(place(**options), CHOICES)
    return plan(vmm, image, known)


def test_a_template_has_the_hardware_of_its_machine() -> None:
    """Generation, memory, processors and Secure Boot; unknown ones are left to VMM, of generation 2."""
    made = planned()
    assert (made.generation, made.memory, made.processors) == (2, 4096, 2)
    assert made.secure_boot == "MicrosoftUEFICertificateAuthority"
    assert (planned(known=None).generation, planned(known=None).memory) == (2, 0)
    assert planned(known=Hardware(1, 1 << 30, 1)).secure_boot == ""
    assert (planned(known=None, generation="1").generation, planned(template="no").template) == (1, False)


def test_vmm_customizes_what_was_generalized_only_unless_a_profile_says_so() -> None:
    """With a system that VMM knows, or a guest OS profile; what is not sealed only where a profile asks for it."""
    product = "windows server 2022 datacenter"
    assert (planned(product=product).customize, planned(product=product).system) == (True, "s1")
    assert planned(product="Windows Server 2031").customize is False
    assert planned("none", product=product).customize is False
    assert planned("linux", product=product).customize is False
    assert planned("none", guest_os_profile=HOSTILE).customize is True
    assert planned(operating_system="Windows Server 2022 Datacenter").customize is True


def test_profiles_are_checked_before_anything_is_copied() -> None:
    """Unknown, ambiguous, and of the other generation."""
    assert planned(hardware_profile="small").hardware == "h1"
    with pytest.raises(NotFound, match="no hardware profile 'Smal'") as caught:
        planned(hardware_profile="Smal")
    assert "Small" in str(caught.value.details)
    with pytest.raises(Conflict, match="2 hardware profiles"):
        planned(hardware_profile="Twice")
    with pytest.raises(Conflict, match="generation 1"):
        planned(hardware_profile="Old")
    with pytest.raises(NotFound, match="no operating system"):
        planned(operating_system="BeOS")


def test_the_script_that_makes_templates_never_takes_a_machine() -> None:
    """New-SCVMTemplate -VM destroys its machine; the one constant script names the disk, and no machine anywhere."""
    import golden_hyperv

    scripts = Path(golden_hyperv.__file__).parent / "scripts"
    users = [one for one in scripts.glob("*.ps1") if "New-SCVMTemplate @" in one.read_text(encoding="utf-8")]
    assert [one.name for one in users] == ["scvmm_template.ps1"]
    code = "\n".join(line for line in users[0].read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    assert "VirtualHardDisk = Get-SCVirtualHardDisk -ID $Disk" in code
    assert not any(word in code for word in ("VM =", "wanted.VM", "-VM ", "Get-SCVirtualMachine"))
