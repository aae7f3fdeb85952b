"""Building the host: settings, plugins, connections, declarations; in this order, once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from sqlalchemy.exc import DBAPIError

from musekit.errors import ConfigurationError
from musekit.kernel import collecting, loader, refusals, telemetry
from musekit.kernel.actors import Actor
from musekit.kernel.advice import Fault, Judgement
from musekit.kernel.crypto.keyring import KeyRing
from musekit.kernel.crypto.keys import new_key
from musekit.kernel.database.session import Database
from musekit.kernel.discovery import CORE, plugins_dir, read_json, write_json
from musekit.kernel.host import Host
from musekit.kernel.metrics import Metrics
from musekit.kernel.outbound.client import Outbound
from musekit.kernel.portal import Portal
from musekit.kernel.queue.broker import Broker
from musekit.kernel.ratelimit.limiter import Limiter
from musekit.kernel.ratelimit.settings import LimitSettings
from musekit.kernel.registry import ADVICE, PluginFault, Registry
from musekit.kernel.settings import CoreSettings, load_section

logger = logging.getLogger(__name__)


def build_host(
    settings: CoreSettings | None = None,
    *,
    plugins: Sequence[str] | None = None,
    strict: bool | None = None,
    offline: bool = False,
    judgement: Judgement | None = None,
) -> Host:
    """Build a host from the installed plugins.

    Args:
        settings: of the core; None: from the environment.
        plugins: load only these and the core (for tests); None: all installed.
        strict: a faulty plugin is an error; None: as the settings say.
        offline: look at no database, for commands that describe what is installed.
        judgement: collects what would be refused, and the host is built all the same, for
            commands that explain it.

    Raises:
        ConfigurationError: the deployment is set up wrongly, or a migration of the core is due.
        PluginFault: the core cannot be loaded, or a plugin is at fault in strict mode.
    """
    settings = settings or load_section(CoreSettings, CORE)
    strict = settings.strict_plugins if strict is None else strict
    if not offline:
        refusals.check_settings(settings, judgement)
    unmigrated = {} if offline else _unmigrated(settings)
    registry = loader.load(settings, plugins=plugins, strict=strict, unmigrated=unmigrated)
    collecting.collect(registry, collecting.PLAIN)
    outbound, database = Outbound(settings), Database(settings)
    metrics = Metrics(enabled=bool(settings.metrics_secret) and not offline)
    host = Host(
        settings=settings,
        database=database,
        keyring=KeyRing([new_key()]) if offline else KeyRing.from_settings(settings),
        broker=Broker(settings),
        outbound=outbound,
        portal=Portal(outbound),
        registry=registry,
        limits=Limiter(settings, database, metrics),
        metrics=metrics,
        tracing=None if offline else telemetry.start(settings),
    )
    try:
        _read_sections(host)
        rates = host.sections.get(LimitSettings)
        host.limits.configure(rates if isinstance(rates, LimitSettings) else None)
        if not offline:
            refusals.check_services(host, judgement)
        host.broker.bind(host)
        collecting.collect(registry, collecting.WEB, host)
    except BaseException:
        host.close()
        raise
    registry.frozen = True
    _report(registry, settings, None if offline else _remember(host))
    return host


@contextmanager
def open_host() -> Iterator[Host]:
    """Build the host from the environment for a command of a plugin, and close it at the end.

    Raises:
        ConfigurationError: as `build_host`; the command line shows it as a message.
    """
    from musekit.kernel.serving import prepare

    host = build_host(prepare())
    try:
        yield host
    finally:
        host.close()


def _unmigrated(settings: CoreSettings) -> Mapping[str, Fault]:
    """Return why plugins' schemas do not fit their code; refuse when it is the core's."""
    from musekit.kernel.migrations.lineage import discover
    from musekit.kernel.migrations.state import ahead, pending, unreadable

    every = discover()  # once: it reads what all distributions say of themselves
    waiting, newer = pending(settings, every), ahead(settings, every)
    if CORE in waiting:
        ends = dict.fromkeys((waiting[CORE][0], waiting[CORE][-1]))
        raise ConfigurationError(
            f"The database lacks migrations of the core, {' to '.join(ends)}. Run"
            " `musekit migrate`, then start again; nothing was changed."
        )
    if CORE in newer:
        raise ConfigurationError("\n".join(newer.values()))
    due = {
        name: Fault("migrations", f"revisions {', '.join(revisions)} are not applied",
                    ADVICE["migrations"])
        for name, revisions in waiting.items()
    }  # fmt: skip
    wrong = {
        name: Fault("migrations", why, ADVICE["collect"]) for name, why in unreadable(every).items()
    }
    return {**due, **newer, **wrong}


def _read_sections(host: Host) -> None:
    """Read each plugin's settings; a plugin whose settings are wrong is quarantined."""
    for plugin in list(host.registry.plugins):
        contribution = host.registry.contributions.get(plugin.name)
        for section in contribution.items.get("settings", ()) if contribution else ():
            try:
                host.sections[section.model] = load_section(section.model, plugin.name)
            except Exception as error:
                host.registry.quarantine(plugin.name, "settings", error)
                break


def _remember(host: Host) -> list[dict[str, str]] | None:
    """Keep the names of jobs and permissions with each plugin, for a purge without its code.

    Returns:
        The plugins that have data here, those that are gone included; None when not known.
    """
    from musekit.kernel.migrations.ownership import record_names, records

    names = {
        plugin: {
            "jobs": [job.name for job in each.items.get("jobs", ())],
            "permissions": [permission.key for permission in each.items.get("permissions", ())],
        }
        for plugin, each in host.registry.contributions.items()
    }
    try:
        with host.database.session(Actor.system("start")) as session:
            record_names(session.connection(), names)
            known = records(session.connection()).values()
    except DBAPIError as error:  # nothing that serves people depends on it
        logger.warning("The names of plugins' jobs could not be kept: %s", type(error).__name__)
        return None
    return [
        {"name": each.name, "dist": each.distribution, "version": each.version} for each in known
    ]


def _report(
    registry: Registry, settings: CoreSettings, recorded: list[dict[str, str]] | None
) -> None:
    """Say what is active, and keep it in a file for `musekit plugins list`."""
    active = ", ".join(f"{each.name} {each.version}" for each in registry.plugins)
    logger.info("Plugins active: %s", active)
    if registry.disabled:
        logger.info("Plugins disabled: %s", ", ".join(registry.disabled))

    def keep(plugin: str = "") -> None:
        held = [asdict(each) for each in registry.quarantined]
        path = plugins_dir(settings.data_dir) / "state.json"
        try:
            state = read_json(path, dict)
            fresh = {**state, "held": held} | ({} if recorded is None else {"recorded": recorded})
            if fresh != {"held": [], **state}:
                write_json(path, fresh)
        except OSError as error:
            logger.warning("%s cannot be written: %s", path, error)

    keep()
    registry.on_quarantine(keep)


__all__ = ["PluginFault", "build_host", "open_host"]
