"""Whether the set version of LinkedIn's API still lives, told before LinkedIn refuses it."""

from __future__ import annotations

from datetime import date

from musekit.api import Health
from passivepost_platform_linkedin.settings import LinkedInSettings

#: Months for which LinkedIn keeps a version (versioning guide, read 2026-08: "at least a year").
LIFE = 12
#: Months before its end from which on it is told.
NOTICE = 2


def version_health(settings: LinkedInSettings, today: date) -> Health:
    """Return how old the version is. It never fails: posts of other networks go out all the same.

    LinkedIn names no day on which a version ends, so this goes by its month alone; once it has
    ended, posts are held with LinkedIn's own words.
    """
    version = settings.version
    months = (today.year - int(version[:4])) * 12 + today.month - int(version[4:])
    if not settings.client_id or 0 <= months < LIFE - NOTICE:
        return Health(status="ok")
    advice = (
        "Set PASSIVEPOST_PLATFORM_LINKEDIN_VERSION to a newer one (YYYYMM) that LinkedIn's list of"
        " migrations names, then restart."
    )
    if months < 0:
        return Health(status="warn", detail=f"Version {version} is not out yet.", advice=advice)
    return Health(
        status="warn",
        detail=f"Version {version} of LinkedIn's API is {months} months old; LinkedIn ends one"
        f" after about {LIFE}, and then takes no post.",
        advice=advice,
    )
