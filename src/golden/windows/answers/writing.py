"""Writing an answer file for images, with which OOBE asks nothing that a file can answer (docs/facts: windows 4.3)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Comment, Element, SubElement, indent, tostring

from golden.errors import UsageError
from golden.windows.answers.components import LANGUAGE, TOKEN
from golden.windows.answers.document import UNATTEND, WCM
from golden.windows.answers.rules_settings import name_remarks

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?-([A-Z]{2}|\d{3})", re.ASCII)
_KEY = re.compile(r"[A-Z0-9]{5}(-[A-Z0-9]{5}){4}", re.ASCII)
_SCREENS = ("HideEULAPage", "HideOEMRegistrationScreen", "HideOnlineAccountScreens", "HideWirelessSetupInOOBE")
_NO_PASSWORD = " this account has no password: give it one at its first logon "  # noqa: S105  a comment
_ASKED = " no password here: Windows asks for the Administrator's at the first start "


@dataclass(frozen=True, slots=True)
class Wish:
    """What the file is to say."""

    edition: str
    """client | server"""
    locale: str
    """e.g. de-DE"""
    architecture: str = "amd64"
    account: str = ""
    """A local administrator to make; a client cannot do without."""
    password: str = field(default="", repr=False)
    """The account's and, on a server, the Administrator's."""
    time_zone: str = ""
    """As Windows names it, e.g. W. Europe Standard Time."""
    product_key: str = field(default="", repr=False)


def written(wish: Wish) -> bytes:
    """The file in UTF-8. UsageError where the wish cannot be right."""
    _check(wish)
    # Written as plain names with their declarations, since ElementTree would put a prefix before every one of them.
    root = Element("unattend", {"xmlns": UNATTEND, "xmlns:wcm": WCM})
    devices = _component(_pass(root, "generalize"), "PnpSysprep", wish)
    devices.append(Comment(" true keeps devices installed: for machines of the same hardware only "))
    _say(devices, PersistAllDeviceInstalls="false", DoNotCleanUpNonPresentDevices="false")
    shell = _component(_pass(root, "specialize"), "Shell-Setup", wish)
    _say(shell, ComputerName="*", ProductKey=wish.product_key, TimeZone=wish.time_zone)
    last = _pass(root, "oobeSystem")
    _say(_component(last, "International-Core", wish), **dict.fromkeys(LANGUAGE, wish.locale))
    shell = _component(last, "Shell-Setup", wish)
    pages = SubElement(shell, "OOBE")
    _say(pages, **dict.fromkeys(_SCREENS, "true"))
    _say(pages, HideLocalAccountScreen="true" if wish.edition == "server" else "", ProtectYourPC="3")
    _accounts(shell, wish)
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _accounts(shell: Element, wish: Wish) -> None:
    if not wish.account and not wish.password:
        shell.append(Comment(_ASKED))
        return
    accounts = SubElement(shell, "UserAccounts")
    if wish.edition == "server":
        _password(SubElement(accounts, "AdministratorPassword"), wish.password)
    if wish.account:
        account = SubElement(SubElement(accounts, "LocalAccounts"), "LocalAccount", {"wcm:action": "add"})
        if not wish.password:
            account.append(Comment(_NO_PASSWORD))
        _say(account, Name=wish.account, Group="Administrators")
        _password(SubElement(account, "Password"), wish.password)


def _password(element: Element, password: str) -> None:
    """Base64 hides nothing, but takes every letter, and is the one way to say that there is none (windows 4.4)."""
    text = base64.b64encode(f"{password}{element.tag}".encode("utf-16-le")).decode()
    _say(element, Value=text, PlainText="false")


def _pass(root: Element, name: str) -> Element:
    return SubElement(root, "settings", {"pass": name})


def _component(settings: Element, name: str, wish: Wish) -> Element:
    about = {
        "name": f"Microsoft-Windows-{name}",
        "processorArchitecture": wish.architecture,
        "publicKeyToken": TOKEN,
        "language": "neutral",
        "versionScope": "nonSxS",
    }
    return SubElement(settings, "component", about)


def _say(element: Element, **values: str) -> None:
    for name, value in values.items():
        if value:
            SubElement(element, name).text = value


def _check(wish: Wish) -> None:
    if wish.edition not in ("client", "server"):
        raise UsageError(f"an edition is client or server, not {wish.edition[:40]!r}")
    if not _LOCALE.fullmatch(wish.locale):
        raise UsageError(f"{wish.locale[:40]!r} is no locale as Windows names them", hint="de-DE, en-US, sr-Latn-RS")
    if wish.edition == "client" and not wish.account:
        raise UsageError(
            "OOBE of a client edition asks for an account unless the answer file makes one", hint="--account NAME"
        )
    if wish.edition == "server" and wish.account and not wish.password:
        raise UsageError(
            "golden makes no administrator without a password on a server",
            hint="--password-env VARIABLE; or leave --account out, and Windows asks for the Administrator's password",
        )
    if "/" in wish.time_zone or not wish.time_zone.isprintable() or len(wish.time_zone) > 64:
        hint = "as Windows names them, e.g. W. Europe Standard Time"
        raise UsageError(f"{wish.time_zone[:64]!r} is no time zone of Windows'", hint=hint)
    if wish.product_key and not _KEY.fullmatch(wish.product_key):
        raise UsageError("the product key is not five groups of five letters and digits")
    _check_account(wish.account)
    if not _is_xml(wish.password):
        raise UsageError("the password holds a character that no text can: a control character")


def _check_account(name: str) -> None:
    wrong = next(name_remarks(name, None), None)
    if wrong is not None:
        raise UsageError(wrong.sentence, hint=wrong.fix)
    if name != name.strip() or not name.isprintable():
        raise UsageError(f"{name[:40]!r} is no name for an account", hint="letters, digits, - and _ are safe")


def _is_xml(text: str) -> bool:
    return not any(ord(one) < 32 or 0xD800 <= ord(one) < 0xE000 for one in text)
