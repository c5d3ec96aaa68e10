import pytest

from gateway.loadtest.document import Document, VerbStep
from gateway.loadtest.steps import (
    REASONS,
    DialStep,
    End,
    GatherStep,
    PauseStep,
    Step,
    StreamStep,
    WebhookStep,
)
from gateway.twilio import twiml
from tests.loadtest.calls import CONNECT, STREAM_URL, new_caller

URL = "https://voice.example.com/twilio/voice"


def step(
    body: str | bytes, *, status: int = 200, content_type: str | None = "text/xml", insecure: bool = False
) -> VerbStep:
    raw = body.encode() if isinstance(body, str) else body
    document = Document.read(status, content_type, raw, url=URL, insecure=insecure)
    return document if isinstance(document, End) else document.next_step()


def stream(attributes: str = f'url="{STREAM_URL}"', children: str = "") -> VerbStep:
    return step(f"<Response><Connect><Stream {attributes}>{children}</Stream></Connect></Response>")


def test_connect_opens_a_stream_with_its_parameters() -> None:
    assert step(CONNECT) == StreamStep(
        STREAM_URL, {"token": "one-time"}, "https://voice.example.com/twilio/after", "POST"
    )


def test_the_gateway_s_own_documents_are_understood() -> None:
    action = "https://voice.example.com/twilio/after"
    assert step(twiml.connect_stream(STREAM_URL, "<&>", action)) == StreamStep(
        STREAM_URL, {"token": "<&>"}, action
    )
    assert step(twiml.busy()) == End("busy")
    assert step(twiml.dial("+15005550006")) == DialStep(("+15005550006",))
    assert step(
        twiml.dial("+15005550006", action_url=action, timeout=20, caller_id="+15005550001")
    ) == DialStep(("+15005550006",), action)
    assert step(twiml.join_conference("room-1")) == DialStep(("room-1",), is_conference=True)
    assert step(twiml.whisper("A call for you.", action)) == GatherStep(action, max_digits=1)
    assert step(twiml.redirect("/again", 2)) == PauseStep(2.0)
    assert step(twiml.hang_up()) == End("gateway-hung-up", "hangup")


@pytest.mark.parametrize(
    ("verbs", "expected"),
    [
        ("<Reject/>", End("rejected")),
        ('<Reject reason="busy"/>', End("busy")),
        ("<Dial> +15005550006 </Dial>", DialStep(("+15005550006",))),
        (
            "<Dial action='/a' method='GET'><Number>+15005550006</Number><Number>+15005550007</Number></Dial>",
            DialStep(("+15005550006", "+15005550007"), "https://voice.example.com/a", "GET"),
        ),
        (
            "<Dial>\n<Conference beep='onEnter'>my room</Conference>\n</Dial>",
            DialStep(("my room",), is_conference=True),
        ),
        ("<Gather/>", GatherStep(URL)),
        (
            "<Gather numDigits='4' finishOnKey='' action='/a' actionOnEmptyResult='true' input='dtmf speech'/>",
            GatherStep("https://voice.example.com/a", "POST", 4, "", asks_when_empty=True),
        ),
        ("<Pause length='14400'/>", PauseStep(14_400.0)),
        ("", End("gateway-hung-up", "end of document")),
        ("<Pause/>", PauseStep(1.0)),
        ("<Redirect> /next?a=b </Redirect>", WebhookStep("https://voice.example.com/next?a=b")),
        ('<Redirect method="GET">https://b.example/</Redirect>', WebhookStep("https://b.example/", "GET")),
        ("<Redirect/>", WebhookStep(URL)),
    ],
)
def test_each_verb_has_its_step(verbs: str, expected: VerbStep) -> None:
    assert step(f"<Response>{verbs}</Response>") == expected


def test_what_twilio_says_itself_is_passed_over_and_noted() -> None:
    body = b"<Response><Say>One\n moment</Say><Play>https://a/b.wav</Play><Gather><Say>Key?</Say></Gather></Response>"
    document = Document.read(200, "application/xml; charset=utf-8", body, url=URL, insecure=False)
    assert isinstance(document, Document)

    assert document.next_step() == GatherStep(URL)
    assert document.skipped == ["Say One moment", "Play https://a/b.wav", "Say Key?"]


def test_the_document_goes_on_after_its_stream() -> None:
    body = CONNECT.replace(b"</Response>", b"<Redirect>/after</Redirect><Hangup/></Response>")
    document = Document.read(200, "text/xml", body, url=URL, insecure=False)
    assert isinstance(document, Document)

    assert isinstance(document.next_step(), StreamStep)
    assert document.next_step() == WebhookStep("https://voice.example.com/after")
    assert document.next_step() == End("gateway-hung-up", "hangup")
    assert document.next_step() == End("gateway-hung-up", "end of document")


