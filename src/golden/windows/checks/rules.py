"""What keys and files mean, for both ways of looking: one rule a check. docs/facts: windows 3.2 and 5.8."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from golden.disk.damage import Damaged
from golden.errors import NotFound
from golden.model import Checked, Finding
from golden.windows.checks import picture as at
from golden.windows.checks.catalogue import catalogue
from golden.windows.checks.picture import Picture, Unread

_1607 = 14393
_24H2 = 26100
_WINDOWS_7 = 7601
_FIRST_WINDOWS_10 = 10240
_GUID = re.compile(r"\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?")
_USER = re.compile(r"S-1-5-21-\d+-\d+-\d+-\d+")
_DISABLED = 4
_ENROLLED = 1
DIRECTORY_ROLES = ("ad-domain-services", "ad-certificate")
UNSUPPORTED_ROLES = ("ad-federation-services", "adfs-federation", "adlds", "adrms", "dhcp", "fax")
"""As Get-WindowsFeature names them, in lower case. docs/facts: windows 3.2 server roles."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the checks must know of what is going to be done."""

    account: str = ""
    """Who sysprep is to run as; empty where nobody is named."""
    copy_profile: bool = False
    """Whether the answer file asks for CopyProfile."""


@dataclass(frozen=True, slots=True)
class Met:
    """Something that a check looks for was met."""

    what: str = ""
    evidence: str = ""


Rule = Callable[[Any, Wish], Iterator[Met]]


def judge(way: str, rules: Mapping[str, Rule], shown: object, wish: Wish) -> Checked:
    """What the rules that can be followed that way make of what was shown."""
    findings: list[Finding] = []
    made, unmade = [], []
    for name, rule in rules.items():
        check = catalogue()[name]
        if getattr(check, way) is None:
            continue
        try:
            met = list(rule(shown, wish))
        except (Unread, Damaged, NotFound) as why:
            unmade.append((name, why.brief))
            continue
        except (KeyError, TypeError, ValueError, AttributeError) as why:
            unmade.append((name, f"what was shown makes no sense: {why!r}"))  # A guest may answer anything.
            continue
        made.append(name)
        findings += [check.finding(way, one.what, one.evidence) for one in met]
    return Checked(tuple(findings), tuple(made), tuple(unmade))


def doubted(checked: Checked, why: str) -> Checked:
    """The same of a disk whose content may be old: that something was not found proves nothing."""
    met = {one.id for one in checked.findings}
    doubtful = tuple((name, why) for name in checked.made if name not in met)
    return Checked(checked.findings, tuple(name for name in checked.made if name in met), checked.unmade + doubtful)


def _key_below(key: str, *names: str) -> Rule:
    def rule(seen: Picture, _wish: Wish) -> Iterator[Met]:
        there = [name for name in names if seen.has_below(key, name)]
        if there:
            yield Met(", ".join(there), "\n".join(f"HKLM\\{key}\\{name}" for name in there))

    return rule


def _number(key: str, name: str) -> Rule:
    def rule(seen: Picture, _wish: Wish) -> Iterator[Met]:
        if value := seen.number(key, name):
            yield Met(str(value), f"HKLM\\{key}!{name} = {value}")

    return rule


def _present(key: str, *names: str) -> Rule:
    def rule(seen: Picture, _wish: Wish) -> Iterator[Met]:
        there = [name for name in names if seen.value(key, name) is not None]
        if there:
            yield Met(", ".join(there), "\n".join(f"HKLM\\{key}!{name} is there" for name in there))

    return rule


def _renames(seen: Picture, _wish: Wish) -> Iterator[Met]:
    key, said = f"{at.CONTROL}\\Session Manager", []
    for name in ("PendingFileRenameOperations", "PendingFileRenameOperations2"):
        value = seen.value(key, name)
        said += [one for one in value if one] if isinstance(value, tuple) else []
    sources = [one.removeprefix("\\??\\") for one in said if one.startswith("\\??\\")]
    if said:
        yield Met(str(len(sources) or len(said)), "\n".join(sources[:5] or said[:5]))


def _computer_name(seen: Picture, _wish: Wish) -> Iterator[Met]:
    now = seen.value(f"{at.COMPUTER_NAME}\\ActiveComputerName", "ComputerName")
    then = seen.value(f"{at.COMPUTER_NAME}\\ComputerName", "ComputerName")
    if isinstance(now, str) and isinstance(then, str) and now.lower() != then.lower():
        yield Met(f"{now} becomes {then}", f"HKLM\\{at.COMPUTER_NAME}")


