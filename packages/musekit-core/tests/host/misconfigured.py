"""Every way to set a deployment up wrongly that is refused or warned of, and what is said of it.

Each is brought about on a real database, by the environment that a process starts with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from musekit.auth.models import User
from musekit.kernel.actors import Actor
from musekit.kernel.crypto.keyring import KeyRing
from musekit.kernel.crypto.keys import new_key, write_down
from musekit.kernel.database.session import Database
from musekit.kernel.ids import new_id
from musekit.kernel.settings import CoreSettings
from musekit.organizations.models import OrganizationSettings
from musekit.social.models import SocialAccount
from musekit.spaces.models import Space

SYSTEM = Actor.system("tests")
LONG = "2v8Qk4nTz7Lr1XwPd6Ys9Hc3Mb5Jf0Ge"  # 32 bytes
OTHER = "Zq7Nw2Rt5Yp8Ks1Vd4Xg6Hj9Lm3Bc0Fu"


@dataclass
class Place:
    """Where it is brought about: a migrated database, its settings and the environment."""

    settings: CoreSettings
    environment: dict[str, str]
    url_of: Callable[[str], str]  #: the address of a login: superuser, owner, system, app
    done: list[str] = field(default_factory=list)  #: statements that undo what was done

    def execute(self, statement: str) -> None:
        """Run SQL as the owner of the database."""
        import sqlalchemy as sa

        engine = sa.create_engine(self.url_of("superuser"))
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()


@dataclass(frozen=True)
class Case:
    """One misconfiguration.

    Args:
        name: of the fault.
        says: words of its cause and cure.
        set: variables of the environment; None: unset.
        do: what else is done.
        backend: on which database.
    """

    name: str
    says: tuple[str, ...]
    set: dict[str, str | None] = field(default_factory=dict)
    do: Callable[[Place], None] | None = None
    backend: str = "sqlite"


def sound(settings: CoreSettings, data_dir: Path) -> dict[str, str]:
    """Return the environment of a deployment that nothing is wrong with."""
    return {
        "MUSEKIT_MODE": "production",
        "MUSEKIT_DATA_DIR": str(data_dir),
        "MUSEKIT_DATABASE_URL": settings.database_url,
        "MUSEKIT_DATABASE_SYSTEM_URL": settings.database_system_url,
        "MUSEKIT_DATABASE_OWNER_URL": settings.database_owner_url,
        "MUSEKIT_PUBLIC_URL": "https://social.example.com",
        "MUSEKIT_TRUSTED_PROXIES": '["10.0.0.5", "172.18.0.0/16"]',
        "MUSEKIT_CRON_SECRET": LONG,
        "MUSEKIT_METRICS_SECRET": OTHER,
        "MUSEKIT_EMAIL_PROVIDER": "smtp",
        "MUSEKIT_EMAIL_SENDER": "no-reply@example.com",
        "MUSEKIT_EMAIL_SMTP_HOST": "127.0.0.1",
        "SOCIAL_ENCRYPTION_KEY": KEY,
    }


KEY = write_down(new_key())


def with_operator(settings: CoreSettings) -> None:
    """Make an operator."""
    database = Database(settings)
    with database.session(SYSTEM) as session:
        session.add(
            User(id=new_id(), email="op@example.com", email_key="op@example.com", is_operator=True)
        )
    database.close()


def sealed_by_another(place: Place) -> None:
    """Let the database be another deployment's."""
    from musekit.kernel.crypto import belonging

    database = Database(place.settings)
    assert belonging.check(database, KeyRing([new_key()])) == []
    database.close()


def token_of_a_lost_key(place: Place) -> None:
    """Store a token under a key that nobody has any more."""
    row, user, space = new_id(), new_id(), new_id()
    table = {"table": "social_accounts", "column": "access_token_encrypted"}
    database = Database(place.settings)
    with database.session(SYSTEM) as session:
        session.add(User(id=user, email="a@example.com", email_key="a@example.com"))
        session.add(Space(id=space, name="a"))
        session.flush()
        session.add(
            SocialAccount(
                id=row, space_id=space, user_id=user, platform="p", platform_user_id="x",
                access_token_encrypted=KeyRing([new_key()]).encrypt(
                    "t", **table, row=row, space=space
                ),
            )
        )  # fmt: skip
    database.close()


