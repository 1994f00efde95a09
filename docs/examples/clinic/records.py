"""What the tests write: plain sync code, as every suite has it from before its endpoints were async."""

from datetime import date

from sqlalchemy.orm import Session

from clinic.models import Appointment, Patient, Therapist

DAY = date.fromisoformat("2026-03-02")


def treatment(session: Session) -> tuple[int, int]:
    """A patient with one session; returns the ids of patient and therapist. The caller commits, or not."""
    patient, therapist = Patient(name="Ada"), Therapist(name="Sigmund")
    session.add_all([patient, therapist])
    session.flush()
    session.add(Appointment(patient_id=patient.id, therapist_id=therapist.id, day=DAY))
    session.flush()
    return patient.id, therapist.id


async def check(client, patient: int, therapist: int) -> None:
    """The endpoints see what was written, add to it, and refuse what must be refused."""
    path = f"/patients/{patient}/sessions"
    assert (await client.get(path)).json() == ["2026-03-02"]

    booked = await client.post(path, json={"therapist_id": therapist, "day": "2026-03-09"})
    refused = await client.post(path, json={"therapist_id": therapist, "day": "2026-03-02"})

    assert (booked.status_code, refused.status_code) == (201, 409)
    assert (await client.get(path)).json() == ["2026-03-02", "2026-03-09"]
