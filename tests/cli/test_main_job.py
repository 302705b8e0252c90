"""golden's main job by its own commands, and the shapes that programs read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab


def test_an_update_makes_the_next_version(ref: Lab, golden: Golden) -> None:
    """`golden update --add` in a project with one reference makes v2, says so on stdout and what to type next."""
    ran = golden("update", "--add", "a.inf", "-m", "first")
    assert ran.code == 0
    assert "ref@v2" in ran.out
    assert "golden capture ref" in ran.err
    version = golden("show", "ref@v2", "-o", "json").data
    assert (version["number"], version["parent"], version["state"]) == (2, 1, "VIRGIN")
    assert version["message"] == "first"
    assert len(version["digest"]) == 64
    assert version["created"]
    (disk,) = version["disks"]
    assert disk["path"] is None  # It lies on the endpoint, which is another computer.
    assert disk["url"].endswith("@v2/disk")


def test_changes_are_applied_in_the_order_typed(ref: Lab, golden: Golden) -> None:
    """Changes of different kinds keep the order in which their options came."""
    typed = ("--copy", "b.inf:/x", "--add", "a.inf", "--run", "run.memory", "--add=c.inf", "--copy=d.inf:/y")
    made = golden("update", *typed, "-o", "json").data
    names = [(change["kind"], change["name"]) for change in made["changes"]]
    wanted = [("file", "b.inf"), ("driver", "a.inf"), ("script", "run.memory"), ("driver", "c.inf"), ("file", "d.inf")]
    assert names == wanted


def test_a_dry_run_tells_numbers_and_does_nothing(ref: Lab, golden: Golden) -> None:
    """`--dry-run` prints clone kind, space, free bytes and steps, and leaves no version, job or payload."""
    plan = golden("update", "--add", "a.inf", "--dry-run", "-o", "json").data
    assert (plan["clone"], plan["base"], plan["result"]) == ("linked", "ref@v1", "ref@v2")
    assert 0 < plan["space"] < plan["free"]
    assert "driver a.inf" in plan["steps"]
    assert golden("capture", "--dry-run", "-o", "json").data["result"] == "ref@i1"
    assert "Nothing was done." in golden("adopt", "two", "--from", "base", "--os", "memory", "-n").out
    assert [v["number"] for v in golden("log", "-o", "json").data["versions"]] == [1]
    assert len(golden("jobs", "--all", "-o", "json").data["jobs"]) == 1


def test_a_captured_image_is_told_with_its_proof(imaged: Lab, golden: Golden) -> None:
    """An image carries number, version, seal, forms, proof and publications; the reference stays VIRGIN."""
    image = golden("show", "ref@i1", "-o", "json").data
    assert (image["number"], image["version"], image["seal"], image["state"]) == (1, 2, "sysprep", "SEALED")
    (form,) = image["forms"]
    assert form["size"] > 0
    assert len(form["sha256"]) == 64
    assert form["path"].startswith("/")
    assert image["proof"]["signals"]
    assert [p["library"] for p in image["publications"]] == ["shelf"]
    assert golden("show", "ref", "-o", "json").data["state"] == "VIRGIN"


def test_status_tells_references_and_jobs(imaged: Lab, golden: Golden) -> None:
    """`golden status -o json` is one envelope with references and jobs."""
    data = golden("status", "-o", "json").data
    (reference,) = data["references"]
    assert (reference["name"], reference["head"], reference["channels"]) == ("ref", 2, {"stable": 1})
    assert data["jobs"] == []
    assert "ref" in golden("status").out
    assert golden("list").out == "ref\n"


def test_log_draws_versions_images_and_channels(imaged: Lab, golden: Golden) -> None:
    """`golden log` draws the lineage with its images and the channels on them, forks moved to the right."""
    assert golden("update", "ref@v1", "--add", "b.inf").code == 0
    lines = golden("log", "ref").out.splitlines()
    assert lines[1].startswith("└─ v1  VIRGIN")
    assert lines[2].startswith("   ├─ v2  VIRGIN")
    assert any("◆ i1  SEALED" in line and "[stable]" in line and "in shelf" in line for line in lines)
    assert any(line.startswith("   └─ v3 head") for line in lines)
    data = golden("log", "-o", "json").data
    assert [version["number"] for version in data["versions"]] == [1, 2, 3]
    assert [image["number"] for image in data["images"]] == [1]


def test_a_guest_generalized_before_stays_visible(lab: Lab, golden: Golden) -> None:
    """What --accept-deployed took is told by adopt, log and show for ever."""
    refused = golden("adopt", "chain", "--from", "old", "--os", "memory")
    assert refused.code == 4
    assert "--accept-deployed" in refused.err
    assert golden("adopt", "chain", "--from", "old", "--os", "memory", "--accept-deployed").code == 0
    assert "adopted although generalized before" in golden("log", "chain").out
    assert "adopted although generalized before" in golden("show", "chain").out


def test_resolve_prints_the_place_and_nothing_else(imaged: Lab, golden: Golden) -> None:
    """`golden resolve ref@stable` is one line that a script can use as it is."""
    ran = golden("resolve", "ref@stable")
    assert ran.err == ""
    assert ran.out.splitlines() == [golden("resolve", "ref@stable", "-o", "json").data["resolved"]]
    assert ran.out.startswith("/")


def test_channels_and_heads_step_back(imaged: Lab, golden: Golden) -> None:
    """rollback moves a channel to the image before, and the head to its parent; later versions stay."""
    assert golden("update", "--add", "b.inf").code == 0
    assert golden("capture").code == 0
    assert golden("promote", "ref", "--channel", "stable", "-o", "json").data["image"] == 2
    assert golden("rollback", "ref", "--channel", "stable", "-o", "json").data["image"] == 1
    assert golden("rollback", "ref", "-o", "json").data["head"] == 2
    assert golden("rollback", "ref", "--to", "v1", "-o", "json").data["head"] == 1
    assert [v["number"] for v in golden("log", "-o", "json").data["versions"]] == [1, 2, 3]


def test_the_log_of_one_version_is_its_descent(imaged: Lab, golden: Golden) -> None:
    """By number, image or channel; what came beside or after is left out, with its images and channels."""
    assert golden("update", "ref@v1", "--add", "b.inf").code == 0
    for address, versions, images in (("v3", [1, 3], []), ("v2", [1, 2], [1]), ("i1", [1, 2], [1]), ("v1", [1], [])):
        told = golden("log", f"ref@{address}", "-o", "json").data
        assert [one["number"] for one in told["versions"]] == versions
        assert [one["number"] for one in told["images"]] == images
        assert [one["image"] for one in told["channels"]] == images
    assert golden("log", "ref@stable").out == golden("log", "ref@v2").out
    assert [one["number"] for one in golden("log", "-o", "json").data["versions"]] == [1, 2, 3]
    assert golden("log", "ref@v1").code == 0


def test_an_older_image_stays_retired_and_is_told_so(imaged: Lab, golden: Golden) -> None:
    """
    Published again it is not current again: said by a warning with what makes its version current, in text and JSON.
    What resolves it names the publication all the same, as long as that is there.
    """
    assert golden("capture", "--to", "shelf").code == 0
    (first,) = golden("show", "ref@i1", "-o", "json").data["publications"]
    ran = golden("publish", "ref@i1", "--to", "shelf")
    assert (ran.code, ran.out.split()[-1]) == (0, "retired")
    assert "ref@i1 is there and retired; ref@i2 is current (golden capture ref@v2 --to shelf makes" in ran.err
    told = golden("publish", "ref@i1", "--to", "shelf", "-o", "json").data
    assert (told["publications"][0]["retired"], [one["id"] for one in told["warnings"]]) == (True, ["not-current"])
    assert golden("publish", "ref@i2", "--to", "shelf", "-o", "json").data["warnings"] == []
    assert golden("resolve", "ref@stable").out.strip() == first["where"]
    Path(first["where"]).unlink()
    (form,) = golden("show", "ref@i1", "-o", "json").data["forms"]
    assert golden("resolve", "ref@stable").out.strip() == (form["path"] or form["url"])
    again = golden("publish", "ref@i1", "--to", "shelf")
    assert "ref@i1 is there, and not the current image; ref@i2 is current" in again.err


def test_verify_doctor_and_gc_find_nothing_wrong(imaged: Lab, golden: Golden) -> None:
    """After good work verify --deep, doctor and gc have nothing to say."""
    assert golden("verify", "--deep").code == 0
    doctor = golden("doctor")
    assert (doctor.code, doctor.out) == (0, "nothing is wrong\n")
    assert golden("gc", "-o", "json").data["found"] == []


@pytest.mark.parametrize("verb", [("update", "--add", "b.inf"), ("capture",)])
@pytest.mark.parametrize("gone", [False, True])
def test_a_dry_run_refuses_changed_files_as_the_run_does(
    ref: Lab, golden: Golden, verb: tuple[str, ...], gone: bool
) -> None:
    """Frozen files that were changed, or are gone: the plan ends as the job would, with the same error."""
    machine = golden("show", "ref@v1", "-o", "json").data["snapshot"]["machine"]
    if gone:
        with ref.world.change("somebody takes it away") as raw:
            del raw["machines"][machine]
    else:
        ref.world.tamper(machine)
    dry, real = (golden(*verb, *more, "-o", "json") for more in (("--dry-run",), ()))
    assert (dry.code, dry.error["id"], dry.error["brief"]) == (9, "tampered", real.error["brief"])
    assert dry.error["details"] == real.error["details"]


def test_doctor_and_verify_tell_of_tampering(imaged: Lab, golden: Golden) -> None:
    """A frozen file changed behind golden's back is named: doctor exits 4, verify and update 9."""
    machine = golden("show", "ref@v2", "-o", "json").data["snapshot"]["machine"]
    imaged.world.tamper(machine)
    doctor = golden("doctor", "-o", "json")
    assert doctor.code == 4
    assert [finding["id"] for finding in doctor.data["findings"]] == ["tampered"]
    assert golden("verify", "-o", "json").error["id"] == "tampered"
    assert golden("update", "--add", "b.inf").code == 9


