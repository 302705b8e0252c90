"""A trial has a folder of its own in golden's, which goes with it; one that was killed is taken away by the next."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from golden import plugins
from golden.errors import Conflict
from golden.model import CloneOptions, Mark, Origin, Role
from golden.provider import Endpoint, Hypervisor, Scope
from golden.waiting import Deadline, Waiting
from golden_hyperv import PROVIDER
from tests.e2e.hyperv_bench import endpoint
from tests.peers.hyperv.peer import Peer

pytestmark = pytest.mark.slow

MARK = Mark(Role.VERSION, "selftest-1", "selftest", "selftest-1")


@pytest.fixture(scope="module")
def seeded(shared: Peer) -> Peer:
    """The module's host with a user's machine."""
    shared.seed("origin", state=None)
    return shared


def adopted(place: Endpoint, scope: Scope) -> Hypervisor:
    """A connection that has made one machine."""
    opened = PROVIDER.open(place, scope)
    opened.adopt("tried", Origin("machine", "origin"), MARK, in_place=False)
    return opened


def trials(peer: Peer) -> list[str]:
    """Folders of trials on the host, wherever they are."""
    return [one.name for one in peer.drive("C:\\").rglob("*selftest-*") if one.is_dir() and one.parent.name == "golden"]


def machines(peer: Peer) -> list[str]:
    """Names of all virtual machines of the host."""
    return sorted(one["name"] for one in peer.world.machines())


def test_a_trials_folder_goes_with_it(seeded: Peer, peer: Peer, tmp_path: Path) -> None:
    """It lies in golden's folder, where the account has its rights, and nothing of it is seen in ordinary use."""
    scope, given = Scope("selftest", tmp_path / "state"), endpoint(peer, tmp_path / "s")
    with plugins.scratch(given, scope) as place:
        assert place.options["folder"].startswith("C:\\golden\\selftest-")
        opened, own = adopted(place, scope), PROVIDER.open(given, scope)
        assert ([one.name for one in opened.list_marked()], own.list_marked()) == (["tried"], ())
        assert own.find("tried") is None
        assert len(trials(peer)) == 1
        machine = opened.find("tried")
        assert machine is not None
        opened.destroy(machine)
        for one in (opened, own):
            one.close()
    assert (trials(peer), machines(peer)) == ([], ["origin"])
    assert list((tmp_path / "state").rglob("*.json")) == []


def test_a_folder_with_a_machine_in_it_stays(seeded: Peer, peer: Peer, tmp_path: Path) -> None:
    """It is named; what ended the trial comes first; while its process lives, another trial leaves it alone."""
    scope, given = Scope("selftest", tmp_path / "state"), endpoint(peer, tmp_path / "s")
    with (
        pytest.raises(Conflict, match="machines or images lie in it") as caught,
        plugins.scratch(given, scope) as place,
    ):
        adopted(place, scope).close()
    assert caught.value.details == "tried"
    with pytest.raises(ZeroDivisionError), plugins.scratch(given, scope) as place:
        adopted(place, scope).close()
        raise ZeroDivisionError
    assert len(trials(peer)) == 2
    with plugins.scratch(given, scope):
        assert len(trials(peer)) == 2
    for note in (tmp_path / "state").rglob("*.json"):  # As if the process had ended.
        note.write_text(note.read_text().replace('"pid": ', '"pid": 99'))
    with plugins.scratch(given, scope):
        pass
    assert (trials(peer), machines(peer)) == ([], ["origin"])


def work(given: Endpoint, scope: Scope) -> None:
    """A trial in the middle of its work: a frozen machine, a clone that is on, an image."""
    with plugins.scratch(given, scope) as place:
        opened = PROVIDER.open(place, scope)
        base = opened.freeze(opened.adopt("tried", Origin("machine", "origin"), MARK, in_place=False), "v1")
        opened.capture("image", opened.clone("other", base, MARK, CloneOptions(linked=True)), MARK)
        opened.start(opened.clone("running", base, MARK, CloneOptions(linked=True)))
        Waiting(Deadline(60)).until("kill -9", lambda: False)


def test_what_a_killed_trial_left_goes_with_the_next(seeded: Peer, peer: Peer, tmp_path: Path) -> None:
    """kill -9 in the middle: ordinary use does not see it, and the next trial takes machines, images, folder away."""
    scope, given = Scope("selftest", tmp_path / "state"), endpoint(peer, tmp_path / "s")
    child = multiprocessing.get_context("spawn").Process(target=work, args=(given, scope))
    child.start()
    Waiting(Deadline(60), tick=0.05).until("a machine that is on", lambda: "running" in machines(peer))
    child.kill()
    child.join()
    own = PROVIDER.open(given, scope)
    assert own.list_marked() == ()
    own.close()
    assert len(trials(peer)) == 1
    elsewhere = Scope("selftest", tmp_path / "elsewhere")
    with plugins.scratch(given, elsewhere):
        assert "running" in machines(peer), "what another project's trial has is not this one's"
    with plugins.scratch(given, scope):
        assert machines(peer) == ["origin"]
        assert len(trials(peer)) == 0
    assert list(peer.drive("C:\\golden").rglob("*selftest*")) == []
