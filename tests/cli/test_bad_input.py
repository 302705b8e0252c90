"""Bad input: named in a sentence, with the exit code that is documented, and never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.lab import GOLDEN
from tests.unit.linux.disks import disk, tree

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab

WRONG = [
    # what was typed, exit code, id, a word of the sentence
    (("show", "nosuch"), 13, "not-found", "no reference 'nosuch'"),
    (("log", "nosuch"), 13, "not-found", "no reference"),
    (("log", "ref@v99"), 13, "not-found", "no version v99"),
    (("log", "ref@i9"), 13, "not-found", "no image i9"),
    (("log", "ref@nope"), 13, "not-found", "no channel 'nope'"),
    (("update", "nosuch", "--add", "a.inf"), 13, "not-found", "no reference"),
    (("capture", "nosuch"), 13, "not-found", "no reference"),
    (("verify", "nosuch"), 13, "not-found", "no reference"),
    (("prune", "nosuch"), 13, "not-found", "no reference"),
    (("show", "ref@v9"), 13, "not-found", "no version v9"),
    (("show", "ref@v99999999999999999999999"), 13, "not-found", "no version"),
    (("update", "ref@v0", "--add", "a.inf"), 13, "not-found", "no version v0"),
    (("capture", "--version", "7"), 13, "not-found", "no version v7"),
    (("capture", "ref@v1", "--version", "2"), 2, "usage", "different things"),
    (("show", "ref@i3"), 13, "not-found", "no image i3"),
    (("publish", "ref@i3", "--to", "shelf"), 13, "not-found", "no image i3"),
    (("resolve", "ref@prod"), 13, "not-found", "no channel 'prod'"),
    (("resolve", "ref"), 13, "not-found", "no image yet"),
    (("rollback", "ref"), 2, "usage", "first version"),
    (("rollback", "ref", "--to", "v5"), 13, "not-found", "no version v5"),
    (("rollback", "ref@v2", "--to", "v1"), 2, "usage", "@v2 and --to v1 say different things"),
    (("rollback", "ref", "--to", "x"), 2, "usage", "--to"),
    (("rollback", "ref", "--channel", "prod"), 13, "not-found", "no channel"),
    (("promote", "ref@i1"), 13, "not-found", "no image i1"),
    (("capture", "--to", "nosuch"), 13, "not-found", "no library 'nosuch'"),
    (("library", "remove", "nosuch"), 13, "not-found", "no library"),
    (("adopt", "two", "--from", "base", "--endpoint", "nosuch"), 13, "not-found", "no endpoint 'nosuch'"),
    (("endpoint", "check", "nosuch"), 13, "not-found", "no endpoint"),
    (("endpoint", "remove", "nosuch"), 13, "not-found", "no endpoint"),
    (("selftest", "nosuch", "--from", "base"), 13, "not-found", "no endpoint"),
    (("endpoint", "add", "here", "memory:/x"), 9, "conflict", "already"),
    (("endpoint", "add", "rack", "nosuch:/x"), 2, "bad-config", "no endpoint is opened"),
    (("library", "add", "rack", "nosuch:/x"), 2, "bad-config", "no library is opened"),
    (("endpoint", "add", "rack", "qemu://"), 2, "bad-config", "cannot be opened"),
    (("endpoint", "add", "rack", "qemu:///sytem"), 2, "bad-config", "cannot be opened"),
    (("endpoint", "add", "rack", "vsphere://"), 2, "bad-config", "names no vCenter"),
    (("endpoint", "add", "rack", "hyperv://h/path"), 2, "bad-config", "has no path"),
    (("library", "add", "rack", "dir:"), 2, "bad-config", "is not dir:FOLDER"),
    (("library", "add", "rack", "dir:~no-such-user/x"), 2, "bad-config", "no user no-such-user"),
    (("library", "add", "rack", "libvirt-pool:"), 2, "bad-config", "names no storage pool"),
    (("library", "add", "rack", "libvirt-pool://[x"), 2, "bad-config", "names no storage pool"),
    (("library", "add", "rack", "vcenter-template:?endpoint=vc"), 2, "bad-config", "names no place on a vCenter"),
    (("library", "add", "rack", "content-library:?endpoint=vc"), 2, "bad-config", "names no place on a vCenter"),
    (("library", "add", "rack", "scvmm:?endpoint=hv"), 2, "bad-config", "names no VMM server"),
    (("library", "add", "rack", "mdt:share?endpoint=hv"), 2, "bad-config", "is not a folder of the host"),
    (("init", "new", "--endpoint", "https://u:p@h"), 2, "bad-config", "holds a password"),
    (("init", "new", "--endpoint", "frob://x"), 2, "bad-config", "no endpoint is opened"),
    (("init", "new", "--endpoint", "qemu:///frob"), 2, "bad-config", "cannot be opened"),
    (("adopt", "ref", "--from", "base", "--os", "memory"), 9, "conflict", "already"),
    (("adopt", "two", "--from", "nosuch", "--os", "memory"), 13, "not-found", "no machine"),
    (("adopt", "two", "--from", "nosuch.qcow2"), 13, "not-found", "no file"),
    (("adopt", "two", "--from", "./"), 2, "usage", "is a folder"),
    (("adopt", "two", "--from", "running", "--os", "memory"), 4, "checks-failed", "running"),
    (("adopt", "two", "--from", "sealed", "--os", "memory"), 4, "guest-unfit", "SEALED"),
    (("adopt", "two", "--from", "old", "--os", "memory"), 4, "guest-unfit", "generalized before"),
    (("adopt", "two", "--from", "base", "--os", "dos"), 2, "usage", "'dos'"),
    (("adopt", "two", "--from", "base", "--firmware", "coreboot"), 2, "usage", "bios or uefi"),
    (("adopt", "two", "--from", "base", "--cpus", "none"), 2, "usage", "cpus"),
    (("adopt", "two"), 2, "usage", "--from"),
    (("update", "ref"), 2, "usage", "nothing to change"),
    (("update", "--add", "missing.inf"), 13, "not-found", "missing.inf"),
    (("update", "--dry-run", "--add", "~no-such-user/x.inf"), 13, "not-found", "no user no-such-user"),
    (("update", "--dry-run", "--run", "~no-such-user/x.ps1"), 13, "not-found", "no user no-such-user"),
    (("update", "--dry-run", "--copy", "~no-such-user/x:/x"), 13, "not-found", "no user no-such-user"),
    (("update", "--dry-run", "--playbook", "~no-such-user/x.toml"), 13, "not-found", "no user no-such-user"),
    (("check", "~no-such-user/x.raw", "--offline"), 13, "not-found", "no user no-such-user"),
    (("adopt", "two", "--from", "~no-such-user/x.qcow2"), 13, "not-found", "no user no-such-user"),
    (("update", "--add", "empty.inf"), 2, "usage", "empty"),
    (("update", "--add", "a.txt"), 2, "usage", "--add takes files that end in .inf"),
    (("update", "--add", "a.ps1"), 2, "usage", "is a script"),
    (("update", "--run", "a.inf"), 2, "usage", ".memory scripts only"),
    (("update", "--copy", "a.inf"), 2, "usage", "SOURCE:DESTINATION"),
    (("update", "--copy", "missing:/x"), 13, "not-found", "missing"),
    (("update", "--playbook", "missing.toml"), 13, "not-found", "missing.toml"),
    (("update", "--add", "a.inf", "--network", "mars"), 13, "not-found", "no network 'mars'"),
    (("update", "--add", "a.inf", "--timeout", "soon"), 2, "usage", "'soon' is no time"),
    (("update", "--add", "a.inf", "--timeout", "0"), 2, "usage", "is no time"),
    (("update", "--add", "a.inf", "--on-error", "weep"), 2, "usage", "cleanup, keep, ask"),
    (("update", "--add", "a.inf", "--on-error", "ask"), 2, "usage", "terminal"),
    (("update", "--add", "fails.inf"), 5, "change-failed", "fails.inf"),
    (("capture", "--seal", "wax"), 2, "usage", "'wax'"),
    (("capture", "--answer-file", "missing.xml"), 13, "not-found", "answer file"),
    (("capture", "--answer-file", "a.inf", "--seal", "none"), 2, "usage", "--answer-file"),
    (("capture", "--timeout", "1e9"), 2, "usage", "is no time"),
    (("resume", "jnosuch"), 13, "not-found", "no job 'jnosuch'"),
    (("cancel", "jnosuch", "-y"), 13, "not-found", "no job"),
    (("resume", "jnosuch", "--all"), 2, "usage", "not both"),
    (("logs", "jnosuch"), 13, "not-found", "no job"),
    (("prune", "--keep", "0"), 2, "usage", "keep"),
    (("prune", "ref@v1"), 2, "usage", "whole reference"),
    (("demo", "--provider", "nosuch", "somewhere"), 2, "not-able", "nosuch"),
    (("statsu",), 2, "usage", "no command 'statsu'"),
    (("endpoint", "ad"), 2, "usage", "no such command"),
    (("status", "--frob"), 2, "usage", "no such option: --frob"),
    (("status", "ref"), 2, "usage", "unexpected extra argument"),
    (("log", "ref", "ref"), 2, "usage", "unexpected extra argument"),
    (("show", "ref@"), 2, "usage", "ends with an @"),
]

ODD_NAMES = [
    "../ref",
    "a/b",
    "a\\b",
    "a'b",
    'a"b',
    "a\nb",
    "<ref/>",
    "&amp;",
    "$(id)",
    "`id`",
    "a;b",
    "a b",
    "a|b",
    "*",
    "",
    ".",
    "..",
    "Ref",
    "ré",
    "x" * 64,
    "x" * 5000,
    "-x",
]


@pytest.mark.parametrize(("typed", "code", "id_", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_bad_input_is_named(ref: Lab, golden: Golden, typed: tuple[str, ...], code: int, id_: str, words: str) -> None:
    """Whatever is wrong with a command line has its exit code, its id and its sentence; nothing else is on stdout."""
    told = golden(*typed, "-o", "json", "-q")
    assert (told.code, told.error["id"], told.error["exit_code"]) == (code, id_, code)
    assert words in " ".join([told.error["brief"], told.error["details"] or "", *told.error.get("notes", ())])
    assert "\n" not in told.error["brief"]


def test_a_bad_name_leaves_nothing_behind(ref: Lab, golden: Golden) -> None:
    """Refused commands leave no version, job or file behind."""
    before = golden("log", "-o", "json").data
    for typed in (
        ("update", "--add", "missing.inf"),
        ("capture", "--to", "nosuch"),
        ("update", "ref@v9", "--add", "x.inf"),
    ):
        assert golden(*typed).code != 0
    assert golden("log", "-o", "json").data == before
    assert golden("status", "-o", "json").data["jobs"] == []


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: repr(name[:12]))
def test_odd_names_are_refused(ref: Lab, golden: Golden, name: str) -> None:
    """Path separators, quotes, newlines, XML and shell characters are in no name of a reference, channel or place."""
    attempts = [
        ("adopt", "--from", "base", "--os", "memory", "--", name),
        ("promote", "ref", f"--channel={name}"),
        ("endpoint", "add", "--", name, "memory:/x"),
        ("library", "add", "--", name, "dir:x"),
    ]
    for typed in attempts:
        ran = golden("-o", "json", *typed)
        assert ran.error["id"] in ("bad-name", "not-found", "usage"), typed
    for verb in ("log", "show", "resolve", "capture", "verify"):
        # Nothing at all means the only reference.
        assert golden(verb, "--", name or "@").code in (2, 13)
    assert golden("list").out == "ref\n"
    assert (ref.path / "golden.toml").read_text().count("[") == 2


def test_the_nearest_name_is_offered(ref: Lab, golden: Golden) -> None:
    """A slip of the pen is told with what may have been meant."""
    assert "did you mean ref?" in golden("show", "rev").err
    assert "golden status" in golden("statsu").err
    assert "did you mean shelf?" in golden("capture", "--to", "shelv").err


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[endpoints.here\n", ":1:16"),
        ("\n\n[endpoints.here]\nurl = qemu\n", ":4:7"),
        ('[endpoints.here]\nurl = "memory:/x"\n[defaults]\n  endpont = "here"\n', ":4:3"),
        ('[endpoints.here]\npassword = "x"\nurl = "memory:/x"\n', ":2:1"),
        ("[endpoints]\nhere = 3\n", ":2:1"),
    ],
)
def test_a_broken_project_file_is_told_by_line_and_column(lab: Lab, golden: Golden, text: str, place: str) -> None:
    """An error in golden.toml names the file, the line and the column."""
    lab.write("golden.toml", text)
    for verb in ("status", "log", "doctor", "update"):
        told = golden(verb, "-o", "json")
        assert told.code == 2
        assert told.error["id"] == "bad-config"
        assert f"golden.toml{place}" in told.error["brief"]


def test_files_that_notepad_saved_are_read(ref: Lab, golden: Golden) -> None:
    """golden.toml and playbooks may begin with Windows' mark of UTF-8, and lines are counted as ever."""
    toml, mark = ref.path / "golden.toml", "\ufeff"
    ref.write("golden.toml", mark + toml.read_text())
    assert golden("library", "add", "second", "dir:two").code == 0
    ref.write("golden.toml", mark + toml.read_text())
    assert golden("endpoint", "add", "there", "memory:x").code == 0
    assert golden("library", "remove", "second").code == 0
    assert "# where images go" in toml.read_text()
    ref.write("p.toml", mark + '[[change]]\nkind = "driver"\nsource = "a.inf"\n')
    assert golden("update", "--dry-run", "--playbook", "p.toml").code == 0
    ref.write("p.toml", mark + '[[change]]\nkind = "driver"\nsuorce = "a.inf"\n')
    assert "change 1 (line 1)" in golden("update", "--playbook", "p.toml").err
    ref.write("golden.toml", mark + "[endpoints.here\n")
    assert "golden.toml:1:16" in golden("status").err


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_named_as_such(ref: Lab, golden: Golden, codec: str) -> None:
    """As older PowerShell writes them by ``>``."""
    (ref.path / "p.toml").write_bytes("\ufeff[[change]]".encode(codec))
    told = golden("update", "--playbook", "p.toml")
    assert (told.code, "p.toml is UTF-16 text" in told.err) == (2, True)
    (ref.path / "golden.toml").write_bytes("\ufeff[golden]".encode(codec))
    told = golden("status")
    assert (told.code, "golden.toml is UTF-16 text" in told.err, "UTF-8" in told.err) == (2, True, True)


