"""The typed façade over hooks: one method per hook, each plugin guarded on its own.

pluggy's own multicall drops every result when one implementation raises, and cannot be typed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pluggy

from musekit.kernel.discovery import CORE

if TYPE_CHECKING:
    from pluggy._hooks import HookImpl
    from sqlalchemy.orm import Session
    from starlette.requests import Request

    from musekit.kernel.actors import Actor
    from musekit.kernel.host import Host
    from musekit.kernel.registry import Registry

logger = logging.getLogger(__name__)

#: An observer that fails so often in a row is not called again until the restart.
FAILURES_ALLOWED = 5


class Hooks:
    """Calls of hooks. Made by the loader; reached as ``host.registry.hooks``."""

    registry: Registry

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager
        self._failures: Counter[tuple[str, str]] = Counter()
        self._known: dict[str, list[HookImpl]] = {}

    def implementations(self, spec: str, plugin: str | None = None) -> list[HookImpl]:
        """Return the implementations of a hook by plugin name, of one plugin or of all."""
        if plugin is None and spec in self._known:
            return self._known[spec]
        caller = getattr(self._manager.hook, spec, None)
        found = sorted(
            (caller.get_hookimpls() if caller is not None else ()),
            key=lambda each: each.plugin_name,
        )
        if plugin is not None:
            return [each for each in found if owner(each) == plugin]
        if self.registry.frozen:  # asked at every request from then on
            self._known[spec] = found
        return found

    def remove(self, plugin: str) -> None:
        """Take all implementations of a plugin away."""
        for name, module in self._manager.list_name_plugin():
            if module is not None and name.partition(".")[0] == plugin:
                self._manager.unregister(name=name)
        self._known.clear()

    # --- register: collected ---

    def collect(
        self, spec: str, *, plugin: str | None = None, **arguments: Any
    ) -> list[tuple[str, Any]]:
        """Ask a ``*_register_*`` hook, of the core or of a product.

        A plugin that raises, or returns something that cannot be iterated, is quarantined with
        all it has contributed; the answers of the others stand.

        Args:
            spec: name of the hook.
            plugin: ask only this one.
            arguments: what the hook takes.

        Returns:
            (plugin name, item) for each item returned, by plugin name.
        """
        answers: list[tuple[str, Any]] = []
        for implementation in self.implementations(spec, plugin):
            name = owner(implementation)
            if self.registry.plugin(name) is None:
                continue  # it was quarantined by an answer before this one
            try:
                items = list(_call(implementation, arguments) or ())
            except (Exception, SystemExit) as error:  # a plugin's fault is never the host's
                self.registry.quarantine(name, "collect", error, where=spec)
                answers = [each for each in answers if each[0] != name]
            else:
                answers += [(name, item) for item in items]
        return answers

    # --- on: notified ---

    def on_user_created(self, *, host: Host, user_id: UUID, space_id: UUID) -> None:
        """Tell that a user and their personal space exist; call it after the commit."""
        self._notify("musekit_on_user_created", host=host, user_id=user_id, space_id=space_id)

    def on_user_deleted(self, *, host: Host, user_id: UUID) -> None:
        """Tell that a user is gone; call it after the commit."""
        self._notify("musekit_on_user_deleted", host=host, user_id=user_id)

    def on_subscription_changed(
        self, *, host: Host, product: str, space_ids: Sequence[UUID], before: str, after: str
    ) -> None:
        """Tell that the tier of spaces is another now; call it after the commit."""
        self._notify(
            "musekit_on_subscription_changed",
            host=host, product=product, space_ids=space_ids, before=before, after=after,
        )  # fmt: skip

    def on_demo(self, *, host: Host, base_url: str) -> dict[str, Any]:
        """Have plugins fill a demo deployment; return what they say of it, merged.

        What went wrong stands under ``problems``: a sentence for each plugin that failed.
        """
        said: dict[str, Any] = {}
        problems = []
        for implementation in self.implementations("musekit_on_demo"):
            try:
                said.update(_call(implementation, {"host": host, "base_url": base_url}) or {})
            except (Exception, SystemExit) as error:
                name = owner(implementation)
                logger.exception("musekit_on_demo of plugin %s failed", name)
                problems.append(f"{name} could not make its sample data: {error}")
        return {**said, "problems": problems} if problems else said

    def _notify(self, spec: str, **arguments: Any) -> list[Any]:
        answers = []
        for implementation in self.implementations(spec):
            key = (implementation.plugin_name, spec)
            if self._failures[key] >= FAILURES_ALLOWED:
                continue
            try:
                answers.append(_call(implementation, arguments))
                self._failures[key] = 0
            except (Exception, SystemExit):
                self._failures[key] += 1
                logger.exception(
                    "%s of plugin %s failed (%s times in a row; at %s it is paused)",
                    spec, owner(implementation), self._failures[key], FAILURES_ALLOWED,
                )  # fmt: skip
        return answers

    def paused(self) -> list[tuple[str, str]]:
        """Return (plugin, hook) of the observers that failed too often and are not called."""
        return [
            (name.partition(".")[0], spec)
            for (name, spec), count in self._failures.items()
            if count >= FAILURES_ALLOWED
        ]

    # --- resolve: the first answer wins ---

    def resolve_actor(self, request: Request, host: Host) -> Actor | None:
        """Return who is behind a request. Errors pass: in doubt nobody is let in."""
        for implementation in self.implementations("musekit_resolve_actor"):
            actor: Actor | None = _call(implementation, {"request": request, "host": host})
            if actor is not None:
                return actor
        return None

    def resolve_tier(self, *, host: Host, product: str, space_id: UUID) -> str | None:
        """Return the key of the tier a space has, by the whole chain (`musekit.products.tiers`).

        None for a product that nobody has declared.
        """
        from musekit.products import tiers

        try:
            return tiers.resolve(host, product, space_id).tier.key
        except LookupError:
            return None

    def ask_tier(self, *, host: Host, product: str, space_id: UUID) -> str | None:
        """Return the key that a plugin other than the core gives a space; None: none does.

        One step of the chain. A plugin that fails is passed over.
        """
        arguments = {"host": host, "product": product, "space_id": space_id}
        for implementation in self.implementations("musekit_resolve_tier"):
            if owner(implementation) == CORE:
                continue
            try:
                tier: str | None = _call(implementation, arguments)
            except Exception:
                logger.exception("musekit_resolve_tier of plugin %s failed", owner(implementation))
                continue
            if tier is not None:
                return tier
        return None

    # --- others ---

    def export_user_data(self, *, session: Session, user_id: UUID) -> dict[str, Mapping[str, Any]]:
        """Return what each plugin stores about a user. Errors pass: half an export is none."""
        found: dict[str, dict[str, Any]] = {}
        for implementation in self.implementations("musekit_export_user_data"):
            answer = _call(implementation, {"session": session, "user_id": user_id})
            found.setdefault(owner(implementation), {}).update(answer or {})
        return dict(found)

    def lifespans(self, host: Host) -> Iterator[tuple[str, AbstractAsyncContextManager[None]]]:
        """Yield (plugin, context) of each plugin's lifespan; one that raises is quarantined."""
        for implementation in self.implementations("musekit_lifespan"):
            name = owner(implementation)
            if self.registry.plugin(name) is None:
                continue
            try:
                context = _call(implementation, {"host": host})
                if not hasattr(context, "__aenter__"):
                    raise TypeError("musekit_lifespan must return an async context manager")
            except (Exception, SystemExit) as error:
                self.registry.quarantine(name, "lifespan", error)
            else:
                yield name, context


def owner(implementation: HookImpl) -> str:
    """Return the plugin of an implementation: a feature ``musekit.auth`` belongs to musekit."""
    return implementation.plugin_name.partition(".")[0]


def _call(implementation: HookImpl, arguments: Mapping[str, Any]) -> Any:
    return implementation.function(*(arguments[name] for name in implementation.argnames))