def tiers_of_nonsense(place: Place) -> None:
    """Store tiers that cannot be read."""
    database = Database(place.settings)
    with database.session(SYSTEM) as session:
        row = session.scalars(
            select(OrganizationSettings).where(OrganizationSettings.scope == "operator")
        ).one()
        row.settings = {"workspace": {"tierDefinitions": "many"}}
    database.close()


def login(variable: str, name: str) -> Callable[[Place], None]:
    """Use the address of one login for another."""

    def do(place: Place) -> None:
        place.environment[variable] = place.url_of(name)

    return do


def without_force(place: Place) -> None:
    """Take the protection of a table away."""
    place.execute("ALTER TABLE profiles NO FORCE ROW LEVEL SECURITY")


def an_open_table(place: Place) -> None:
    """Make a table that names people, and let the application write it."""
    place.execute("CREATE TABLE zz_open (id uuid, user_id uuid)")
    place.execute("GRANT SELECT, INSERT ON zz_open TO musekit_app")


def ring_with(secret: str) -> str:
    """Return a key ring that has a secret as the name of a key, the only text we choose there."""
    return f"{secret}:{KEY.partition(':')[2]}"


_SYSTEM_URL, _URL = "MUSEKIT_DATABASE_SYSTEM_URL", "MUSEKIT_DATABASE_URL"
REFUSED = (
    Case("short-secret", ("MUSEKIT_CRON_SECRET", "32 bytes", "token_urlsafe"),
         {"MUSEKIT_CRON_SECRET": LONG[:31]}),
    Case("short-secret", ("MUSEKIT_CRON_SECRET",),
         {"MUSEKIT_CRON_SECRET": None, "CRON_SECRET": "kitten7"}),
    Case("short-secret", ("MUSEKIT_METRICS_SECRET",), {"MUSEKIT_METRICS_SECRET": OTHER[:20]}),
    *(
        Case("placeholder-secret", (variable,), {variable: value})
        for variable, value in (
            ("MUSEKIT_CRON_SECRET", "changethis"),
            ("MUSEKIT_METRICS_SECRET", "x" * 40),
            ("MUSEKIT_EMAIL_SMTP_PASSWORD", "Change-Me"),
            ("MUSEKIT_EMAIL_RESEND_API_KEY", "your-resend-api-key"),
            ("MUSEKIT_BILLING_STRIPE_SECRET_KEY", "secret"),
            ("MUSEKIT_BILLING_STRIPE_WEBHOOK_SECRETS", "${STRIPE_WEBHOOK_SECRET}"),
            ("MUSEKIT_AUTH_GITHUB_CLIENT_SECRET", "<secret>"),
        )
    ),
    Case("placeholder-secret", ("MUSEKIT_AUTH_OIDC",), {
        "MUSEKIT_AUTH_OIDC": '[{"key": "own", "label": "Own", "issuer": "https://id.example.com",'
        ' "client_id": "x", "client_secret": "changeme"}]'
    }),
    Case("equal-secrets", ("MUSEKIT_CRON_SECRET", "MUSEKIT_METRICS_SECRET", "the same secret"),
         {"MUSEKIT_METRICS_SECRET": LONG}),
    Case("equal-secrets", ("MUSEKIT_CRON_SECRET", "SOCIAL_ENCRYPTION_KEY"),
         {"SOCIAL_ENCRYPTION_KEY": ring_with(LONG)}),
    Case("equal-secrets", ("MUSEKIT_EMAIL_SMTP_PASSWORD", "MUSEKIT_CRON_SECRET"),
         {"MUSEKIT_EMAIL_SMTP_PASSWORD": LONG}),
    Case("equal-secrets", ("MUSEKIT_EMAIL_SMTP_PASSWORD", "SOCIAL_ENCRYPTION_KEY"),
         {"MUSEKIT_EMAIL_SMTP_PASSWORD": KEY.partition(":")[2]}),
    Case("queue-address", ("MUSEKIT_REDIS_URL",),
         {"MUSEKIT_QUEUE_BACKEND": "redis", "MUSEKIT_REDIS_URL": ""}),
    Case("queue-address", ("MUSEKIT_QUEUE_BACKEND", "postgres"),
         {"MUSEKIT_QUEUE_BACKEND": "postgres"}),
    Case("debug-mode", ("MUSE_DEBUG_MODE", "Unset it"), {"MUSE_DEBUG_MODE": "1"}),
    Case("public-url", ("MUSEKIT_PUBLIC_URL",), {"MUSEKIT_PUBLIC_URL": None}),
    Case("any-host", ("MUSEKIT_TRUSTED_HOSTS",), {"MUSEKIT_TRUSTED_HOSTS": '["*"]'}),
    Case("any-proxy", ("MUSEKIT_TRUSTED_PROXIES",), {"MUSEKIT_TRUSTED_PROXIES": '["*"]'}),
    Case("unknown-proxy", ("nginx", "IP addresses"), {"MUSEKIT_TRUSTED_PROXIES": '["nginx"]'}),
    Case("proxies", ("MUSEKIT_TRUSTED_PROXIES", "MUSEKIT_BEHIND_PROXY=none"),
         {"MUSEKIT_TRUSTED_PROXIES": None}),
    Case("foreign-database", ("MUSEKIT_ADOPT_DATABASE=", "Put the keys back"),
         do=sealed_by_another),
    Case("unknown-key", ("social_accounts.access_token_encrypted", "SOCIAL_ENCRYPTION_KEY"),
         do=token_of_a_lost_key),
    Case("system-login", ("MUSEKIT_DATABASE_SYSTEM_URL", "--bootstrap-roles"),
         {_SYSTEM_URL: None}, backend="postgres"),
    *(
        Case("database-login", (words, "--bootstrap-roles"), do=login(variable, name),
             backend="postgres")
        for variable, name, words in (
            (_URL, "superuser", "stands above row level security"),
            (_URL, "owner", "owns tables"),
            (_URL, "system", "which sees every space"),
            (_SYSTEM_URL, "app", "would see no row"),
            (_SYSTEM_URL, "superuser", "stands above row level security"),
        )
    ),
    Case("open-tables", ("profiles", "protect(op, table)"), do=without_force, backend="postgres"),
    Case("open-tables", ("zz_open",), do=an_open_table, backend="postgres"),
)  # fmt: skip

