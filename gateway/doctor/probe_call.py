"""A call of two seconds through the public address, as Twilio would place it: sound in, and sound back."""

from collections.abc import Callable

from gateway.doctor.check import Finding, failed, ok, warning
from gateway.doctor.probe_identity import VOICE_PATH, probe_identity
from gateway.doctor.probe_sound import CALL_MS, OwnPrompts, probe_recording
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.timeline import Event

LISTEN = 12.0
"""Seconds after its words that the probe waits for an answer: the gateway gives up a model sooner."""
LISTEN_ON = 0.5
"""Seconds that it listens to an answer."""
TIMEOUT = 30.0
"""Seconds for all of it."""

_LOOK_AT_LOG = "Look at the gateway's log: the call's lines carry its CallSid, the first one probe=true."
_ADVICE = {
    "webhook-status": "Look at the check of the webhook, and at the gateway's log.",
    "stream-unreachable": "Have the proxy pass WebSockets on, and see that it has a good certificate.",
    "stream-refused": "Have the proxy pass WebSockets on and leave the path /twilio/media alone.",
}


async def check_call(
    public_url: str, auth_token: str, account_sid: str | None, to_number: str | None = None
) -> Finding:
    """Place the call, with a place at the gateway that no caller needs, and say what was heard."""
    caller = RecordedCaller(
        probe_recording(),
        public_url,
        auth_token,
        identity=probe_identity(account_sid, to_number),
        voice_url=VOICE_PATH,
        linger=LISTEN,
        give_up_after=LISTEN,
    )
    prompts = OwnPrompts()
    outcome = await place_call(
        caller, on_event=_hang_up_once_answered(caller, prompts), status_url="/twilio/status"
    )
    return _judged(caller, outcome, prompts)


def _hang_up_once_answered(caller: RecordedCaller, prompts: OwnPrompts) -> Callable[[Event], None]:
    def take(event: Event) -> None:
        began_at = caller.timeline.started_at
        # Marks come behind the audio that they are about.
        if event.kind != "mark-received" or caller.hang_up_after is not None or began_at is None:
            return
        heard = _heard(caller)
        if prompts.agent_ms(heard) or prompts.is_apology(heard):
            caller.hang_up_after = max(CALL_MS / 1000, event.at - began_at + LISTEN_ON)

    return take


def _heard(caller: RecordedCaller) -> list[bytes]:
    return [bytes(run.payload) for run in caller.playback.runs]


def _judged(caller: RecordedCaller, outcome: Outcome, prompts: OwnPrompts) -> Finding:
    end = outcome.end
    if end.reason in {"busy", "rejected"}:
        return warning(
            "the gateway is full or stopping: the probe was turned away", "Try again when fewer call."
        )
    if end.failed:
        return failed(f"the call failed: {end.reason}", _ADVICE.get(end.reason, _LOOK_AT_LOG))
    if caller.timeline.started_at is None:
        return failed(f"the call ended before its media stream: {end.reason}", _LOOK_AT_LOG)
    return _of_sound(_heard(caller), outcome, prompts)


def _of_sound(heard: list[bytes], outcome: Outcome, prompts: OwnPrompts) -> Finding:
    said, back_ms = f"{outcome.n_frames_sent * 0.02:.1f} s", prompts.agent_ms(heard)
    if prompts.is_apology(heard):
        return failed(
            "sound passes both ways, but the gateway apologised: it has no model session",
            "Look at the check of the model, made with the settings here, and at the gateway's log.",
        )
    if not back_ms:
        return failed(f"{said} of sound went in, and the agent said nothing", _LOOK_AT_LOG)
    if outcome.faults:
        codes = ", ".join(sorted(outcome.faults))
        return warning(f"sound passes both ways, with faults that Twilio would log: {codes}", _LOOK_AT_LOG)
    return ok(f"{said} of sound in, {back_ms / 1000:.1f} s of the agent's voice back")