def test_doctor_misses_what_was_published(imaged: Lab, golden: Golden) -> None:
    """A published file that somebody deleted is named with the command that brings it back."""
    (publication,) = golden("show", "ref@i1", "-o", "json").data["publications"]
    Path(publication["where"]).unlink()
    doctor = golden("doctor", "-o", "json")
    assert doctor.code == 4
    assert [(one["id"], one["fix"]) for one in doctor.data["findings"]] == [
        ("publication-gone", "golden publish ref@i1 --to shelf")
    ]
    assert golden("publish", "ref@i1", "--to", "shelf").code == 0
    assert golden("doctor").code == 0
    (imaged.path / "golden.toml").write_text((imaged.path / "golden.toml").read_text().replace(".shelf]", ".other]"))
    assert [one["id"] for one in golden("doctor", "-o", "json").data["findings"]] == ["library-unknown"]


def test_doctor_names_a_reference_whose_endpoint_is_gone(ref: Lab, golden: Golden) -> None:
    """An endpoint that golden.toml no longer names is not simply not looked at."""
    assert golden("endpoint", "add", "elsewhere", f"memory:{ref.path}/world").code == 0
    text = (ref.path / "golden.toml").read_text()
    kept = text.replace("[endpoints.here]", "[endpoints.gone]").replace('endpoint = "here"', 'endpoint = "gone"')
    assert kept != text
    (ref.path / "golden.toml").write_text(kept)
    doctor = golden("doctor", "-o", "json")
    assert doctor.code == 4
    assert "endpoint-missing" in [one["id"] for one in doctor.data["findings"]]


