"""Will OOBE stop and ask? Per edition, with exactly the setting that is missing."""

from __future__ import annotations

import pytest

from golden.windows.answers.writing import Wish
from tests.unit.windows.answers.samples import CLIENT, SERVER, file, found, good, settings

WITH_PASSWORD = Wish(edition="server", locale="en-US", password="x")
FOR_BOTH = Wish(edition="server", locale="en-US", account="admin", password="x")


def missing(content: bytes | str, edition: str, architecture: str = "") -> list[tuple[str, str]]:
    """(what is asked, setting) on that edition."""
    (verdict,) = found(content, "capture", edition, architecture).verdicts
    return [(one.asked, one.setting.removeprefix("Microsoft-Windows-")) for one in verdict.questions]


def without(setting: str, wish: Wish = CLIENT) -> str:
    return "\n".join(line for line in good(wish).splitlines() if setting not in line)


def test_what_golden_writes_is_asked_nothing() -> None:
    """A client with an account, and a server with a password."""
    assert missing(good(CLIENT), "client") == []
    assert missing(good(WITH_PASSWORD), "server") == []


def test_a_client_wants_an_account_and_a_server_a_password() -> None:
    """AdministratorPassword alone is not enough on a client; an account alone is not on a server."""
    ((asked, setting),) = missing(good(WITH_PASSWORD), "client")
    assert asked == "an account"
    assert setting.startswith("Shell-Setup/UserAccounts/LocalAccounts/LocalAccount")
    ((asked, setting),) = missing(good(CLIENT), "server")
    assert asked == "the Administrator's password"
    assert setting == "Shell-Setup/UserAccounts/AdministratorPassword"
    assert missing(good(FOR_BOTH), "client") == []


@pytest.mark.parametrize("name", ["InputLocale", "SystemLocale", "UILanguage", "UserLocale"])
@pytest.mark.parametrize("edition", ["client", "server"])
def test_each_language_setting_counts(name: str, edition: str) -> None:
    """International-Core must say all four."""
    wish = CLIENT if edition == "client" else WITH_PASSWORD
    assert missing(without(f"<{name}>", wish), edition) == [
        ("language, region or keyboard", f"International-Core/{name}")
    ]


@pytest.mark.parametrize(
    ("name", "asked", "editions"),
    [
        ("HideEULAPage", "the license", ("client", "server")),
        ("ProtectYourPC", "privacy settings", ("client", "server")),
        ("HideOEMRegistrationScreen", "the registration of the maker", ("client",)),
        ("HideOnlineAccountScreens", "a Microsoft account", ("client",)),
        ("HideWirelessSetupInOOBE", "a network", ("client",)),
    ],
)
def test_each_page_counts_where_there_is_one(name: str, asked: str, editions: tuple[str, ...]) -> None:
    """A page that is not hidden is named with the setting that hides it."""
    for edition, wish in (("client", CLIENT), ("server", WITH_PASSWORD)):
        told = missing(without(name, wish), edition)
        assert [one for one, _ in told] == ([asked] if edition in editions else [])


def test_a_page_that_is_shown_on_purpose_is_asked() -> None:
    """HideEULAPage=false hides nothing."""
    assert missing(good().replace("<HideEULAPage>true", "<HideEULAPage>false"), "client")[0][0] == "the license"


def test_settings_of_another_architecture_or_pass_do_not_count() -> None:
    """A guest ignores what is not for it, so OOBE asks for everything."""
    assert len(missing(good(), "client", "arm64")) == 7
    assert len(missing(good().replace('pass="oobeSystem"', 'pass="specialize"'), "client")) == 7


def test_without_an_edition_both_are_told() -> None:
    """One verdict for each kind; what only one of them asks is no warning."""
    report = found(good(SERVER))
    assert [one.edition for one in report.verdicts] == ["client", "server"]
    assert {one.severity for one in report.remarks} == {"info"}
    report = found(without("ProtectYourPC", FOR_BOTH))
    assert [one.rule for one in report.remarks if one.severity == "warning"].count("answer.oobe-privacy") == 1


def test_the_catalog_in_the_file_names_the_edition() -> None:
    """What Windows System Image Manager wrote about the image is believed."""
    about = '<c:offlineImage xmlns:c="urn:schemas-microsoft-com:cpi" c:source="wim:d:/install.wim#{}"/>'
    for name, edition in (("Windows Server 2022 SERVERSTANDARD", "server"), ("Windows 11 Pro", "client")):
        report = found(file(settings("specialize"), about.format(name)))
        assert [one.edition for one in report.verdicts] == [edition]
    report = found(file(settings("specialize"), about.replace("#{}", "").format()))
    assert [one.edition for one in report.verdicts] == ["client", "server"]


def test_the_sentence_says_it_all() -> None:
    """What is asked, and what to add."""
    (verdict,) = found(without("ProtectYourPC"), "capture", "client").verdicts
    setting = "Microsoft-Windows-Shell-Setup/OOBE/ProtectYourPC=3"
    assert verdict.sentence == f"OOBE on a client will stop and ask for privacy settings: add {setting}"


def test_pages_that_come_on_some_machines_only_are_told_so() -> None:
    """A page that is not sure to come is no certain stop."""
    (verdict,) = found(without("HideWireless"), "capture", "client").verdicts
    assert verdict.asks is False
    assert verdict.sentence.startswith("OOBE on a client may stop and ask for a network: add ")
    (verdict,) = found(good(SERVER).replace("HideWireless", "Hide"), "capture", "client").verdicts
    assert verdict.asks is True
    assert verdict.lines[0].startswith("perhaps a network: add ")
    assert verdict.lines[1].startswith("an account: add ")
