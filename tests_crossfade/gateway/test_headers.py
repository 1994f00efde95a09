"""What the front door changes of the headers."""

from crossfade.gateway import headers


def onwards(*fields):
    return headers.onwards(fields, client="192.0.2.7", scheme="http")


def test_the_stack_learns_the_client_from_the_front_door_alone():
    sent = onwards(
        (b"host", b"shop.example"),
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"x_forwarded_for", b"10.0.0.2"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"evil.example"),
        (b"forwarded", b"for=10.0.0.3"),
        (b"x-real-ip", b"10.0.0.4"),
        (b"x-forwarded-protocol", b"ssl"),
        (b"script_name", b"/elsewhere"),
        (b"PATH_INFO", b"/elsewhere"),
    )

    assert sorted(sent) == [
        (b"host", b"shop.example"),
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-host", b"shop.example"),
        (b"x-forwarded-proto", b"http"),
    ]


def test_headers_of_one_connection_end_at_the_front_door():
    sent = dict(
        onwards(
            (b"connection", b"keep-alive, X-Secret-Of-The-Hop"),
            (b"x-secret-of-the-hop", b"1"),
            (b"keep-alive", b"timeout=5"),
            (b"te", b"trailers"),
            (b"transfer-encoding", b"chunked"),
            (b"upgrade", b"h2c"),
            (b"expect", b"100-continue"),
            (b"accept", b"*/*"),
        )
    )

    assert set(sent) == {b"accept", b"x-forwarded-for", b"x-forwarded-proto"}


def test_a_client_cannot_talk_away_the_length_the_host_or_what_the_front_door_adds():
    sent = dict(
        onwards(
            (b"connection", b"content-length, host, x-forwarded-for"),
            (b"content-length", b"3"),
            (b"host", b"shop.example"),
        )
    )

    assert sent[b"content-length"] == b"3"
    assert sent[b"host"] == b"shop.example"
    assert sent[b"x-forwarded-for"] == b"192.0.2.7"


def test_a_client_without_an_address_is_not_given_one():
    sent = dict(headers.onwards([(b"host", b"x")], client=None, scheme="https"))

    assert b"x-forwarded-for" not in sent
    assert sent[b"x-forwarded-proto"] == b"https"


def test_every_cookie_of_an_answer_comes_back_in_order():
    cookies = [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"Set-Cookie", b"a=3")]

    assert headers.back([(b"Date", b"then"), *cookies, (b"Connection", b"close")]) == cookies
