"""Twilio's account: are the auth tokens its own, and may it be used?

A token that is not the account's would have every real webhook refused. API keys are tried with the numbers.
"""

import asyncio
from collections.abc import Sequence

from gateway.doctor.check import Finding, failed, ok, together, warning
from gateway.errors import TwilioRestError
from gateway.twilio.rest_account import AccountState, TwilioAccount


async def check_account(accounts: Sequence[TwilioAccount]) -> Finding:
    """Ask for the account with each of the auth tokens, in the order of the settings."""
    answers = await asyncio.gather(*map(_state, accounts))
    states = [each for each in answers if isinstance(each, AccountState)]
    errors = [each for each in answers if isinstance(each, TwilioRestError)]
    if not states:
        return _refused(errors[0])
    findings = [_judged(states[0])]
    wrong = [each for each in errors if each.status == 401]
    if wrong:
        findings.append(
            warning(
                f"{len(wrong)} of {len(accounts)} auth tokens are not the account's",
                "Take old ones out of TWILIO_AUTH_TOKEN.",
            )
        )
    findings += [_unknown(each) for each in errors if each.status != 401]
    return together(findings)


async def _state(account: TwilioAccount) -> AccountState | TwilioRestError:
    try:
        return await account.state()
    except TwilioRestError as exc:
        return exc


def _judged(state: AccountState) -> Finding:
    if state.status != "active":
        return failed(
            f"the account is {state.status}", "Look at Twilio's console: it takes and places no calls."
        )
    if state.kind == "Trial":
        return warning(
            "the auth token is the account's, which is on trial",
            "Upgrade it: a trial has few calls at once, and calls verified numbers only.",
        )
    return ok("the auth token is the account's, which is active")


def _refused(error: TwilioRestError) -> Finding:
    if error.status == 401:
        return failed(
            "no auth token is the account's: every webhook of Twilio's will be refused",
            "Copy TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN from Twilio's console; a subaccount has its own.",
        )
    if error.status == 404:
        return failed("Twilio knows no such account", "Correct TWILIO_ACCOUNT_SID.")
    return failed(str(error), advice_for(error))


def _unknown(error: TwilioRestError) -> Finding:
    return warning(f"an auth token could not be tried: {error}", advice_for(error))


def advice_for(error: TwilioRestError) -> str:
    """Say what to do about a failure of the REST API."""
    if error.status in {401, 403}:
        return "Correct TWILIO_API_KEY_SID and its secret, or the auth token; look at the key's permissions."
    if error.kind in {"unreachable", "timeout", "lost", "crowded"}:
        return "Is there a network here? Look at the firewall, TWILIO_EDGE and TWILIO_API_URL."
    return "Try again; Twilio has a page that shows its troubles."