def test_prune_shows_asks_and_takes(ref: Lab, golden: Golden) -> None:
    """prune shows what would go; nobody to ask is refused with exit 2 and --yes takes it."""
    for name in ("a.inf", "b.inf", "c.inf"):
        assert golden("update", "ref@v1", "--add", name).code == 0
    shown = golden("prune", "--keep", "1", "--dry-run", "-o", "json").data
    assert [one["number"] for one in shown["versions"]] == [3, 2]
    refused = golden("prune", "--keep", "1")
    assert refused.code == 2
    assert "ref@v2" in refused.err
    assert golden("prune", "--keep", "1", "-y").code == 0
    assert [v["number"] for v in golden("log", "-o", "json").data["versions"]] == [1, 4]


def test_logs_tell_what_a_job_did(ref: Lab, golden: Golden) -> None:
    """`golden logs` shows the newest job: its steps, its problem and the files it kept."""
    failed = golden("update", "--add", "fails.inf", "-o", "json")
    assert failed.code == 5
    job = failed.error["job"]
    ran = golden("logs")
    assert ran.code == 0
    assert job in ran.out
    assert "change-failed" in ran.out
    data = golden("logs", job, "-o", "json").data
    assert data["state"] == "failed"
    assert any(entry["name"] == "changes" for entry in data["entries"])
    assert "change-failed" not in golden("logs", golden("jobs", "--all", "-o", "json").data["jobs"][0]["id"]).out