def reason(outcome: VerbStep) -> str:
    assert isinstance(outcome, End)
    assert outcome.failed
    return outcome.reason


@pytest.mark.parametrize("status", [100, 199, 300, 302, 400, 403, 404, 500, 503])
def test_anything_but_a_2xx_is_a_failure(status: int) -> None:
    assert reason(step(CONNECT, status=status)) == "webhook-status"


@pytest.mark.parametrize(
    "content_type", [None, "", "text/html", "application/json", "text/plain", "text/xmlish"]
)
def test_twiml_must_say_that_it_is_xml(content_type: str | None) -> None:
    assert reason(step(CONNECT, content_type=content_type)) == "webhook-content-type"


@pytest.mark.parametrize("content_type", ["text/xml", "application/xml", "Application/XML; charset=UTF-8"])
def test_twiml_may_be_either_xml_type(content_type: str) -> None:
    assert isinstance(step(CONNECT, content_type=content_type), StreamStep)


def test_a_document_may_have_64_kb_and_not_a_byte_more() -> None:
    shell = "<Response><Say>{}</Say></Response>"
    fits = shell.format("x" * (65_536 - len(shell) + 2))

    assert len(fits) == 65_536
    assert step(fits) == End("gateway-hung-up", "end of document")
    assert reason(step(fits + " ")) == "webhook-too-large"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "OK",
        "<Response>",
        "<Response/><Response/>",
        "<Response>&nbsp;</Response>",
        " <?xml version='1.0'?><Response/>",
        "<?xml version='1.0' encoding='no-such'?><Response/>",
        b"<Response>\xff</Response>",
        "<!DOCTYPE Response><Response/>",
        "<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><Response><Say>&b;</Say></Response>",
        "<!DOCTYPE r [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><Response><Say>&a;</Say></Response>",
    ],
)
def test_what_is_no_plain_xml_is_a_failure(body: str | bytes) -> None:
    assert reason(step(body)) == "twiml-not-xml"


@pytest.mark.parametrize(
    "body",
    [
        "<html/>",
        "<response/>",
        "<Response><Conect/></Response>",
        "<Response><Record/></Response>",
        "<Response><Connect/></Response>",
        "<Response><Connect><Room/></Connect></Response>",
        f"<Response><Connect>{'<Stream url=' + repr(STREAM_URL) + '/>'}<Room/></Connect></Response>",
        "<Response><Say>x</Say><Reject/></Response>",
        "<Response><Reject reason='asleep'/></Response>",
        "<Response><Redirect method='PUT'>/a</Redirect></Response>",
        "<Response><Redirect>ftp://a.example/b</Redirect></Response>",
        "<Response><Redirect>https://[/b</Redirect></Response>",
        "<Response><Redirect>http://a.example/&#13;&#10;Host: b</Redirect></Response>",
        "<Response><Redirect>/a b</Redirect></Response>",
    ],
)
def test_what_twilio_would_not_run_is_a_failure(body: str) -> None:
    assert reason(step(body)) == "twiml-invalid"


NUMBER = "<Number>+15005550006</Number>"


