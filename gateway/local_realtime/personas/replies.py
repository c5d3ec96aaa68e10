"""What an order desk answers to a caller's words: the first rule that has an answer."""

from collections.abc import Callable

from gateway.local_realtime.persona import Answer
from gateway.local_realtime.personas import order_rules, phrases
from gateway.local_realtime.personas.calls import call_asked_for, put_through, say_goodbye
from gateway.local_realtime.personas.intents import Intent
from gateway.local_realtime.personas.outputs import tell_outputs
from gateway.local_realtime.personas.phrases import Question, varied
from gateway.local_realtime.personas.scene import Scene
from gateway.local_realtime.personas.words import joined, words_of

_HOURS = frozenset(words_of("open opening close closing hours"))
Rule = Callable[[Scene], Answer | None]

_DAYS = frozenset(
    words_of(
        "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays "
        "sundays weekend weekends today tomorrow tonight holiday holidays evening evenings"
    )
)


_HUMS = frozenset(words_of("um uh er erm eh hmm hm mm ah oh well"))


def reply(scene: Scene) -> Answer:
    """Answer a turn by its kind."""
    match scene.turn.kind:
        case "nothing":
            return Answer(greeting(scene))
        case "silence":
            if scene.past.asked_if_there:
                return say_goodbye(scene, phrases.GOODBYE_NOBODY)
            return Answer(phrases.STILL_THERE)
        case "tool":
            return tell_outputs(scene)
        case _:
            return _reply_to_words(scene) if scene.words else _not_caught(scene)


def greeting(scene: Scene) -> str:
    """Answer the telephone."""
    name = scene.guide.name or "the order desk"
    return scene.guide.greeting or f"Hello, this is {name}. {phrases.HOW_CAN_I_HELP[0]}"


def abilities(scene: Scene) -> str:
    """Say what can be asked for."""
    topics = ["the status of an order"] if scene.lookup else []
    topics.append("our opening hours")
    told = f"I can tell you {' or '.join(topics)}"
    return f"{told}, or put you through to a person." if scene.transfer else f"{told}."


def _reply_to_words(scene: Scene) -> Answer:
    answers = (rule(scene) for rule in _RULES)
    answer = next((answer for answer in answers if answer is not None), None) or _not_understood(scene)
    hours = scene.guide.hours().spoken()
    asks_too = _HOURS & set(scene.words) and {"and", "also"} & set(scene.words)
    return Answer(f"{hours} {answer.text}", answer.calls) if asks_too and hours not in answer.text else answer


def _person(scene: Scene) -> Answer | None:
    return put_through(scene) if Intent.PERSON in scene.intents else None


def _repeat(scene: Scene) -> Answer | None:
    if Intent.REPEAT not in scene.intents:
        return None
    return Answer(scene.past.last_said or greeting(scene))


def _fact(scene: Scene) -> Answer | None:
    hours = scene.guide.hours()
    fact = scene.guide.fact_for(scene.words)
    if fact is None and Intent.HOURS in scene.intents:
        fact = hours
    if fact is None and _DAYS & set(scene.words) and hours.spoken() in scene.past.last_said:
        fact = hours
    if fact is None:
        return None
    return Answer(f"{fact.spoken()} {varied(phrases.ANYTHING_ELSE, scene.past.n_said)}")


def _change(scene: Scene) -> Answer | None:
    if Intent.CHANGE_ORDER not in scene.intents:
        return None
    offer = phrases.OFFER_PERSON if scene.transfer else phrases.ANYTHING_ELSE[0]
    return Answer(f"{phrases.CANNOT_CHANGE} {offer}")


def _said(intent: Intent, text: str) -> Rule:
    return lambda scene: Answer(text) if intent in scene.intents else None


def _help(scene: Scene) -> Answer | None:
    return Answer(f"{abilities(scene)} What would you like?") if Intent.HELP in scene.intents else None


def _goodbye(scene: Scene) -> Answer | None:
    return say_goodbye(scene) if Intent.GOODBYE in scene.intents else None


