"""Slack: a message to an incoming webhook, through the one way out, within a deadline.

Text is escaped, so that a job's name can't call a whole channel; handles are what an admin wrote, and are not. The
webhook's address is a secret: it is in no error and no log.
"""

from cronjobs.scheduler import outgoing
from cronjobs.scheduler.mail import one_line
from cronjobs.scheduler.outgoing import OutgoingError, Request
from cronjobs.services.news import Line, Post
from cronjobs.settings import Settings

DEADLINE = 10.0
"""Seconds for everything."""

_LONGEST_LINE = 500
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


async def deliver(post: Post, settings: Settings, *, deadline: float = DEADLINE) -> None:
    """Says it. Raises OutgoingError when Slack does not take it, whatever the reason."""
    async with outgoing.calling(private_allowed=settings.private_targets_allowed, deadline=deadline) as caller:
        reply = await caller.send(Request(method="POST", url=post.webhook_url, json=payload(post, settings)))
    if reply.status not in range(200, 300):
        raise OutgoingError(f"Slack answered {reply.status}.", status=reply.status)


def payload(post: Post, settings: Settings) -> dict[str, str]:
    """What Slack is sent."""
    link = f"{settings.frontend_base_url.rstrip('/')}{post.path}"
    text = "\n".join([*(_written(line) for line in post.lines), link])
    return {"text": text} if post.channel is None else {"text": text, "channel": post.channel}


def _written(line: Line) -> str:
    text = one_line(line.text)[:_LONGEST_LINE].translate(_ESCAPED)
    return text if line.handle is None else f"{text} {one_line(line.handle)}"
