"""What the template of an image is to be made with: asked of VMM before a byte is copied."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from golden.errors import Conflict, NotFound
from golden.model import Image
from golden_hyperv.libraries import Place
from golden_hyperv.marking import Hardware
from golden_hyperv.scvmm_server import Choice, Vmm

OPTIONS = {"hardware": "hardware_profile", "guest": "guest_os_profile", "system": "operating_system"}
WHAT = {"hardware": "hardware profile", "guest": "guest OS profile", "system": "operating system"}
PLAIN = Hardware(generation=2, memory=0, processors=0, secure_boot=True, secure_boot_template="MicrosoftWindows")
"""Where nothing is known of the machine an image came from."""
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Parameters of ``scvmm_template``; ids are empty where there is none."""

    template: bool
    generation: int
    customize: bool
    hardware: str = ""
    guest: str = ""
    system: str = ""
    memory: int = 0
    """MiB."""
    processors: int = 0
    secure_boot: str = ""

    def parameters(self) -> dict[str, Any]:
        """For the script."""
        return {
            "Generation": self.generation,
            "Customize": self.customize,
            "HardwareProfile": self.hardware,
            "GuestProfile": self.guest,
            "System": self.system,
            "Memory": self.memory,
            "Processors": self.processors,
            "SecureBoot": self.secure_boot,
        }


def plan(vmm: Vmm, image: Image, known: Hardware | None) -> Plan:
    """
    ``known`` is the machine the image came from. NotFound for a profile or system that VMM does not have, Conflict for
    a hardware profile of the other generation: the disk would not boot (facts 5.6).
    """
    place, hardware = vmm.place, known or PLAIN
    generation = int(place.options.get("generation") or hardware.generation)
    choices = vmm.choices()
    profile, guest, system = (_chosen(place, choices, kind) for kind in ("hardware", "guest", "system"))
    if profile is not None and profile.generation not in (0, generation):
        raise Conflict(
            f"{image.reference}@i{image.number} is of generation {generation}, the hardware profile {profile.name} of "
            f"generation {profile.generation}",
            hint=f"another hardware_profile in [libraries.{place.library}]",
        )
    system = system or _by_name(choices, image.proof.facts.product)
    return Plan(
        template=place.is_yes("template", "yes"),
        generation=generation,
        customize=guest is not None or (image.seal == "sysprep" and system is not None),
        hardware=profile.id if profile else "",
        guest=guest.id if guest else "",
        system=system.id if system else "",
        memory=hardware.memory // MIB,
        processors=hardware.processors,
        secure_boot=_secure_boot(hardware),
    )


def _secure_boot(hardware: Hardware) -> str:
    return (hardware.secure_boot_template or "MicrosoftWindows") if hardware.secure_boot else ""


def _chosen(place: Place, choices: list[Choice], kind: str) -> Choice | None:
    name = place.options.get(OPTIONS[kind], "")
    if not name:
        return None
    found = [one for one in choices if one.kind == kind and one.name.casefold() == name.casefold()]
    if len(found) > 1:
        raise Conflict(
            f"{len(found)} {WHAT[kind]}s of {place.server} are named {name}", hint="rename all but one in VMM"
        )
    if not found:
        names = sorted({one.name for one in choices if one.kind == kind})
        shown = get_close_matches(name, names, n=5) or names[:20]
        raise NotFound(
            f"the VMM server {place.server} has no {WHAT[kind]} {name!r}",
            details="it has " + (", ".join(shown) if names else "none"),
            hint=f"{OPTIONS[kind]} in [libraries.{place.library}]",
        )
    return found[0]


def _by_name(choices: list[Choice], product: str) -> Choice | None:
    wanted = product.strip().casefold()
    return next((one for one in choices if one.kind == "system" and wanted and one.name.casefold() == wanted), None)
