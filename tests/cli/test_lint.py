"""golden lint: text, JSON and SARIF, exit codes, bad files, and a capture that is refused by the line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from golden.windows.answers.rules import RULES
from golden.windows.answers.writing import Wish, written

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab

CLIENT = written(Wish("client", "de-DE", account="admin")).decode()
SKIP = CLIENT.replace(
    "</settings>",
    '<component name="Microsoft-Windows-Security-SPP" processorArchitecture="amd64" language="neutral"\n'
    '   publicKeyToken="31bf3856ad364e35">\n   <SkipRearm>1</SkipRearm></component></settings>',
    1,
)
LINE = SKIP[: SKIP.index("<SkipRearm>")].count("\n") + 1
SECRET = "hunter2"
SHIPPED = Path(__file__).parents[2] / "playbooks" / "answers"


def test_the_line_that_spoils_an_image_is_told(lab: Lab, golden: Golden) -> None:
    """Path, line, column, severity, sentence, rule and fix; exit 4; and the verdict about OOBE at the end."""
    lab.write("unattend.xml", SKIP)
    ran = golden("lint", "unattend.xml", "--edition", "client")
    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (4, "")
    assert any(line.startswith(f"unattend.xml:{LINE}:4: error: SkipRearm=1: ") for line in lines)
    assert "  fix: take <SkipRearm> out, or say 0" in lines
    assert lines[-2:] == ["unattend.xml: 1 error, 1 info", "OOBE on a client will ask nothing"]


def test_the_missing_setting_is_the_last_line(lab: Lab, golden: Golden) -> None:
    """Will OOBE stop and ask? For what, and what to add; a warning, so exit 0."""
    lab.write("a.xml", CLIENT.replace("LocalAccounts", "DomainAccounts"))
    ran = golden("lint", "a.xml", "--edition", "Windows 11 Pro")
    assert ran.code == 0
    verdict = ran.out.splitlines()[-1]
    assert verdict.startswith(
        "OOBE on a client will stop and ask for an account: add Microsoft-Windows-Shell-Setup/User"
    )


@pytest.mark.parametrize(
    ("edition", "hint"),
    [("sever", "did you mean server?"), ("cleint", "did you mean client?"), ("frob", "client, server, or a name like")],
)
def test_an_edition_that_there_is_not_is_not_taken_for_a_client(
    lab: Lab, golden: Golden, edition: str, hint: str
) -> None:
    """Editions are known by client, server and their names; a slip of the pen is refused."""
    lab.write("a.xml", CLIENT)
    told = golden("lint", "a.xml", "--edition", edition, "-o", "json")
    assert (told.code, told.error["hint"][: len(hint)]) == (2, hint)


@pytest.mark.parametrize("edition", ["Professional", "EnterpriseS", "Core", "ServerStandard", "SERVER"])
def test_editions_by_their_names_are_known(lab: Lab, golden: Golden, edition: str) -> None:
    """As Windows names them."""
    lab.write("a.xml", CLIENT)
    verdict = golden("lint", "a.xml", "--edition", edition).out.splitlines()[-1]
    assert verdict.startswith(f"OOBE on a {'server' if 'server' in edition.lower() else 'client'}")


def test_several_files_are_told_one_after_the_other(lab: Lab, golden: Golden) -> None:
    """One error in one of them is exit 4."""
    lab.write("a.xml", CLIENT)
    lab.write("b.xml", SKIP)
    data = golden("lint", "a.xml", "b.xml", "-o", "json").data
    assert {one["path"] for one in data["findings"]} == {"a.xml", "b.xml"}
    assert [one["path"] for one in data["oobe"]] == ["a.xml", "a.xml", "b.xml", "b.xml"]
    assert golden("lint", "a.xml").code == 0
    assert golden("lint", "b.xml", "a.xml").code == 4


def test_programs_get_findings_with_places(lab: Lab, golden: Golden) -> None:
    """-o json carries id, severity, line and column of each, and OOBE's verdict with the settings that are missing."""
    lab.write("a.xml", SKIP.replace("ProtectYourPC", "Protect"))
    ran = golden("lint", "a.xml", "--edition", "client", "--arch", "amd64", "-o", "json")
    told = {one["id"]: one for one in ran.data["findings"]}
    assert ran.code == 4
    assert (told["answer.skip-rearm"]["severity"], told["answer.skip-rearm"]["line"]) == ("error", LINE)
    (verdict,) = ran.data["oobe"]
    assert verdict["asks"] is True
    assert [one["asked"] for one in verdict["missing"]] == ["privacy settings"]


def test_sarif_names_every_rule_it_uses(lab: Lab, golden: Golden) -> None:
    """-o sarif is one SARIF 2.1.0 log: rules by index, levels, places from 1, paths as URIs."""
    lab.write("ä b.xml", SKIP)
    ran = golden("lint", "ä b.xml", "-o", "sarif")
    log = json.loads(ran.out)
    assert (ran.code, log["version"], len(log["runs"])) == (4, "2.1.0", 1)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rule["shortDescription"]["text"] == RULES[rule["id"]][1] for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        (place,) = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "%C3%A4%20b.xml"
        assert place["physicalLocation"]["region"]["startLine"] >= 1
        assert result["message"]["text"]
    absolute = json.loads(golden("lint", str(lab.path / "ä b.xml"), "-o", "sarif").out)
    (uri,) = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in absolute["runs"][0]["results"]
    }
    assert uri.startswith("file:///")


