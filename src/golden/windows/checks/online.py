"""The checks that the running guest answers: one run of check.ps1, then the same rules as for a powered-off disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from golden.disk.hive import Data
from golden.errors import GuestError
from golden.guest.dialect import Script
from golden.guest.session import Session
from golden.model import Checked
from golden.waiting import Deadline
from golden.windows.checks import rules
from golden.windows.checks.catalogue import ONLINE
from golden.windows.checks.live_rules import LIVE_RULES, Answers, listed
from golden.windows.checks.offline import in_order, together
from golden.windows.checks.picture import FILES, PROVIDERS, READS, Key, Picture, Provider, Unread
from golden.windows.checks.rules import Wish
from golden.windows.dialect import SCRIPTS

T = TypeVar("T")

SCRIPT = Script(SCRIPTS / "check.ps1")


def check(session: Session, wish: Wish, deadline: Deadline) -> Checked:
    """Every check that the running guest answers. GuestError where the script itself does not run."""
    answers = ask(session, wish, deadline)
    by_registry = {name: rule for name, rule in rules.RULES.items() if name not in LIVE_RULES}
    return in_order(
        together(
            rules.judge(ONLINE, LIVE_RULES, answers, wish), rules.judge(ONLINE, by_registry, picture(answers), wish)
        )
    )


def ask(session: Session, wish: Wish, deadline: Deadline, only: tuple[str, ...] = ()) -> Answers:
    """What the guest answers; ``only`` names sections."""
    asked = [
        {"key": one.key, "names": list(one.names), "below": one.below, "of_below": list(one.of_below),
         "present": list(one.present)}
        for one in READS
    ]  # fmt: skip
    told = session.script(
        SCRIPT,
        "asking the guest whether it can be generalized",
        deadline,
        keys=asked,
        files=list(FILES),
        providers=list(PROVIDERS),
        account=wish.account,
        only=list(only),
    )
    if not isinstance(told, dict) or not isinstance(told.get("sections"), dict):
        raise GuestError("the guest's answer to golden's checks makes no sense", details=str(told)[:500])
    return Answers(told["sections"])


def picture(answers: Answers) -> Picture:
    """The keys and files that the rules ask for, as the guest showed them."""
    trouble: dict[str, str] = {}
    keys = _section(answers, "registry", trouble, _keys) or {}
    files = _section(answers, "files", trouble, _files) or {}
    providers = _section(answers, "providers", trouble, _providers)
    if "registry" in trouble:
        trouble |= {"SOFTWARE": trouble["registry"], "SYSTEM": trouble["registry"]}
    return Picture(keys, files, providers, trouble)


def _section(
    answers: Answers, name: str, trouble: dict[str, str], understood: Callable[[Mapping[str, Any]], T]
) -> T | None:
    """One section as it is to be understood; None, and why, where it was not answered or makes no sense."""
    try:
        return understood(answers.of(name))
    except Unread as why:
        trouble[name] = why.brief
    except (KeyError, TypeError, ValueError, AttributeError) as why:
        trouble[name] = f"the guest's answer makes no sense: {why!r}"
    return None


def _files(told: Mapping[str, Any]) -> dict[str, bool]:
    return {path: bool(there) for path, there in told.items()}


def _providers(told: Mapping[str, Any]) -> tuple[Provider, ...]:
    return tuple(Provider(str(one["phase"]), str(one["data"]), one.get("there")) for one in listed(told.get("list")))


def _keys(told: Mapping[str, Any]) -> dict[str, Key | None]:
    found: dict[str, Key | None] = {}
    for path, shown in told.items():
        if shown is None:
            found[path] = None
            continue
        below = {str(name): _values(values) for name, values in (shown.get("below") or {}).items()}
        found[path] = Key(_values(shown.get("values")), below)
    return found


def _values(told: object) -> dict[str, Data]:
    if not isinstance(told, dict):
        return {}
    return {str(name).lower(): _data(value) for name, value in told.items() if value is not None}


def _data(value: object) -> Data:
    """A registry value out of JSON; a list of texts as the hives give it."""
    if isinstance(value, list):
        return tuple(str(one) for one in value if one)
    return int(value) if isinstance(value, (bool, int, float)) else str(value)
