"""
A job runs a procedure that may be cut off at any point and taken up again.

The procedure is a plain function, read top to bottom. It runs again from its first line on resume; whatever the
journal holds is not done twice. Two kinds of thing are written down:

* a *fact* (``step``, ``once``): it happened, here is what came of it;
* an *ownership* (``owning``, ``take``): this name is ours, and it goes away with us unless we keep it.

A *condition* (the machine is on, the guest answers) is never written down. It may stop holding while nobody looks,
so the step that needs it establishes it anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Concatenate, ParamSpec, TypeVar

from golden import stopping
from golden.errors import GoldenError, Interrupted, Leaked, LeaseLost, StateUnusable
from golden.jobs.journal import CANCELLED, DONE, FAILED, Entry, Journal
from golden.jobs.kind import Kind, Owned
from golden.jobs.showing import Show, ShowNothing

P = ParamSpec("P")
T = TypeVar("T")


class Job:
    """One run-to-completion of one procedure, over as many processes as it takes."""

    def __init__(
        self,
        id: str,
        journal: Journal,
        kinds: Iterable[Kind[Any]],
        *,
        show: Show | None = None,
        keep_on_error: Callable[[BaseException], bool] = lambda _: False,
    ) -> None:
        """``keep_on_error`` is asked once, when something fails, whether what the job made is to stay."""
        self.id = id
        self.attempt = max((entry.attempt for entry in journal.entries), default=1)
        self._journal = journal
        self._kinds = {kind.name: kind for kind in kinds}
        self._show = show or ShowNothing()
        self._keep_on_error = keep_on_error
        self._keeping: bool | None = None
        self._left: list[str] = []
        self._called: set[str] = set()

    def run(self, procedure: Callable[[], T]) -> T:
        """
        Run the procedure to its end, from wherever the last process left it.

        A failure takes away what the job made and ends it as failed; where something could not be taken away, or
        was told to stay, the job stays open for ``cancel``. Leaked where all went well but something is left.
        A request to stop is heeded in the procedure only, so that it ends the job like any failure.
        """
        with stopping.held():
            return self._run(procedure)

    def _run(self, procedure: Callable[[], T]) -> T:
        try:
            with stopping.heeded():
                if self._spoiled():
                    self.sweep()
                    self.attempt += 1
                result = procedure()
        except GoldenError as error:
            self._stopped(error, FAILED)
            raise
        except KeyboardInterrupt as stop:
            self._release_all(stop)  # A signal may come where no block of the procedure sees it.
            self._stopped(Interrupted(f"stopped by a signal; what it had {self._became()}"), CANCELLED)
            raise
        except OSError as error:
            # A full disk or a missing right meets whoever writes next, be it only a log.
            told = StateUnusable(
                ": ".join(["a file on this computer could not be used", *_words(error)]),
                hint="check the room on its disk and who may write it, then type the same again",
            )
            self._stopped(told, FAILED)
            raise told from error
        except Exception as error:
            self._stopped(GoldenError(f"a bug in golden: {error!r}"), FAILED)
            raise
        if self._left:
            self._journal.note_problem(leaked := self._leaked())
            raise leaked
        self._journal.end(DONE)
        return result

    def cancel(self) -> None:
        """Give the job up: take away what it made, except what the catalog needs."""
        self.sweep()
        self._journal.end(CANCELLED)

    def step(self, name: str, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do this and remember what came of it; if cut off half-way, do it again."""
        return self._fact(name, "repeatable", act, *args, **kwargs)

    def once(self, name: str, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Do this at most once, and remember what came of it.

        If cut off half-way nobody can say how far it got, so the whole attempt is thrown away and begun anew.
        """
        return self._fact(name, "delicate", act, *args, **kwargs)

    @contextmanager
    def owning(
        self,
        kind: Kind[Owned],
        label: str,
        make: Callable[Concatenate[str, P], Owned],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Iterator[Owned]:
        """
        Hold a thing this job makes; it is taken away at the end of the block unless kept.

        Its name is chosen here and written down before ``make(name, ...)`` is called, so that whoever takes the job
        up again knows what to look for. Cleaning up never replaces the first error: it is noted on it.
        """
        self._call(label)
        name = self.name(label)
        try:
            yield self._made(kind, label, name, lambda: make(name, *args, **kwargs))
        except BaseException as error:
            self._unwind(kind, name, error)
            raise
        if not self._entry("kept", name):
            with suppress(StateUnusable):  # Then a resume begins anew, should the thing be gone by then.
                if not self._entry("over", name):
                    self._write("over", name)
            self._try_release(kind, name, self._left.append)

    def take(self, kind: Kind[Any], name: str) -> None:
        """Answer for something that exists: from here on it goes away with this job unless the catalog needs it."""
        if not self._entry("own", name):
            self._write("own", name, kind.name)

    @contextmanager
    def holding(self, kind: Kind[Any], name: str) -> Iterator[None]:
        """Answer for a thing with a name of its own while the block makes and records it; as ``owning`` otherwise."""
        self.take(kind, name)
        try:
            yield
        except BaseException as error:
            self._unwind(kind, name, error)
            raise
        self._try_release(kind, name, self._left.append)

    def keep(self, label: str) -> None:
        """The thing outlives the job; from here on it belongs to whatever refers to it."""
        if not self._entry("kept", self.name(label)):
            self._write("kept", self.name(label))

    def sweep(self) -> None:
        """Take away everything any attempt of this job owns and nothing needs, newest first. Leaked otherwise."""
        for name, kind in reversed(self._still_owned()):
            self._try_release(kind, name, self._left.append)
        if self._left:
            self._journal.note_problem(leaked := self._leaked())
            raise leaked

    def name(self, label: str) -> str:
        """The name of this attempt's thing of that label."""
        return f"golden-{self.id}-a{self.attempt}-{label}"

    def _still_owned(self) -> list[tuple[str, Kind[Any]]]:
        owned: dict[str, Kind[Any]] = {}
        for entry in self._journal.entries:  # In their order: a publication has the same name in every attempt.
            if entry.kind == "own":
                owned[entry.name] = self._kinds[entry.value]
            elif entry.kind in ("kept", "released"):
                owned.pop(entry.name, None)
        return list(owned.items())

    def _fact(self, name: str, nature: str, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._call(name)
        if done := self._entry("done", name):
            self._show.step_ends(name, 0, recorded=True)
            return done.value  # type: ignore[no-any-return]
        self._write("start", name, nature)
        with self._shown(name):
            result = act(*args, **kwargs)
            self._write("done", name, result)
        return result

    def _made(self, kind: Kind[Owned], label: str, name: str, make: Callable[[], Owned]) -> Owned:
        if owned := self._entry("owned", name):
            self._show.step_ends(label, 0, recorded=True)
            return owned.value  # type: ignore[no-any-return]
        if not self._entry("own", name):
            self._write("own", name, kind.name)  # The name is ours before the thing exists.
        with self._shown(label):
            thing = kind.find(name)
            if thing is None:
                thing = make()
            self._write("owned", name, thing)
        return thing

    def _release_all(self, error: BaseException) -> None:
        if not self._keeping and not self._left:
            for name, kind in reversed(self._still_owned()):
                self._unwind(kind, name, error)

    @stopping.held()
    def _unwind(self, kind: Kind[Any], name: str, error: BaseException) -> None:
        if self._keeping is None:
            self._keeping = self._keep_on_error(error)
        try:
            if not self._entry("failed", self.id):
                self._write("failed", self.id, type(error).__name__)
        except LeaseLost:
            raise  # What this job made belongs to whoever took it over.
        except GoldenError as problem:
            error.add_note(problem.brief)
        if self._keeping:
            error.add_note(f"kept: {name}")
            return

        def complain(text: str) -> None:
            self._left.append(text)
            error.add_note(text)

        self._try_release(kind, name, complain)

    @stopping.held()
    def _try_release(self, kind: Kind[Any], name: str, complain: Callable[[str], None]) -> None:
        """Take it away unless the catalog needs it. A crash before the record costs a second look, nothing else."""
        if self._entry("released", name):
            return
        try:
            if needed := kind.needed(name):
                pass
            elif (thing := kind.find(name)) is not None:
                kind.discard(thing)
            self._write("kept" if needed else "released", name)
        except LeaseLost:
            raise
        except GoldenError as error:
            complain(f"left behind: {name}: {error.brief}")
        except Exception as error:  # noqa: BLE001 - whatever it was, it must not hide why the job stopped
            complain(f"left behind: {name}: {error!r}")

    def _stopped(self, error: GoldenError, state: str) -> None:
        try:
            if self._left or self._still_owned():
                self._journal.note_problem(error)
            else:
                self._journal.end(state, error)
        except (StateUnusable, LeaseLost) as problem:
            error.add_note(f"the job stays open: {problem.brief}")

    def _became(self) -> str:
        """What has become of the things this job made, now that it was stopped."""
        if self._left:
            return "made was taken away as far as it would go"
        if self._still_owned():
            return "made is kept, to be looked at"
        if any(entry.kind == "kept" for entry in self._journal.entries):
            return "recorded stays, the rest was taken away"
        return "made was taken away"

    def _spoiled(self) -> bool:
        """Whether the present attempt cannot be carried on from where it stopped."""
        if self._entry("failed", self.id):
            return True
        here = [entry for entry in self._journal.entries if entry.attempt == self.attempt]
        done = {entry.name for entry in here if entry.kind == "done"}
        held = {e.name for e in here if e.kind == "owned"} - {e.name for e in here if e.kind == "over"}
        if any(name in held and kind.find(name) is None for name, kind in self._still_owned()):
            return True  # It went without a record: the disk was full, or somebody took it away.
        return any(e.kind == "start" and e.value == "delicate" and e.name not in done for e in here)

    def _call(self, name: str) -> None:
        if name in self._called:
            # A second step of that name would be given the result of the first.
            raise GoldenError(f"the procedure of job {self.id} has two steps named {name!r}")
        self._called.add(name)

    def _leaked(self) -> Leaked:
        return Leaked(
            f"job {self.id} could not take away {len(self._left)} thing(s) it made",
            details="\n".join(self._left),
            hint=f"golden cancel {self.id}",
        )

    @contextmanager
    def _shown(self, name: str) -> Iterator[None]:
        self._show.step_begins(name)
        begun = time.monotonic()
        yield
        self._show.step_ends(name, time.monotonic() - begun, recorded=False)

    def _entry(self, kind: str, name: str) -> Entry | None:
        for entry in self._journal.entries:
            if entry.kind == kind and entry.name == name and entry.attempt == self.attempt:
                return entry
        return None

    def _write(self, kind: str, name: str, value: Any = None) -> None:
        self._journal.append(Entry(self.attempt, kind, name, value))


def _words(error: OSError) -> list[str]:
    return [str(word) for word in (error.filename, error.strerror or error) if word]
