"""An order desk's rules for orders and their numbers; each gives an answer, or None if it is not its matter."""

from gateway.local_realtime.persona import Answer
from gateway.local_realtime.personas import phrases
from gateway.local_realtime.personas.calls import look_up, put_through
from gateway.local_realtime.personas.intents import Intent
from gateway.local_realtime.personas.phrases import Question, varied
from gateway.local_realtime.personas.scene import Scene
from gateway.local_realtime.personas.spoken_numbers import SpokenNumber
from gateway.local_realtime.personas.words import joined

_SHORTEST_NUMBER = 2
"""Digits that begin an order number although nobody asked for one."""
_SHORTEST_REPEATED = 3
"""Digits that are a whole number if they are said twice."""


def begun_number(scene: Scene) -> Answer | None:
    """Take the end of a number that was begun, or its being given up."""
    digits = scene.past.digits
    if not digits or scene.number():
        return None
    if {"bye", "goodbye"} & set(scene.words):
        return None
    if scene.words == ("#",) or Intent.GOODBYE in scene.intents:
        return look_up(scene, digits)
    if scene.intents & {Intent.YES, Intent.FINE}:
        return Answer(phrases.so_far(digits))
    if scene.intents & {Intent.NO, Intent.STOP}:
        return Answer(f"All right. {phrases.WHAT_NUMBER}")
    return None


def number(scene: Scene) -> Answer | None:
    """Look up the number that was said, or take its beginning."""
    found = scene.number()
    is_asked = scene.past.question is Question.NUMBER
    if found is None or (Intent.HOURS in scene.intents and not is_asked and not _is_about_order(scene)):
        return None
    if scene.turn.kind == "text" and scene.words == ("0",) and not is_asked:
        return put_through(scene)
    if len(found.digits) >= scene.number_length:
        return look_up(scene, found.digits)
    return _part_of_number(scene, found) if found.is_alone else None


def _part_of_number(scene: Scene, found: SpokenNumber) -> Answer | None:
    digits, begun = found.digits, scene.past.digits
    is_asked = scene.past.question is Question.NUMBER
    is_repeated = digits == begun and len(digits) >= _SHORTEST_REPEATED
    whole = digits if is_repeated else begun + digits
    if len(whole) >= scene.number_length or is_repeated or found.is_ended:
        return look_up(scene, whole)
    if Intent.NO in scene.intents and scene.past.last_number and not begun:
        return Answer(f"All right. {phrases.ASK_NUMBER_AGAIN[0]}")
    is_number = len(digits) >= _SHORTEST_NUMBER and set(digits) != {"0"}  # "Oh, oh" is none
    if is_asked or begun or scene.turn.kind == "text" or is_number:
        return Answer(phrases.so_far(whole))
    return None


def no_number(scene: Scene) -> Answer | None:
    """Help a caller who does not have the number."""
    is_meant = scene.past.question is Question.NUMBER or "number" in scene.words
    if Intent.NO_NUMBER not in scene.intents or not is_meant:
        return None
    is_told = scene.past.last_said == phrases.LOOK_NUMBER_UP
    return Answer(phrases.BY_NUMBER_ALONE if is_told else phrases.LOOK_NUMBER_UP)


def again(scene: Scene) -> Answer | None:
    """Look the last order up once more."""
    if Intent.AGAIN not in scene.intents or not scene.past.last_number:
        return None
    return look_up(scene, scene.past.last_number)


def order_status(scene: Scene) -> Answer | None:
    """Ask for the number of the order whose status is wanted, or look the last one up again."""
    if Intent.ORDER_STATUS not in scene.intents:
        return None
    if scene.past.last_number and " it " in joined(scene.words):
        return look_up(scene, scene.past.last_number)
    return _ask_number(scene)


def order(scene: Scene) -> Answer | None:
    """Take whatever else is said about orders for a question after one."""
    return _ask_number(scene) if Intent.ORDER in scene.intents else None


def _ask_number(scene: Scene) -> Answer:
    if scene.lookup is None:
        return Answer(phrases.CANNOT_LOOK_UP)
    return Answer(varied(phrases.ASK_NUMBER, scene.past.n_said + 1))


def _is_about_order(scene: Scene) -> bool:
    return bool(scene.intents & {Intent.ORDER, Intent.ORDER_STATUS})
