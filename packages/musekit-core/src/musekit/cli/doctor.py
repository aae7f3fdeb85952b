"""``musekit doctor``: is everything well, and what to do where it is not."""

from __future__ import annotations

import json as jsonlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from musekit.cli.options import Json
from musekit.cli.output import as_json, data_dir, say

#: Where the generated keys of the embedded mode lie, below the data directory.
KEYS = Path("secrets") / "keys"
#: How findings begin, the worst first.
SIGNS = {"fail": "FAIL", "warn": "WARN", "ok": "ok  "}

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def doctor(
    context: typer.Context,
    json: Json = False,
    seconds: Annotated[float, typer.Option(help="Time limit of the plugins' checks.")] = 60,
) -> None:
    """Check this deployment. Plugins' checks run in a child process, so none can hang or end it."""
    if context.invoked_subcommand is not None:
        return
    findings = [*_files(), *_installed(), *_child(seconds)]
    findings.sort(key=lambda each: list(SIGNS).index(each["status"]))  # the worst first
    if json:
        as_json(findings)
    else:
        for each in findings:
            sys.stdout.write(f"{SIGNS[each['status']]}  {each['name']}  {each['detail']}\n")
            if each["advice"] and each["status"] != "ok":
                sys.stdout.write(f"      → {each['advice']}\n")
    raise typer.Exit(1 if any(each["status"] == "fail" for each in findings) else 0)


@app.command()
def tier(
    user: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    product: Annotated[str, typer.Option(help="Of this product only.")] = "",
    json: Json = False,
) -> None:
    """Say which tier a user has in each space, and why: the six steps by which it is found."""
    from musekit.api import Actor
    from musekit.auth import removal
    from musekit.kernel.build import open_host
    from musekit.products import tiers

    with open_host() as host:
        with host.database.session(Actor.system("command doctor"), readonly=True) as session:
            user_id = removal.find(session, user).id
        found: list[dict[str, Any]] = [
            {"space_id": str(each.space_id), "product": each.product, "tier": each.tier.key,
             "label": each.tier.label, "source": each.source,
             "limits": dict(each.tier.limits),
             "steps": [step._asdict() for step in each.steps]}
            for each in tiers.explain(host, user_id)
            if product in ("", each.product)
        ]  # fmt: skip
    if json:
        as_json(found)
        return
    for each in found:
        sys.stdout.write(f"{each['product']} in space {each['space_id']}: {each['tier']}"
                         f" ({each['label']}), by {each['source']}\n")  # fmt: skip
        for step in each["steps"]:
            sys.stdout.write(
                f"  {step['n']} {step['asked']}: {step['found'] or 'nothing'}. {step['note']}\n"
            )


def _finding(name: str, status: str, detail: str = "", advice: str = "") -> dict[str, Any]:
    return {"name": name, "plugin": "musekit", "status": status, "detail": detail, "advice": advice}


def _files() -> list[dict[str, Any]]:
    folder = data_dir()
    place = next(each for each in [folder, *folder.resolve().parents] if each.exists())
    if not os.access(place, os.W_OK):
        return [
            _finding("data directory", "fail", f"{folder} cannot be written",
                     "Give this user the right to write it, or set MUSEKIT_DATA_DIR.")
        ]  # fmt: skip
    found = [_finding("data directory", "ok", str(folder))]
    keys = folder / KEYS
    if not keys.exists():
        return found
    if keys.stat().st_mode & 0o077:
        detail, advice = f"{keys} can be read by others", f"chmod 600 {keys}"
        return [*found, _finding("encryption keys", "fail", detail, advice)]
    detail = f"kept in {keys} only"
    advice = "Back this file up: without it stored tokens cannot be read again."
    return [*found, _finding("encryption keys", "warn", detail, advice)]


def _installed() -> list[dict[str, Any]]:
    from musekit.cli.plugins import rows

    return [
        _finding(f"plugin {row['name']}", "warn" if row["state"] == "fault" else "ok",
                 f"{row['dist']} {row['version']} {row['state']}",
                 row["detail"] if row["state"] == "fault" else "")
        for row in rows()
    ]  # fmt: skip


def _child(seconds: float) -> list[dict[str, Any]]:
    """Build the host and run all checks in a child; a child that hangs is itself a finding."""
    command = [sys.executable, "-m", "musekit.cli.examining"]
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        last = late.stderr.decode(errors="replace") if isinstance(late.stderr, bytes) else ""
        return [
            _finding("checks", "fail", f"did not end within {seconds:g} s. {_last(last)}",
                     "Disable plugins one after another with `musekit plugins disable`.")
        ]  # fmt: skip
    try:
        found: list[dict[str, Any]] = jsonlib.loads(child.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        say(child.stderr[-2000:])
        return [
            _finding("checks", "fail", f"ended with status {child.returncode}. "
                     + _last(child.stderr), "See the output above.")
        ]  # fmt: skip
    return found


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
