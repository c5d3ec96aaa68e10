import pytest

from gateway.agents_toml import MAX_BYTES, parse_agents
from gateway.errors import SettingsError
from gateway.prices import Prices
from gateway.toml_lines import find_lines, line_of

DESK = '[agents.desk]\ninstructions = "Be kind."\n'


def mistakes(text: str | bytes, **options: tuple[str, ...]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_agents(text if isinstance(text, bytes) else text.encode(), name="agents.toml", **options)
    return str(caught.value).splitlines()


def test_every_mistake_is_reported_at_once_with_its_line_and_key() -> None:
    text = '''rutes = 1
[agents.desk]
voise = "x"
greeting = 3
noise_reduction = "near"
# voice = 3
instructions = """
voise = "x"
[agents.other]
{calller}, {x
"""
tools = [
    "hang_up",
    "hangup",
]
turn_detection = { type = "server_vad", threshold = 2, treshold = 1 }

[agents.b]
turn_detection = 3
tools = 3
language = "english"
[[routes]]
number = "5"
agent = "desk"
[[routes]]
number = "+1*"
agent = "dsk"
[[routes]]
agent = "b"
number = "+1*"
'''

    assert mistakes(text) == [
        'agents.toml:1: rutes: unknown key; did you mean "routes"?',
        'agents.toml:2: agents: one of several must be named "default", for numbers without a route',
        'agents.toml:3: agents.desk.voise: unknown key; did you mean "voice"?',
        "agents.toml:4: agents.desk.greeting: must be text",
        "agents.toml:5: agents.desk.noise_reduction: must be 'near_field', 'far_field' or 'off'",
        (
            "agents.toml:7: agents.desk.instructions: there is no placeholder {calller}; "
            'did you mean {caller}?; has a lone "{": a brace is written "{{"'
        ),
        "agents.toml:16: agents.desk.turn_detection.threshold: must be less than or equal to 1",
        'agents.toml:16: agents.desk.turn_detection.treshold: unknown key; did you mean "threshold"?',
        "agents.toml:18: agents.b.instructions: is required",
        "agents.toml:19: agents.b.turn_detection: must be a table",
        "agents.toml:20: agents.b.tools: must be a list",
        "agents.toml:21: agents.b.language: must be a language such as en (ISO 639)",
        "agents.toml:23: routes[1].number: must be a number such as +15551234567, or a pattern such as +1555*",
        'agents.toml:27: routes[2].agent: there is no agent "dsk"; did you mean "desk"?',
        "agents.toml:30: routes[3].number: there is a route for +1* already",
    ]


def test_unknown_tool_is_refused_and_the_known_ones_can_be_given() -> None:
    text = DESK + 'tools = ["hang_upp"]'

    assert mistakes(text) == [
        'agents.toml:3: agents.desk.tools: there is no tool "hang_upp"; did you mean "hang_up"?'
    ]
    assert parse_agents(text.encode(), tools=("hang_upp",)).agents["desk"].tools == ("hang_upp",)


def test_mistakes_in_the_tables_of_an_agent_have_their_lines_and_suggestions() -> None:
    text = (
        DESK
        + """tools = ["transfer_call"]
mask_keys = 1
resume_after_nose = false
[agents.desk.limits]
max_minutes = "5"
no_input_second = 3
no_input_seconds = 2
[agents.desk.phrases]
still_here = "Hello?"
goodbye_time = ""
[[agents.desk.transfers]]
number = "+15005550009"
name = "accounts"
[[agents.desk.transfers]]
number = "911"
mode = "hot"
nam = "x"
"""
    )

    assert mistakes(text) == [
        "agents.toml:4: agents.desk.mask_keys: must be true or false",
        'agents.toml:5: agents.desk.resume_after_nose: unknown key; did you mean "resume_after_noise"?',
        "agents.toml:7: agents.desk.limits.max_minutes: must be a number",
        'agents.toml:8: agents.desk.limits.no_input_second: unknown key; did you mean "no_input_seconds"?',
        "agents.toml:9: agents.desk.limits.no_input_seconds: must be 0, which means never, or 3 to 120",
        'agents.toml:11: agents.desk.phrases.still_here: unknown key; did you mean "still_there"?',
        "agents.toml:12: agents.desk.phrases.goodbye_time: must have at least 1 character",
        "agents.toml:16: agents.desk.transfers[2].name: is required",
        "agents.toml:17: agents.desk.transfers[2].number: must be a number such as +15551234567 (E.164)",
        "agents.toml:18: agents.desk.transfers[2].mode: must be 'cold' or 'warm'",
        'agents.toml:19: agents.desk.transfers[2].nam: unknown key; did you mean "name"?',
    ]


def test_prices_are_read_and_make_a_cost_limit_possible() -> None:
    prices = '[prices."my.model"]\ntext_in = 1\ntext_out = 2\naudio_in = 3\naudio_out = 4\n'
    limited = DESK + 'model = "my.model"\n[agents.desk.limits]\nmax_cost = 2\n'

    parsed = parse_agents((limited + prices).encode())

    assert parsed.prices == {"my.model": Prices(text_in=1, text_out=2, audio_in=3, audio_out=4)}
    assert parsed.agents["desk"].limits.max_cost == 2
    assert mistakes(limited) == [
        (
            'agents.toml:5: agents.desk.limits.max_cost: the price of "my.model" is not known; '
            'tell it in [prices."my.model"]'
        )
    ]
    assert mistakes(limited + prices.replace("text_out", "text_ouch")) == [
        "agents.toml:6: prices.my.model.text_out: is required",
        'agents.toml:6: prices.my.model.text_ouch: unknown key; did you mean "text_out"?',
    ]


@pytest.mark.parametrize("model", ["", 'model = "gpt-realtime-2.1-2026-09-01"\n'])
def test_cost_limit_needs_no_price_where_it_is_known_or_the_model_comes_from_the_settings(model: str) -> None:
    assert parse_agents((DESK + model + "limits = { max_cost = 1 }").encode()).prices == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "agents.toml: agents: there must be at least one [agents.NAME]"),
        ("[agents]", "agents.toml:1: agents: there must be at least one [agents.NAME]"),
        ("agents = 3", "agents.toml:1: agents: there must be at least one [agents.NAME]"),
        ("[agents]\ndesk = 1", "agents.toml:2: agents.desk: must be a table"),
        (DESK + "[routes]", "agents.toml:3: routes: must be an array of tables: [[routes]]"),
        ("routes = [3]\n" + DESK, "agents.toml:1: routes[1]: must be a table"),
        ("a = [\n1", "agents.toml: is not TOML: Unclosed array (at end of document)"),
        (DESK + "voice = x", "agents.toml:3: is not TOML: Invalid value"),
        (DESK + 'tools = ["hang_up", "hang_up"]', "agents.toml:3: agents.desk.tools: must name each tool once"),
        (DESK + 'fallback_number = "911"', "agents.toml:3: agents.desk.fallback_number: must be a number such as"),
        (DESK + '[agents.desk.turn_detection]\ntype = "x"',
         'agents.toml:4: agents.desk.turn_detection.type: must be "server_vad" or "semantic_vad"'),
        (DESK + "[agents.desk.turn_detection]",
         'agents.toml:3: agents.desk.turn_detection.type: must be "server_vad" or "semantic_vad"'),
        (DESK + "[agents.desk.turn_detection]\ntype='server_vad'\nsilence_duration_ms = 0.5",
         "agents.toml:5: agents.desk.turn_detection.silence_duration_ms: must be a whole number"),
        (DESK + "[agents.desk.turn_detection]\ntype='semantic_vad'\nthreshold = 0.5",
         "agents.toml:5: agents.desk.turn_detection.threshold: unknown key"),
        (DESK + "limits = 3", "agents.toml:3: agents.desk.limits: must be a table"),
        (DESK + "[agents.desk.transfers]",
         "agents.toml:3: agents.desk.transfers: must be an array of tables: [[agents.NAME.transfers]]"),
        (DESK + "transfers = [3]", "agents.toml:3: agents.desk.transfers[1]: must be a table"),
        (DESK + 'tools = ["transfer_call"]',
         'agents.toml:1: agents.desk.transfers: must have at least one number, or take "transfer_call" from tools'),
        (DESK + '[[agents.desk.transfers]]\nnumber = "+15005550009"\nname = "a"',
         'agents.toml:3: agents.desk.transfers: cannot be used: add "transfer_call" to tools'),
        (DESK + "[agents.desk.limits]\nmax_minutes = 0.5",
         "agents.toml:3: agents.desk.limits: warning_seconds, 30, must be less than max_minutes, 30 seconds"),
        ("prices = 3\n" + DESK, 'agents.toml:1: prices: must be at most 200 tables: [prices."MODEL"]'),
        (DESK + "[prices]\nx = 3", "agents.toml:4: prices.x: must be a table"),
        (DESK.replace("desk", '"the desk"'),
         "agents.toml:1: agents.the desk: a name must be 1 to 64 letters, digits, - and _"),
        ("[agents.desk]\ninstructions = ''", "agents.toml:2: agents.desk.instructions: must have at least 1 character"),
        ("a = " + "9" * 5000, "agents.toml: is not TOML: Exceeds the limit"),
        ("a = " + "[" * 100_000, "agents.toml: is not TOML that can be read: it is nested too deeply"),
        (b"\xff", "agents.toml: is not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), "agents.toml: is larger than 1 MiB"),
    ],
)  # fmt: skip
def test_mistake_is_told_in_one_line(text: str | bytes, expected: str) -> None:
    (line,) = mistakes(text)

    assert line.startswith(expected)