def _pending_xml(seen: Picture, _wish: Wish) -> Iterator[Met]:
    if seen.has_file(at.PENDING_XML):
        yield Met(evidence=f"C:\\{at.PENDING_XML}")


def _upgrade(*, supported: bool) -> Rule:
    def rule(seen: Picture, _wish: Wish) -> Iterator[Met]:
        known = [name for name in seen.below(at.SETUP) if name.lower().startswith("source os")]
        if known and (seen.build >= _1607) is supported:
            yield Met(known[-1], "\n".join(f"HKLM\\{at.SETUP}\\{name}" for name in known))

    return rule


def _upgrade_sign(seen: Picture, _wish: Wish) -> Iterator[Met]:
    """Only where no key tells it better."""
    known = any(name.lower().startswith("source os") for name in seen.below(at.SETUP))
    if (value := seen.number(at.SETUP, "Upgrade")) and not known:
        yield Met(str(value), f"HKLM\\{at.SETUP}!Upgrade = {value}")


def _domain(seen: Picture, _wish: Wish) -> Iterator[Met]:
    domain = seen.value(f"{at.SERVICES}\\Tcpip\\Parameters", "Domain")
    if isinstance(domain, str) and domain.strip():
        yield Met(domain, f"HKLM\\{at.SERVICES}\\Tcpip\\Parameters!Domain = {domain}")


def _entra(seen: Picture, _wish: Wish) -> Iterator[Met]:
    for name in seen.below(at.ENTRA):
        yield Met(name, f"HKLM\\{at.ENTRA}\\{name}")


def _mdm(seen: Picture, _wish: Wish) -> Iterator[Met]:
    """
    A Windows that nobody manages has keys of that form, too. What management scripts in public use go by is a
    provider's name, and the state 1 where there is a state.
    """
    for name, values in seen.below(at.ENROLLMENTS).items():
        provider, state = values.get("providerid"), values.get("enrollmentstate", _ENROLLED)
        if _GUID.fullmatch(name) and isinstance(provider, str) and provider and state == _ENROLLED:
            yield Met(provider, f"HKLM\\{at.ENROLLMENTS}\\{name}")


def _defender(seen: Picture, _wish: Wish) -> Iterator[Met]:
    signs = []
    if seen.number(f"{at.DEFENDER}\\Status", "OnboardingState") == 1:
        signs.append("OnboardingState = 1")
    if seen.value(at.DEFENDER, "senseGuid"):
        signs.append("it has a senseGuid")
    if signs:
        yield Met(", ".join(signs), f"HKLM\\{at.DEFENDER}")


def _device_encryption(seen: Picture, _wish: Wish) -> Iterator[Met]:
    key = f"{at.CONTROL}\\BitLocker"
    if seen.is_client and seen.build >= _24H2 and seen.number(key, "PreventDeviceEncryption") != 1:
        yield Met(evidence=f"HKLM\\{key}!PreventDeviceEncryption is not 1")


def _providers(*, missing: bool) -> Rule:
    def rule(seen: Picture, _wish: Wish) -> Iterator[Met]:
        if seen.providers is None:
            raise Unread(seen.trouble.get("providers", "the providers were not shown"))
        for one in seen.providers:
            if (one.there is False) is missing:
                yield Met(f"{one.data} ({one.phase})", f"HKLM\\{at.CURRENT}\\Setup\\SysPrepExternal\\{one.phase}")

    return rule


def _roles(known: tuple[str, ...]) -> Rule:
    def rule(seen: Picture, _wish: Wish) -> Iterator[Met]:
        for name, values in seen.below(at.ROLES).items():
            if name.lower() in known and values.get("installstate") == 1:
                yield Met(name, f"HKLM\\{at.ROLES}\\{name}!InstallState = 1")

    return rule


def _profiles(seen: Picture, wish: Wish) -> Iterator[Met]:
    users = {sid: values for sid, values in seen.below(at.PROFILES).items() if _USER.fullmatch(sid)}
    if wish.copy_profile and len(users) > 1:
        yield Met(str(len(users)), "\n".join(users))


def _administrator_profile(seen: Picture, wish: Wish) -> Iterator[Met]:
    users = [sid for sid in seen.below(at.PROFILES) if _USER.fullmatch(sid)]
    if wish.copy_profile and not any(sid.endswith("-500") for sid in users):
        yield Met(evidence="\n".join(users) or f"HKLM\\{at.PROFILES} names no user")