def _no(scene: Scene) -> Answer | None:
    if Intent.NO not in scene.intents:
        return None
    match scene.past.question:
        case Question.MORE if scene.past.last_number and {"wrong", "incorrect"} & set(scene.words):
            return Answer(f"I am sorry. {phrases.ASK_NUMBER_AGAIN[0]}")
        case Question.MORE:
            return Answer(phrases.STOPPED) if "yet" in scene.words else say_goodbye(scene)
        case Question.NUMBER if scene.past.last_said != phrases.LOOK_NUMBER_UP:
            return Answer(phrases.LOOK_NUMBER_UP)
        case Question.PERSON | Question.NUMBER:
            return Answer(f"All right. {phrases.ANYTHING_ELSE[0]}")
        case None:
            return say_goodbye(scene) if Intent.THANKS in scene.intents else Answer(phrases.STOPPED)


def _thanks(scene: Scene) -> Answer | None:
    is_answer = Intent.YES in scene.intents and scene.past.question in {Question.PERSON, Question.NUMBER}
    if Intent.THANKS not in scene.intents or is_answer:
        return None
    return Answer(varied(phrases.WELCOME, scene.past.n_not_caught))


def _yes(scene: Scene) -> Answer | None:
    if not scene.intents & {Intent.YES, Intent.FINE}:
        return None
    match scene.past.question:
        case Question.PERSON:
            return put_through(scene)
        case Question.NUMBER:
            return Answer("Please tell me the order number.")
        case Question.MORE if Intent.YES not in scene.intents:
            return Answer(varied(phrases.ANYTHING_ELSE, scene.past.n_said))
        case _:
            return Answer(varied(phrases.HOW_CAN_I_HELP, scene.past.n_said))


def _wait(scene: Scene) -> Answer | None:
    return Answer(varied(phrases.TAKE_YOUR_TIME, scene.past.n_said)) if Intent.WAIT in scene.intents else None


def _greeting(scene: Scene) -> Answer | None:
    if Intent.GREETING not in scene.intents:
        return None
    if scene.past.n_said == 0:
        return Answer(greeting(scene))
    asked = phrases.WHAT_NUMBER if scene.past.question is Question.NUMBER else phrases.HOW_CAN_I_HELP[0]
    is_doubt = "there" in scene.words or "hear" in scene.words
    is_kind = " how are you " in joined(scene.words)
    return Answer(f"{'Yes, I am here' if is_doubt else 'Fine, thank you' if is_kind else 'Hello'}. {asked}")


def _thinking(scene: Scene) -> Answer | None:
    """Wait for a caller who only hums."""
    return Answer(phrases.TAKE_YOUR_TIME[0]) if _HUMS.issuperset(scene.words) else None


def _untold_outputs(scene: Scene) -> Answer | None:
    """Tell what a tool has answered meanwhile, if the caller's words meant nothing."""
    return tell_outputs(scene) if scene.turn.tool_outputs else None


def _not_caught(scene: Scene) -> Answer:
    """Ask again, because there are no words."""
    n_before = scene.past.n_not_caught
    if n_before < len(phrases.NUMBER_NOT_CAUGHT) and scene.past.question is Question.NUMBER:
        return Answer(phrases.NUMBER_NOT_CAUGHT[n_before])
    if n_before == 0:
        return Answer(phrases.NOT_CAUGHT[0])
    return Answer(f"Sorry, I still did not catch that. {abilities(scene)}")


def _not_understood(scene: Scene) -> Answer:
    """Ask again, because no rule fits the words."""
    if scene.past.n_not_caught == 0:
        is_number = scene.past.question is Question.NUMBER
        return Answer(phrases.NUMBER_NOT_UNDERSTOOD if is_number else phrases.NOT_UNDERSTOOD)
    return Answer(f"Sorry, I did not understand that. {abilities(scene)}")


_RULES: tuple[Rule, ...] = (
    _person,
    call_asked_for,
    order_rules.begun_number,
    order_rules.number,
    order_rules.again,
    _repeat,
    order_rules.no_number,
    order_rules.order_status,
    _fact,
    _change,
    _said(Intent.WHO, phrases.WHO),
    order_rules.order,
    _said(Intent.LANGUAGE, phrases.ENGLISH_ONLY),
    _goodbye,
    _help,
    _wait,
    _said(Intent.STOP, phrases.STOPPED),
    _no,
    _thanks,
    _yes,
    _greeting,
    _untold_outputs,
    _thinking,
)
