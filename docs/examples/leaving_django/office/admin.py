"""The admin."""

from django.contrib import admin

from office.models import Context

admin.site.register(Context)