def test_a_file_in_the_place_of_the_state_folder(lab: Lab, golden: Golden) -> None:
    """A state folder that cannot be one is told, by commands that read and by commands that write."""
    lab.write(".golden", "a file")
    for typed in (("status",), ("log", "ref"), ("doctor",), ("adopt", "ref", "--from", "base", "--os", "memory")):
        told = golden(*typed, "-o", "json")
        assert (told.code, told.error["id"]) == (10, "state-unusable")


# Permissions bind root only without the capabilities that set them aside.
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if ROOT else []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
@pytest.mark.skipif(ROOT and not shutil.which("setpriv"), reason="root without setpriv may write anywhere")
def test_a_state_folder_without_permission(ref: Lab) -> None:
    """Without the right to write, reading still works; without any, every command says which folder it is."""
    state = ref.path / ".golden"

    def run(*typed: str) -> subprocess.CompletedProcess[str]:
        argv = [*UNPRIVILEGED, *GOLDEN, *typed]
        return subprocess.run(argv, cwd=ref.path, capture_output=True, text=True, timeout=60, check=False)

    for path in (*state.glob("golden.db*"), state):
        path.chmod(0o500)
    try:
        assert run("status").returncode == 0
        assert run("update", "--add", "a.inf").returncode == 10
        state.chmod(0)
        for typed in (("status",), ("log",), ("update", "--add", "a.inf"), ("doctor",)):
            ran = run(*typed)
            assert ran.returncode == 10
            assert str(state) in ran.stderr
            assert "Traceback" not in ran.stderr
    finally:
        state.chmod(0o700)


