"""Rules about single settings: their pass, lists and their items, empty elements, accounts, secrets, used copies."""

from __future__ import annotations

from golden.windows.answers.components import (
    ERASED,
    FORBIDDEN_IN_NAMES,
    LIST_ITEMS,
    LONGEST_NAME,
    OTHER_ACTIONS,
    SETTING_PASSES,
    SHELL,
)
from golden.windows.answers.document import UNATTEND, WCM, Document, Element
from golden.windows.answers.rules import Remark
from golden.windows.answers.rules_shape import Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ACTION = f"{WCM} action"
_SECRETS = ("AdministratorPassword", "Password", "MachinePassword")
_BLOB = "AccountData"
_COMMANDS = ("Path", "CommandLine")
"""What holds a command line, in the components that run commands."""
_FRAME = ("component", "settings")
_SPECIAL = frozenset((*LIST_ITEMS, *_SECRETS, *_FRAME, *_COMMANDS, _BLOB, "LocalAccounts"))
_OF_COMPONENTS = {setting for _, setting in SETTING_PASSES}


def every_setting(found: list[Part]) -> Iterator[Remark]:
    """All that stands in components."""
    for part in found:
        yield from _directly(part)
        yield from _below(part.element)


def _directly(part: Part) -> Iterator[Remark]:
    seen: dict[str, int] = {}
    for setting in part.element.children:
        name = setting.name.lower()
        if name in seen and name in _OF_COMPONENTS and part.key == SHELL:
            words = f"<{setting.name}> stands in line {seen[name]} already"
            yield Remark("answer.setting-twice", words, "leave one of the two", setting.place)
        seen.setdefault(name, setting.line)
        valid, sure = SETTING_PASSES.get((part.key, name), ((), True))
        if valid and part.run not in valid:
            words = f"<{setting.name}> does not belong into the pass {part.run}"
            rule = "answer.setting-pass" if sure else "answer.setting-pass-unsure"
            yield Remark(rule, words, f"it belongs into {' or '.join(valid)}", setting.place)


def _below(top: Element) -> Iterator[Remark]:
    left = [top]
    while left:
        above = left.pop()
        for element in above.children:
            if element.space != UNATTEND:
                continue
            if element.children:
                left.append(element)
            elif not element.text:
                yield _empty(element, above)
            if element.name in _SPECIAL:
                yield from _special(element, above)


def _special(element: Element, above: Element) -> Iterator[Remark]:
    name = element.name
    if name in LIST_ITEMS:
        yield from _item(element, above)
    if name == "LocalAccounts":
        yield from _accounts(element)
    elif name in _SECRETS:
        yield from _secret(element)
    elif name in _COMMANDS:
        yield from _command(element)
    elif name == _BLOB:
        yield from _join_blob(element)
    elif name in _FRAME:
        words = f"<{name}> stands within a component, where Windows takes it for a setting"
        yield Remark("answer.component-nested", words, "is a closing tag missing above?", element.place)


def _empty(element: Element, above: Element) -> Remark:
    if element.name == "Name" and above.name == "LocalAccount":
        words = "the name of this account is empty; Windows refuses the whole file"
        return Remark("answer.empty-name", words, "<Name>…</Name>", element.place)
    words = f"<{element.name[:60]}> is empty; Windows refuses the whole file where a setting does not take that"
    return Remark("answer.empty-element", words, "give it a value, or leave the element out", element.place)


def _item(element: Element, above: Element) -> Iterator[Remark]:
    lists, sure = LIST_ITEMS[element.name]
    if above.name not in lists.split():
        return
    given = element.attributes.get(_ACTION)
    kind = "" if sure else "-unsure"
    if given is None:
        words = f'<{element.name}> in <{above.name}> needs wcm:action="add"'
        fix = f'<{element.name} wcm:action="add">, with xmlns:wcm="{WCM}"'
        if "action" in element.attributes:
            words += "; its attribute action is in no namespace"
        yield Remark(f"answer.action-missing{kind}", words, fix, element.place)
    elif given != "add":
        kind = "-unsure" if not sure or given in OTHER_ACTIONS else ""
        words = f"wcm:action of <{element.name}> is {given[:20]!r}, not 'add'"
        yield Remark(f"answer.action-value{kind}", words, 'wcm:action="add"', element.place)


def _accounts(accounts: Element) -> Iterator[Remark]:
    seen: dict[str, int] = {}
    for account in accounts.children:
        name = account.child("Name") if account.name == "LocalAccount" else None
        if name is None or not name.text:
            continue
        yield from name_remarks(name.text, name.place)
        if name.text.lower() in seen:
            words = f"the account {shown(name.text)} stands in line {seen[name.text.lower()]} already"
            yield Remark("answer.account-twice", words, "leave one of the two", name.place)
        seen.setdefault(name.text.lower(), name.line)
        password = account.child("Password")
        if password is None or is_no_password(password):
            words = f"the account {shown(name.text)} has no password"
            fix = "give it one at its first logon; a password in this file could be read by everybody who has the image"
            yield Remark("answer.account-no-password", words, fix, account.place)


