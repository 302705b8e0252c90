"""Will OOBE stop and ask? Page by page, with the setting that is missing (docs/facts: windows 4.3)."""

from __future__ import annotations

from golden.windows.answers.components import INTERNATIONAL, LANGUAGE, SHELL
from golden.windows.answers.document import CPI, Document, Element
from golden.windows.answers.rules import BY_EDITION, Aim, Remark, edition_of
from golden.windows.answers.rules_settings import is_no_password
from golden.windows.answers.rules_shape import Part, applies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

EDITIONS = ("client", "server")
_PAGES = {
    "client": (
        ("answer.oobe-page", "the registration of the maker", "HideOEMRegistrationScreen"),
        ("answer.oobe-page", "a Microsoft account", "HideOnlineAccountScreens"),
        ("answer.oobe-page", "a network", "HideWirelessSetupInOOBE"),
    ),
    "server": (),
}
"""Pages that a setting of OOBE takes away, beyond the license's."""
_OOBE = "Microsoft-Windows-Shell-Setup/OOBE"
_ACCOUNT = (
    'Microsoft-Windows-Shell-Setup/UserAccounts/LocalAccounts/LocalAccount (wcm:action="add")'
    " with Name, Group=Administrators and Password"
)
_PASSWORD = "Microsoft-Windows-Shell-Setup/UserAccounts/AdministratorPassword"  # noqa: S105  a setting's name


class Question:
    """A page at which OOBE waits for a person: what it asks for, and the setting that answers it."""

    __slots__ = ("asked", "place", "rule", "setting")

    def __init__(self, rule: str, asked: str, setting: str, place: tuple[int, int]) -> None:
        """``place`` is where the setting would stand, as near as the file has it."""
        self.rule = rule
        self.asked = asked
        self.setting = setting
        self.place = place

    @property
    def sure(self) -> bool:
        """Whether it is known to be asked; some pages come on some machines only."""
        return self.rule != "answer.oobe-page"


class Verdict:
    """What OOBE does on one kind of edition."""

    __slots__ = ("edition", "questions")

    def __init__(self, edition: str, questions: list[Question]) -> None:
        """``edition`` is client or server."""
        self.edition = edition
        self.questions = questions

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        if not self.questions:
            return f"OOBE on a {self.edition} will ask nothing"
        return f"OOBE on a {self.edition} {self.verb} stop and ask for {'; '.join(self.lines)}"

    @property
    def asks(self) -> bool:
        """Whether it is known that something is asked."""
        return any(one.sure for one in self.questions)

    @property
    def verb(self) -> str:
        """will, or may."""
        return "will" if self.asks else "may"

    @property
    def lines(self) -> list[str]:
        """What is asked and what to add, one text for each."""
        doubt = "perhaps " if self.asks else ""
        return [f"{'' if one.sure else doubt}{one.asked}: add {one.setting}" for one in self.questions]


def verdicts(document: Document, found: list[Part], aim: Aim) -> list[Verdict]:
    """One for the edition that is known, else one for each kind."""
    edition = aim.edition or _edition_in(document)
    kinds = (edition,) if edition else EDITIONS
    return [Verdict(one, list(_questions(document, found, aim, one))) for one in kinds]


def remarks(told: list[Verdict]) -> Iterator[Remark]:
    """The verdicts as remarks; what only one of two possible editions asks is told without alarm."""
    for verdict in told:
        others = [one for one in told if one is not verdict]
        for question in verdict.questions:
            both = all(any(_same(question, one) for one in other.questions) for other in others)
            if both and others and verdict is not told[0]:
                continue
            where = "" if both else f"on a {verdict.edition} edition "
            rule = question.rule if both else BY_EDITION
            words = f"{where}OOBE {'will' if question.sure else 'may'} stop and ask for {question.asked}"
            fix = f"in the pass oobeSystem, add {question.setting}"
            yield Remark(rule, words, fix, question.place)


def _same(one: Question, other: Question) -> bool:
    return (one.rule, one.setting) == (other.rule, other.setting)


def _edition_in(document: Document) -> str:
    """The edition of the catalog that Windows System Image Manager wrote into the file, if it did."""
    for child in document.root.children:
        if child.space == CPI and child.name == "offlineImage":
            source = child.attributes.get(f"{CPI} source", "")
            name = source.rpartition("#")[2].rpartition("/")[2].lower()
            return edition_of(name) if "windows" in name or "server" in name else ""
    return ""


def _questions(document: Document, found: list[Part], aim: Aim, edition: str) -> Iterator[Question]:
    read = [one for one in found if one.run == "oobeSystem" and applies(one, aim.architecture)]
    shells = [one.element for one in read if one.key == SHELL]
    languages = [one.element for one in read if one.key == INTERNATIONAL]
    around = (shells or languages or [one.element for one in read] or [document.root])[0].place
    missing = [name for name in LANGUAGE if not any(_says(one, name) for one in languages)]
    if missing:
        asked = "language, region or keyboard"
        setting = f"Microsoft-Windows-International-Core/{', '.join(missing)}"
        yield Question("answer.oobe-language", asked, setting, languages[0].place if languages else around)
    yield from _pages(shells, edition, around)
    if edition == "client":
        if not any(_makes_account(one) for one in shells):
            yield Question("answer.oobe-account", "an account", _ACCOUNT, _near(shells, "UserAccounts", around))
    elif not any(_has_password(one) for one in shells):
        asked = "the Administrator's password"
        yield Question("answer.oobe-password", asked, _PASSWORD, _near(shells, "UserAccounts", around))


def _pages(shells: list[Element], edition: str, around: tuple[int, int]) -> Iterator[Question]:
    place = _near(shells, "OOBE", around)
    license_page = ("answer.oobe-license", "the license", "HideEULAPage")
    for rule, asked, name in (license_page, *_PAGES[edition]):
        if not any((setting := one.at(f"OOBE/{name}")) is not None and setting.is_true for one in shells):
            yield Question(rule, asked, f"{_OOBE}/{name}=true", place)
    if not any(_says(one, "OOBE/ProtectYourPC") for one in shells):
        yield Question("answer.oobe-privacy", "privacy settings", f"{_OOBE}/ProtectYourPC=3", place)


def _says(component: Element, path: str) -> bool:
    setting = component.at(path)
    return setting is not None and bool(setting.text)


def _makes_account(shell: Element) -> bool:
    accounts = shell.at("UserAccounts/LocalAccounts")
    if accounts is None:
        return False
    return any(one.name == "LocalAccount" and _says(one, "Name") for one in accounts.children)


def _has_password(shell: Element) -> bool:
    password = shell.at("UserAccounts/AdministratorPassword")
    return password is not None and not is_no_password(password)


def _near(shells: list[Element], name: str, otherwise: tuple[int, int]) -> tuple[int, int]:
    there = [found.place for one in shells if (found := one.child(name)) is not None]
    return there[0] if there else otherwise