@pytest.mark.parametrize("number", ["", "*", "+", "15005550006", "+0150055500", "+1 500", "+1*5", "+123456", "+1" * 9,
                                    "+1234567890123456", "+123456789012345*", "+12345678\\n", "+\\u0661234567"])  # fmt: skip
def test_number_that_nobody_can_dial_is_refused(number: str) -> None:
    (line,) = mistakes(f'{DESK}[[routes]]\nagent = "desk"\nnumber = "{number}"')

    assert line.startswith("agents.toml:5: routes[1].number: must be a number such as")


def test_bounds_hold() -> None:
    many = "".join(f"[agents.a{n}]\ninstructions = 'x'\n" for n in range(201))
    routes = "".join(f"[[routes]]\nnumber = '+1{n:010}'\nagent = 'desk'\n" for n in range(1001))
    long = f"[agents.desk]\ninstructions = '{'x' * 65_537}'"

    assert mistakes(many) == ["agents.toml:1: agents: there are more than 200"]
    assert mistakes(DESK + routes) == ["agents.toml:3: routes: there are more than 1000"]
    assert mistakes(long) == ["agents.toml:2: agents.desk.instructions: must have at most 64 KiB"]
    assert mistakes(long.replace("x" * 65_537, "\u00e9" * 32_769)) == mistakes(long)
    prices = "".join(f"[prices.m{n}]\n" for n in range(201))
    assert mistakes(DESK + prices) == ['agents.toml:3: prices: must be at most 200 tables: [prices."MODEL"]']
    assert len(parse_agents((DESK + routes[: routes.rindex("[[")]).encode()).routes) == 1000