def name_remarks(name: str, place: tuple[int, int] | None) -> Iterator[Remark]:
    """What Windows has against an account's name (docs/facts: windows 4.1)."""
    bad = sorted(FORBIDDEN_IN_NAMES.intersection(name))
    if bad:
        words = f"the account name {shown(name)} holds {' '.join(bad)}, which Windows refuses"
        yield Remark("answer.account-name", words, "letters, digits, - and _ are safe", place)
    if name.upper() == "NONE":
        yield Remark("answer.account-name", "Windows refuses NONE as an account's name", "take another", place)
    if len(name) > LONGEST_NAME:
        words = f"the account name {shown(name)} has {len(name)} characters"
        yield Remark("answer.account-name-long", words, f"at most {LONGEST_NAME}", place)


def names_of_computer(found: list[Part]) -> Iterator[Remark]:
    """An account must not be called as the computer is."""
    named = [part.element.child("ComputerName") for part in found if part.key == SHELL]
    computers = {one.text.lower() for one in named if one is not None and one.text}
    for part in found:
        accounts = part.element.at("UserAccounts/LocalAccounts") if part.key == SHELL else None
        for account in accounts.children if accounts is not None else ():
            name = account.child("Name")
            if name is not None and name.text.lower() in computers:
                words = f"the account {shown(name.text)} is called as the computer is, which Windows refuses"
                yield Remark("answer.account-name", words, "take another", name.place)


def _secret(element: Element) -> Iterator[Remark]:
    value = element.child("Value")
    text = value.text if value is not None else element.text
    if not text or text == ERASED:
        return
    place = (value or element).place
    fix = "leave it to whoever deploys the image, or use one that is changed at once"
    plain = element.child("PlainText")
    if value is None or plain is None or plain.text.lower() != "false":
        words = f"<{element.name}> holds a secret in clear text; everybody who has the file or the image can read it"
        yield Remark("answer.secret-clear", words, fix, place)
        return
    secret = decoded(text, element.name)
    if secret is None:
        words = (
            f"<{element.name}> says PlainText=false, but is not base64 of the password and {element.name}, in UTF-16"
        )
        yield Remark("answer.secret-damaged", words, "golden answer new writes it as Windows expects", place)
    elif secret:
        words = f"<{element.name}> holds a secret in base64, which hides nothing: it is as good as clear text"
        yield Remark("answer.secret-base64", words, fix, place)


def _join_blob(element: Element) -> Iterator[Remark]:
    """What djoin.exe writes for an offline domain join: the computer account's password is in it, in base64."""
    if not element.text or element.text == ERASED:
        return
    words = "<AccountData> holds a domain join that was prepared: with its secret one computer, and anybody, can join"
    yield Remark("answer.secret-join", words, "join the domain after deployment, each machine by itself", element.place)


def _command(element: Element) -> Iterator[Remark]:
    from golden.windows.answers.secrets import in_command  # Most files never need it.

    if not element.text or (what := in_command(element.text)) is None:
        return
    words = f"this command seems to hold a password ({what}); everybody who has the file or the image can read it"
    fix = "leave it to whoever deploys the image, or use one that is changed at once"
    yield Remark("answer.secret-command", words, fix, element.place)


def decoded(text: str, name: str) -> str | None:
    """The password that stands for ``text`` in an element of that name; None where it is not as Windows writes it."""
    from binascii import Error, a2b_base64

    try:
        clear = a2b_base64("".join(text.split()).encode("ascii")).decode("utf-16-le")
    except (Error, ValueError):
        return None
    return clear[: -len(name)] if clear.endswith(name) else None


def is_no_password(password: Element) -> bool:
    """Whether a password's element says that there is none."""
    value = password.child("Value")
    text = value.text if value is not None else password.text
    plain = password.child("PlainText")
    encoded = value is not None and plain is not None and plain.text.lower() == "false"
    return not text or (encoded and decoded(text, password.name) == "")


def used_copy(document: Document, content: bytes) -> Iterator[Remark]:
    """Whether the file is a copy from Panther that Windows has worked off (docs/facts: windows 4.1)."""
    letters = content.replace(b"\0", b"") if b"\0" in content else content
    if b"wasPassProcessed" not in letters and ERASED.encode() not in letters:
        return
    fix = "take the file it was copied from; this copy lacks what Windows erased"
    left = [document.root]
    while left:
        element = left.pop()
        if element.attributes.get("wasPassProcessed", "").lower() == "true":
            words = "Windows has worked this pass off already (wasPassProcessed): the file is a used copy, no source"
        elif element.text == ERASED:
            words = "Windows erased a secret here: the file is a used copy, no source"
        else:
            left += reversed(element.children)
            continue
        yield Remark("answer.consumed", words, fix, element.place)
        return


def shown(text: str) -> str:
    """A name of the file's in a sentence, cut and without characters that a terminal would act on."""
    text = text[:60]
    return text if text.isprintable() else ascii(text)
