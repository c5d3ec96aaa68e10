"""A small shop's orders, for the demonstration: what the model can look up when nobody gave it tools of their own."""

import re

_ORDERS = {
    "4712": {"status": "shipped", "carrier": "Northern Parcel", "arrives": "Friday"},
    "5020": {"status": "being packed", "arrives": "next Tuesday"},
    "3386": {"status": "delivered", "arrives": "last Monday"},
    "9904": {"status": "cancelled"},
}


async def order_status(order_number: str) -> dict[str, str]:
    """Look up the status of an order.

    Args:
        order_number: The four digits of the order number.
    """
    digits = "".join(re.findall(r"[0-9]", order_number[:100]))
    if digits not in _ORDERS:
        return {"error": f"there is no order {digits[:20] or 'without a number'}"}
    return {"order_number": digits, **_ORDERS[digits]}
