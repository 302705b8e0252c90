"""Answer files for the tests, written here in the documented format: one that is right, and ways to spoil it."""

from __future__ import annotations

from golden.windows.answers.linting import Report, lint
from golden.windows.answers.rules import Aim
from golden.windows.answers.writing import Wish, written

UNATTEND = "urn:schemas-microsoft-com:unattend"
WCM = "http://schemas.microsoft.com/WMIConfig/2002/State"
ABOUT = 'processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"'
CLIENT = Wish(edition="client", locale="de-DE", account="admin")
SERVER = Wish(edition="server", locale="en-US")


def component(name: str, inside: str = "<A>1</A>", about: str = ABOUT) -> str:
    """One component of Windows'."""
    return f'<component name="Microsoft-Windows-{name}" {about}>{inside}</component>'


def settings(run: str, *components: str) -> str:
    """One pass."""
    return f'<settings pass="{run}">{"".join(components)}</settings>'


def file(*inside: str) -> bytes:
    """A whole file."""
    return "\n".join((f'<unattend xmlns="{UNATTEND}" xmlns:wcm="{WCM}">', *inside, "</unattend>")).encode()


def shell(inside: str, run: str = "oobeSystem") -> bytes:
    """A file with one Shell-Setup in one pass."""
    return file(settings(run, component("Shell-Setup", inside)))


def good(wish: Wish = CLIENT) -> str:
    """What ``golden answer new`` writes."""
    return written(wish).decode()


def found(content: bytes | str, purpose: str = "capture", edition: str = "", architecture: str = "") -> Report:
    """What the linter says."""
    content = content.encode() if isinstance(content, str) else content
    return lint(content, Aim(purpose, edition, architecture))


def ids(content: bytes | str, purpose: str = "capture", edition: str = "", architecture: str = "") -> set[str]:
    """The rules that were met."""
    return {one.rule for one in found(content, purpose, edition, architecture).remarks}