def test_at_most_fifty_mistakes_are_listed() -> None:
    routes = "".join(f"[[routes]]\nnumber = '+1{n:010}'\nagent = 'd{n}'\n" for n in range(1000))
    empty = "".join(f"[agents.a{n}]\n" for n in range(200))
    keys = "".join(f"a{n} = 1\n" for n in range(1000))

    for text in (DESK + routes, empty, DESK + keys, keys + DESK, keys + empty + routes):
        lines = mistakes(text)
        assert len(lines) == 51
        assert lines[-1] == "agents.toml: and more"


def test_mistakes_do_not_put_odd_characters_on_the_terminal() -> None:
    lines = mistakes(DESK + '"\\u001b[31m\\nx" = 1')

    assert len(lines) == 1
    assert lines[0].isprintable()


def test_file_may_have_a_byte_order_mark_and_the_line_ends_of_windows() -> None:
    text = DESK.replace("\n", "\r\n").encode("utf-8-sig")

    assert parse_agents(text).agent_for("")[0] == "desk"
    assert mistakes(text + b"x = 1\r\n") == ["agents.toml:3: agents.desk.x: unknown key"]


def test_agents_are_a_value() -> None:
    parsed = parse_agents(DESK.encode())

    assert parsed == parse_agents(DESK.encode())
    with pytest.raises(TypeError):
        parsed.agents["other"] = parsed.agents["desk"]  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        parsed.agents["desk"].voice = "x"


def test_lines_are_found_past_strings_arrays_and_comments() -> None:
    text = """# [a]
"b c".d = 1
[ a . 'b' ] # ]
x = '''
y = 1
[z]'''
y = [
  { y = 1 },
  ["x"]
  , "]" # ]
]
z = "[" # "
[[r]]
k = 1
[[r]]
[r.s]
k = "\\\\"
"""
    lines = find_lines(text)

    places = [("b c", "d"), ("a", "b"), ("a", "b", "x"), ("a", "b", "y"), ("a", "b", "z"), ("r", 0, "k"),
              ("r", 1), ("r", 1, "s", "k")]  # fmt: skip
    assert [line_of(lines, place) for place in places] == [2, 3, 4, 7, 12, 14, 15, 17]
    assert line_of(lines, ("a", "b", "y", 0, "y")) == 7
    assert line_of(lines, ("z",)) is None


def test_very_deep_keys_cost_no_more_than_their_length() -> None:
    assert line_of(find_lines("a." * 200_000 + "b = 1"), ("a", "a")) == 1
