"""Feed the reader of server events, and conversations, with what nobody would send.

``python -m tests.fuzz.events --seconds 120``. Every input follows from the seed and its number alone. On anything
but a RemoteProtocolError the smallest input that still does it is printed, and the exit code is 1.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from gateway.errors import RemoteProtocolError
from gateway.realtime.events import decode_event, wire_type
from tests.fuzz.conversations import Step, check_refusal, random_steps, run_steps
from tests.fuzz.mutations import EXAMPLES, odd_bytes

S = TypeVar("S", bytes, list[Step])
DECODED_PER_CONVERSATION = 100
PUBLISHED = frozenset(event["type"] for event in EXAMPLES)
SHOWN = 4000
"""Characters of an input that are printed; the whole follows from seed and number."""


class Fuzzing:
    """One run: what was fed, what came of it, what failed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.n_inputs = 0
        self.n_conversations = 0
        self.n_steps = 0
        self.n_refused = 0
        self.n_refused_in_conversations = 0
        self.kinds: Counter[str] = Counter()
        self.failure: str | None = None

    def round(self) -> None:
        """Read some inputs, and go through one conversation."""
        for _ in range(DECODED_PER_CONVERSATION):
            data = odd_bytes(Random(f"{self.seed}:{self.n_inputs}"))
            if failed(self.decode, data) is not None:
                self._failed("decode_event", self.n_inputs, smallest(decode, data))
                return
            self.n_inputs += 1
        random = Random(f"{self.seed}:conversation {self.n_conversations}")
        keep_audio, steps = random.random() < 0.5, random_steps(random)

        def go_through(some: list[Step]) -> None:
            self.n_refused_in_conversations += run_steps(some, keep_audio=keep_audio).n_refused

        self.n_steps += len(steps)
        if failed(go_through, steps) is not None:
            found = smallest(go_through, steps)
            self._failed(f"process_event, keep_audio={keep_audio}", self.n_conversations, found)
            return
        self.n_conversations += 1

    def decode(self, data: bytes) -> None:
        """Read one input and count what it was."""
        kind = decode(data)
        if kind:
            self.kinds[kind if kind in PUBLISHED else "(of no published type)"] += 1
        else:
            self.n_refused += 1

    def progress(self, seconds: float) -> str:
        """One line on how far it is."""
        return (
            f"{seconds:5.0f} s  {self.n_inputs} inputs, {self.n_refused} refused; "
            f"{self.n_conversations} conversations of {self.n_steps} steps"
        )

    def summary(self) -> str:
        """What was fed, and the share of each kind that was read."""
        n_read = sum(self.kinds.values())
        lines = [
            f"inputs to decode_event       {self.n_inputs}",
            f"  RemoteProtocolError        {self.n_refused}",
            f"  events                     {n_read}, of {len(self.kinds)} types",
            f"conversations                {self.n_conversations}",
            f"  steps                      {self.n_steps}",
            f"  RemoteProtocolError        {self.n_refused_in_conversations}",
        ]
        lines += [f"{n / n_read:7.2%}  {kind}" for kind, n in self.kinds.most_common()]
        return "\n".join(lines)

    def _failed(self, what: str, number: int, found: tuple[Any, Exception]) -> None:
        value, exc = found
        shown = ascii(value)
        rest = f" and {len(shown) - SHOWN} characters more" if len(shown) > SHOWN else ""
        self.failure = (
            f"{what}: {type(exc).__name__}: {ascii(str(exc))[:300]}\n"
            f"seed {self.seed}, number {number}, smallest input:\n{shown[:SHOWN]}{rest}"
        )


def decode(data: bytes) -> str:
    """Read one input; return its kind, or nothing if it was refused as it should be."""
    try:
        return wire_type(decode_event(data))
    except RemoteProtocolError as exc:
        check_refusal(exc)
        return ""


def failed(work: Callable[[S], object], value: S) -> Exception | None:
    """What came out of some work that should not have."""
    try:
        work(value)
    except Exception as exc:
        return exc
    return None


def smallest(work: Callable[[S], object], value: S) -> tuple[S, Exception]:
    """Leave out what can be left out so that the same kind of failure remains."""
    failure = failed(work, value)
    assert failure is not None, "it fails only sometimes"
    n = len(value) // 2
    while n:
        start = 0
        while start < len(value):
            shorter = value[:start] + value[start + n :]
            again = failed(work, shorter)
            if type(again) is type(failure) and again is not None:
                value, failure = shorter, again
            else:
                start += n
        n //= 2
    return value, failure


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    fuzzing, started, shown = Fuzzing(options.seed), time.monotonic(), time.monotonic()
    while fuzzing.failure is None and time.monotonic() - started < options.seconds:
        fuzzing.round()
        if time.monotonic() - shown > 5:
            shown = time.monotonic()
            print(fuzzing.progress(shown - started), flush=True)
    print(fuzzing.summary())
    if fuzzing.failure is not None:
        print(fuzzing.failure)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
