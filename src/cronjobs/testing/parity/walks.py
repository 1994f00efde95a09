"""Requests that Hypothesis makes up: alone, or one after another, each finding what those before it left behind.

The same ones each time: a test that fails on some days is no help.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cronjobs.testing.parity import bodies
from cronjobs.testing.parity.operations import Operation
from cronjobs.testing.parity.requests import ROLES, Requests
from cronjobs.testing.parity.stacks import Request
from cronjobs.testing.parity.twins import LATEST

SOME = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)

_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
_NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBER | _TEXT,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(_TEXT, values, max_size=3),
    max_leaves=5,
)
_DAY = st.dates().map(str)
_INSTANT = st.datetimes(timezones=st.none() | st.timezones()).map(lambda moment: moment.isoformat())
_CRON_PART = st.sampled_from(
    ["*", "0", "7", "59", "1-5", "*/2", "1,15", "mon", "SUN", "L", "?", "60", "5-1", "2-10/3", ""]
)
_CRON = st.lists(_CRON_PART, min_size=4, max_size=6).map(" ".join)


def request(requests: Requests, operation: Operation) -> SearchStrategy[Request]:
    """Any request of an endpoint that its document allows, and many that it does not."""
    return st.builds(
        lambda who, path, query, body: requests.valid_one(
            operation, why=f"made up, by {who}", who=who, path=f"{path}{query}", body=body
        ),
        who=st.sampled_from((*ROLES, "editor", "admin", _right_one(operation))),
        path=_path(requests, operation),
        query=_query(operation),
        body=_body(requests, operation),
    )


def walk(requests: Requests, operations: Sequence[Operation]) -> SearchStrategy[list[Request]]:
    """Requests of any endpoints, one after another."""
    step = st.sampled_from(operations).flatmap(lambda operation: request(requests, operation))
    return st.lists(step, min_size=10, max_size=25)


def _right_one(operation: Operation) -> str:
    return "a refresh token" if operation.path == "/auth/refresh" else "editor"


def _path(requests: Requests, operation: Operation) -> SearchStrategy[str]:
    known = requests.twins.known
    ids = {}
    for name in operation.ids:
        special = [each[name] for each in known.special.values() if name in each]
        some = st.sampled_from([known.ids[name], known.ids[name], LATEST.format(name), *special])
        # A dot alone, and a slash, are no ids.
        odd = _TEXT.filter(lambda text: text.strip("./") and "/" not in text)
        ids[name] = some | odd.map(lambda text: quote(text.encode(errors="surrogatepass"), safe=""))
    return st.fixed_dictionaries(ids).map(lambda chosen: operation.path.format(**chosen))


def _query(operation: Operation) -> SearchStrategy[str]:
    values = _TEXT | st.integers().map(str) | _DAY | _INSTANT | st.sampled_from(["1", "2", "true", "failed", "general"])
    chosen = st.fixed_dictionaries({}, optional=dict.fromkeys(operation.query, values))
    return chosen.map(lambda query: "?" + urlencode(query, errors="surrogatepass") if query else "")


def _body(requests: Requests, operation: Operation) -> SearchStrategy[bodies.Body | None]:
    if operation.media_type not in {bodies.JSON, bodies.FORM}:
        return st.none()
    valid = requests.valid[operation.label]
    special = requests.values_of(operation)
    fields = {name: _value(name, special) for name in operation.schema["properties"]}
    changed = st.fixed_dictionaries({}, optional=fields).map(lambda changes: {**valid, **changes})
    few = st.sampled_from(sorted(fields)).flatmap(lambda name: fields[name].map(lambda value: {**valid, name: value}))
    made = st.just(dict(valid)) | few | changed
    return made.map(_form if operation.media_type == bodies.FORM else _json)


def _value(name: str, special: Mapping[str, tuple[Any, ...]]) -> SearchStrategy[Any]:
    if name in {"target_url", "dispatch_url"}:
        # Whatever else is an address belongs to somebody.
        return st.sampled_from(special[name]) | _NUMBER
    some: SearchStrategy[Any] = _JSON | _DAY | _CRON
    return st.sampled_from(special[name]) | some if special.get(name) else some


def _json(value: Any) -> bodies.Body:
    return "", json.dumps(value).encode(), bodies.JSON


def _form(value: Mapping[str, Any]) -> bodies.Body:
    return (
        "",
        urlencode({name: str(each) for name, each in value.items()}, errors="surrogatepass").encode(),
        bodies.FORM,
    )
