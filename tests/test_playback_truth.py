"""What the bridge tells the model was heard, against a phone that plays in real time, on a clock of the test's own.

The model's audio is mu-law that passes through unchanged, a code of its own for each item: what was heard of an
item can be counted in what the phone has played.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.bridge import Bridge, CancelResponse, ClearAudio, Command, PlayAudio, TruncateItem
from gateway.loadtest.playback import PlaybackBuffer
from gateway.realtime.events import (
    AudioDelta,
    AudioDone,
    ResponseCreated,
    ResponseDone,
    ResponseState,
    SpeechStarted,
    SpeechStopped,
)
from voice_codecs import PCMU_8K

LONGEST_DELAY_MS = 300
GRAIN_MS = 2
"""Of counting whole samples and whole milliseconds."""

Kind = Literal["delta", "end item", "end response", "barge in", "wait", "wait for the end"]
Step = tuple[Kind, int]
"""What happens next, and its milliseconds where it has any."""


@dataclass
class Delayed:
    """One way of the network: messages arrive in order, each after a delay of its own; the delays repeat."""

    delays_ms: Sequence[int]
    n_sent: int = 0
    queue: deque[tuple[float, Command | str]] = field(default_factory=deque)
    last: float = 0.0

    def put(self, message: Command | str, now: float) -> None:
        self.last = max(self.last, now + self.delays_ms[self.n_sent % len(self.delays_ms)] / 1000)
        self.n_sent += 1
        self.queue.append((self.last, message))

    @property
    def longest_ms(self) -> int:
        return max(self.delays_ms)

    def next_arrival(self) -> float:
        return self.queue[0][0] if self.queue else float("inf")


@dataclass
class Talk:
    """A call: model, bridge, network and phone."""

    to_phone: Delayed
    to_gateway: Delayed
    server_interrupts: bool = True
    now: float = 10.0
    phone: PlaybackBuffer = field(default_factory=PlaybackBuffer)
    said_ms: Counter[str] = field(default_factory=Counter)
    """Of each item, what the model had made of it by the time it was interrupted."""
    late_ms: int = 0
    truncated: dict[str, int] = field(default_factory=dict)
    response: str | None = None
    item: str | None = None
    dead: set[str] = field(default_factory=set)
    response_of: dict[str, str] = field(default_factory=dict)
    unreturned: set[str] = field(default_factory=set)
    """Marks on their way, or behind audio that has not sounded."""
    late_items: set[str] = field(default_factory=set)
    """Those of which more was made after the barge-in: the model may be told where they end, heard whole or not."""
    stale: set[str] = field(default_factory=set)
    n_stale: int = 0
    n_clears: int = 0

    def __post_init__(self) -> None:
        self.bridge = Bridge(self.server_interrupts, output_format=PCMU_8K)
        self.is_instant = self.to_phone.longest_ms == self.to_gateway.longest_ms == 0

    # Time

    def wait(self, seconds: float) -> None:
        """Let the network and the phone do what they do meanwhile, in the order of time."""
        until = self.now + seconds
        while True:
            due = self.phone.next_due()
            arrivals = (self.to_phone.next_arrival(), due if due is not None else float("inf"))
            at = min(*arrivals, self.to_gateway.next_arrival())
            if at > until:
                break
            self.now = max(self.now, at)
            if at == arrivals[0]:
                self._arrive(self.to_phone.queue.popleft()[1])
            elif at == arrivals[1]:
                self.to_gateway.put(self.phone.pop_due().name, self.now)
            else:
                self._return(str(self.to_gateway.queue.popleft()[1]))
        self.now = until

    def settle(self) -> None:
        """Let everything that was sent be played, and every mark return."""
        while self.unreturned:
            self.wait(1.0)

    def _arrive(self, command: Command | str) -> None:
        if isinstance(command, PlayAudio):
            assert self.phone.play(command.payload, self.now)
            self.phone.mark(command.mark_name, self.now)
        else:
            assert isinstance(command, ClearAudio)
            self.phone.clear(self.now)

    def _return(self, mark: str) -> None:
        self.unreturned.remove(mark)
        before = self.bridge.playback.heard_ms(self.item or "", self.now)
        self.bridge.mark(mark, self.now)
        if mark in self.stale:
            self.n_stale += 1
            assert self.bridge.playback.heard_ms(self.item or "", self.now) == before

    # The model

    def do(self, step: Step) -> None:
        kind, ms = step
        match kind:
            case "delta":
                self.delta(ms)
            case "end item":
                self.end_item()
            case "end response":
                self.end_response()
            case "barge in":
                self.barge_in()
            case "wait":
                self.wait(ms / 1000)
            case "wait for the end":
                self.wait(max(0.0, self.phone.queued(self.now) + (ms - 10) / 1000))

    def delta(self, ms: int) -> None:
        """Make more of an item; begin what has to be begun."""
        if self.response is None:
            self.response = f"response {len(self.response_of)}"
            self._send(self.bridge.model_event(ResponseCreated(ResponseState(self.response)), self.now))
        if self.item is None:
            self.item = f"item {len(self.response_of)}"
            self.response_of[self.item] = self.response
        event = AudioDelta(self.item, bytes([self.code(self.item)]) * (8 * ms), self.response)
        commands = self.bridge.model_event(event, self.now)
        if self.response in self.dead:
            self.late_ms += ms
            self._take_cuts(commands)
            self.late_items.add(self.item)
            assert self.item in self.truncated
            assert not any(isinstance(each, PlayAudio) for each in commands)
        else:
            self.said_ms[self.item] += ms
        self._send(commands)

    def end_item(self) -> None:
        if self.item is not None and self.response is not None:
            self._send(self.bridge.model_event(AudioDone(self.item, self.response), self.now))
            self.item = None

    def end_response(self) -> None:
        if self.response is not None:
            self._send(self.bridge.model_event(ResponseDone(ResponseState(self.response)), self.now))
            self.response = self.item = None

    def barge_in(self) -> None:
        """Have the caller speak, and hold what the model is told against what the phone will have played."""
        commands = self.bridge.model_event(SpeechStarted("item_c"), self.now)
        cuts = self._take_cuts(commands)
        cancels = [each.response_id for each in commands if isinstance(each, CancelResponse)]
        if self.response is None or self.server_interrupts:
            assert cancels == []
        elif self.response not in self.dead:
            assert cancels == [self.response]
        if self.response is not None:
            self.dead.add(self.response)
        self.dead |= {self.response_of[item] for item in cuts}
        self._send(commands)
        if ClearAudio() in commands:
            self.n_clears += 1
            assert commands[0] == ClearAudio()
            assert commands.count(ClearAudio()) == 1
            self.stale |= self.unreturned
        else:
            assert cuts == {}
            assert not self.unreturned - self.stale  # everything has been heard, and is known to be
        assert not any(list(cuts.values())[1:])  # what waits behind the sounding item was not heard at all
        truth = self._heard_once_cleared()
        for item, said in self.said_ms.items():
            self._check(item, said, truth[item])
        self._send(self.bridge.model_event(SpeechStopped("item_c"), self.now))

    def _take_cuts(self, commands: Sequence[Command]) -> dict[str, int]:
        """Where the model is told that items end: once for each."""
        cuts = [each for each in commands if isinstance(each, TruncateItem)]
        ends = {cut.item_id: cut.audio_end_ms for cut in cuts}
        assert len(ends) == len(cuts)
        assert not self.truncated.keys() & ends.keys()
        self.truncated |= ends
        return ends

    def _heard_once_cleared(self) -> dict[str, float]:
        """What the phone will have played of each item when everything that is on its way to it has arrived.

        Looked up in another phone, so that time goes on from here as if nobody had asked.
        """
        phone = PlaybackBuffer()
        for run in self.phone.runs:
            phone.play(bytes(run.payload), run.start)
            if run.cut_by:
                phone.clear(run.end)
        for at, command in self.to_phone.queue:
            if isinstance(command, PlayAudio):
                phone.play(command.payload, at)
            else:
                phone.clear(at)
        return {item: self.heard_samples(item, phone) / 8 for item in self.said_ms}

    def _check(self, item: str, said: int, true_ms: float) -> None:
        """Never is more claimed to have been heard than the way there explains, or less than both ways do."""
        told_ms = self.truncated.get(item, said)
        least_ms = true_ms - self.to_phone.longest_ms - self.to_gateway.longest_ms - GRAIN_MS
        most_ms = true_ms + self.to_phone.longest_ms + GRAIN_MS
        assert least_ms <= told_ms <= most_ms, f"{item}: told {told_ms} ms, was {true_ms} of {said}"
        if item in self.truncated and item not in self.late_items:
            assert 0 <= told_ms < said
            assert true_ms < said or not self.is_instant

    def _send(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if isinstance(command, PlayAudio):
                item = next(each for each in self.response_of if self.code(each) == command.payload[0])
                assert self.response_of[item] not in self.dead
                assert len(set(command.payload)) == 1
                self.unreturned.add(command.mark_name)
            if isinstance(command, PlayAudio | ClearAudio):
                self.to_phone.put(command, self.now)

    # What came of it

    def code(self, item: str) -> int:
        return int(item.removeprefix("item "))

    def heard_samples(self, item: str, phone: PlaybackBuffer | None = None) -> int:
        runs = (phone or self.phone).runs
        return sum(run.payload.count(self.code(item)) for run in runs)


def network(delays_ms: Sequence[int]) -> Delayed:
    return Delayed(delays_ms)


def play(steps: Sequence[Step], **network_and_server: object) -> Talk:
    talk = Talk(**network_and_server)  # type: ignore[arg-type]
    for step in steps:
        talk.do(step)
    talk.end_item()
    talk.end_response()
    talk.settle()
    return talk


def check_the_end(talk: Talk) -> None:
    """Whatever was not interrupted was heard to its last sample, and everything was counted."""
    for item, said in talk.said_ms.items():
        if talk.response_of[item] not in talk.dead:
            assert talk.heard_samples(item) == 8 * said
            assert item not in talk.truncated
    tally, playback = talk.bridge.tally, talk.bridge.playback
    assert tally.n_stale_marks == talk.n_stale == len(talk.stale)
    assert tally.n_barge_ins == talk.n_clears
    assert tally.late_ms == talk.late_ms
    assert tally.model_ms == talk.said_ms.total()
    assert not playback.is_unheard
    assert playback.cuts(talk.now) == []


steps = st.lists(
    st.one_of(
        st.tuples(st.just("delta"), st.integers(1, 700)),
        st.tuples(st.just("delta"), st.integers(1, 700)),
        st.tuples(st.just("wait"), st.integers(0, 900)),
        st.tuples(st.just("wait for the end"), st.integers(0, 20)),
        st.sampled_from([("end item", 0), ("end response", 0), ("barge in", 0)]),
    ),
    max_size=50,
)
delays = st.lists(st.integers(0, LONGEST_DELAY_MS), min_size=1, max_size=20)


UNDER_RUN: list[Step] = [("delta", 200), ("wait", 450), ("delta", 500), ("wait", 30), ("barge in", 0)]
"""The clock alone would take the hole for sound, until the mark before it comes back."""


@settings(max_examples=300, deadline=None)
@given(steps=steps, server_interrupts=st.booleans())
def test_model_is_told_to_the_millisecond_what_was_heard(steps: list[Step], server_interrupts: bool) -> None:
    check_the_end(
        play(steps, to_phone=network([0]), to_gateway=network([0]), server_interrupts=server_interrupts)
    )


@settings(max_examples=300, deadline=None)
@given(steps=steps, there=st.just([0]) | delays, back=delays, server_interrupts=st.booleans())
@example(UNDER_RUN, [0], [300], True)
def test_slow_network_falsifies_what_was_heard_by_no_more_than_its_delays(
    steps: list[Step], there: list[int], back: list[int], server_interrupts: bool
) -> None:
    talk = play(
        steps,
        to_phone=network(there),
        to_gateway=network(back),
        server_interrupts=server_interrupts,
    )
    check_the_end(talk)


TWO_RESPONSES: list[Step] = [
    ("delta", 400), ("end item", 0), ("delta", 300), ("end item", 0), ("end response", 0),
    ("delta", 500), ("end item", 0), ("end response", 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wait_ms", "told"),
    [
        (0, {"item 0": 0, "item 1": 0, "item 2": 0}),
        (399, {"item 0": 399, "item 1": 0, "item 2": 0}),
        (400, {"item 1": 0, "item 2": 0}),
        (550, {"item 1": 150, "item 2": 0}),
        (1199, {"item 2": 499}),
        (1200, {}),
    ],
)
def test_every_unheard_item_of_every_queued_response_is_cut_where_it_was_heard(
    wait_ms: int, told: dict[str, int]
) -> None:
    talk = play(
        [*TWO_RESPONSES, ("wait", wait_ms), ("barge in", 0)], to_phone=network([0]), to_gateway=network([0])
    )

    assert talk.truncated.keys() == told.keys()
    assert all(abs(ms - told[item]) <= GRAIN_MS for item, ms in talk.truncated.items())


def test_second_barge_in_at_once_tells_nothing_twice() -> None:
    steps: list[Step] = [*TWO_RESPONSES, ("wait", 100), ("barge in", 0), ("barge in", 0)]
    talk = play(steps, to_phone=network([0]), to_gateway=network([0]))

    assert len(talk.truncated) == 3
    assert talk.n_clears == 1
