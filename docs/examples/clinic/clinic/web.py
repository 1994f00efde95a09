"""The application: async endpoints on a session that a dependency gives them."""

from collections.abc import AsyncGenerator
from datetime import date
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from clinic.models import Appointment, Patient, Therapist
from crossfade.fastapi import lifespan
from crossfade.project import Project
from crossfade.router import Router
from crossfade.settings import Settings


class NewAppointment(BaseModel):
    """What a request brings."""

    therapist_id: int
    day: date


async def database(request: Request) -> AsyncGenerator[AsyncSession]:
    """The request's session; the endpoint commits."""
    router: Router = request.app.state.router
    async with router.async_session_factory("fastapi")() as session:
        yield session


Database = Annotated[AsyncSession, Depends(database)]


def create_app(router: Router | None = None) -> FastAPI:
    """The application, on a router of its own or on the one that a test gives it."""
    router = router or Router(Settings.load(root=Project.find().root), name="fastapi:web")
    app = FastAPI(lifespan=lifespan(router))
    app.state.router = router

    @app.get("/patients/{patient_id}/sessions")
    async def sessions(patient_id: int, session: Database) -> list[str]:
        if await session.get(Patient, patient_id) is None:
            raise HTTPException(404, "there is no such patient")
        days = select(Appointment.day).where(Appointment.patient_id == patient_id).order_by(Appointment.day)
        return [day.isoformat() for day in await session.scalars(days)]

    @app.post("/patients/{patient_id}/sessions", status_code=201)
    async def book(patient_id: int, new: NewAppointment, session: Database) -> int:
        if await session.get(Patient, patient_id) is None or await session.get(Therapist, new.therapist_id) is None:
            raise HTTPException(404, "there is no such patient or therapist")
        appointment = Appointment(patient_id=patient_id, **new.model_dump())
        session.add(appointment)
        try:
            await session.commit()
        except IntegrityError as error:
            await session.rollback()
            raise HTTPException(409, "there is a session on that day") from error
        return appointment.id

    return app
