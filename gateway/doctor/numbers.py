"""The account's phone numbers, as far as they are meant for the gateway: looked at, and put right."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.doctor.account_check import advice_for
from gateway.doctor.check import Finding, failed, together, warning
from gateway.doctor.number_verdict import NumberVerdict, judged, leads_here
from gateway.errors import TwilioRestError
from gateway.twilio.number_hooks import Change, NumberHooks, PhoneNumber
from gateway.twilio.rest_account import TwilioAccount

MAX_SHOWN = 10
"""Numbers that are named in one sentence."""


@dataclass
class NumbersCheck:
    """Looks at the numbers that lead to the gateway, at ``only`` where that names any, or at the only one there is."""

    account: TwilioAccount
    public_url: str
    only: tuple[str, ...] = ()
    """E.164."""
    outbound_number: str | None = None
    verdicts: list[NumberVerdict] = field(default_factory=list, init=False)
    """Of the last look."""

    async def run(self) -> Finding:
        """Look at them."""
        self.verdicts = []
        try:
            numbers = await self._numbers()
            applications = await self._applications(numbers)
            doubts = await self._doubts_of_outbound(numbers)
        except TwilioRestError as exc:
            return failed(str(exc), advice_for(exc))
        missing = [each for each in self.only if each not in {number.number for number in numbers}]
        findings = [
            failed(f"{each} is none of the account's numbers", "Correct --number.") for each in missing
        ]
        for number in self._meant(numbers, applications):
            application = applications.get(number.hooks.voice_application_sid)
            self.verdicts.append(judged(number, application, self.public_url))
        findings += [each.finding for each in self.verdicts] or ([] if self.only else [_nobody(numbers)])
        return together([*findings, *doubts])

    async def _numbers(self) -> list[PhoneNumber]:
        if not self.only:
            return await self.account.numbers()
        found = await asyncio.gather(*map(self.account.numbers, self.only))
        return [number for numbers in found for number in numbers]

    def _meant(self, numbers: list[PhoneNumber], applications: dict[str, NumberHooks]) -> list[PhoneNumber]:
        if self.only:
            return [each for each in numbers if each.number in self.only]
        here = [
            each
            for each in numbers
            if leads_here(each, applications.get(each.hooks.voice_application_sid), self.public_url)
        ]
        return here or (numbers if len(numbers) == 1 else [])

    async def _applications(self, numbers: list[PhoneNumber]) -> dict[str, NumberHooks]:
        """Read the applications that numbers lead to, by SID; one that is gone is left out."""
        sids = sorted({each.hooks.voice_application_sid for each in numbers} - {""})
        found = await asyncio.gather(*map(self._application, sids))
        return {sid: hooks for sid, hooks in zip(sids, found, strict=True) if hooks is not None}

    async def _application(self, sid: str) -> NumberHooks | None:
        try:
            return await self.account.application(sid)
        except TwilioRestError as exc:
            if exc.status != 404:
                raise
            return None

    async def _doubts_of_outbound(self, numbers: list[PhoneNumber]) -> list[Finding]:
        number = self.outbound_number
        if (
            number is None
            or number in {each.number for each in numbers}
            or await self.account.numbers(number)
        ):
            return []
        return [
            warning(
                f"OUTBOUND_NUMBER, {number}, is none of the account's numbers",
                "Calling from it works only if it is a verified caller ID of the account.",
            )
        ]


def named(numbers: Sequence[PhoneNumber]) -> str:
    """Name numbers, the first few."""
    shown = ", ".join(each.number for each in numbers[:MAX_SHOWN])
    return shown if len(numbers) <= MAX_SHOWN else f"{shown} and {len(numbers) - MAX_SHOWN} more"


async def write_changes(
    account: TwilioAccount, number: PhoneNumber, changed: Sequence[Change]
) -> list[Change]:
    """Set what differs, read it back, and return what differs still.

    Raises:
        TwilioRestError: it could not be written, or not be read back.
    """
    await account.change(number.sid, changed)
    now = (await account.number(number.sid)).hooks
    return [each for each in changed if getattr(now, each.name) != each.new]


def _nobody(numbers: list[PhoneNumber]) -> Finding:
    if not numbers:
        return warning(
            "the account has no phone numbers", "Buy one in Twilio's console, then run gateway setup."
        )
    return warning(
        f"none of the account's numbers leads here: {named(numbers)}",
        "Run gateway setup with the one that callers shall dial.",
    )
