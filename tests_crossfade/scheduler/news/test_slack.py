"""Messages to Slack over a real web server, which may be slow, refuse or lie."""

import asyncio
import time

import pytest

from cronjobs.scheduler import slack
from cronjobs.scheduler.outgoing import OutgoingError
from cronjobs.services.news import Line


def test_a_message_is_posted(target, plain, post):
    url = target.answers("/services/T0/B0/x", 200, "ok")

    asyncio.run(slack.deliver(post(url, Line("a <!channel> & b"), Line("Team:", "@platform"), channel="#ops"), plain))

    assert target.received[0].json == {
        "text": "a &lt;!channel&gt; &amp; b\nTeam: @platform\nhttp://localhost:3000/jobs/1",
        "channel": "#ops",
    }


def test_a_message_that_slack_refuses_is_an_error_without_the_address(target, plain, post):
    url = target.answers("/services/secretsecret", 404, "no_service")

    with pytest.raises(OutgoingError, match="404") as refused:
        asyncio.run(slack.deliver(post(url), plain))

    assert "secretsecret" not in str(refused.value)


def test_slack_is_not_reached_at_private_addresses_where_those_are_forbidden(target, guarded, post):
    with pytest.raises(OutgoingError, match="not a public address"):
        asyncio.run(slack.deliver(post(target.answers("/hook")), guarded))

    assert target.received == []


@pytest.mark.parametrize("act", ["says nothing", "drips", "floods"])
def test_a_slack_that_misbehaves_holds_nobody_past_the_deadline(act, plain, behaving, post):
    with behaving(act) as port:
        began = time.monotonic()
        with pytest.raises(OutgoingError):
            asyncio.run(slack.deliver(post(f"http://127.0.0.1:{port}/hook"), plain, deadline=0.5))

    assert time.monotonic() - began < 5
