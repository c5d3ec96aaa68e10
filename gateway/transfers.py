"""Passes callers on to people: by the TwiML that follows their media stream, or over Twilio's REST API.

Cold: the caller's line goes to the person's phone. Warm: the person is rung and told what it is about while the caller
stays with the agent; once they take the call, both meet in a conference.
"""

import asyncio
from collections import OrderedDict
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import structlog

from gateway.active_calls import ActiveCalls
from gateway.ending import TRANSFERRED
from gateway.errors import TwilioRestError
from gateway.transfer import TransferOrder
from gateway.twilio import twiml
from gateway.twilio.rest import CallOrder, TwilioRest

WHISPER_TIMEOUT = 60.0
"""Seconds in which a person who has picked up must take the call."""
TAKE_CALL = "1"
"""The key by which they do."""
MAX_WAITING = 1000
"""Documents kept for callers whose media stream has ended, until Twilio asks."""
_UNREACHED = {
    "busy": "the line is busy",
    "no-answer": "nobody answered",
    "completed": "they did not take the call",
}
_log = structlog.get_logger()


def in_words(status: str) -> str:
    """Why somebody was not reached, from Twilio's ``CallStatus`` or ``DialCallStatus``."""
    return _UNREACHED.get(status, "the call to them could not be made")


class _Consultation:
    """A person who is rung, and told what it is about."""

    def __init__(self, order: TransferOrder) -> None:
        self.order = order
        self.answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        """None once they take the call, else why not."""

    def settle(self, why_not: str | None) -> None:
        """The first answer counts."""
        if not self.answer.done():
            self.answer.set_result(why_not)


class Transfers:
    """The transfers of all calls. Without ``rest`` every transfer is a cold one, by TwiML.

    Owns the tasks that call people off again, inside ``async with``.
    """

    def __init__(self, public_url: str, active_calls: ActiveCalls, rest: TwilioRest | None) -> None:
        self._public_url = public_url
        self._active_calls = active_calls
        self._rest = rest
        self._documents: OrderedDict[str, str] = OrderedDict()
        self._consultations: dict[str, _Consultation] = {}
        self._tasks = asyncio.TaskGroup()

    async def begin(self, order: TransferOrder) -> str | None:
        """Begin it. None: the caller's media stream ends now, or will; else why the caller stays where they are."""
        rest = self._rest
        is_warm = rest is not None and order.target.mode == "warm"
        _log.info("transfer", call_sid=order.call_sid, target=order.target.name, warm=is_warm)
        if rest is None:
            self._by_twiml(order, self._dial(order))
            return None
        if not is_warm:
            return await self._by_rest(rest, order, self._dial(order))
        return await self._consult(rest, order)

    def document(self, call_sid: str) -> str | None:
        """The TwiML by which a call whose media stream has ended is passed on, if it is."""
        return self._documents.get(call_sid)

    def forget(self, call_sid: str) -> None:
        """Take note that a call has been passed on, or has come back."""
        self._documents.pop(call_sid, None)

    def whisper(self, call_sid: str) -> str:
        """Tell a person who has picked up what the call is about: TwiML."""
        consultation = self._consultations.get(call_sid)
        if consultation is None:  # the caller has hung up meanwhile
            return twiml.hang_up()
        order = consultation.order
        words = f"A call for you, from {order.caller_number or 'an unknown number'}. {order.summary} "
        action_url = self._url("whispered", call_sid)
        return twiml.whisper(f"{words}Press {TAKE_CALL} to take it.", action_url)

    def whispered(self, call_sid: str, keys: str) -> str:
        """Take the key that they pressed: TwiML for the person's line."""
        consultation = self._consultations.get(call_sid)
        if consultation is None or keys != TAKE_CALL:
            self.consulted(call_sid, "completed")
            return twiml.hang_up()
        consultation.settle(None)
        return twiml.join_conference(_room(call_sid))

    def consulted(self, call_sid: str, status: str) -> None:
        """Take the end of the person's line, ``status`` as Twilio names it."""
        if call_sid in self._consultations:
            self._consultations[call_sid].settle(in_words(status))

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, exc, trace)

    def _by_twiml(self, order: TransferOrder, document: str) -> None:
        """End the media stream; Twilio then asks how the call goes on."""
        self._documents[order.call_sid] = document
        if len(self._documents) > MAX_WAITING:
            self._documents.popitem(last=False)
        self._active_calls.end(order.call_sid, TRANSFERRED)

    async def _by_rest(self, rest: TwilioRest, order: TransferOrder, document: str) -> str | None:
        """Have Twilio take the call out of our media stream."""
        try:
            return None if await rest.redirect(order.call_sid, document) else "the caller has hung up"
        except TwilioRestError as exc:
            _log.warning("no transfer over REST", call_sid=order.call_sid, reason=str(exc))
            self._by_twiml(order, document)
            return None

    async def _consult(self, rest: TwilioRest, order: TransferOrder) -> str | None:
        """Ring the person, tell them what it is about, and bring both together if they take the call."""
        call_sid, target = order.call_sid, order.target
        consultation = self._consultations[call_sid] = _Consultation(order)
        person_sid = ""
        why_not: str | None = in_words("failed")
        try:
            person_sid = await rest.dial(
                CallOrder(
                    to=target.number,
                    from_=target.caller_id or order.our_number,
                    url=self._url("whisper", call_sid),
                    status_callback=self._url("consulted", call_sid),
                    timeout=target.ring_seconds,
                )
            )
            why_not = in_words("no-answer")
            async with asyncio.timeout(target.ring_seconds + WHISPER_TIMEOUT):
                answer = await consultation.answer
            why_not = answer or await self._by_rest(rest, order, twiml.join_conference(_room(call_sid)))
            if why_not is None:
                person_sid = ""  # they are with the caller now
        except (TwilioRestError, TimeoutError) as exc:
            _log.warning("nobody was consulted", call_sid=call_sid, reason=str(exc) or "not in time")
        finally:  # also when the caller has hung up, which cancels us
            del self._consultations[call_sid]
            if person_sid:
                self._tasks.create_task(_call_off(rest, person_sid), name="call off")
        return why_not

    def _dial(self, order: TransferOrder) -> str:
        target = order.target
        action_url = f"{self._public_url}/twilio/transferred"
        return twiml.dial(
            target.number, action_url=action_url, timeout=target.ring_seconds, caller_id=target.caller_id
        )

    def _url(self, name: str, call_sid: str) -> str:
        return f"{self._public_url}/twilio/{name}?{urlencode({'call': call_sid})}"


async def _call_off(rest: TwilioRest, person_sid: str) -> None:
    try:
        await rest.hang_up(person_sid)
    except TwilioRestError as exc:
        _log.warning("a person may still be rung", call_sid=person_sid, reason=str(exc))


def _room(call_sid: str) -> str:
    """A conference's name is the whole account's."""
    return f"transfer-{call_sid}"
