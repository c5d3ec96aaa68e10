"""What an order desk says when its tools have answered."""

from gateway.local_realtime.persona import Answer, ToolOutput
from gateway.local_realtime.personas import phrases, tool_roles
from gateway.local_realtime.personas.order_report import read_report
from gateway.local_realtime.personas.past import MAX_FAILURES
from gateway.local_realtime.personas.phrases import varied
from gateway.local_realtime.personas.scene import Scene
from gateway.local_realtime.personas.words import read_out
from gateway.local_realtime.tools import OfferedTool

_MAX_OUTPUTS = 3
"""Outputs of one turn that are told."""


def tell_outputs(scene: Scene) -> Answer:
    """Tell what the tools have answered since the last message."""
    turn = scene.turn
    outputs = turn.tool_outputs[-_MAX_OUTPUTS:] or (ToolOutput("", "", turn.text),)
    texts = [_told(scene, output) for output in outputs]
    if all(text is None for text in texts):
        return Answer()  # the call is over
    told = " ".join(dict.fromkeys(text for text in texts if text))
    if not told:
        told = "All right."
    if phrases.question_in(told) or told == phrases.CONNECTING:
        return Answer(told)
    return Answer(f"{told} {varied(phrases.ANYTHING_ELSE, scene.past.n_said)}")


def _told(scene: Scene, output: ToolOutput) -> str | None:
    """Say one output; None if there is nobody to say anything to."""
    report = read_report(output.output)
    called = (OfferedTool(output.name),)
    if tool_roles.hang_up(called) or (scene.hang_up and scene.hang_up.name == output.name):
        return None
    if tool_roles.transfer(called) or (scene.transfer and scene.transfer.name == output.name):
        return phrases.NOT_CONNECTED if report.is_failed or report.is_missing else phrases.CONNECTING
    is_lookup = not output.name or (scene.lookup is not None and scene.lookup.name == output.name)
    if report.is_missing and is_lookup:
        return _not_found(scene)
    if is_lookup and (report.is_failed or not report.text):
        return phrases.TRY_LATER
    return "I am sorry, that did not work." if report.is_failed else report.text


def _not_found(scene: Scene) -> str:
    past = scene.past
    if past.n_failures >= MAX_FAILURES:
        if scene.transfer is None:
            return phrases.GIVE_UP_NUMBER
        return f"I am sorry, I could not find that one either. {phrases.OFFER_PERSON}"
    if not past.last_number:
        return "I am sorry, I could not find that."
    again = varied(phrases.ASK_NUMBER_AGAIN, past.n_failures + 1)
    return f"I am sorry, I could not find order {read_out(past.last_number)}. {again}"