def test_the_short_cut_of_lint_and_the_long_way_agree(lab: Lab, golden: Golden) -> None:
    """The same output and code whether the parser of options was loaded or not."""
    lab.write("a.xml", SKIP)
    for output in ("text", "json", "sarif"):
        short = golden("lint", "a.xml", "--for", "install", "-o", output)
        long = golden("lint", "a.xml", "--for=install", f"--output={output}", "--no-input")
        assert (short.code, short.out) == (long.code, long.out)
    assert golden("lint", "a.xml").code == golden("lint", "a.xml", "--no-input").code == 4


def test_what_the_file_is_for_decides(lab: Lab, golden: Golden) -> None:
    """--for install, --arch and --edition are heard."""
    lab.write("a.xml", SKIP)
    assert golden("lint", "a.xml", "--for", "install").code == 0
    assert "no component is for arm64" in golden("lint", "a.xml", "--arch", "arm64").out


BAD: list[tuple[str, bytes, str]] = [
    ("empty", b"", "answer.empty"),
    ("truncated", CLIENT.encode()[:900], "answer.not-well-formed"),
    ("html", b"<!DOCTYPE html><html></html>", "answer.document-type"),
    ("bomb", b'<!DOCTYPE a [<!ENTITY b "c">]><unattend>&b;</unattend>', "answer.document-type"),
    ("binary", bytes(range(256)), "answer.not-well-formed"),
    ("two", CLIENT.encode() + CLIENT.encode().partition(b"?>")[2], "answer.several-documents"),
    ("utf16", CLIENT.replace("utf-8", "utf-16").replace("<SkipR", "").encode("utf-16"), ""),
]


@pytest.mark.parametrize(("name", "content", "rule"), BAD, ids=[one[0] for one in BAD])
def test_bad_files_are_findings_too(lab: Lab, golden: Golden, name: str, content: bytes, rule: str) -> None:
    """Empty, cut off, bombs, other formats: exit 4 and one finding, never a traceback; UTF-16 is no bad file."""
    (lab.path / "a.xml").write_bytes(content)
    ran = golden("lint", "a.xml", "-o", "json")
    errors = [one["id"] for one in ran.data["findings"] if one["severity"] == "error"]
    assert (ran.code, errors) == ((4, [rule]) if rule else (0, []))


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        (("lint",), 2, ""),
        (("lint", "none.xml"), 13, "no answer file"),
        (("lint", "."), 2, "folder"),
        (("lint", "a.inf", "--for", "fun"), 2, "--for"),
        (("lint", "a.inf", "--arch", "z80"), 2, "--arch"),
        (("lint", "a.inf", "-o", "yaml"), 2, ""),
        (("lint", "shut.xml"), 10, "permission"),
    ],
)
def test_what_cannot_be_linted_is_said(lab: Lab, golden: Golden, typed: tuple[str, ...], code: int, words: str) -> None:
    """No file, a folder, a file that may not be read, options that cannot be."""
    if "shut.xml" in typed:
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        lab.write("shut.xml", CLIENT).chmod(0)
    ran = golden(*typed)
    assert ran.code == code
    assert words in ran.err.lower()


def test_lint_loads_neither_typer_nor_the_rest(lab: Lab) -> None:
    """It starts as quickly as a script would: no parser of options, no re, no typing, none of golden's nouns."""
    lab.write("a.xml", SKIP)
    program = (
        "import sys; from golden.cli.main import run; code = run(['lint', 'a.xml'])\n"
        "print(*sorted(set(sys.modules) & {'typer', 're', 'typing', 'enum', 'dataclasses', 'pathlib', 'json',"
        " 'signal', 'golden.model', 'golden.app'}), file=sys.stderr); sys.exit(code)"
    )
    import subprocess
    import sys

    ran = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"],
                         cwd=lab.path, capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert (ran.returncode, ran.stderr.split()) == (4, [])


def test_a_capture_with_skip_rearm_is_refused_by_the_line(ref: Lab, golden: Golden) -> None:
    """Exit 4 with the line before anything starts: no job, no machine, no image."""
    ref.write("unattend.xml", SKIP)
    before = ref.world.read()["machines"].keys()
    ran = golden("capture", "--answer-file", "unattend.xml", "-o", "json")
    assert (ran.code, ran.error["id"]) == (4, "checks-failed")
    assert ran.error["brief"].startswith(f"unattend.xml:{LINE}:4: SkipRearm=1: ")
    assert ran.error["hint"] == "golden lint unattend.xml"
    assert ref.world.read()["machines"].keys() == before
    assert len(golden("jobs", "--all", "-o", "json").data["jobs"]) == 1  # the adoption
    text = golden("capture", "--answer-file", "unattend.xml")
    assert (text.code, f"unattend.xml:{LINE}:4" in text.err) == (4, True)


def test_a_capture_with_a_right_file_tells_its_warnings(ref: Lab, golden: Golden) -> None:
    """A secret is a warning with its line, never shown; the image is made."""
    ref.write("unattend.xml", written(Wish("client", "de-DE", account="admin", password=SECRET)).decode())
    ran = golden("capture", "--answer-file", "unattend.xml")
    assert ran.code == 0
    assert "hides nothing" in ran.err
    assert "unattend.xml:3" in ran.err
    assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize("edition", ["client", "server"])
def test_the_shipped_answer_files_are_right(lab: Lab, golden: Golden, edition: str) -> None:
    """golden's own linter has neither an error nor a warning for them, with and without their edition."""
    for more in ((), ("--edition", edition, "--arch", "amd64")):
        data = golden("lint", str(SHIPPED / f"{edition}.xml"), *more, "-o", "json").data
        assert [one["sentence"] for one in data["findings"] if one["severity"] != "info"] == []
    asked = [one["asked"] for verdict in data["oobe"] for one in verdict["missing"]]
    assert asked == ([] if edition == "client" else ["the Administrator's password"])
