"""Rules for what only the running guest can tell, asked of Windows itself. docs/facts: windows 2.2, 3.2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from golden.windows.checks.picture import Unread
from golden.windows.checks.rules import DIRECTORY_ROLES, UNSUPPORTED_ROLES, Met, Rule, Wish

_NOT_APPLICABLE = 0xFFFFFFFF
"""A rearm counter that does not apply. docs/facts: windows 2.2."""
EVALUATION = "TIMEBASED_EVAL"


@dataclass(frozen=True, slots=True)
class Answers:
    """What check.ps1 answered, section by section."""

    sections: Mapping[str, Any]

    def of(self, name: str) -> Mapping[str, Any]:
        """One section. Unread with the guest's own words where it could not be answered."""
        told = self.sections.get(name)
        if not isinstance(told, dict):
            raise Unread("the guest did not answer this")
        if not told.get("ok"):
            raise Unread(f"the guest says: {str(told.get('error') or 'nothing').strip()}")
        value = told.get("value")
        return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """A list as ConvertTo-Json writes it: one item alone may stand without brackets, none may be null."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _appx(answers: Answers, _wish: Wish) -> Iterator[Met]:
    told = answers.of("appx")
    known = {str(one["name"]).lower() for one in listed(told.get("provisioned"))}
    for package in _removable(told):
        if str(package["name"]).lower() not in known:
            yield Met(str(package["full"]), _users(package))


def _appx_version(answers: Answers, _wish: Wish) -> Iterator[Met]:
    told = answers.of("appx")
    known: dict[str, set[str]] = {}
    for one in listed(told.get("provisioned")):
        known.setdefault(str(one["name"]).lower(), set()).add(str(one["version"]))
    for package in _removable(told):
        versions = known.get(str(package["name"]).lower())
        if versions and str(package["version"]) not in versions:
            said = f"provisioned: {', '.join(sorted(versions))}\n{_users(package)}"
            yield Met(str(package["full"]), said.strip())


def _removable(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """
    Packages that a user has and sysprep looks at. docs/facts: windows 3.2 AppX, which users.

    One that is only staged is on the disk and nobody's: ``Get-AppxPackage -AllUsers`` lists it as well.
    """
    for package in listed(told.get("installed")):
        system = str(package.get("signature", "")).lower() == "system"
        if not (package.get("framework") or package.get("fixed") or system) and _has_a_user(package):
            yield package


def _has_a_user(package: Mapping[str, Any]) -> bool:
    """Whether a user's state is Installed, perhaps with more words behind it."""
    states = (str(one.get("state", "")).lower() for one in listed(package.get("users")))
    return any(state.startswith("installed") for state in states)


def _users(package: Mapping[str, Any]) -> str:
    return "\n".join(f"{one.get('sid')}: {one.get('state')}" for one in listed(package.get("users")))


def _bitlocker(answers: Answers, _wish: Wish) -> Iterator[Met]:
    told = answers.of("bitlocker")
    if not isinstance(told.get("decrypted"), bool):
        raise Unread("the guest does not tell whether its system volume is encrypted")
    if not told["decrypted"]:
        yield Met(str(told.get("status")), f"Windows says: {told.get('status')}")


def _servicing(answers: Answers, _wish: Wish) -> Iterator[Met]:
    names = sorted({str(name) for name in listed(answers.of("servicing").get("processes"))})
    if names:
        yield Met(", ".join(names), "\n".join(f"{name} runs" for name in names))


def _update_service(answers: Answers, _wish: Wish) -> Iterator[Met]:
    names = sorted({str(name) for name in listed(answers.of("servicing").get("updating"))})
    if names:
        yield Met(", ".join(names), "\n".join(f"{name} runs" for name in names))


def _domain(answers: Answers, _wish: Wish) -> Iterator[Met]:
    told = answers.of("domain")
    if told.get("joined"):
        yield Met(str(told.get("domain")), "Win32_ComputerSystem.PartOfDomain is true")


