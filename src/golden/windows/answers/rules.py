"""
Every rule of the linter by its stable id: how much it matters, what it is about, and where the fact comes from.

``error`` stops a capture. A fact that is marked [K] in docs/facts never makes more than a warning.
"""

from __future__ import annotations

ERROR = "error"
WARNING = "warning"
INFO = "info"
BY_EDITION = "answer.oobe-by-edition"

RULES: dict[str, tuple[str, str, str]] = {
    # The file
    "answer.no-file": (ERROR, "Something that is no regular file", "4.1"),
    "answer.empty": (ERROR, "An empty file", "4.1"),
    "answer.too-large": (ERROR, "Larger or deeper than any answer file", "4.1"),
    "answer.encoding": (ERROR, "Bytes in another encoding than the declaration names", "4.1"),
    "answer.other-encoding": (WARNING, "An encoding other than UTF-8 and UTF-16", "4.1"),
    "answer.document-type": (ERROR, "A document type, which can hide an XML bomb or name other files", "4.1"),
    "answer.not-well-formed": (ERROR, "XML that is not well-formed", "4.1"),
    "answer.several-documents": (ERROR, "Several documents in one file", "4.1"),
    # Its shape
    "answer.root": (ERROR, "A root that is not <unattend> of urn:schemas-microsoft-com:unattend", "4.1"),
    "answer.namespace": (ERROR, "An element of the answer file outside its namespace", "4.1"),
    "answer.stray-element": (ERROR, "An element where the schema has none", "4.1"),
    "answer.no-settings": (WARNING, "A file that sets nothing", "4.1"),
    "answer.pass-missing": (ERROR, "Settings without a pass", "4.1"),
    "answer.pass-unknown": (ERROR, "A pass that there is not", "4.1"),
    "answer.pass-case": (WARNING, "A pass written in another case than the schema's", "4.1"),
    "answer.pass-unused": (INFO, "A pass that an image's first boot never runs", "1.1"),
    "answer.pass-twice": (WARNING, "The same pass twice", "4.1"),
    "answer.component-attribute": (
        ERROR,
        "A component without an attribute that the schema requires, or a wrong one",
        "4.1",
    ),
    "answer.component-token": (WARNING, "A public key token other than Windows' own", "4.1"),
    "answer.component-language": (WARNING, "A component of a language other than neutral", "4.1"),
    "answer.component-unknown": (WARNING, "A component that golden does not know", "4.2"),
    "answer.component-pass": (ERROR, "A component in a pass it is not valid in", "4.2"),
    "answer.component-twice": (WARNING, "The same component twice in one pass", "4.1"),
    "answer.component-nested": (ERROR, "A component or settings within a component", "4.1"),
    "answer.architecture": (WARNING, "A component of another architecture than the guest's", "4.1"),
    "answer.architecture-none": (ERROR, "No component of the guest's architecture", "4.1"),
    # Single settings
    "answer.setting-pass": (ERROR, "A setting in a pass it is not valid in", "4.2"),
    "answer.setting-pass-unsure": (WARNING, "A setting in a pass it does not belong in, as far as is known", "4.2 [K]"),
    "answer.setting-twice": (WARNING, "The same setting twice", "4.1"),
    "answer.action-missing": (ERROR, "A list item without wcm:action", "4.1"),
    "answer.action-missing-unsure": (WARNING, "What looks like a list item, without wcm:action", "4.1 [K]"),
    "answer.action-value": (ERROR, "A list item whose wcm:action is not add", "4.1"),
    "answer.action-value-unsure": (
        WARNING,
        "A list item whose wcm:action is not add, but one Windows may know",
        "4.1 [K]",
    ),
    "answer.empty-name": (ERROR, "A local account with an empty name", "4.1"),
    "answer.empty-element": (WARNING, "An empty element, which some settings do not take", "4.1"),
    "answer.account-name": (ERROR, "An account name that Windows refuses", "4.1"),
    "answer.account-name-long": (WARNING, "An account name of more than 20 characters", "4.1"),
    "answer.account-twice": (WARNING, "The same account twice", "4.1"),
    "answer.account-no-password": (INFO, "An account without a password", "4.4"),
    "answer.consumed": (WARNING, "A copy that Windows has used already", "4.1 [K]"),
    "answer.secret-clear": (WARNING, "A secret in clear text", "4.4"),
    "answer.secret-base64": (WARNING, "A secret in base64, which hides nothing", "4.4"),
    "answer.secret-join": (WARNING, "A prepared domain join, with the computer's secret", "4.4"),
    "answer.secret-command": (WARNING, "A command that seems to hold a password", "4.4"),
    "answer.secret-damaged": (WARNING, "A base64 secret that does not decode to what Windows expects", "4.4"),
    # A file for a capture
    "answer.skip-rearm": (ERROR, "SkipRearm=1 in a file for a capture", "2.3"),
    "answer.skip-rearm-intermediate": (WARNING, "SkipRearm=1 in a file for an installation", "2.3"),
    "answer.generalize-reseal": (ERROR, "Generalize or Reseal in a file for a capture, or both in any file", "4.3"),
    "answer.computer-name": (WARNING, "A fixed computer name, the same for every machine", "4.3"),
    "answer.auto-logon": (WARNING, "AutoLogon left on", "4.4"),
    # OOBE
    "answer.skip-oobe": (WARNING, "SkipMachineOOBE or SkipUserOOBE", "4.3"),
    "answer.no-effect": (INFO, "A setting without effect on this edition or version", "4.3 [K]"),
    "answer.oobe-account": (WARNING, "OOBE will ask for an account", "4.3"),
    "answer.oobe-password": (INFO, "OOBE will ask for the Administrator's password", "4.3 [K]"),
    "answer.oobe-language": (WARNING, "OOBE will ask for language, region or keyboard", "4.3"),
    "answer.oobe-license": (WARNING, "OOBE will show the license", "4.3"),
    "answer.oobe-privacy": (WARNING, "OOBE will ask about privacy", "4.3"),
    "answer.oobe-page": (WARNING, "OOBE may show another page", "4.3"),
    BY_EDITION: (INFO, "OOBE will ask on one kind of edition, and the edition is not known", "4.3"),
}
"""id: (severity, short description, section of docs/facts/windows.md)."""


