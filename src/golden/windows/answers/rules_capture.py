"""Rules about what must not be in a file that images are made with (docs/facts: windows 2.3 and 4.3)."""

from __future__ import annotations

from golden.windows.answers.components import DEPLOYMENT, LICENSING, SHELL
from golden.windows.answers.document import Element
from golden.windows.answers.rules import Aim, Remark
from golden.windows.answers.rules_settings import shown
from golden.windows.answers.rules_shape import Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SKIPPED = ("SkipMachineOOBE", "SkipUserOOBE")


def capturing(found: list[Part], aim: Aim) -> Iterator[Remark]:
    """What would be the same in every machine, or spoil the image."""
    for part in found:
        if part.key in LICENSING:
            yield from _rearm(part.element, aim)
        elif part.key == SHELL:
            yield from _shell(part.element, aim)
        elif part.key == DEPLOYMENT:
            yield from _reseal(part.element, aim)


def _rearm(component: Element, aim: Aim) -> Iterator[Remark]:
    for setting in component.named("SkipRearm"):
        if setting.text.lower() in ("", "0", "false"):
            continue
        said = f"SkipRearm={shown(setting.text[:10])}"
        if aim.is_capture:
            words = (
                f"{said}: every machine of the image would have the same client ID, and a KMS would count them as one"
            )
            yield Remark("answer.skip-rearm", words, "take <SkipRearm> out, or say 0", setting.place)
        else:
            words = f"{said} is only for generalizing in between (Windows 7, Server 2008 R2), never for the last time"
            yield Remark("answer.skip-rearm-intermediate", words, "take <SkipRearm> out, or say 0", setting.place)


def _shell(component: Element, aim: Aim) -> Iterator[Remark]:
    if aim.is_capture:
        yield from _same_everywhere(component)
    oobe = component.child("OOBE")
    for name in _SKIPPED:
        setting = oobe.child(name) if oobe is not None else None
        if setting is not None and setting.is_true:
            words = f"{name} is deprecated: it can leave a machine unusable, and has ProtectYourPC ignored"
            yield Remark(
                "answer.skip-oobe", words, "answer OOBE's questions instead; golden answer new does", setting.place
            )
    place = oobe.child("NetworkLocation") if oobe is not None else None
    if place is not None:
        words = "NetworkLocation has no effect on Windows 10 and later"
        yield Remark("answer.no-effect", words, "it may go", place.place)


def _same_everywhere(component: Element) -> Iterator[Remark]:
    computer = component.child("ComputerName")
    if computer is not None and computer.text and computer.text != "*" and "%" not in computer.text:
        words = "the computer name is fixed, so every machine made from the image gets the same"
        yield Remark("answer.computer-name", words, "<ComputerName>*</ComputerName>, or leave it out", computer.place)
    enabled = component.at("AutoLogon/Enabled")
    if enabled is not None and enabled.is_true:
        words = "AutoLogon is on: whoever starts a machine is in, and the password stays in its registry"
        yield Remark("answer.auto-logon", words, "take <AutoLogon> out", enabled.place)


def _reseal(component: Element, aim: Aim) -> Iterator[Remark]:
    there = [one for one in (component.child("Generalize"), component.child("Reseal")) if one is not None]
    if len(there) > 1:
        words = "Generalize and Reseal must not stand together"
        yield Remark("answer.generalize-reseal", words, "golden generalizes by itself: take both out", there[1].place)
    elif there and aim.is_capture:
        words = f"<{there[0].name}> would generalize or restart every machine that is made from the image"
        yield Remark("answer.generalize-reseal", words, "golden generalizes by itself: take it out", there[0].place)
