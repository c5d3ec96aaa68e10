"""Has the model say words of ours, in its own voice."""

import asyncio

from gateway.realtime import RealtimeClient
from gateway.realtime.ids import generate_id

SAY_TIMEOUT = 30.0
"""Seconds in which the model must have made them."""
_WISH = "gateway_wish"
"""In a response's metadata, by which it is known again."""


def in_these_words(
    text: str, *, how: str = "Say exactly these words, in the language of the conversation"
) -> str:
    """Write a response's instructions to say a text."""
    quoted = text.replace('"', "'")
    return f'{how}: "{quoted}"'


async def say(client: RealtimeClient, instructions: str) -> None:
    """Have the model say something, and call no tool; return when it has been made, which is before it has been heard.

    What the model was making or owed before that comes first. A server that gives metadata back is taken at that word;
    with another, this waits until nothing more is wanted of the model.

    Raises:
        GatewayError: the session is lost, or refuses.
        TimeoutError: the model does not finish it.
        ConnectionError: the call is over.
    """
    wish = generate_id("wish_")
    async with asyncio.timeout(SAY_TIMEOUT):
        await client.create_response(instructions=instructions, tool_choice="none", metadata={_WISH: wish})
        while True:
            completed = await client.wait_for_next("response.completed")
            if completed["response"].metadata.get(_WISH) == wish or not client.is_answering:
                return
