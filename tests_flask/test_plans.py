"""What Flask asks the database is what FastAPI asks it, so that what is known of its plans holds for both."""

from cronjobs.testing import questions, years
from cronjobs.testing.client import Api
from cronjobs.testing.worlds import Person
from crossfade.router import Router


def test_both_stacks_send_the_same_statements(router: Router, api: Api, twin: Api, admin: Person) -> None:
    with router.engine("flask").begin() as connection:
        years.fill(connection, years.Size(jobs=4, executions=400, notifications=400), owner=admin.id)

    for made_on_first_use in ("preferences", "ui-preferences"):
        api.get(f"/auth/users/{years.id_of('user', 0)}/{made_on_first_use}", token=admin.token)

    of_flask, of_fastapi = questions.read(api, admin.token), questions.read(twin, admin.token)

    assert statements(of_flask) == statements(of_fastapi)


def statements(requests):
    return {request: [each.statement for each in sent] for request, sent in requests.items()}
