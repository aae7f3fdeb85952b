"""Mails, webhook events, sign-in services and AI services: collected, claimed, and taken away."""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from uuid import uuid4

import pluggy
import pytest

from musekit import declarations as d
from musekit import hookimpl, hookspecs, providers
from musekit.kernel.collecting import PLAIN, WEB, collect
from musekit.kernel.hooks import Hooks
from musekit.kernel.registry import LoadedPlugin, Registry


class Sso:
    """A way to sign in, as a plugin writes it."""

    key, label, icon, kind, organization_bound = "sso", "Single sign-on", "key", "oidc", False

    def begin(self, host: Any, flow: providers.FlowStart) -> str:
        return f"https://id.example/?state={flow.state}"

    def finish(
        self, host: Any, flow: providers.FlowTaken, answer: Mapping[str, str]
    ) -> providers.Identity:
        return providers.Identity(
            issuer="https://id.example", subject=answer["sub"], email="", email_verified=False
        )


class Parrot:
    """A model that repeats."""

    key, label, needs_key, default_model, structured = "parrot", "Parrot", False, "p-1", False

    async def stream(
        self, call: providers.AICall, config: providers.AIConfig, http: Any
    ) -> AsyncIterator[providers.AIEvent]:
        yield providers.Text(call.messages[-1].content)
        yield providers.Finish("stop")


def mail(template: str = "a/email/hello") -> d.EmailTemplate:
    return d.EmailTemplate(key="hello", label="Hello", template=template, sample=dict)


EVENT = d.WebhookEvent(key="thing.made", label="A thing is made", sample={"id": "1"})
#: kind → what a plugin gives, what the claim is called.
KINDS: dict[str, tuple[Any, str]] = {
    "email_templates": (mail(), "template hello"),
    "webhook_events": (EVENT, "webhook event thing.made"),
    "identity_providers": (Sso(), "identity provider sso"),
    "ai_providers": (Parrot(), "AI provider parrot"),
}


def hook(kind: str, item: Any) -> Callable[..., Any]:
    """An implementation of the hook of a kind; WEB kinds are given the host."""
    give: Callable[..., Any]
    if kind in ("identity_providers", "ai_providers"):

        def give(host: Any) -> list[Any]:
            assert host is HOST
            return [item]
    else:

        def give() -> list[Any]:
            return [item]

    give.__name__ = f"musekit_register_{kind}"
    return give


HOST: Any = object()


def collected(**plugins: Callable[..., Any]) -> Registry:
    manager = pluggy.PluginManager("musekit")
    manager.add_hookspecs(hookspecs)
    registry = Registry(Hooks(manager))
    for name, function in plugins.items():
        module = types.ModuleType(name)
        setattr(module, function.__name__, hookimpl(function))
        manager.register(module, name=name)
        registry.plugins.append(LoadedPlugin(name=name, dist=name, version="1", module=name))
    collect(registry, PLAIN)
    collect(registry, WEB, HOST)
    return registry


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_plugin_declares_is_found_by_its_key_and_goes_with_it(kind: str) -> None:
    item, claim = KINDS[kind]
    registry = collected(a=hook(kind, item))
    assert getattr(registry, kind) == {item.key: item}
    assert registry.owner_of(claim) == "a"
    registry.quarantine("a", "lifespan", "broken")
    assert getattr(registry, kind) == {}


@pytest.mark.parametrize("kind", ["webhook_events", "identity_providers", "ai_providers"])
def test_a_key_belongs_to_who_came_first(kind: str) -> None:
    item, claim = KINDS[kind]
    registry = collected(a=hook(kind, item), b=hook(kind, item))
    assert [each.plugin for each in registry.quarantined] == ["b"]
    assert claim in registry.quarantined[0].error


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_of_the_kind_holds_its_plugin(kind: str) -> None:
    registry = collected(a=hook(kind, object()))
    assert [(each.plugin, each.phase) for each in registry.quarantined] == [("a", "collect")]


def test_a_provider_that_lacks_a_method_is_named() -> None:
    broken = types.SimpleNamespace(
        key="x", label="X", icon="key", kind="oidc", organization_bound=False, begin=print
    )
    registry = collected(a=hook("identity_providers", broken))
    assert "IdentityProvider is due" in registry.quarantined[0].error


def test_a_mail_must_lie_in_the_plugins_own_templates() -> None:
    registry = collected(a=hook("email_templates", mail("musekit/email/kit")))
    assert "“a/…”" in registry.quarantined[0].error


def test_a_changed_tier_is_told_to_every_plugin_in_full() -> None:
    told: list[Any] = []

    def musekit_on_subscription_changed(
        product: str, space_ids: Any, before: str, after: str
    ) -> None:
        told.append((product, space_ids, before, after))

    def failing() -> Callable[..., None]:
        def musekit_on_subscription_changed(host: Any) -> None:
            raise RuntimeError

        return musekit_on_subscription_changed

    registry = collected(a=failing(), b=musekit_on_subscription_changed)
    spaces = [uuid4(), uuid4()]
    registry.hooks.on_subscription_changed(
        host=HOST, product="p", space_ids=spaces, before="tier_1", after="tier_2"
    )
    assert told == [("p", spaces, "tier_1", "tier_2")]


def test_the_step_of_plugins_leaves_the_core_out() -> None:
    def musekit_resolve_tier(product: str) -> str:
        return "tier_of_the_core"

    registry = collected(musekit=musekit_resolve_tier)
    assert registry.hooks.ask_tier(host=HOST, product="p", space_id=uuid4()) is None
