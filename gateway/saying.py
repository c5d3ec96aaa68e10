"""Has the model say words of ours, in its own voice."""

from gateway.realtime import RealtimeClient

SAY_TIMEOUT = 30.0
"""Seconds in which the model must have made them."""


def in_these_words(
    text: str, *, how: str = "Say exactly these words, in the language of the conversation"
) -> str:
    """Write a response's instructions to say a text."""
    quoted = text.replace('"', "'")
    return f'{how}: "{quoted}"'


async def say(client: RealtimeClient, instructions: str) -> None:
    """Have the model say something; return when it has been made, which is before it has been heard.

    Raises:
        GatewayError: the session is lost, or refuses.
        TimeoutError: the model does not finish it.
        ConnectionError: the call is over.
    """
    await client.create_response(instructions=instructions)
    await client.wait_for_next("response.completed", timeout=SAY_TIMEOUT)
