"""Patients, therapists and their sessions, on FastAPI."""
