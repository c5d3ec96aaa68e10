from gateway.local_realtime.captions import Caption


def test_the_last_two_words_of_unfinished_speech_are_kept_back() -> None:
    caption = Caption()
    assert caption.grow("What is the") == "What"
    assert caption.grow("What is the status of") == " is the"
    assert caption.finish("What is the status of my order?") == " status of my order?"


def test_what_was_told_is_never_taken_back() -> None:
    caption = Caption()
    assert caption.grow("What is the status of") == "What is the"
    assert caption.grow("What's the status of my") == ""
    assert caption.finish("What's the status?") == ""


def test_speech_that_grows_by_nothing_tells_nothing() -> None:
    caption = Caption()
    assert caption.grow("") == ""
    assert caption.grow("I am") == ""
    assert caption.grow("I am here now") == "I am"
    assert caption.grow("I am here now") == ""
    assert caption.finish("I am") == ""