@pytest.mark.parametrize(
    "verb",
    [
        "<Dial/>",
        "<Dial>5005550006</Dial>",
        "<Dial>+05005550006</Dial>",
        "<Dial timeout='4'>+15005550006</Dial>",
        "<Dial timeout='601'>+15005550006</Dial>",
        "<Dial timeout='30s'>+15005550006</Dial>",
        "<Dial timeout='-5'>+15005550006</Dial>",
        "<Dial timeout='٣٠'>+15005550006</Dial>",
        "<Dial timeLimit='14401'>+15005550006</Dial>",
        "<Dial callerId='somebody'>+15005550006</Dial>",
        "<Dial callerId=''>+15005550006</Dial>",
        "<Dial action='mailto:a@b.example'>+15005550006</Dial>",
        "<Dial method='PUT'>+15005550006</Dial>",
        "<Dial answerOnBridge='yes'>+15005550006</Dial>",
        "<Dial ringtone='us'>+15005550006</Dial>",
        f"<Dial>{NUMBER * 11}</Dial>",
        f"<Dial>+15005550006{NUMBER}</Dial>",
        f"<Dial>{NUMBER}+15005550006</Dial>",
        "<Dial><Number>nobody</Number></Dial>",
        "<Dial><Number uri='x'>+15005550006</Number></Dial>",
        "<Dial><Sip>sip:a@b.example</Sip></Dial>",
        "<Dial><Conference>a</Conference><Conference>b</Conference></Dial>",
        f"<Dial><Conference>a</Conference>{NUMBER}</Dial>",
        "<Dial>+15005550006<Conference>a</Conference></Dial>",
        "<Dial><Conference/></Dial>",
        "<Dial><Conference><Number>a</Number></Conference></Dial>",
        "<Dial><Conference beep='loud'>a</Conference></Dial>",
        "<Dial><Conference muted='1'>a</Conference></Dial>",
        "<Dial><Conference maxParticipants='251'>a</Conference></Dial>",
        "<Dial><Conference music='x'>a</Conference></Dial>",
        "<Pause length='0'/>",
        "<Pause length='14401'/>",
        "<Pause length='1.5'/>",
        "<Pause length=''/>",
        "<Pause seconds='1'/>",
        "<Gather input='speech'/>",
        "<Gather input='dtmf smell'/>",
        "<Gather numDigits='0'/>",
        "<Gather timeout='0'/>",
        "<Gather finishOnKey='12'/>",
        "<Gather actionOnEmptyResult='1'/>",
        "<Gather action='ftp://a.example'/>",
        "<Gather keys='1'/>",
        "<Gather><Dial>+15005550006</Dial></Gather>",
    ],
)
def test_a_verb_beyond_its_documentation_is_a_failure(verb: str) -> None:
    assert reason(step(f"<Response>{verb}</Response>")) == "twiml-invalid"


def test_ten_phones_may_ring_at_once_and_no_more_than_600_seconds() -> None:
    outcome = step(f"<Response><Dial timeout='600'>{NUMBER * 10}</Dial></Response>")

    assert outcome == DialStep(("+15005550006",) * 10)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", "stream-url-invalid"),
        ('url="/twilio/media"', "stream-url-invalid"),
        ('url="wss://voice.example.com/media?token=x"', "stream-url-invalid"),
        ('url="wss://[/media"', "stream-url-invalid"),
        ('url="wss://voice.example.com/&#10;/"', "stream-url-invalid"),
        ('url="wss://voice.example.com/é"', "stream-url-invalid"),
        ('url="wss://voice.example.com:99999/"', "stream-url-invalid"),
        ('url="ws://voice.example.com/media"', "stream-not-wss"),
        ('url="https://voice.example.com/media"', "stream-not-wss"),
        (f'url="{STREAM_URL}" track="both_tracks"', "stream-track-invalid"),
    ],
)
def test_a_stream_that_twilio_would_not_open_is_a_failure(attributes: str, expected: str) -> None:
    assert reason(stream(attributes)) == expected


def test_only_a_gateway_without_tls_may_stream_without_tls() -> None:
    body = "<Response><Connect><Stream url='ws://127.0.0.1:8000/twilio/media'/></Connect></Response>"

    assert isinstance(step(body, insecure=True), StreamStep)
    assert reason(step(body)) == "stream-not-wss"


@pytest.mark.parametrize(
    "child",
    [
        "<Parameter value='x'/>",
        "<Parameter name='' value='x'/>",
        "<Parameter name='x'/>",
        "<Param name='x' value='y'/>",
        f"<Parameter name='token' value='{'x' * 495}'/>",
    ],
)
def test_parameters_must_be_named_and_short(child: str) -> None:
    assert reason(stream(children=child)) == "twiml-invalid"


def test_a_parameter_of_499_characters_fits() -> None:
    outcome = stream(children=f"<Parameter name='token' value='{'x' * 494}'/>")

    assert isinstance(outcome, StreamStep)
    assert len(outcome.parameters["token"]) == 494


def test_reasons_are_a_closed_list() -> None:
    with pytest.raises(ValueError, match="moonshine"):
        End("moonshine")
    assert all(word == word.lower() and " " not in word for word in REASONS)


def test_a_call_that_redirects_for_ever_ends() -> None:
    caller = new_caller()
    outcome: Step = caller.first_step()
    n_requests = 0
    while isinstance(outcome, WebhookStep):
        caller.webhook(outcome.url, float(n_requests))
        n_requests += 1
        outcome = caller.take_twiml(
            200, "text/xml", b"<Response><Redirect>/again</Redirect></Response>", float(n_requests)
        )

    assert (reason(outcome), n_requests) == ("webhook-loop", 20)
