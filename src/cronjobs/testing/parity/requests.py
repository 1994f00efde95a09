"""All requests of an endpoint: every caller, every id, every parameter and every body, one oddity at a time."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cronjobs.testing import everything
from cronjobs.testing.parity import addresses, bodies, callers, values
from cronjobs.testing.parity.bodies import Body
from cronjobs.testing.parity.callers import NOBODY
from cronjobs.testing.parity.operations import Operation
from cronjobs.testing.parity.stacks import Request
from cronjobs.testing.parity.twins import ORIGIN, Twins

REFRESH = "POST /auth/refresh"
ROLES = ("admin", "editor", "other", "viewer", NOBODY)


@dataclass(frozen=True)
class Requests:
    """Makes requests of what there is on both sides."""

    twins: Twins
    headers: Mapping[str, str | None]
    """`Authorization`, by who asks."""
    valid: Mapping[str, Any]
    """For each operation with a body, one that is accepted."""
    more: Mapping[str, list[dict[str, Any]]]
    """For some of them, further ones."""
    values: Mapping[str, tuple[Any, ...]]
    """Values that mean something to fields of these names."""

    @classmethod
    def on(cls, twins: Twins) -> "Requests":
        """Of these two."""
        world, people = twins.world, twins.known.people
        return cls(
            twins,
            callers.callers(people, world.settings),
            everything.bodies(world.settings, people["editor"], twins.target.url),
            everything.more_bodies(world.settings, people["editor"], twins.target.url),
            values.special(world.settings),
        )

    def of(self, operation: Operation) -> Iterator[Request]:
        """All that is asked of an endpoint."""
        yield from self._by_callers(operation)
        yield from self._by_ids(operation)
        yield from self._by_queries(operation)
        yield from self._by_bodies(operation)
        yield from self._by_addresses(operation)

    def valid_one(self, operation: Operation, **changes: Any) -> Request:
        """One that is accepted, with changes."""
        return self._request(operation, **({"why": "as it should be"} | changes))

    def _by_callers(self, operation: Operation) -> Iterator[Request]:
        for who in self.headers:
            yield self._request(operation, f"by {who}", who=who)
        for ids in self._special(operation):
            for who in ROLES:
                yield self._request(operation, f"{ids}, by {who}", who=who, ids=ids)

    def _special(self, operation: Operation) -> list[Mapping[str, str]]:
        """Ids of things with something odd about them that the endpoint may be asked about."""
        return [ids for ids in self.twins.known.special.values() if set(ids) & set(operation.ids)]

    def _by_ids(self, operation: Operation) -> Iterator[Request]:
        for why, path, own in addresses.odd(operation.path, operation.ids, self.twins.known.ids):
            yield self._request(operation, why, path=path, own=own)

    def _by_queries(self, operation: Operation) -> Iterator[Request]:
        path = addresses.filled(operation.path, self.twins.known.ids)
        names = operation.query
        for query in addresses.queries(names) if names else ("page=2&from=junk", "%00=%FF"):
            yield self._request(operation, f"?{query[:60]}", path=f"{path}?{query}")
        for name in set(names) & {"job_id", "actor"}:
            known = [
                *self.twins.known.ids.values(),
                *(each for ids in self.twins.known.special.values() for each in ids.values()),
            ]
            for each in known:
                yield self._request(operation, f"?{name}={each}", path=f"{path}?{name}={each}")

    def _by_bodies(self, operation: Operation) -> Iterator[Request]:
        for why, raw, content_type in self._bodies(operation):
            yield self._request(operation, why, body=(why, raw, content_type))
        for value in self.more.get(operation.label, ()):
            for ids in ({}, *self._special(operation)):
                body = ("", json.dumps(value).encode(), bodies.JSON)
                yield self._request(operation, f"{value}", ids=ids, body=body)
        if operation.media_type is None:
            for raw in (b"{}", b"{", b"x" * 2_000_000):
                yield self._request(operation, f"a body of {len(raw)} bytes", body=("", raw, bodies.JSON))

    def _bodies(self, operation: Operation) -> Iterator[Body]:
        valid = self.valid.get(operation.label, {})
        match operation.media_type:
            case bodies.JSON:
                yield from bodies.json_bodies(valid, operation.schema, self.values_of(operation))
            case bodies.FORM:
                yield from bodies.form_bodies(valid, operation.schema)
            case "multipart/form-data":
                yield from bodies.upload_bodies(valid)
            case _:
                pass

    def values_of(self, operation: Operation) -> Mapping[str, tuple[Any, ...]]:
        """Values that mean something to its fields."""
        if operation.label not in everything.CALLING:
            return self.values
        # Nobody else's server is called by a test.
        url = self.twins.target.url
        ours = (
            f"{url}/once",
            url.upper(),
            f"{url}/a%20b?c#d",
            url.replace("http://", "http://a:b@"),
            "ftp://x",
            "//x",
            f"{url}/a b",
        )
        return {**self.values, "target_url": ours, "dispatch_url": ours}

    def _by_addresses(self, operation: Operation) -> Iterator[Request]:
        path = addresses.filled(operation.path, self.twins.known.ids)
        for why, address in addresses.around(path):
            yield self._request(operation, why, path=address, own=False)
        for method in addresses.METHODS:
            for who in ("admin", NOBODY):
                yield self._request(operation, f"{method} by {who}", who=who, method=method, own=False)
        for origin in (ORIGIN, ORIGIN.upper(), f"{ORIGIN}.evil.test", "null", ""):
            asking = {"Origin": origin, "Access-Control-Request-Method": operation.method}
            yield self._request(operation, f"from {origin}", headers={"Origin": origin})
            yield self._request(operation, f"may {origin}?", method="OPTIONS", headers=asking, own=False)

    def _request(
        self,
        operation: Operation,
        why: str,
        *,
        who: str | None = None,
        ids: Mapping[str, str] | None = None,
        path: str | None = None,
        method: str | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        own: bool = True,
    ) -> Request:
        who = who or _usual(operation)
        known = {**self.twins.known.ids, **(ids or {})}
        authorization = self.headers[who]
        _, raw, content_type = body or self._good_body(operation)
        sent = dict(headers or {})
        if content_type is not None:
            sent["Content-Type"] = content_type
        if authorization is not None:
            sent["Authorization"] = authorization
        return Request(
            why=f"{operation.label}: {why}",
            method=method or operation.method,
            path=path if path is not None else addresses.filled(operation.path, known),
            headers=sent,
            body=raw,
            own=own,
        )

    def _good_body(self, operation: Operation) -> tuple[str, bytes | None, str | None]:
        if operation.media_type is None:
            return "", None, None
        return next(self._bodies(operation))


def _usual(operation: Operation) -> str:
    """Who asks where nothing else is said: somebody who may."""
    if operation.label == REFRESH:
        return "a refresh token"
    owned = operation.path.startswith(("/jobs", "/executions", "/notifications"))
    return "editor" if owned else "admin"
