"""A deployment for production, which a test spoils."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import make_url

from musekit.kernel.settings import CoreSettings

from .misconfigured import Place, sound, with_operator


@pytest.fixture
def place(
    request: pytest.FixtureRequest, settings: CoreSettings, monkeypatch: pytest.MonkeyPatch
) -> Place:
    """A sound deployment with an operator; nothing of this machine's environment reaches it."""
    for name in os.environ:
        if name.startswith(("MUSEKIT_", "STRIPE_", "CRON_", "SOCIAL_", "MUSE_", "RESEND_")):
            monkeypatch.delenv(name)
    with_operator(settings)

    def url_of(login: str) -> str:
        urls = {
            "app": settings.database_url, "system": settings.database_system_url,
            "owner": settings.database_owner_url,
        }  # fmt: skip
        if login in urls:
            return urls[login]
        admin = make_url(request.getfixturevalue("postgres_admin_url"))
        here = make_url(settings.database_url)
        return admin.set(database=here.database).render_as_string(hide_password=False)

    data_dir = Path(settings.data_dir)
    return Place(settings, sound(settings, data_dir), url_of)
