"""Many mutations of good inputs from one number: Hypothesis draws the number, and one draw pays for a whole batch."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence

from hypothesis import HealthCheck, Phase, settings

BATCH = 25
LONGEST = 1.0
"""Seconds for one input."""
FUZZED = settings(
    max_examples=900,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
"""900 batches of 25 are 22,500 inputs; ``within`` watches the time of each. A number does not shrink to anything."""


def mutations(seed: int, bases: Sequence[bytes], words: Sequence[bytes], count: int = BATCH) -> Iterator[bytes]:
    """Inputs made of good ones: bytes changed, cut, repeated, spliced, and words of the format put in."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(rng.choice(bases))
        for _ in range(rng.choice((1, 1, 2, 4, 8, 20))):
            _mutate(rng, data, bases, words)
        yield bytes(data[:200_000])


def _mutate(rng: random.Random, data: bytearray, bases: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice((1, 2, 8, 64, 1000)))
    match rng.randrange(8):
        case 0:
            data[at:end] = rng.randbytes(end - at)
        case 1:
            data[at:at] = rng.choice(words)
        case 2:
            data[at:end] = rng.choice(words)
        case 3:
            del data[at:end]
        case 4:
            data[at:at] = data[at:end] * rng.choice((1, 2, 50))
        case 5:
            other = rng.choice(bases)
            begin = rng.randrange(len(other) + 1)
            data[at:end] = other[begin : begin + rng.choice((10, 200, 5000))]
        case 6:
            del data[at:]
        case _:
            data[at:at] = rng.choice(words) * rng.choice((2, 10, 300))


def within(act: Callable[[], object], data: object) -> None:
    """Do it in time; what took too long is told with its input."""
    begun = time.process_time()
    act()
    took = time.process_time() - begun
    assert took < LONGEST, f"{took:.1f} s for {data!r}"[:2000]