class Remark:
    """One thing the linter noticed; ``line`` and ``column`` count from 1, None where the whole file is meant."""

    __slots__ = ("column", "fix", "line", "rule", "sentence", "severity")

    def __init__(self, rule: str, sentence: str, fix: str, place: tuple[int, int] | None) -> None:
        """``rule`` is a key of RULES, which says how much it matters."""
        self.rule = rule
        self.severity = RULES[rule][0]
        self.sentence = sentence
        self.fix = fix
        self.line = place[0] if place is not None else None
        self.column = place[1] if place is not None else None


class Aim:
    """What a file is for."""

    __slots__ = ("architecture", "edition", "purpose")

    def __init__(self, purpose: str = "capture", edition: str = "", architecture: str = "") -> None:
        """``purpose`` capture | install; ``edition`` client | server; ``architecture`` amd64 | x86 | arm64, or empty"""
        self.purpose = purpose
        self.edition = edition
        self.architecture = architecture

    @property
    def is_capture(self) -> bool:
        """Whether it is to make images, as against one installation."""
        return self.purpose == "capture"


CLIENTS = ("client", "pro", "enterprise", "education", "core", "home", "iot", "cloud", "ultimate", "starter", "windows")
"""What is in the names of editions that are no servers."""


def edition_of(name: str) -> str:
    """client or server for an edition or product as Windows or people name it; empty where there is no name."""
    name = name.strip().lower()
    if not name:
        return ""
    return "server" if "server" in name else "client"