def test_what_failed_may_be_kept_and_cancelled(ref: Lab, golden: Golden) -> None:
    """--on-error keep leaves the clone and an open job; status says what to type; cancel takes it away."""
    failed = golden("update", "--add", "fails.inf", "--on-error", "keep")
    assert failed.code == 5
    status = golden("status", "-o", "json").data
    (job,) = status["jobs"]
    assert f"golden cancel {job['id']}" in golden("status").out
    assert f"golden resume {job['id']}" in failed.err
    assert golden("update", "--add", "a.inf").code == 9
    assert golden("doctor").code == 4
    assert golden("cancel").code == 2  # Nobody to ask.
    assert golden("cancel", "-y").code == 0
    assert golden("status", "-o", "json").data["jobs"] == []
    assert golden("doctor").code == 0


@pytest.mark.parametrize("verb", ["resume", "cancel"])
def test_nothing_to_resume_or_cancel_is_success(lab: Lab, golden: Golden, verb: str) -> None:
    """With no job that waits, resume and cancel end with 0, before and after anything was adopted."""
    assert golden(verb).code == 0
    golden("adopt", "ref", "--from", "base", "--os", "memory")
    assert golden(verb, "--all", "-y").code == 0
    assert json.loads(golden(verb, "-o", "json").out)["data"]["jobs"] == []
    over = golden("jobs", "--all", "-o", "json").data["jobs"][0]["id"]
    assert golden("cancel", over, "-y").code == 0


def test_init_writes_a_project_once(lab: Lab, golden: Golden) -> None:
    """init writes a golden.toml that golden can read, and never over one that is there."""
    assert golden("init", "new", "--endpoint", "qemu:///system").code == 0
    text = (lab.path / "new/golden.toml").read_text()
    assert 'url = "qemu:///system"' in text
    again = golden("init", "new")
    assert again.code == 9
    assert (lab.path / "new/golden.toml").read_text() == text
    listed = lab.process("endpoint", "list", "-o", "json", env={"GOLDEN_PROJECT": str(lab.path / "new")})
    assert listed.data["endpoints"][0]["url"] == "qemu:///system"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit of the size of files")