def rearms(answers: Answers) -> tuple[int | None, str]:
    """The counter that decides (the smaller one) and both as words; None where neither is told."""
    told = answers.of("rearm")
    counts = {name: told.get(name) for name in ("windows", "sku")}
    known = {name: count for name, count in counts.items() if isinstance(count, int) and count != _NOT_APPLICABLE}
    return min(known.values(), default=None), ", ".join(f"{name} {count}" for name, count in known.items())


def _rearm(count: int) -> Rule:
    def rule(answers: Answers, _wish: Wish) -> Iterator[Met]:
        left, words = rearms(answers)
        if left is None:
            raise Unread("the guest does not tell its rearm count")
        if left == count:
            yield Met(words, f"remaining rearm count: {words}")

    return rule


def _evaluation(answers: Answers, _wish: Wish) -> Iterator[Met]:
    channel = str(answers.of("rearm").get("channel") or "")
    if channel == EVALUATION:
        yield Met(f"{rearms(answers)[1]} left", f"ProductKeyChannel {channel}")


def _roles(known: tuple[str, ...]) -> Rule:
    def rule(answers: Answers, _wish: Wish) -> Iterator[Met]:
        for name in listed(answers.of("roles").get("installed")):
            if str(name).lower() in known:
                yield Met(str(name), f"Get-WindowsFeature says that {name} is installed")

    return rule


def _way_in(answers: Answers, _wish: Wish) -> Iterator[Met]:
    """What golden does in the guest, sysprep's start included, it can do as an administrator only."""
    told = answers.of("way-in")
    if not isinstance(told.get("elevated"), bool):
        raise Unread("the guest does not tell with what rights golden works in it")
    if not told["elevated"]:
        yield Met(str(told.get("way_in")), "WindowsPrincipal.IsInRole(Administrator) is false")


def _account_missing(answers: Answers, wish: Wish) -> Iterator[Met]:
    told = answers.of("account")
    if wish.account and not (told.get("exists") and told.get("enabled")):
        yield Met(wish.account, "it is switched off" if told.get("exists") else "there is no such account")


def _account_rights(answers: Answers, wish: Wish) -> Iterator[Met]:
    told = answers.of("account")
    if wish.account and told.get("exists") and not told.get("administrator"):
        yield Met(wish.account, "it is no member of Administrators (S-1-5-32-544)")


def _media_answers(answers: Answers, _wish: Wish) -> Iterator[Met]:
    for medium in listed(answers.of("media").get("list")):
        for path in listed(medium.get("answers")):
            yield Met(str(path), str(path))


def _media(answers: Answers, _wish: Wish) -> Iterator[Met]:
    for medium in listed(answers.of("media").get("list")):
        yield Met(f"{medium.get('drive')} {medium.get('name') or ''}".strip())


def _configmgr(answers: Answers, _wish: Wish) -> Iterator[Met]:
    if answers.of("configmgr").get("pending"):
        yield Met(evidence="CCM_ClientUtilities.DetermineIfRebootPending says so")


LIVE_RULES: dict[str, Rule] = {
    "appx.not-provisioned": _appx,
    "appx.version-differs": _appx_version,
    "bitlocker.encrypted": _bitlocker,
    "reboot.configmgr": _configmgr,
    "servicing.busy": _servicing,
    "servicing.update-service": _update_service,
    "domain.joined": _domain,
    "rearm.exhausted": _rearm(0),
    "rearm.low": _rearm(1),
    "rearm.evaluation": _evaluation,
    "role.directory": _roles(DIRECTORY_ROLES),
    "role.unsupported": _roles(UNSUPPORTED_ROLES),
    "account.way-in": _way_in,
    "account.missing": _account_missing,
    "account.no-administrator": _account_rights,
    "media.answer-file": _media_answers,
    "media.attached": _media,
}
"""Rules that take ``Answers``; they stand instead of the registry's rules of the same id."""
