"""Logs: whatever the bytes are, there is an answer, in time, that is the same however they come."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import UsageError
from golden.windows.explain import kinds
from golden.windows.explain.explanation import explain
from golden.windows.explain.nouns import Told
from golden.windows.sysprep_log import history, lines, verdict
from tests.fuzz.batches import FUZZED, mutations, within
from tests.unit.windows import logs
from tests.unit.windows.explain.test_causes import CLASSES

pytestmark = pytest.mark.slow

SYSPREP = [logs.failed(logs.PRE_VALIDATION_END, *logs.NOISE, line) for line, _blame, _code in CLASSES.values()]
DISM = logs.dism(
    "/online /add-package /packagepath:C:\\x.cab", "Failed. - Internal_Finalize(hr:0x800f081e)", code="0x800f081e"
)
BASES = [
    *(
        logs.SUCCESS,
        logs.SUCCESS + logs.APPX_FAILURE,
        logs.reprinted(logs.APPX_FAILURE),
        logs.panther(logs.PARSE_FAILURE),
    ),
    *(logs.DEVICE_LOG_HEAD + logs.driver("a.inf", logs.UNSIGNED) + logs.driver("b.inf", code=""), logs.CBS_FAILURE),
    *(DISM, logs.MSI_FAILURE, logs.APPX_FAILURE.decode().encode("utf-16"), logs.MSI_FAILURE.decode("utf-16").encode()),
    *SYSPREP,
]
WORDS = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b", Error ",
        b"2026-03-20 15:17:23, ",
        b"=",
    ),
    *(
        b"Beginning of a new sysprep run",
        b"Successfully created tag file",
        b"command line option 'GENERALIZE'",
        b"[0x0f00a8]",
    ),
    *(b">>>  [", b"<<<  [Exit status: ", b"!!!  ", b"FAILURE(0xe0000247)", b"HRESULT = 0x800f0922", b"(hr:0x", b"0x"),
    *(
        b"Exec: Processing complete",
        b"Exec: Processing started",
        b"Executing command line",
        b"eturn value 3",
        b"Package: ",
    ),
    *(b"MainEngineThread is returning ", b"9" * 60, b"Error 1920", b"ValidatePrivileges", b"dwRet = 31", b" SYSPRP "),
    *(b"02-07-2022 14:24:15.000 SYSPRP 983152 (0xf0070) ", b"0x" + b"f" * 70, b"password=", b"\x1b[31m", b" " * 500),
]
VERDICTS = {"failed", "succeeded", "cut-off", "nothing-found"}


def assert_sound(told: Told, data: bytes) -> None:
    """An answer that can be printed, whose evidence is in the log."""
    assert told.verdict in VERDICTS
    assert bool(told.causes) == (told.verdict in ("failed", "cut-off"))
    count = data.count(b"\n") + 1
    for cause in (*told.causes, *told.warnings):
        assert cause.sentence
        for text in (cause.sentence, cause.blame, *(quote.text for quote in cause.evidence)):
            assert text.isprintable() or not text
            assert len(text) < 2000
        assert all(1 <= quote.line <= count for quote in cause.evidence)


def read_one(data: bytes, rng: random.Random) -> None:
    """One reader on one input, now and then in pieces as well; the kind its content tells is one of those there are."""
    kind = kinds.by_content(rng.choice(("setupact.log", "CBS.log", "x")), data)
    assert kind in ("", "sysprep", "setup", "setupapi", "cbs", "dism", "msi")
    one = rng.choice((kind or "sysprep", kind or "setup", "setupapi", "cbs", "dism", "msi"))
    told = kinds.read(one, data, "a.log")
    assert_sound(told, data)
    if rng.random() < 0.2:
        size = rng.choice((1000, 37, 4))
        assert kinds.read(one, (data[at : at + size] for at in range(0, len(data), size)), "a.log") == told
        assert verdict(None, data).sentence


@FUZZED
@given(seed=st.integers(0, 1 << 62))
def test_any_mutation_of_a_log_has_an_answer(seed: int) -> None:
    """22,500 mutated logs of every kind and encoding, and the same answer where they come in pieces."""
    rng = random.Random(seed)
    for data in mutations(seed, BASES, WORDS):
        within(lambda data=data: read_one(data, rng), data)  # type: ignore[misc]


@settings(FUZZED, max_examples=300)
@given(seed=st.integers(0, 1 << 62))
def test_what_the_quick_reader_sees_is_what_every_line_says(seed: int) -> None:
    """The marks looked for in bytes miss nothing that reading line by line finds: runs, tag, switches, last error."""
    for data in mutations(seed, [logs.SUCCESS + logs.APPX_FAILURE, *SYSPREP], [b"\r\n", b"\n", b"=", b"x"], 20):
        told = history(data)
        every = [line for line in lines(data) if line.message.strip("= \r\n")]
        begins = [line for line in every if "Beginning of a new sysprep run" in line.text]
        assert len(begins) <= told.runs <= len(begins) + 1
        assert told.tag_made == any("Successfully created tag file" in line.message for line in every)
        if told.last is not None and told.last.last is not None:
            assert told.last.last.text.strip() == every[-1].text.strip()


@settings(FUZZED, max_examples=40)
@given(seed=st.integers(0, 1 << 62))
def test_any_file_called_like_a_log_is_explained_or_refused(seed: int) -> None:
    """The whole way from a file to an explanation ends with one, or with a usage error."""
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        for number, data in enumerate(mutations(seed, BASES, WORDS, 10)):
            path = Path(place, ("setupact.log", "CBS.log", "a.zip", "x")[number % 4])
            path.write_bytes(data)
            try:
                assert explain([str(path)]).sentence
            except UsageError:
                continue


MEGABYTE = 1 << 20
HEAD = b"2026-03-20 15:17:23, Error      [0x0f0082] SYSPRP "


@pytest.mark.parametrize("kind", ["sysprep", "setup", "setupapi", "cbs", "dism", "msi"])
@pytest.mark.parametrize(
    "data",
    [
        b"\n" * MEGABYTE,
        b" " * MEGABYTE,
        b"\r\n \t" * (MEGABYTE // 4),
        b"=" * MEGABYTE,
        HEAD + b"ValidatePrivileges " * (MEGABYTE // 19),
        (HEAD + b"Windows Advanced Threat Protection " * 100 + b"\n") * 300,
        (HEAD + b"Failure occurred while executing '" + b"x" * 3000 + b"\n") * 300,
        (b">>>  [" + b" - " * 1000 + b"]\n!!!  " + b".inf" * 900 + b"\n<<<  [Exit status: FAILURE(0xe0000247)]\n")
        * 120,
        b"2026-03-20 15:17:23, Error  CBS Exec: Processing complete Package: " * 15_000,
        (b"2026-03-20 15:17:23, Error  DISM Executing command line /driver:" + b'"' * 3000 + b"\n") * 300,
        b"Action ended 15:40:06: " + b"." * MEGABYTE,
        b"password=" * (MEGABYTE // 9),
        b"\xff\xfe" + "\n".encode("utf-16-le") * (MEGABYTE // 2),
        b"0x" * (MEGABYTE // 2),
    ],
    ids=range(14),
)
def test_a_megabyte_of_one_thing_takes_less_than_a_second(kind: str, data: bytes) -> None:
    """What a careless expression would take for ever on."""
    within(lambda: (kinds.by_content("x", data), assert_sound(kinds.read(kind, data, "a.log"), data)), data[:80])
