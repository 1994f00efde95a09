"""Guests on Django's own connection: what a plain `django_db` test writes and never commits, every engine sees.

While Django holds a test's transaction open, whoever opens a connection to that database in this process gets one that
sits on Django's: sync or async, the router's engines or somebody else's. A guest's transaction is a savepoint in
Django's, so its rollback undoes its own work alone, and Django's undoes everything at the end of the test.

One at a time: guests and Django take turns on one connection. Servers in other processes see nothing of it; for these
a test says `django_db(transaction=True)`. On PostgreSQL Django and the guests need psycopg 3.
"""

from crossfade.testing.guest.hosts import Hosts

__all__ = ["Hosts"]
