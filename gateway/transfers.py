"""Passes callers on to people: by the TwiML that follows their media stream, or over Twilio's REST API.

Cold: the caller's line goes to the person's phone. Warm: the person is rung and told what it is about while the caller
stays with the agent; once they take the call, both meet in a conference.
"""

import asyncio
import secrets
from collections import OrderedDict
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import structlog

from gateway.active_calls import ActiveCalls
from gateway.caller_limits import is_withheld
from gateway.consultation import Consultation, call_off, in_words, ring
from gateway.ending import TRANSFERRED
from gateway.errors import TwilioRestError
from gateway.outbound import for_agent
from gateway.transfer import TransferOrder
from gateway.twilio import twiml
from gateway.twilio.rest import CallOrder, TwilioRest

TAKE_CALL = "1"
"""The key by which a person takes the call."""
COMING_BACK = 30.0
"""Seconds beyond the ringing in which a caller who was passed on may come back."""
GONE = "the caller has hung up"
"""Why a caller is not passed on, as is the next."""
LEFT = "they hung up again"
MAX_WAITING = 1000
"""Documents kept for callers whose media stream has ended, until Twilio asks."""
_log = structlog.get_logger()


class Transfers:
    """The transfers of all calls. Without ``rest`` every transfer is a cold one, by TwiML.

    Owns the tasks that ring people and call them off again, inside ``async with``.
    """

    def __init__(self, public_url: str, active_calls: ActiveCalls, rest: TwilioRest | None) -> None:
        self._public_url = public_url
        self._active_calls = active_calls
        self._rest = rest
        self._documents: OrderedDict[str, str] = OrderedDict()
        self._consultations: dict[str, Consultation] = {}
        """By a name that is in the addresses which Twilio asks about them: a call may have one after the other."""
        self._tasks = asyncio.TaskGroup()

    async def begin(self, order: TransferOrder) -> str | None:
        """Begin it. None: the caller's media stream ends now, or will; else why the caller stays where they are."""
        rest = self._rest
        is_warm = rest is not None and order.target.mode == "warm"
        _log.info("transfer", call_sid=order.call_sid, target=order.target.name, warm=is_warm)
        if rest is not None and is_warm:
            return await self._consult(rest, order)
        if order.target.mode == "warm":
            _log.warning("no warm transfer without TWILIO_ACCOUNT_SID", target=order.target.name)
        order.leaving(order.target.ring_seconds + COMING_BACK)
        return await self._pass_on(order, self._dial(order))

    def document(self, call_sid: str) -> str | None:
        """The TwiML by which a call whose media stream has ended is passed on, if it is."""
        return self._documents.get(call_sid)

    def forget(self, call_sid: str) -> None:
        """Take note that a call has been passed on, has come back, or is over."""
        self._documents.pop(call_sid, None)

    def whisper(self, name: str) -> str:
        """Tell a person who has picked up what the call is about: TwiML."""
        consultation = self._consultations.get(name)
        if consultation is None:  # the caller has hung up meanwhile
            return twiml.hang_up()
        order = consultation.order
        caller = "an unknown number" if is_withheld(order.caller_number) else order.caller_number
        words = f"A call for you, from {caller}. {order.summary} "
        return twiml.whisper(f"{words}Press {TAKE_CALL} to take it.", self._url("whispered", name))

    def whispered(self, name: str, keys: str) -> str:
        """Take the key that they pressed: TwiML for the person's line."""
        consultation = self._consultations.get(name)
        if consultation is None or keys != TAKE_CALL:
            self.consulted(name, "completed")
            return twiml.hang_up()
        consultation.settle(None)
        return twiml.join_conference(_room(consultation.order.call_sid))

    def consulted(self, name: str, status: str) -> None:
        """Take the end of the person's line, ``status`` as Twilio names it."""
        if name in self._consultations:
            self._consultations[name].left(status)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, exc, trace)

    async def _pass_on(self, order: TransferOrder, document: str) -> str | None:
        """Have the caller's line run a document: over REST, or once their media stream has ended."""
        if self._rest is not None:
            try:
                return None if await self._rest.redirect(order.call_sid, document) else GONE
            except TwilioRestError as exc:
                _log.warning("no transfer over REST", call_sid=order.call_sid, reason=str(exc))
        self._documents[order.call_sid] = document
        if len(self._documents) > MAX_WAITING:
            self._documents.popitem(last=False)
        self._active_calls.end(order.call_sid, TRANSFERRED)
        return None

    async def _consult(self, rest: TwilioRest, order: TransferOrder) -> str | None:
        """Ring the person, tell them what it is about, and bring both together if they take the call."""
        name = secrets.token_urlsafe(12)
        consultation = self._consultations[name] = Consultation(order)
        ringing = self._tasks.create_task(ring(rest, self._call_order(order, name)), name="ring")
        why_not: str | None = GONE
        try:
            # What is on its way to Twilio must be waited for: whoever is rung can be called off by their CallSid only.
            if await asyncio.shield(ringing) is None:
                consultation.settle(in_words("failed"))
            declined = await consultation.answer()
            why_not = declined or await self._meet(rest, consultation)
        finally:  # also when the caller has hung up, which cancels us
            del self._consultations[name]
            if why_not is not None and not consultation.has_left:
                self._tasks.create_task(call_off(rest, ringing), name="call off")
        return why_not

    async def _meet(self, rest: TwilioRest, consultation: Consultation) -> str | None:
        """Bring the caller to the person who has taken the call."""
        order = consultation.order
        if consultation.has_left:
            return LEFT
        order.leaving(COMING_BACK)
        why_not = await self._pass_on(order, twiml.join_conference(_room(order.call_sid)))
        if why_not is None and consultation.has_left:
            _log.warning("a caller is alone", call_sid=order.call_sid)
            await self._bring_back(rest, order)
        return why_not

    async def _bring_back(self, rest: TwilioRest, order: TransferOrder) -> None:
        """Have a caller come back to the agent from a conference that nobody else is in."""
        self.forget(order.call_sid)
        try:
            await rest.redirect(order.call_sid, twiml.redirect(self._transferred_url(order)))
        except TwilioRestError as exc:
            _log.warning("not brought back", call_sid=order.call_sid, reason=str(exc))

    def _dial(self, order: TransferOrder) -> str:
        target = order.target
        return twiml.dial(
            target.number,
            action_url=self._transferred_url(order),
            timeout=target.ring_seconds,
            caller_id=target.caller_id,
        )

    def _transferred_url(self, order: TransferOrder) -> str:
        return for_agent(f"{self._public_url}/twilio/transferred", order.agent)

    def _call_order(self, order: TransferOrder, name: str) -> CallOrder:
        return CallOrder(
            to=order.target.number,
            from_=order.target.caller_id or order.our_number,
            url=self._url("whisper", name),
            status_callback=self._url("consulted", name),
            timeout=order.target.ring_seconds,
        )

    def _url(self, path: str, name: str) -> str:
        return f"{self._public_url}/twilio/{path}?{urlencode({'consultation': name})}"


def _room(call_sid: str) -> str:
    """A conference's name is the whole account's."""
    return f"transfer-{call_sid}"