WARNED = (
    Case("mail-stays-here", ("/admin/email", "MUSEKIT_EMAIL_PROVIDER"),
         {"MUSEKIT_EMAIL_PROVIDER": "outbox"}),
    Case("nobody-comes-in", ("MUSEKIT_AUTH_VERIFY_EMAIL",),
         {"MUSEKIT_EMAIL_PROVIDER": "outbox", "MUSEKIT_AUTH_VERIFY_EMAIL": "required"}),
    Case("plain-http", ("http://social.example.com", "certificate"),
         {"MUSEKIT_PUBLIC_URL": "http://social.example.com"}),
    Case("redis-away", ("MUSEKIT_REDIS_URL",), {"MUSEKIT_REDIS_URL": "redis://127.0.0.1:1/0"}),
    Case("no-stripe-webhook", ("/api/billing/stripe/webhook",),
         {"STRIPE_SECRET_KEY": "sk_live_4eC39HqLyjWDarjtT1zdp7dc"}),
    Case("stripe-test-key", ("nobody pays",), {
        "STRIPE_SECRET_KEY": "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
        "STRIPE_WEBHOOK_SECRET": "whsec_5f0e2c9a7b1d4386",
    }),
    Case("tiers-unusable", ("/admin/products/workspace/tiers",), do=tiers_of_nonsense),
    Case("unread-variable", ("MUSEKIT_TRUSTED_PROXYS", "MUSEKIT_TRUSTED_PROXIES?"),
         {"MUSEKIT_TRUSTED_PROXYS": "[]"}),
)  # fmt: skip


def prepared(place: Place, case: Case) -> None:
    """Bring a case about."""
    for name, value in case.set.items():
        if value is None:
            place.environment.pop(name, None)
        else:
            place.environment[name] = value
    if case.do is not None:
        case.do(place)


def title(case: Any) -> str:
    """Return how a case is called in the list of tests."""
    return "-".join((case.name, *(name.lower() for name in case.set)))
