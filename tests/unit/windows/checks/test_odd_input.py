"""Whatever a guest answers and whatever lies on a disk, a check ends with findings and never with a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from golden.disk.raw import Memory
from golden.model import Checked
from golden.windows.checks import offline, online, rules
from golden.windows.checks.catalogue import ONLINE, catalogue, ids
from golden.windows.checks.disk_rules import encrypted_file
from golden.windows.checks.live_rules import LIVE_RULES, Answers
from golden.windows.checks.picture import READS
from golden.windows.checks.provider import library
from golden.windows.checks.rules import Wish
from tests.unit.windows.checks.guests import disk, guest

NAMES = ("registry", "files", "providers", "appx", "bitlocker", "servicing", "domain", "rearm", "roles",
         "way-in", "account", "media", "configmgr")  # fmt: skip
WORDS = st.sampled_from(["list", "installed", "provisioned", "name", "full", "users", "values", "below", "windows",
                         "sku", "processes", "updating", "elevated", "decrypted", "phase", "data", READS[0].key,
                         READS[2].key])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)
SECTIONS = st.dictionaries(
    st.sampled_from(NAMES),
    VALUES | st.fixed_dictionaries({"ok": st.booleans(), "value": VALUES, "error": SCALARS}),
    max_size=len(NAMES),
)


def whole(checked: Checked, way: str) -> None:
    """Every check of that way is either made or named as not made, and findings are the catalogue's."""
    assert {*checked.made, *(name for name, _ in checked.unmade)} == set(ids(way))
    assert all(one.id in catalogue() for one in checked.findings)
    assert all(why for _, why in checked.unmade)


@given(sections=SECTIONS)
@settings(max_examples=400, deadline=1000, derandomize=True)
def test_any_answer_of_a_guest_is_understood_or_refused(sections: dict[str, object]) -> None:
    """No shape of an answer is a bug of golden's: what makes no sense is a check that was not made."""
    answers = Answers(sections)
    live = rules.judge(ONLINE, LIVE_RULES, answers, Wish("somebody", copy_profile=True))
    others = {name: rule for name, rule in rules.RULES.items() if name not in LIVE_RULES}
    shown = rules.judge(ONLINE, others, online.picture(answers), Wish("somebody", copy_profile=True))
    whole(offline.together(live, shown), ONLINE)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A healthy volume's bytes."""
    folder = tmp_path_factory.mktemp("healthy")
    return disk(guest(folder / "guest", ["provider.missing", "appx.not-provisioned"]), folder / "c.ntfs").read_bytes()


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_any_damage_of_a_volume_ends_in_findings(healthy: bytes, data: st.DataObject) -> None:
    """Bytes overwritten anywhere in what is read: boot sector, master file table, hives."""
    used = [at for at in range(0, len(healthy), 4096) if any(healthy[at : at + 4096])]
    damaged = bytearray(healthy)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.sampled_from(used)) + data.draw(st.integers(0, 4095))
        piece = data.draw(st.binary(min_size=1, max_size=8))
        damaged[at : at + len(piece)] = piece
    found = offline.inspect(Memory(bytes(damaged)), Wish(copy_profile=True))
    assert {*found.made, *(name for name, _ in found.unmade)} == set(catalogue())


@given(record=st.binary(max_size=200).map(lambda tail: b"FILE" + bytes(16) + b"\x18\0\x01\0" + tail))
@settings(max_examples=500, deadline=1000, derandomize=True)
def test_any_record_is_judged(record: bytes) -> None:
    """A record of the master file table is encrypted or it is not."""
    assert isinstance(encrypted_file(record), str)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ("acme.dll,Generalize", "C:\\Windows\\System32\\acme.dll"),
        ("%SystemRoot%\\System32\\x.dll,Do", "C:\\Windows\\System32\\x.dll"),
        ('"C:\\Program Files\\Acme\\x.dll",Do', "C:\\Program Files\\Acme\\x.dll"),
        ("%windir%/x.dll", "C:\\Windows\\x.dll"),
        ("\\acme\\x.dll,Do", "C:\\acme\\x.dll"),
        ("D:\\x.dll,Do", None),
        ("%ACME%\\x.dll,Do", None),
        ("\\\\server\\share\\x.dll,Do", None),
        (",", None),
        ("", None),
    ],
)
def test_where_a_providers_library_lies(data: str, path: str | None) -> None:
    """Variables, quotes, relative names; what lies elsewhere cannot be told from this disk."""
    assert library(data) == path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
@pytest.mark.parametrize(("value", "asked"), [("true", True), ("TRUE", True), ("false", False), ("", False)])
def test_copy_profile_is_seen_in_any_encoding(tmp_path: Path, encoding: str, value: str, asked: bool) -> None:
    """The answer file that is going to be used decides whether profiles matter."""
    from golden.guest.family import SealOrder
    from golden.windows.checks.wish import wish

    path = tmp_path / "answers.xml"
    text = f"<unattend><settings><component><CopyProfile>{value}</CopyProfile></component></settings></unattend>"
    path.write_text(text, encoding=encoding)
    assert wish(SealOrder("sysprep", path, "somebody")) == Wish("somebody", asked)