def test_a_newer_schema_is_refused(ref: Lab, golden: Golden) -> None:
    """A database of a newer golden is neither read nor written."""
    with sqlite3.connect(ref.path / ".golden/golden.db") as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    for typed in (("status",), ("log",), ("update", "--add", "a.inf"), ("doctor",)):
        told = golden(*typed, "-o", "json")
        assert (told.code, told.error["id"]) == (9, "newer-schema")


def test_a_damaged_database_is_told(ref: Lab, golden: Golden) -> None:
    """A torn database is named, with what to do; no command shows a traceback."""
    for file in (ref.path / ".golden").glob("golden.db*"):
        file.write_bytes(b"this is no database, " * 500)
    for typed in (("status",), ("log",), ("update", "--add", "a.inf"), ("jobs",), ("logs",), ("resume",), ("doctor",)):
        told = golden(*typed, "-o", "json")
        assert (told.code, told.error["id"]) == (10, "state-unusable")
        assert "golden.db" in told.error["brief"]


def test_an_endpoint_that_is_gone(ref: Lab, golden: Golden) -> None:
    """Nobody answering there is exit 10; commands that only read go on working."""
    (ref.path / "world").rename(ref.path / "elsewhere")
    assert golden("update", "--add", "a.inf").code == 10
    assert golden("capture").code == 10
    assert golden("status").code == 0
    assert golden("log").code == 0
    assert golden("doctor").code == 4


