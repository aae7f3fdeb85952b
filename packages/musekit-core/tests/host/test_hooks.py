"""The façade: each plugin on its own, with real pluggy and plugins made on the spot."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pluggy
import pytest

from musekit import declarations as d
from musekit import hookimpl, hookspecs
from musekit.kernel.collecting import PLAIN, collect
from musekit.kernel.hooks import FAILURES_ALLOWED, Hooks
from musekit.kernel.registry import LoadedPlugin, PluginFault, Registry


def registry_of(strict: bool = False, **plugins: list[Callable[..., Any]]) -> Registry:
    manager = pluggy.PluginManager("musekit")
    manager.add_hookspecs(hookspecs)
    registry = Registry(Hooks(manager), strict=strict)
    for name, functions in plugins.items():
        module = types.ModuleType(name)
        for function in functions:
            setattr(module, function.__name__, hookimpl(function))
        manager.register(module, name=name)
        registry.plugins.append(LoadedPlugin(name=name, dist=name, version="1", module=name))
    return registry


def permission(key: str, role: d.Role = "viewer") -> Callable[[], list[d.Permission]]:
    def musekit_register_permissions() -> list[d.Permission]:
        return [d.Permission(key=key, label=key, lowest_role=role)]

    return musekit_register_permissions


def test_an_observer_that_fails_disturbs_nobody_and_is_paused() -> None:
    calls: dict[str, int] = {"bad": 0, "good": 0}

    def bad() -> Callable[..., None]:
        def musekit_on_user_deleted(user_id: Any) -> None:
            calls["bad"] += 1
            raise SystemExit(1)

        return musekit_on_user_deleted

    def good() -> Callable[..., None]:
        def musekit_on_user_deleted(host: Any, user_id: Any) -> None:
            calls["good"] += 1

        return musekit_on_user_deleted

    registry = registry_of(a_bad=[bad()], good=[good()])
    for _ in range(FAILURES_ALLOWED + 3):
        registry.hooks.on_user_deleted(host=None, user_id=uuid4())  # type: ignore[arg-type]
    assert calls == {"bad": FAILURES_ALLOWED, "good": FAILURES_ALLOWED + 3}
    assert registry.hooks.paused() == [("a_bad", "musekit_on_user_deleted")]


def test_a_success_starts_the_count_of_failures_anew() -> None:
    calls = []

    def musekit_on_user_deleted(user_id: Any) -> None:
        calls.append(user_id)
        if len(calls) % FAILURES_ALLOWED:
            raise RuntimeError

    registry = registry_of(flaky=[musekit_on_user_deleted])
    for _ in range(4 * FAILURES_ALLOWED):
        registry.hooks.on_user_deleted(host=None, user_id=uuid4())  # type: ignore[arg-type]
    assert len(calls) == 4 * FAILURES_ALLOWED
    assert registry.hooks.paused() == []


def test_the_first_tier_wins_and_a_failing_resolver_is_passed_over() -> None:
    def make(answer: Any) -> Callable[..., Any]:
        def musekit_resolve_tier(product: str) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return musekit_resolve_tier

    registry = registry_of(
        a=[make(ValueError())], b=[make(None)], c=[make("tier_3")], d=[make("x")]
    )
    assert registry.hooks.ask_tier(host=None, product="p", space_id=uuid4()) == "tier_3"  # type: ignore[arg-type]


def test_doubt_about_the_actor_lets_nobody_in() -> None:
    def musekit_resolve_actor(request: Any, host: Any) -> Any:
        raise RuntimeError("the table of sessions is away")

    registry = registry_of(auth=[musekit_resolve_actor])
    with pytest.raises(RuntimeError):
        registry.hooks.resolve_actor(None, None)  # type: ignore[arg-type]


def test_half_an_export_is_none() -> None:
    def give() -> Callable[..., Any]:
        def musekit_export_user_data(user_id: Any) -> dict[str, int]:
            return {"posts": 2}

        return give_back

    def musekit_export_user_data(user_id: Any) -> dict[str, int]:
        return {"posts": 2}

    give_back = musekit_export_user_data
    registry = registry_of(a=[give()])
    assert registry.hooks.export_user_data(session=None, user_id=uuid4()) == {"a": {"posts": 2}}  # type: ignore[arg-type]

    def broken() -> Callable[..., Any]:
        def musekit_export_user_data(session: Any) -> Any:
            raise OSError

        return musekit_export_user_data

    registry = registry_of(a=[give()], b=[broken()])
    with pytest.raises(OSError):
        registry.hooks.export_user_data(session=None, user_id=uuid4())  # type: ignore[arg-type]


def test_a_plugin_that_raises_takes_away_only_itself() -> None:
    def musekit_register_tiers() -> Any:
        raise ZeroDivisionError

    registry = registry_of(
        a=[permission("a.read")], b=[permission("b.read"), musekit_register_tiers]
    )
    collect(registry, PLAIN)
    assert [each.key for each in registry.permissions] == ["a.read"]
    assert [(each.plugin, each.phase) for each in registry.quarantined] == [("b", "collect")]
    assert "ZeroDivisionError" in registry.quarantined[0].error


def test_who_comes_first_keeps_a_name() -> None:
    registry = registry_of(a=[permission("things.read")], b=[permission("things.read")])
    collect(registry, PLAIN)
    assert registry.owner_of("permission things.read") == "a"
    assert "already taken by plugin “a”" in registry.quarantined[0].error


def test_what_builds_on_a_held_plugin_becomes_inactive() -> None:
    registry = registry_of(
        base=[permission("base.read")],
        child=[permission("child.read")],
        other=[permission("o.read")],
    )
    registry.dependants = {"base": ["child"]}
    told: list[str] = []
    registry.on_quarantine(told.append)
    collect(registry, PLAIN)
    registry.quarantine("base", "lifespan", RuntimeError("away"))
    assert told == ["base", "child"]
    assert {each.plugin: each.phase for each in registry.quarantined} == {
        "base": "lifespan", "child": "inactive",
    }  # fmt: skip
    assert [each.key for each in registry.permissions] == ["o.read"]
    assert [each.name for each in registry.plugins] == ["other"]


def test_roles_hold_what_those_below_hold() -> None:
    registry = registry_of(
        a=[permission("a.see", "viewer")], b=[permission("b.write", "editor")],
        c=[permission("c.manage", "admin")],
    )  # fmt: skip
    collect(registry, PLAIN)
    assert registry.permissions_of("viewer") == {"a.see"}
    assert registry.permissions_of("editor") == {"a.see", "b.write"}
    assert registry.permissions_of("owner") == {"a.see", "b.write", "c.manage"}
    assert registry.permissions_of("nobody") == frozenset()


def test_strict_mode_and_the_core_raise() -> None:
    registry = registry_of(strict=True, a=[permission("Not A Key")])
    with pytest.raises(PluginFault, match="Not A Key"):
        collect(registry, PLAIN)
    registry = registry_of(musekit=[permission("x.read")])
    with pytest.raises(PluginFault, match="musekit"):
        registry.quarantine("musekit", "collect", "broken")


def test_a_frozen_registry_takes_nothing_more() -> None:
    registry = registry_of(a=[permission("a.read")])
    registry.frozen = True
    with pytest.raises(RuntimeError, match="frozen"):
        collect(registry, PLAIN)


def test_a_demo_that_fails_says_which_plugin_and_why() -> None:
    def broken() -> Callable[..., Any]:
        def musekit_on_demo(base_url: str) -> Any:
            raise RuntimeError("the sample network is away")

        return musekit_on_demo

    def musekit_on_demo(base_url: str) -> Any:
        return {"email": "a@example.com"}

    registry = registry_of(a_good=[musekit_on_demo], b_bad=[broken()])
    said = registry.hooks.on_demo(host=None, base_url="http://127.0.0.1")  # type: ignore[arg-type]
    assert said["email"] == "a@example.com"
    assert said["problems"] == ["b_bad could not make its sample data: the sample network is away"]
