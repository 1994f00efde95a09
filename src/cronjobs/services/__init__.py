"""What the application does: plain sync functions on a session, one body for two frameworks.

Flask calls them, FastAPI awaits `session.run_sync(service, ...)`. A service that writes takes a `WriteSession`, flushes
and never commits; what is wrong it raises as an error of `services.errors`. It knows neither HTTP nor a framework.
"""
