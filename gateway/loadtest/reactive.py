"""The script of a caller who listens: speaks when the agent has finished, or so long after it has begun.

Between utterances the recording's own room is heard: what follows an utterance, once, and then the last second of the
recording's longest pause, again and again.
"""

import math
from itertools import pairwise

from gateway.loadtest.agent_speech import AgentSpeech
from gateway.loadtest.recording import PTIME_MS, Recording, Utterance
from gateway.loadtest.script import PTIME, OpenLoop
from gateway.loadtest.timeline import Timeline

MARGIN_MS = 200
"""Of what is round an utterance in the recording, as much is played with it."""
MIN_PAUSE = 0.2
"""Seconds, as is the next: the bounds of the caller's thinking pause."""
MAX_PAUSE = 5.0
GREETING_PAUSE = 0.5
"""Seconds between a greeting that the caller has waited for and his first utterance, before which he made no pause."""
_ROOM_MS = 1000
"""Of a pause, as much is repeated."""
_MIN_ROOM_MS = 500
"""A shorter piece would hum: it is better silent."""


class Reactive(OpenLoop):
    """Sans-I/O: decides at the beginning of every frame whether the next utterance begins.

    That has begun, then, to the millisecond at its time, with what is left of the margin before it. Once it has, it is
    said to its end whatever the agent does. Between two streams nobody is listened to and no utterance begins.
    """

    def __init__(
        self,
        recording: Recording,
        timeline: Timeline,
        *,
        patience: float,
        longest_wait: float,
        barge_in_at: float | None = None,
    ) -> None:
        """Set the seconds of waiting: for an answer, for an answer's end, and into an answer until the barge-in."""
        super().__init__(recording, timeline)
        if min(patience, longest_wait, barge_in_at or 0.0) < 0:
            raise ValueError("a reactive caller cannot wait less than no time")
        self._patience = patience
        self._longest_wait = max(longest_wait, patience)
        self._barge_in_at = barge_in_at
        self._agent = AgentSpeech()
        self._answered_at: float | None = None
        self._waits_from = -math.inf
        """The end of the last utterance, or the beginning of the stream after that."""
        self._said: list[Utterance] = []
        self._unsaid_ms = sum(each.end_ms - each.start_ms for each in recording.utterances)
        self._source = 0
        self._room = _room(recording)
        self._is_in_room = False

    @property
    def over_after(self) -> float:
        """Seconds on the call's clock at which the recording is over if the agent is as slow as it may be."""
        utterances, said = self._recording.utterances, self._said
        rest = (self._recording.duration_ms - (utterances[-1].end_ms if utterances else 0)) / 1000
        if len(said) == len(utterances):
            return (said[-1].end_ms / 1000 if said else 0.0) + rest
        waits_after = self._waits_from - self._zero
        if not said:
            waits_after = max(waits_after, utterances[0].start_ms / 1000)
        waits = (len(utterances) - len(said)) * (self._longest_wait + PTIME)
        return waits_after + waits + self._unsaid_ms / 1000 + rest

    @property
    def said_utterances(self) -> tuple[Utterance, ...]:
        """Those that were begun, with the times at which they were really said."""
        return tuple(self._said)

    def begin_stream(self, now: float) -> None:
        """Go on with what the caller was saying, or with listening."""
        was_speaking, expected = self._is_speaking, self._index
        super().begin_stream(now)
        if was_speaking:
            end_ms = self._recording.utterances[len(self._said) - 1].end_ms
            self._source = min(self._source + (self._index - expected) * PTIME_MS, end_ms)
        self._agent.cleared(now)
        self._waits_from = max(self._waits_from, now)

    def agent_queued(self, payload: bytes, queued_until: float, audible_until: float, now: float) -> None:
        """Listen."""
        self._agent.queued(payload, queued_until, audible_until, now)

    def agent_cleared(self, now: float) -> None:
        """Listen."""
        self._agent.cleared(now)

    @property
    def _is_speaking(self) -> bool:
        return bool(self._said) and self._index * PTIME_MS < self._said[-1].end_ms

    def _source_ms(self) -> int:
        if not self._is_speaking:
            self._listen(self._zero + self._index * PTIME)
        source_ms = self._source
        self._source += PTIME_MS
        return source_ms

    def _listen(self, at: float) -> None:
        """Begin the next utterance if its time comes in the frame that begins at ``at``; else stay in the room."""
        utterances = self._recording.utterances
        if len(self._said) == len(utterances):
            return
        lead_ms = round((self._next_begins_at(at) - at) * 1000)
        if lead_ms <= utterances[len(self._said)].start_ms - self._pause_end_ms():
            self._begin(at, max(0, lead_ms))
        elif self._is_in_room or self._source + PTIME_MS > self._pause_end_ms():
            self._stay_in_room()

    def _begin(self, at: float, lead_ms: int) -> None:
        utterance = self._recording.utterances[len(self._said)]
        length_ms = utterance.end_ms - utterance.start_ms
        start_ms = self._index * PTIME_MS + lead_ms
        self._said.append(Utterance(start_ms, start_ms + length_ms, utterance.text))
        self._unsaid_ms -= length_ms
        self._source = utterance.start_ms - lead_ms
        self._is_in_room = False
        self._waits_from = at + (lead_ms + length_ms) / 1000
        self._answered_at = None

    def _next_begins_at(self, at: float) -> float:
        """When the next utterance begins, as far as that can be told; its first sample, not the margin before it."""
        if not self._said:
            return self._first_begins_at()
        self._notice_answer()
        until, answered_at = self._agent.until, self._answered_at
        latest = self._waits_from + self._longest_wait
        if answered_at is None:
            return min(max(self._waits_from, until) + self._patience, latest)
        if self._barge_in_at is not None and until > at:
            return min(answered_at + self._barge_in_at, latest)
        return min(max(self._waits_from, until) + self._pause(), latest)

    def _first_begins_at(self) -> float:
        offset = max(self._zero + self._recording.utterances[0].start_ms / 1000, self._waits_from)
        greeted_at = self._agent.until + GREETING_PAUSE
        return min(max(offset, greeted_at), offset + self._longest_wait)

    def _notice_answer(self) -> None:
        """Take for an answer what was begun after the last utterance was, and is not over before it is."""
        agent = self._agent
        said_from = self._zero + self._said[-1].start_ms / 1000
        if self._answered_at is None and agent.began_at > said_from and agent.until > self._waits_from:
            self._answered_at = agent.began_at

    def _pause(self) -> float:
        """Seconds for which the recording's caller was silent before the next utterance, within bounds."""
        before, after = self._recording.utterances[len(self._said) - 1 : len(self._said) + 1]
        return min(max((after.start_ms - before.end_ms) / 1000, MIN_PAUSE), MAX_PAUSE)

    def _pause_end_ms(self) -> int:
        """Where in the recording the next utterance's margin begins."""
        utterances, n_said = self._recording.utterances, len(self._said)
        return max(utterances[n_said].start_ms - MARGIN_MS, utterances[n_said - 1].end_ms if n_said else 0)

    def _stay_in_room(self) -> None:
        start_ms, end_ms = self._room
        if not self._is_in_room or self._source + PTIME_MS > end_ms:
            self._source = start_ms
        self._is_in_room = True


def _room(recording: Recording) -> tuple[int, float]:
    """Where in the recording nobody speaks, in ms: an end of its longest pause, or the silence beyond its own end."""
    edges = [0, *(edge for each in recording.utterances for edge in (each.start_ms, each.end_ms))]
    pauses = list(pairwise([*edges, recording.duration_ms]))[::2]
    start_ms, end_ms = max(pauses, key=lambda pause: pause[1] - pause[0])
    start_ms, end_ms = max(start_ms + MARGIN_MS, end_ms - MARGIN_MS - _ROOM_MS), end_ms - MARGIN_MS
    return (start_ms, end_ms) if end_ms - start_ms >= _MIN_ROOM_MS else (recording.duration_ms, math.inf)
