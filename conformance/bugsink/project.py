"""Makes Bugsink's database and a project in it, and prints the key and the id of its DSN."""

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)
call_command("migrate", database="snappea", verbosity=0)

from projects.models import Project  # noqa: E402

project = Project.objects.create(name="conformance", alert_on_new_issue=False)
print(project.sentry_key.hex, project.pk)