def _answer_files(seen: Picture, _wish: Wish) -> Iterator[Met]:
    there = [f"C:\\{path}" for path in at.ANSWER_FILES if seen.has_file(path)]
    named = seen.value(at.SETUP, "UnattendFile")
    if isinstance(named, str) and named:
        there.append(f"{named} (named by HKLM\\{at.SETUP}!UnattendFile)")
    why = dict.fromkeys(at.IN_ROOT, "its first boot takes it where it finds no other")
    why |= dict.fromkeys(at.KEPT, "whoever has the image can read the passwords that were in it")
    for path in there:
        yield Met(f"{path} ({why.get(path[3:], 'Windows finds it before a later one')})", path)


def _setup_complete(seen: Picture, _wish: Wish) -> Iterator[Met]:
    if seen.has_file(at.SETUP_COMPLETE):
        yield Met(evidence=f"C:\\{at.SETUP_COMPLETE}")


def _logon_password(seen: Picture, _wish: Wish) -> Iterator[Met]:
    if seen.number(at.WINLOGON, "DefaultPassword"):
        yield Met(evidence=f"HKLM\\{at.WINLOGON}!DefaultPassword is there")


def _office(seen: Picture, _wish: Wish) -> Iterator[Met]:
    for path in at.OFFICE:
        if seen.has_file(path):
            yield Met(f"C:\\{path}", f"C:\\{path}")


def _service(name: str, first: int, last: int) -> Rule:
    """A service that is not switched off, on a Windows of these builds."""

    def rule(seen: Picture, _wish: Wish) -> Iterator[Met]:
        start = seen.value(f"{at.SERVICES}\\{name}", "Start")
        if first <= seen.build <= last and isinstance(start, int) and start != _DISABLED:
            yield Met(name, f"HKLM\\{at.SERVICES}\\{name}!Start = {start}")

    return rule


RULES: dict[str, Rule] = {
    "bitlocker.device-encryption": _device_encryption,
    "reboot.cbs": _key_below(at.CBS, "RebootPending"),
    "reboot.cbs-packages": _key_below(at.CBS, "PackagesPending", "RebootInProgress"),
    "reboot.cbs-session": _number(f"{at.CBS}\\SessionsPending", "Exclusive"),
    "reboot.pending-xml": _pending_xml,
    "reboot.windows-update": _key_below(at.UPDATE, "RebootRequired"),
    "reboot.update-reporting": _key_below(at.UPDATE, "PostRebootReporting"),
    "reboot.update-exe": _number("SOFTWARE\\Microsoft\\Updates", "UpdateExeVolatile"),
    "reboot.file-renames": _renames,
    "reboot.computer-name": _computer_name,
    "reboot.domain-join": _present(f"{at.SERVICES}\\Netlogon", "JoinDomain", "AvoidSpnSet"),
    "reboot.server-manager": _present("SOFTWARE\\Microsoft\\ServerManager", "CurrentRebootAttempts"),
    "reboot.run-once": _present(f"{at.CURRENT}\\RunOnce", "DVDRebootSignal"),
    "reserved-storage.busy": _number(at.RESERVE, "ActiveScenario"),
    "upgrade.in-place": _upgrade(supported=True),
    "upgrade.unsupported": _upgrade(supported=False),
    "upgrade.sign": _upgrade_sign,
    "domain.joined": _domain,
    "entra.joined": _entra,
    "mdm.enrolled": _mdm,
    "rearm.skipped": _number(at.SPP, "SkipRearm"),
    "defender.onboarded": _defender,
    "provider.missing": _providers(missing=True),
    "provider.external": _providers(missing=False),
    "role.directory": _roles(DIRECTORY_ROLES),
    "role.unsupported": _roles(UNSUPPORTED_ROLES),
    "account.stored-password": _number(at.LSA, "DisableDomainCreds"),
    "profiles.several": _profiles,
    "profiles.no-administrator": _administrator_profile,
    "answer-file.cached": _answer_files,
    "setup-complete.left": _setup_complete,
    "autologon.password": _logon_password,
    "office.not-rearmed": _office,
    "hint.media-sharing": _service("WMPNetworkSvc", 1, _WINDOWS_7),
    "hint.tile-data": _service("tiledatamodelsvc", _FIRST_WINDOWS_10, _1607 - 1),
}
"""One rule a check; for the running guest some are replaced by what Windows itself answers."""