def test_an_empty_place_tells_what_to_type(lab: Lab, golden: Golden) -> None:
    """With nothing adopted, reading commands succeed or say so, and tell how to begin."""
    status = golden("status")
    assert (status.code, status.out) == (0, "")
    assert "golden adopt" in status.err
    for verb in ("log", "show", "update", "capture", "verify", "prune", "logs"):
        ran = golden(verb, *(("--add", "a.inf") if verb == "update" else ()))
        assert ran.code == 13
        assert "golden adopt" in ran.err
    assert golden("jobs").code == 0
    assert golden("doctor").code == 0
    assert not (lab.path / ".golden").exists()


def test_looking_before_the_first_adopt_writes_nothing(lab: Lab, golden: Golden) -> None:
    """adopt --dry-run, fit or refused, makes no state folder."""
    assert golden("adopt", "ref", "--from", "base", "--os", "memory", "--dry-run").code == 0
    assert golden("adopt", "ref", "--from", "sealed", "--os", "memory", "--dry-run").code == 4
    assert not (lab.path / ".golden").exists()


@pytest.mark.parametrize("more", [(), ("--offline",)])
def test_a_disk_that_is_not_there_is_not_taken_for_a_reference(lab: Lab, golden: Golden, more: tuple[str, ...]) -> None:
    """What is named like a disk image is told to be missing, wherever one stands."""
    told = golden("check", "nosuch.qcow2", *more, "-o", "json")
    assert (told.code, told.error["id"]) == (13, "not-found")
    assert "no disk image" in told.error["brief"]
    assert not (lab.path / ".golden").exists()


