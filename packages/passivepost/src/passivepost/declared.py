"""What the face declares, in full. Handlers are imported when they run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from musekit import declarations as d
from passivepost.tier import counts

if TYPE_CHECKING:
    from musekit.api import Host, JobRun, Stop
    from passivepost.settings import PassivePostSettings

LIMITS = (
    d.Limit(key="posts_per_day", label="Posts a day", metric="posts", period="day"),
    d.Limit(key="posts_per_month", label="Posts a month", metric="posts", period="month"),
    d.Limit(key="platforms", label="Connected accounts", count=counts.accounts),
    d.Limit(key="ai_per_day", label="AI drafts a day", metric="ai", period="day"),
    d.Limit(key="spaces", label="Spaces", count=counts.spaces),
    d.Limit(key="members", label="Members", count=counts.members),
)

MIGRATIONS = (
    d.Migrations(
        tables=(
            "post_details", "usage_counts", "oauth_flows", "account_state", "platform_health",
            "post_metrics", "alert_logs", "publish_state", "publish_attempts", "told_news",
        ),
        core_columns={"social_posts": ("trend_source", "niche_triggered")},
    ),
)  # fmt: skip

PERMISSIONS = (
    d.Permission(key="social.posts.read", label="See posts", lowest_role="viewer"),
    d.Permission(key="social.posts.write", label="Write and change posts", lowest_role="editor"),
    d.Permission(key="social.posts.publish", label="Schedule and publish", lowest_role="editor"),
    d.Permission(key="social.accounts.read", label="See accounts", lowest_role="viewer"),
    d.Permission(key="social.accounts.write", label="Connect accounts", lowest_role="admin"),
)

NAVIGATION = (
    d.NavItem(label="Overview", href="/dashboard/social/overview", group="PassivePost", weight=5,
              icon="activity", permission="social.posts.read"),
    d.NavItem(label="Accounts", href="/dashboard/social", group="PassivePost", weight=40,
              icon="plug", permission="social.accounts.read"),
    d.NavItem(label="Compose", href="/dashboard/social/compose", group="PassivePost", weight=10,
              icon="square-pen", permission="social.posts.write"),
    d.NavItem(label="Queue", href="/dashboard/social/queue", group="PassivePost", weight=20,
              icon="list-ordered", permission="social.posts.read"),
    d.NavItem(label="Posts", href="/dashboard/social/posts", group="PassivePost", weight=30,
              icon="file-text", permission="social.posts.read"),
)  # fmt: skip


def settings() -> list[d.SettingsSection]:
    """Return the settings sections."""
    from passivepost.publishing.settings import PublishingSettings
    from passivepost.settings import PassivePostSettings

    return [
        d.SettingsSection(model=PassivePostSettings),
        d.SettingsSection(model=PublishingSettings),
    ]


def _read() -> PassivePostSettings:
    """Read the settings that declarations depend on, from the environment."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from passivepost.settings import PassivePostSettings

    try:
        return PassivePostSettings()
    except (ValidationError, SettingsError):
        # The host reads the settings next, and says which of them cannot be used.
        return PassivePostSettings.model_construct()


def products() -> list[d.Product]:
    """Return the one product; the tier of those who subscribe to none is a setting."""
    return [
        d.Product(
            key="passive-post", name="PassivePost", home="/dashboard/social/overview",
            summary="Plan, write and publish posts on your networks, once and on time.",
            default_tier=_read().default_tier, settings_key="socialModule", limits=LIMITS,
        )
    ]  # fmt: skip


def jobs() -> list[d.Job]:
    """Return the four jobs; their intervals are settings."""
    every = _read()
    return [
        d.Job(name="social-post", handler=_social_post, retries=0),
        d.Job(name="social-health-check", handler=_health_check, every=every.health_seconds),
        d.Job(name="social-trend-monitor", handler=_trend_monitor, every=every.trend_seconds),
        d.Job(
            name="social-engagement-pull",
            handler=_engagement_pull,
            every=every.engagement_seconds,
        ),
    ]


def services() -> list[d.WorkerService]:
    """Return the publisher."""
    return [d.WorkerService(name="publisher", run=_publisher)]


def health_checks() -> list[d.HealthCheck]:
    """Return the checks of platforms and publisher."""
    from passivepost import health

    return [
        d.HealthCheck(name="passivepost-platforms", check=health.check_platforms),
        d.HealthCheck(name="passivepost-publisher", check=health.check_publisher),
    ]


def routes(host: Host) -> list[d.RouteSet]:
    """Return the JSON routes, and collect the platforms while the host is being built."""
    from passivepost.accounts.registry import platforms_of
    from passivepost.accounts.routes import router as accounts
    from passivepost.cron.routes import router as cron
    from passivepost.posts.routes import router as posts
    from passivepost.tier.routes import router as tier

    platforms_of(host)
    return [d.RouteSet(router=each, prefix="/api/social") for each in (posts, accounts, tier, cron)]


def pages() -> list[d.RouteSet]:
    """Return the pages."""
    from passivepost.accounts.pages import router as accounts
    from passivepost.pages.overview import router as overview
    from passivepost.posts.compose_pages import router as composer
    from passivepost.posts.pages import router as posts
    from passivepost.publishing.pages import router as queue

    return [d.RouteSet(router=each) for each in (overview, composer, queue, posts, accounts)]


def _dashboard_card(host: Host, actor: Any) -> Mapping[str, Any] | None:
    from passivepost.pages.overview import card

    return card(host, actor)


def _compose_button(host: Host, actor: Any) -> Mapping[str, Any] | None:
    return {} if actor is not None and actor.may("social.posts.write") else None


SLOTS = (
    d.Slot(place="dashboard.cards", template="passivepost/slots/dashboard.html",
           context=_dashboard_card, weight=10),
    d.Slot(place="shell.actions", template="passivepost/slots/compose.html",
           context=_compose_button, weight=10),
)  # fmt: skip


def _social_post(run: JobRun) -> None:
    """Ring the publisher of this process: something may be due."""
    from passivepost.publishing.bell import Bell

    try:
        run.host.get(Bell).ring()
    except KeyError:
        pass  # no publisher here; one elsewhere looks by itself every few seconds


def _health_check(run: JobRun) -> None:
    from passivepost.metrics.jobs import health_check

    health_check(run)


def _trend_monitor(run: JobRun) -> None:
    from passivepost.metrics.jobs import trend_monitor

    trend_monitor(run)


def _engagement_pull(run: JobRun) -> None:
    from passivepost.metrics.jobs import engagement_pull

    engagement_pull(run)


def _publisher(host: Host, stop: Stop) -> None:
    from passivepost.publishing.service import PublisherService

    PublisherService().run(host, stop)
