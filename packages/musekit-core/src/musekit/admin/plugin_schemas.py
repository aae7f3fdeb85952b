"""What the operator's JSON routes give about plugins."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field

from musekit.admin.plugins import Detail, Shown, State
from musekit.kernel.web.schemas import Output


class FaultOut(Output):
    """Why a plugin is held apart."""

    phase: str
    error: str
    advice: str


class AdminPlugin(Output):
    """A plugin that is installed, or has left data here."""

    name: str
    dist: str = Field(description="its distribution")
    version: str
    state: State = Field(
        description="`active`; `held` apart by a fault; `disabled`; `new`: installed since the"
        " start; `gone`: not installed any more, its data is here"
    )
    changes: bool = Field(description="at the next start it is imported, or left out, unlike now")
    fault: FaultOut | None


class AdminPluginList(BaseModel):
    """Plugins, the core first; it is one page."""

    items: list[AdminPlugin]
    next_cursor: None = None


class Named(BaseModel):
    """Things of one kind."""

    kind: str
    names: list[str]


class AdminPluginDetail(BaseModel):
    """All that is known of one plugin."""

    plugin: AdminPlugin
    module: str
    requires: list[str] = Field(description="distributions, as its metadata says")
    needed_by: list[str] = Field(description="active plugins that go with it")
    adds: list[Named]
    revision: str | None = Field(description="where its tables stand")
    pending: list[str] = Field(description="revisions that `musekit migrate` would run")
    owns: list[Named] = Field(description="objects of the database")
    disabled_by_environment: bool

    @classmethod
    def of(cls, found: Detail, *, by_environment: bool) -> Self:
        """Return a plugin as data."""
        return cls(
            plugin=shown(found.shown), module=found.module, requires=list(found.requires),
            needed_by=list(found.needed_by),
            adds=[Named(kind=each.label, names=list(each.names)) for each in found.adds],
            revision=found.revision, pending=list(found.pending),
            owns=[Named(kind=kind, names=list(names)) for kind, names in found.owned.items()],
            disabled_by_environment=by_environment,
        )  # fmt: skip


def shown(plugin: Shown) -> AdminPlugin:
    """Return a plugin of the list as data."""
    return AdminPlugin.model_validate(plugin)