def test_outside_any_project_golden_is_of_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    """Without golden.toml, status and the lists work with golden's defaults."""
    monkeypatch.chdir(tmp_path)
    assert golden("status", "-o", "json").data == {"references": [], "jobs": []}
    assert golden("endpoint", "list").code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_project_named_by_the_environment_must_be_there(lab: Lab) -> None:
    """GOLDEN_PROJECT that names no project is told, not ignored."""
    ran = lab.process("status", env={"GOLDEN_PROJECT": str(lab.path.parent / "nowhere"), "GOLDEN_OUTPUT": "json"})
    assert ran.code == 13
    assert json.loads(ran.out)["error"]["id"] == "not-found"


def test_a_home_folder_that_is_not_known_is_told_where_it_is_wanted(lab: Lab, golden: Golden) -> None:
    """A ``~`` of nobody's: in what is not used it hinders nobody, in the state folder it is told by line and column."""
    lab.write(
        "golden.toml",
        '[endpoints.hv]\nurl = "hyperv://host"\nca_file = "~no-such-user/ca"\n'
        '[libraries.l]\nurl = "dir:~no-such-user/x"\n'
        '[references.ref.guest]\ncommunicator = "ssh"\nkey_file = "~no-such-user/key"\n',
    )
    assert golden("status").code == 0
    assert "hv: ca_file: ~no-such-user/ca begins with no home folder" in golden("endpoint", "check").out
    assert "library l: ~no-such-user/x begins with no home folder" in golden("list", "--library", "l").err
    lab.write("golden.toml", '[golden]\n  state = "~no-such-user/x"\n')
    told = golden("status", "-o", "json")
    assert (told.code, told.error["id"]) == (2, "bad-config")
    assert "golden.toml:2:3: golden.state: ~no-such-user/x" in told.error["brief"]