def test_init_leaves_no_half_of_a_file(lab: Lab, golden: Golden) -> None:
    """Where it cannot be written whole, it is not there, and the next try begins anew."""
    small = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); sys.argv[0] = 'golden';"
    argv = [sys.executable, "-B", "-c", f"{small} from golden.cli.main import main; main()", "init", "new"]
    ran = subprocess.run(argv, cwd=lab.path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode != 0
    assert list((lab.path / "new").iterdir()) == []
    assert golden("init", "new").code == 0


def test_a_url_of_what_is_not_there_yet_is_taken(lab: Lab, golden: Golden) -> None:
    """What its table still lacks, or an endpoint that comes later, hinders no ``add``."""
    for url in ("configmgr:P01?endpoint=hv", "scvmm://vmm?endpoint=hv", "vcenter-template:x", "dir:not/there/yet"):
        assert golden("library", "add", url.partition(":")[0], url).code == 0
    assert golden("endpoint", "add", "vc", "vsphere://vc.example.com/DC1").code == 0


def test_places_are_written_with_comments_kept(imaged: Lab, golden: Golden) -> None:
    """endpoint and library add and remove edit golden.toml and leave comments and other tables alone."""
    before = (imaged.path / "golden.toml").read_text()
    assert golden("endpoint", "add", "rack", f"memory:{imaged.path}/nowhere").code == 0
    assert golden("library", "add", "second", "dir:second").code == 0
    names = [one["name"] for one in golden("library", "list", "-o", "json").data["libraries"]]
    assert names == ["shelf", "second"]
    assert golden("endpoint", "check", "rack").code == 4
    assert golden("endpoint", "check", "here").code == 0
    assert "# where images go" in (imaged.path / "golden.toml").read_text()
    assert golden("endpoint", "remove", "rack").code == 0
    assert golden("library", "remove", "second").code == 0
    after = (imaged.path / "golden.toml").read_text()
    assert [line for line in after.splitlines() if line] == [line for line in before.splitlines() if line]
    assert golden("endpoint", "remove", "here").code == 9
    assert golden("library", "remove", "shelf").code == 9


def test_an_endpoint_can_be_tried(lab: Lab, golden: Golden) -> None:
    """`golden selftest` runs every promise of the provider contract and leaves nothing there."""
    ran = golden("selftest", "here", "--from", "base", "--os", "memory", "-o", "json", "-q")
    assert ran.code == 0
    assert all(promise["kept"] for promise in ran.data["promises"])
    assert len(ran.data["promises"]) > 10
    assert lab.world.read()["machines"] == {}


def test_a_playbook_takes_its_place_among_the_options(ref: Lab, golden: Golden) -> None:
    """--playbook stands for its changes, in its order, at the place where it was typed."""
    changes = (("driver", "b.inf", ""), ("script", "run.memory", ""), ("file", "c.inf", 'destination = "/c"\n'))
    text = "".join(f'[[change]]\nkind = "{k}"\nsource = "{s}"\n{more}' for k, s, more in changes)
    ref.write("p.toml", text)
    made = golden("update", "--copy", "d.inf:/d", "--playbook", "p.toml", "--add", "a.inf", "-o", "json").data
    names = [change["name"].partition(" ")[0] for change in made["changes"]]
    assert names == ["d.inf", "b.inf", "run.memory", "c.inf", "a.inf"]
    ref.write("p.toml", '[[change]]\nkind = "drivr"\nsource = "a.inf"\n')
    assert golden("update", "--playbook", "p.toml", "-o", "json").error["id"] == "bad-config"


@pytest.mark.parametrize(
    "text",
    [
        "",
        'endpoints = { here = { url = "memory:/y" } } # kept\n',
        '# kept\nendpoints.here.url = "memory:/y"\n',
        '[defaults]\nendpoint = "here"  # kept\n[endpoints]\nhere = { url = "memory:/y", extra = "x" }\n',
    ],
)
def test_places_are_added_to_any_way_of_writing_them(lab: Lab, golden: Golden, text: str) -> None:
    """However golden.toml writes its tables, one can be added and taken out, and comments stay."""
    lab.write("golden.toml", text)
    assert golden("endpoint", "add", "rack", "memory:/x").code == 0
    listed = golden("endpoint", "list", "-o", "json").data["endpoints"]
    assert [one["name"] for one in listed] == (["here", "rack"] if text else ["rack"])
    assert golden("endpoint", "remove", "rack").code == 0
    left = (lab.path / "golden.toml").read_text()
    assert ("# kept" in left) is ("# kept" in text)
    assert "rack" not in left


def test_a_moved_project_goes_on(lab: Lab, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was published beside golden.toml, jobs and their logs are found where the folder is now."""
    elsewhere = lab.path.parent / "elsewhere"  # The machines are on another host, so to say.
    elsewhere.mkdir()
    (lab.path / "world").rename(elsewhere / "world")
    lab.write("golden.toml", (lab.path / "golden.toml").read_text().replace(f"{lab.path}/", f"{elsewhere}/"))
    for typed in (("adopt", "ref", "--from", "base", "--os", "memory"), ("capture", "--to", "shelf")):
        assert golden(*typed).code == 0
    moved = lab.path.parent / "moved"
    lab.path.rename(moved)
    monkeypatch.chdir(moved)
    (publication,) = golden("show", "ref@i1", "-o", "json").data["publications"]
    assert publication["where"] == str(moved / "shelf/ref-i1.qcow2")
    assert golden("verify", "--deep").code == 0
    assert golden("doctor").out == "nothing is wrong\n"
    assert golden("logs").code == 0
    assert golden("update", "--add", "b.inf").code == 0
    assert golden("capture", "--to", "shelf").code == 0
    assert str(lab.path) not in golden("log", "-o", "json").out
