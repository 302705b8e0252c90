"""Every rule of the linter: a file that meets it, and one like it that does not."""

from __future__ import annotations

import base64

import pytest

from golden.windows.answers.document import MOST_BYTES, MOST_DEPTH, MOST_ELEMENTS
from golden.windows.answers.rules import RULES
from tests.unit.windows.answers.samples import (
    ABOUT,
    CLIENT,
    SERVER,
    UNATTEND,
    component,
    file,
    found,
    good,
    ids,
    settings,
    shell,
)

SPP = component("Security-SPP", "<SkipRearm>1</SkipRearm>")
COMMAND = "<RunSynchronous><RunSynchronousCommand {}><Path>a</Path></RunSynchronousCommand></RunSynchronous>"
LOGON = "<LogonCommands><AsynchronousCommand {}><Path>a</Path></AsynchronousCommand></LogonCommands>"
ADD = 'wcm:action="add"'


def deployment(inside: str) -> bytes:
    return file(settings("specialize", component("Deployment", inside)))


def account(name: str, more: str = "") -> bytes:
    inside = f"<LocalAccount {ADD}><Name>{name}</Name><Group>Users</Group>{more}</LocalAccount>"
    return shell(f"<UserAccounts><LocalAccounts>{inside}</LocalAccounts></UserAccounts>")


def password(value: str, plain: str, name: str = "AdministratorPassword") -> bytes:
    inside = f"<{name}><Value>{value}</Value><PlainText>{plain}</PlainText></{name}>"
    return shell(f"<UserAccounts>{inside}</UserAccounts>")


def running(line: str) -> bytes:
    """A file whose specialize pass runs a command."""
    line = line.replace("&", "&amp;").replace("<", "&lt;")
    return deployment(COMMAND.format(ADD).replace("<Path>a</Path>", f"<Order>1</Order><Path>{line}</Path>"))


def joining(blob: str) -> bytes:
    """A file with what djoin.exe writes for an offline domain join."""
    inside = f"<Identification><Provisioning><AccountData>{blob}</AccountData></Provisioning></Identification>"
    return file(settings("specialize", component("UnattendedJoin", inside)))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-16-le")).decode()


def root(inside: str = "", name: str = "unattend", space: str = UNATTEND) -> bytes:
    return f'<{name} xmlns="{space}">{inside}</{name}>'.encode()


def without(setting: str) -> str:
    """The good file without the lines that name a setting."""
    return "\n".join(line for line in good().splitlines() if setting not in line)


NESTED = component("Shell-Setup", component("Deployment"))
OTHER_SPACE = component("Shell-Setup", about=f'xmlns="" {ABOUT}')
NO_SPACE = f'<settings xmlns="" pass="specialize">{component("Deployment")}</settings>'
WOW = component("Shell-Setup", about=ABOUT.replace("amd64", "wow64"))
X86 = component("Shell-Setup", about=ABOUT.replace("amd64", "x86"))
OEM = "<OEM>x</OEM>"

