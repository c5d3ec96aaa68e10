"""Which of a client's tools does what an order desk needs, by its name and description."""

from collections.abc import Sequence

from gateway.local_realtime.personas.schema_values import properties_of
from gateway.local_realtime.personas.words import identifier_words, joined, stems, words_of
from gateway.local_realtime.tools import OfferedTool

_THINGS = stems(words_of("order parcel package shipment purchase"))
_LOOKS = stems(
    words_of("status track tracking lookup look find get check search fetch state where info details")
)
_CHANGES = stems(
    words_of(
        "cancel create place new update change edit delete refund return add make submit transfer hang end"
    )
)
_TRANSFER = stems(
    words_of("transfer handoff handover human operator agent escalate representative forward redirect")
)
_NO_TRANSFER = stems(words_of("money funds payment file data bank amount order"))
_HANG_UP = (
    " hang up ", " hangup ", " end call ", " end the call ", " endcall ", " terminate call ", " close call ",
    " disconnect ", " disconnect call ", " finish call ", " goodbye ", " say goodbye ", " stop call ",
    " hangs up ", " ends the call ", " end conversation ", " end this call ", " end session ",
)  # fmt: skip
_TRANSFERS = (
    " transfer the call ", " transfers the call ", " transfer the caller ", " transfers the caller ", " a human ",
    " put the caller through ", " connect the caller ", " to a person ", " hand off ", " hand over ", " an operator ",
)  # fmt: skip
_NUMBER_NAMES = (
    " order number ",
    " order id ",
    " order no ",
    " order ",
    " number ",
    " tracking number ",
    " id ",
)
_GENERIC = stems(
    words_of(
        "get set find look up lookup check the a an of for to in on by current tool function fetch call do is and or with "
        "search query read list my your this that it be will what which caller user returns return"
    )
)


def order_lookup(tools: Sequence[OfferedTool]) -> OfferedTool | None:
    """Find the tool that tells of an order."""
    scored = [(score, -index) for index, tool in enumerate(tools) if (score := _lookup_score(tool))]
    return tools[-max(scored)[1]] if scored else None


def number_property(tool: OfferedTool) -> str | None:
    """Find the argument of an order lookup that takes the number; None if it takes nothing."""
    names = list(properties_of(tool))
    for wanted in _NUMBER_NAMES:
        for name in names:
            if wanted in joined(identifier_words(name)):
                return name
    return names[0] if names else None


def transfer(tools: Sequence[OfferedTool]) -> OfferedTool | None:
    """Find the tool that puts the caller through to a person."""
    by_name = (tool for tool in tools if _is_transfer(tool))
    by_words = (tool for tool in tools if _described(tool, _TRANSFERS) and not _is_hang_up(tool))
    return next(by_name, None) or next(by_words, None)


def hang_up(tools: Sequence[OfferedTool]) -> OfferedTool | None:
    """Find the tool that ends the call."""
    by_name = (tool for tool in tools if _is_hang_up(tool))
    by_words = (tool for tool in tools if _described(tool, _HANG_UP) and not _is_transfer(tool))
    return next(by_name, None) or next(by_words, None)


def asked_for(tools: Sequence[OfferedTool], words: Sequence[str]) -> OfferedTool | None:
    """Find the tool that the words name: all of its own words, or one of them and two of its description."""
    said = stems(words) - _GENERIC
    for tool in tools:
        named = stems(identifier_words(tool.name)) - _GENERIC
        described = stems(words_of(tool.description)) - _GENERIC
        if named & said and (named <= said or len(described & said) >= 2):
            return tool
    return None


def _lookup_score(tool: OfferedTool) -> int:
    named = stems(identifier_words(tool.name))
    described = stems(words_of(tool.description))
    if named & _CHANGES or _is_hang_up(tool):
        return 0
    if named & _THINGS:
        return 4 + 2 * len(named & _LOOKS) + bool(described & _THINGS)
    if described & _THINGS and (named | described) & _LOOKS and not described & _CHANGES:
        return 1 + bool(named & _LOOKS)
    return 0


def _is_transfer(tool: OfferedTool) -> bool:
    named = stems(identifier_words(tool.name))
    is_hand_off = {"hand", "off"} <= set(identifier_words(tool.name))
    return bool(named & _TRANSFER or is_hand_off) and not named & _NO_TRANSFER


def _is_hang_up(tool: OfferedTool) -> bool:
    name = joined(identifier_words(tool.name))
    return any(phrase in name for phrase in _HANG_UP)


def _described(tool: OfferedTool, phrases: Sequence[str]) -> bool:
    words = joined(words_of(tool.description))
    return any(phrase in words for phrase in phrases)
