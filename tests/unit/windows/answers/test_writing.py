"""What ``golden answer new`` writes: right XML, whatever the names are, and wishes that cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from golden.errors import UsageError
from golden.windows.answers.document import parse
from golden.windows.answers.rules_settings import decoded
from golden.windows.answers.writing import Wish, written
from tests.unit.windows.answers.samples import CLIENT, SERVER

PASSWORD = 'a&b<c>"é€'


@pytest.mark.parametrize("edition", ["client", "server"])
def test_a_password_is_written_as_windows_reads_it(edition: str) -> None:
    """Base64 of UTF-16 with the element's name behind it, whatever letters it has."""
    root = parse(written(Wish(edition, "en-US", account="me", password=PASSWORD))).root
    accounts = root.children[-1].children[-1].at("UserAccounts")
    assert accounts is not None
    value = accounts.at("LocalAccounts/LocalAccount/Password/Value")
    assert value is not None
    assert decoded(value.text, "Password") == PASSWORD
    administrator = accounts.at("AdministratorPassword/Value")
    assert (administrator is not None) == (edition == "server")
    assert administrator is None or decoded(administrator.text, "AdministratorPassword") == PASSWORD


def test_no_password_is_the_documented_one() -> None:
    """An empty password has one known form (docs/facts: windows 4.4)."""
    assert b"<Value>UABhAHMAcwB3AG8AcgBkAA==</Value>" in written(CLIENT)


def test_everything_wished_for_is_in_the_file() -> None:
    """Locale, architecture, time zone, key; the wish's own repr shows no secret."""
    wish = replace(CLIENT, time_zone="W. Europe Standard Time", product_key="-".join(["ABCD1"] * 5), architecture="x86")
    text = written(replace(wish, password=PASSWORD)).decode()
    assert text.count("de-DE") == 4
    assert 'processorArchitecture="amd64"' not in text
    assert "<TimeZone>W. Europe Standard Time</TimeZone>" in text
    assert "<ProductKey>ABCD1-ABCD1-ABCD1-ABCD1-ABCD1</ProductKey>" in text
    assert PASSWORD not in repr(replace(wish, password=PASSWORD))
    assert "ABCD1" not in repr(wish)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (replace(CLIENT, edition="home"), "client or server"),
        (replace(CLIENT, locale="german"), "locale"),
        (replace(CLIENT, locale="de_DE"), "locale"),
        (replace(CLIENT, account=""), "asks for an account"),
        (replace(CLIENT, account="a/b"), "refuses"),
        (replace(CLIENT, account="NONE"), "NONE"),
        (replace(CLIENT, account="a" * 21), "21 characters"),
        (replace(CLIENT, account=" a"), "no name"),
        (replace(CLIENT, account="a\x1b[2J"), "refuses|no name"),
        (replace(CLIENT, time_zone="Europe/Berlin"), "time zone"),
        (replace(CLIENT, product_key="12345"), "product key"),
        (replace(CLIENT, password="a\0b"), "password"),
        (replace(SERVER, account="me"), "without a password"),
    ],
)
def test_wishes_that_cannot_be_are_refused(wish: Wish, words: str) -> None:
    """Each with a sentence that says why."""
    with pytest.raises(UsageError, match=words):
        written(wish)