SAMPLES: list[tuple[str, bytes | str, bytes | str]] = [
    ("answer.empty", b"\xef\xbb\xbf \r\n", root()),
    ("answer.too-large", b"<a>" * (MOST_DEPTH + 1), root("<a>" * 90 + "</a>" * 90)),
    ("answer.too-large", b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>", b"<a>" + b"<b/>" * 1000 + b"</a>"),
    ("answer.encoding", '<?xml version="1.0" encoding="utf-16"?><unattend/>', good()),
    ("answer.encoding", '<?xml version="1.0" encoding="klingon"?><unattend/>', good()),
    ("answer.other-encoding", '<?xml version="1.0" encoding="iso-8859-1"?>' + root().decode(), good()),
    ("answer.document-type", "<!DOCTYPE unattend>" + root().decode(), root()),
    ("answer.not-well-formed", good()[:-30], good()),
    ("answer.not-well-formed", root("&nbsp;"), root("&amp;")),
    ("answer.several-documents", root() + b"\n" + root(), root() + b"\n<!-- the end -->"),
    ("answer.root", root(name="Unattend"), root()),
    ("answer.root", root(space="urn:other"), root()),
    ("answer.namespace", file(NO_SPACE), file(settings("specialize", component("Deployment")))),
    ("answer.namespace", file(settings("specialize", OTHER_SPACE)), root()),
    ("answer.stray-element", root(component("Deployment")), root('<x xmlns="urn:y"/>')),
    ("answer.stray-element", file(settings("specialize", OEM)), file(settings("specialize", component("Deployment")))),
    ("answer.no-settings", root(), good()),
    ("answer.pass-missing", file("<settings/>"), good()),
    ("answer.pass-unknown", file(settings("firstBoot")), good()),
    ("answer.pass-unknown", file(settings("oobeUser")), good()),
    ("answer.pass-case", file(settings("OobeSystem")), file(settings("oobeSystem"))),
    ("answer.pass-unused", file(settings("windowsPE", component("Setup"))), good()),
    ("answer.pass-twice", file(settings("generalize"), settings("generalize")), file(settings("generalize"))),
    ("answer.component-attribute", file(settings("specialize", component("Deployment", about=""))), good()),
    ("answer.component-attribute", good().replace("amd64", "amd46"), good().replace("amd64", "AMD64")),
    ("answer.component-attribute", good().replace("31bf3856ad364e35", "31bf"), good()),
    ("answer.component-attribute", good().replace("nonSxS", "sxs"), good().replace("nonSxS", "NonSxS")),
    ("answer.component-token", good().replace("31bf3856ad364e35", "0123456789abcdef"), good()),
    ("answer.component-language", good().replace("neutral", "de-DE"), good()),
    ("answer.component-unknown", good().replace("-Shell-Setup", "-Shell-Stup"), good().replace("Shell-S", "SHELL-s")),
    (
        "answer.component-pass",
        file(settings("oobeSystem", component("TCPIP"))),
        file(settings("specialize", component("tcpip"))),
    ),
    (
        "answer.component-twice",
        file(settings("specialize", *[component("TCPIP")] * 2)),
        file(settings("specialize", component("TCPIP"))),
    ),
    ("answer.component-nested", file(settings("specialize", NESTED)), file(settings("specialize", component("TCPIP")))),
    ("answer.setting-pass", shell("<OOBE><A>1</A></OOBE>", "specialize"), shell("<OOBE><A>1</A></OOBE>")),
    (
        "answer.setting-pass-unsure",
        shell("<ComputerName>*</ComputerName>"),
        shell("<ComputerName>*</ComputerName>", "specialize"),
    ),
    ("answer.setting-twice", shell("<TimeZone>a</TimeZone>" * 2), shell("<TimeZone>a</TimeZone>")),
    ("answer.action-missing", deployment(COMMAND.format("")), deployment(COMMAND.format(ADD))),
    ("answer.action-missing", deployment(COMMAND.format('action="add"')), deployment(COMMAND.format(ADD))),
    ("answer.action-missing-unsure", shell(LOGON.format("")), shell(LOGON.format(ADD))),
    ("answer.action-value", deployment(COMMAND.format('wcm:action="ad"')), deployment(COMMAND.format(ADD))),
    ("answer.action-value-unsure", deployment(COMMAND.format('wcm:action="modify"')), deployment(COMMAND.format(ADD))),
    ("answer.action-value-unsure", shell(LOGON.format('wcm:action="x"')), shell(LOGON.format(ADD))),
    ("answer.empty-name", account(""), account("a")),
    ("answer.empty-element", shell("<TimeZone/>", "specialize"), shell("<TimeZone>UTC</TimeZone>", "specialize")),
    ("answer.account-name", account("a[b]"), account("a-b")),
    ("answer.account-name", account("none"), account("nonesuch")),
    ("answer.account-name-long", account("a" * 21), account("a" * 20)),
    (
        "answer.account-no-password",
        account("a"),
        account("a", "<Password><Value>x</Value><PlainText>true</PlainText></Password>"),
    ),
    ("answer.account-no-password", good(), good(SERVER)),
    ("answer.consumed", good().replace("<settings ", '<settings wasPassProcessed="true" '), good()),
    ("answer.consumed", password("*SENSITIVE*DATA*DELETED*", "false"), password("x", "true")),
    ("answer.secret-clear", password("x", "true"), password("", "true")),
    (
        "answer.secret-clear",
        file(settings("specialize", component("UnattendedJoin", "<Credentials><Password>x</Password></Credentials>"))),
        good(),
    ),
    (
        "answer.secret-base64",
        password(encoded("xAdministratorPassword"), "false"),
        password(encoded("AdministratorPassword"), "false"),
    ),
    ("answer.secret-damaged", password("???", "false"), password(encoded("xAdministratorPassword"), "false")),
    (
        "answer.secret-damaged",
        password(encoded("xPassword"), "false"),
        password(encoded("xPassword"), "false", "Password"),
    ),
    ("answer.secret-join", joining("AAEC"), joining("*SENSITIVE*DATA*DELETED*")),
    ("answer.secret-command", running("net user builder Summer2026 /add"), running("net user builder * /add")),
    ("answer.skip-rearm", file(settings("generalize", SPP)), file(settings("generalize", SPP.replace(">1<", ">0<")))),
    ("answer.skip-rearm", file(settings("generalize", SPP.replace("SPP", "Licensing-SLC"))), good()),
    (
        "answer.generalize-reseal",
        file(settings("oobeSystem", component("Deployment", "<Reseal><Mode>OOBE</Mode></Reseal>"))),
        good(),
    ),
    ("answer.computer-name", good().replace(">*<", ">PC1<"), good().replace(">*<", ">%NAME%<")),
    (
        "answer.auto-logon",
        shell("<AutoLogon><Enabled>true</Enabled></AutoLogon>"),
        shell("<AutoLogon><Enabled>false</Enabled></AutoLogon>"),
    ),
    (
        "answer.skip-oobe",
        shell("<OOBE><SkipMachineOOBE>true</SkipMachineOOBE></OOBE>"),
        shell("<OOBE><SkipMachineOOBE>false</SkipMachineOOBE></OOBE>"),
    ),
    ("answer.skip-oobe", shell("<OOBE><SkipUserOOBE>true</SkipUserOOBE></OOBE>"), good()),
    ("answer.no-effect", shell("<OOBE><NetworkLocation>Work</NetworkLocation></OOBE>"), good()),
    ("answer.oobe-language", without("UILanguage"), good()),
    ("answer.oobe-license", without("HideEULAPage"), good()),
    ("answer.oobe-privacy", without("ProtectYourPC"), good()),
]
AIMED: list[tuple[str, bytes | str, tuple[str, str, str], bytes | str, tuple[str, str, str]]] = [
    ("answer.oobe-account", good(SERVER), ("capture", "client", ""), good(), ("capture", "client", "")),
    ("answer.oobe-password", good(SERVER), ("capture", "server", ""), good(SERVER), ("capture", "client", "")),
    (
        "answer.oobe-page",
        without("HideOnline"),
        ("capture", "client", ""),
        without("HideOnline"),
        ("capture", "server", ""),
    ),
    ("answer.oobe-by-edition", good(SERVER), ("capture", "", ""), good(SERVER), ("capture", "server", "")),
    (
        "answer.architecture",
        file(settings("specialize", X86), settings("oobeSystem", component("Shell-Setup"))),
        ("capture", "", "amd64"),
        file(settings("specialize", X86, component("Shell-Setup"))),
        ("capture", "", "amd64"),
    ),
    (
        "answer.architecture",
        file(settings("specialize", X86, component("TCPIP"))),
        ("capture", "", "amd64"),
        file(settings("specialize", WOW)),
        ("capture", "", "amd64"),
    ),
    (
        "answer.architecture-none",
        good(),
        ("capture", "", "arm64"),
        good().replace("amd64", "ARM64"),
        ("capture", "", "arm64"),
    ),
    (
        "answer.skip-rearm-intermediate",
        file(settings("generalize", SPP)),
        ("install", "", ""),
        good(),
        ("install", "", ""),
    ),
    (
        "answer.account-name",
        account("pc").replace(b"<UserAccounts>", b"<ComputerName>PC</ComputerName><UserAccounts>"),
        ("capture", "", ""),
        account("pd").replace(b"<UserAccounts>", b"<ComputerName>PC</ComputerName><UserAccounts>"),
        ("capture", "", ""),
    ),
    (
        "answer.account-twice",
        account("a", f"</LocalAccount><LocalAccount {ADD}><Name>A</Name>"),
        ("capture", "", ""),
        account("a", f"</LocalAccount><LocalAccount {ADD}><Name>B</Name>"),
        ("capture", "", ""),
    ),
    (
        "answer.computer-name",
        good().replace(">*<", ">PC1<"),
        ("capture", "", ""),
        good().replace(">*<", ">PC1<"),
        ("install", "", ""),
    ),
    (
        "answer.auto-logon",
        shell("<AutoLogon><Enabled>1</Enabled></AutoLogon>"),
        ("capture", "", ""),
        shell("<AutoLogon><Enabled>1</Enabled></AutoLogon>"),
        ("install", "", ""),
    ),
    (
        "answer.generalize-reseal",
        deployment("<Generalize><Mode>OOBE</Mode></Generalize><Reseal><Mode>OOBE</Mode></Reseal>"),
        ("install", "", ""),
        deployment("<Reseal><Mode>OOBE</Mode></Reseal>"),
        ("install", "", ""),
    ),
]
"""Rules that depend on what the file is for: purpose, edition, architecture."""


@pytest.mark.parametrize(("rule", "bad", "fine"), SAMPLES)
def test_a_rule_is_met_by_what_it_is_about_alone(rule: str, bad: bytes | str, fine: bytes | str) -> None:
    """A file that is wrong in this way is told so, and one that is right in it is not."""
    assert rule in ids(bad)
    assert rule not in ids(fine)


@pytest.mark.parametrize(("rule", "bad", "bad_aim", "fine", "fine_aim"), AIMED)
def test_a_rule_knows_what_the_file_is_for(
    rule: str, bad: bytes, bad_aim: tuple[str, str, str], fine: bytes, fine_aim: tuple[str, str, str]
) -> None:
    """Purpose, edition and architecture decide."""
    assert rule in ids(bad, *bad_aim)
    assert rule not in ids(fine, *fine_aim)


def test_every_rule_has_a_sample() -> None:
    """No rule is without a file that meets it; what is no regular file has a test beside test_reading."""
    assert set(RULES) - {one[0] for one in (*SAMPLES, *AIMED)} == {"answer.no-file"}


def test_unconfirmed_facts_only_warn() -> None:
    """What docs/facts marks [K] is never an error."""
    assert [name for name, (severity, _, section) in RULES.items() if "[K]" in section and severity == "error"] == []


@pytest.mark.parametrize("purpose", ["capture", "install"])
@pytest.mark.parametrize("wish", [CLIENT, SERVER])
def test_what_golden_writes_is_right(wish: object, purpose: str) -> None:
    """Neither error nor warning, for its own edition or without one."""
    for edition in (wish.edition, ""):  # type: ignore[attr-defined]
        report = found(good(wish), purpose, edition, "amd64")  # type: ignore[arg-type]
        assert [one.sentence for one in report.remarks if one.severity != "info"] == []


def test_an_unknown_component_is_told_the_nearest_name() -> None:
    """A slip of the fingers is named."""
    report = found(good().replace("-International-Core", "-Internatonal-Core"))
    assert any("Microsoft-Windows-International-Core?" in one.fix for one in report.remarks)


def test_no_secret_is_ever_told() -> None:
    """Not in clear, not in base64, not decoded, wherever the sentence goes."""
    for value, plain in (("hunter2", "true"), (encoded("hunter2AdministratorPassword"), "false"), ("hunter2", "false")):
        for one in found(password(value, plain)).remarks:
            assert "hunter2" not in one.sentence + one.fix
            assert value not in one.sentence + one.fix


@pytest.mark.parametrize(
    "line",
    [
        'cmd /c net.exe user "My User" hunter2 /add',
        "net user builder hunter2",
        "net use Z: \\\\srv\\share hunter2 /user:corp\\builder",
        'reg add "HKLM\\SOFTWARE\\x\\Winlogon" /v DefaultPassword /t REG_SZ /d hunter2 /f',
        "powershell -Command \"Set-ItemProperty x -Name DefaultPassword -Value 'hunter2'\"",
        "powershell -Command \"ConvertTo-SecureString 'hunter2' -AsPlainText -Force\"",
        "powershell -File join.ps1 -DomainPassword hunter2",
        "setup.exe --password=hunter2",
        "msiexec /i C:\\a.msi /qn SVCPASSWORD=hunter2",
        "schtasks /create /tn x /tr y /ru builder /rp hunter2",
        "cmdkey /add:srv /user:builder /pass:hunter2",
    ],
)
def test_a_password_in_a_command_is_seen_and_not_told(line: str) -> None:
    """In the forms in which Windows' own tools and installers take it."""
    told = [one for one in found(running(line)).remarks if one.rule == "answer.secret-command"]
    assert len(told) == 1
    assert "hunter2" not in told[0].sentence + told[0].fix


@pytest.mark.parametrize(
    "line",
    [
        "net user Administrator /active:no",
        "net user Administrator * /add",
        "net user %NAME% %PASSWORD% /add",
        "net user builder /passwordreq:no",
        "net accounts /maxpwage:unlimited",
        "net localgroup Administrators builder /add",
        "powershell -File x.ps1 -Password $secret",
        'powershell -Command "New-LocalUser x -Password (Read-Host -AsSecureString)"',
        'powershell -Command "Set-LocalUser -Name x -PasswordNeverExpires $true"',
        "wmic useraccount where name='x' set PasswordExpires=false",
        "reg add HKLM\\x /v DisablePasswordReveal /t REG_DWORD /d 1 /f",
        "powershell.exe -NoProfile -File C:\\Windows\\Setup\\Scripts\\Specialize.ps1",
    ],
)
def test_a_command_without_a_password_is_left_alone(line: str) -> None:
    """Variables, questions, and settings about passwords are no passwords."""
    assert "answer.secret-command" not in ids(running(line))


def test_the_largest_file_is_refused_by_its_size() -> None:
    """The limits are those that the documentation names."""
    assert (MOST_BYTES, MOST_ELEMENTS, MOST_DEPTH) == (8 << 20, 50_000, 100)
