"""The account, its phone numbers and its applications, as Twilio's REST API shows and changes them.

Requests, fields and precedence: Twilio, "IncomingPhoneNumber resource", "Application resource", "Account resource".
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

FIELDS = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "VoiceApplicationSid": "voice_application_sid",
    "TrunkSid": "trunk_sid",
}
BARE = {
    "voice_url": "https://demo.twilio.com/welcome/voice/",
    "voice_method": "POST",
    "voice_fallback_url": "",
    "voice_fallback_method": "POST",
    "status_callback": "",
    "status_callback_method": "POST",
    "voice_application_sid": None,
    "trunk_sid": None,
}
"""What a number has that was just bought."""
URLS = ("VoiceUrl", "VoiceFallbackUrl", "StatusCallback")

ReadForm = Callable[[web.Request, frozenset[str]], Mapping[str, str]]


class FakeAccount:
    """What Twilio knows of one account, beside its calls."""

    def __init__(self, account_sid: str) -> None:
        self.sid = account_sid
        self.status = "active"
        self.type = "Full"
        self.numbers: dict[str, dict[str, Any]] = {}
        self.applications: dict[str, dict[str, Any]] = {}
        self.forgets: set[str] = set()
        """Fields that a change leaves as they are, whatever Twilio answers."""

    def add_number(self, number: str, **hooks: str) -> dict[str, Any]:
        """Let there be a number; what it has, it may be changed."""
        sid = f"PN{len(self.numbers):032x}"
        self.numbers[sid] = {"sid": sid, "phone_number": number, **BARE, **hooks}
        return self.numbers[sid]

    def add_application(self, **hooks: str) -> str:
        """Let there be an application; give its SID."""
        sid = f"AP{len(self.applications):032x}"
        bare = {name: value for name, value in BARE.items() if not name.endswith("_sid")}
        self.applications[sid] = {"sid": sid, "friendly_name": "fake", **bare, **hooks}
        return sid

    def add_routes(self, app: web.Application, read_form: ReadForm) -> None:
        """Answer requests."""
        account = f"/2010-04-01/Accounts/{self.sid}"
        numbers = f"{account}/IncomingPhoneNumbers"
        app.router.add_get(f"{account}.json", self._account)
        app.router.add_get(f"{numbers}.json", self._list)
        app.router.add_get(f"{numbers}/{{sid}}.json", self._number)
        app.router.add_post(f"{numbers}/{{sid}}.json", self._update)
        app.router.add_get(f"{account}/Applications/{{sid}}.json", self._application)
        self._read_form = read_form

    async def _account(self, _: web.Request) -> web.Response:
        return web.json_response({"sid": self.sid, "status": self.status, "type": self.type})

    async def _list(self, request: web.Request) -> web.Response:
        """One page; the next one's address is relative, as Twilio's is."""
        query = request.query
        wanted = [
            each for each in self.numbers.values() if query.get("PhoneNumber", "") in each["phone_number"]
        ]
        size, page = int(query.get("PageSize", "50")), int(query.get("Page", "0"))
        shown = wanted[page * size : (page + 1) * size]
        more = f"{request.path}?PageSize={size}&Page={page + 1}" if len(wanted) > (page + 1) * size else None
        return web.json_response(
            {"incoming_phone_numbers": shown, "page": page, "page_size": size, "next_page_uri": more}
        )

    async def _number(self, request: web.Request) -> web.Response:
        return web.json_response(_known(self.numbers, request))

    async def _application(self, request: web.Request) -> web.Response:
        return web.json_response(_known(self.applications, request))

    async def _update(self, request: web.Request) -> web.Response:
        number = _known(self.numbers, request)
        form = self._read_form(request, frozenset(FIELDS))
        if any(form.get(name) and urlsplit(form[name]).scheme != "https" for name in URLS):
            raise web.HTTPBadRequest(reason="21402")
        given = {FIELDS[name]: value for name, value in form.items() if name in FIELDS}
        for name, other in (("voice_application_sid", "trunk_sid"), ("trunk_sid", "voice_application_sid")):
            if given.get(name):
                number[other] = None
        number.update((name, value) for name, value in given.items() if name not in self.forgets)
        return web.json_response({**number, **given})


def _known(resources: dict[str, dict[str, Any]], request: web.Request) -> dict[str, Any]:
    resource = resources.get(request.match_info["sid"])
    if resource is None:
        raise web.HTTPNotFound
    return resource