@pytest.mark.skipif(not shutil.which("unshare"), reason="makes an account without a home")
def test_an_account_without_a_home_may_read(ref: Lab) -> None:
    """No HOME, no entry among the users, and a key file below ``~``: what does not need the key goes on."""
    ref.write("golden.toml", (ref.path / "golden.toml").read_text() + '\n[endpoints.b]\nurl = "x:"\nk_file = "~/k"\n')
    argv = ["unshare", "-U", "--map-user=4242", "env", "-u", "HOME", *GOLDEN, "status"]
    ran = subprocess.run(argv, cwd=ref.path, capture_output=True, text=True, timeout=60, check=False)
    if "unshare" in ran.stderr:
        pytest.skip(ran.stderr)
    assert ran.returncode == 0, ran.stderr


def test_an_option_without_its_value_is_told(ref: Lab, golden: Golden) -> None:
    """The parser's own errors have the same shape as all others."""
    told = golden("-o", "json", "update", "--add")
    assert (told.code, told.error["id"]) == (2, "usage")
    assert "requires an argument" in told.error["brief"]
    assert told.error["hint"] == "golden update --help"


def test_a_linux_disk_without_its_family_is_told_what_to_type(lab: Lab, golden: Golden) -> None:
    """Nothing said is Windows; where the disk holds a guest of another family the hint names it, and it is right."""
    assert golden("endpoint", "add", "local", "qemu:///embed").code == 0
    disk(tree(lab.path / "root"), lab.path / "linux.raw", partitioned=True)
    words = ("adopt", "lin", "--from", "linux.raw", "--endpoint", "local", "--dry-run", "-o", "json")
    error = golden(*words).error
    assert (error["id"], error["hint"]) == ("guest-unfit", "a Linux is on its disk: the same again with --os linux")
    assert golden(*words, "--os", "linux").code == 0
    (lab.path / "nothing.raw").write_bytes(bytes(1 << 20))
    assert golden("adopt", "x", "--from", "nothing.raw", "--endpoint", "local", "-o", "json").error["hint"] is None


@pytest.mark.parametrize("named", ["disk", "definition"])
def test_a_block_device_is_called_one(lab: Lab, golden: Golden, named: str) -> None:
    """As its own path, or in a machine's definition: with what makes a file of it."""
    device = next((path for path in Path("/dev").iterdir() if path.is_block_device()), None)
    if device is None:
        pytest.skip("no block device here")
    assert golden("endpoint", "add", "local", "qemu:///embed").code == 0
    source = f"<disk type='block' device='disk'><source dev='{device}'/><target dev='vda'/></disk>"
    lab.write("vm.xml", f"<domain type='kvm'><name>vm</name><devices>{source}</devices></domain>")
    origin = str(device) if named == "disk" else "vm.xml"
    error = golden("adopt", "two", "--from", origin, "--endpoint", "local", "-o", "json").error
    told = f"{device} is a block device" if named == "disk" else "the disk vda is no file (block disk)"
    assert told in error["brief"]
    assert f"qemu-img convert -O qcow2 {device} disk.qcow2" in error["hint"]
