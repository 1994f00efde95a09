"""Runs a webhook: the metadata is posted as JSON if there is any, otherwise the address is fetched; 2xx is success."""

from cronjobs.scheduler.outgoing import Caller, OutgoingError, Reply, Request
from cronjobs.scheduler.signing import Message
from cronjobs.services.calls import Call


async def send(call: Call, caller: Caller, message: Message) -> Reply:
    """The target's answer, whatever its status. Raises OutgoingError."""
    if not call.url:
        raise OutgoingError("The job has no target: neither an address nor a GitHub workflow.")
    if call.metadata:
        return await caller.send(Request(method="POST", url=call.url, json=call.metadata, message=message))
    return await caller.send(Request(method="GET", url=call.url, message=message))
