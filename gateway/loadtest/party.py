"""What the people on a call do when TwiML asks something of them: pick up where they are dialled, press keys. Pure.

Fields: Twilio, "TwiML Voice: <Dial>" and "<Gather>".
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from gateway.loadtest.identity import new_sid
from gateway.loadtest.steps import DialStep, End, GatherStep, WebhookStep

BRIDGED = ("completed", "answered")
"""The statuses of a dialled leg that somebody answered."""
STATUSES = (*BRIDGED, "busy", "no-answer", "failed", "canceled")
"""Every ``DialCallStatus``."""

Dialled = Callable[[str], str | None]
"""Tells for a number, or a conference's name, how dialling it ends: one of ``STATUSES``; None: the caller stays there."""


@dataclass
class Party:
    """Whoever is on the line, and whoever can be reached from it.

    Neither the time for which a phone rings or two people talk passes, nor that for which keys are waited for.
    """

    call_sid: str
    dialled: Dialled | None = None
    """None: who is put through is gone for good."""
    presses: str = ""
    """Keys still to be pressed: each time keys are asked for, as many as are wanted."""
    _n_legs: int = 0

    def dial(self, step: DialStep) -> WebhookStep | End | None:
        """Dial: the webhook that is told how it ended; None if the document goes on; or the end of the call for us.

        Raises:
            ValueError: ``dialled`` gave no ``DialCallStatus``.
        """
        status = None
        for each in step.parties:
            status = self.dialled(each) if self.dialled else None
            if status in (None, *BRIDGED):
                break
        if status is None:
            return End("transferred", str(step))
        if status not in STATUSES:
            raise ValueError(f"not a status of a dialled call: {status}")
        if step.action_url is None:
            return None
        is_bridged = str(status in BRIDGED).lower()
        extra = {"DialCallStatus": status, "DialCallDuration": "0", "DialBridged": is_bridged}
        if not step.is_conference and status != "failed":  # else there never was a leg
            self._n_legs += 1
            extra["DialCallSid"] = new_sid("CA", f"leg {self._n_legs} of {self.call_sid}")
        return WebhookStep(step.action_url, step.action_method, extra)

    def gather(self, step: GatherStep) -> WebhookStep | None:
        """Press keys: the webhook that gets them; None if the document goes on without."""
        digits = "".join(itertools.takewhile(lambda key: key != step.finish_on, self.presses))
        if step.max_digits is not None and len(digits) >= step.max_digits:
            digits = digits[: step.max_digits]
            self.presses = self.presses[step.max_digits :]
        else:
            self.presses = self.presses[len(digits) + 1 :]
        if not digits and not step.asks_when_empty:
            return None
        return WebhookStep(step.action_url, step.action_method, {"Digits": digits})
