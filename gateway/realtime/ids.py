"""Ids of what a client makes: events, items."""

import secrets

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def generate_id(prefix: str, length: int = 21) -> str:
    """Make a random id of ``length`` characters in all; servers take at most 32."""
    return prefix + "".join(secrets.choice(_BASE58) for _ in range(length - len(prefix)))
