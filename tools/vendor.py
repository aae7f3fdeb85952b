"""Copy third-party browser files from node_modules into the core's static files.

Run it when a version changes, and commit what it writes; nobody else needs Node:

    npm install --prefix /tmp/vendor htmx.org@4.0.1 lucide-static@1.62.0 \
        bootstrap-icons@1.13.2 @fontsource-variable/geist
    python tools/vendor.py /tmp/vendor/node_modules

It writes the files with their licences, two icon sprites and ``vendor.json``, which names version,
licence and SHA-256 of each file; a test holds the files to it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

STATIC = Path(__file__).parents[1] / "packages/musekit-core/src/musekit/static/musekit"
VENDOR = STATIC / "vendor"

#: package → (files to copy, licence file)
COPIED = {
    "htmx.org": (["dist/htmx.min.js"], "LICENSE"),
    "@fontsource-variable/geist": (
        ["files/geist-latin-wght-normal.woff2", "files/geist-latin-ext-wght-normal.woff2"],
        "LICENSE",
    ),
}
#: Icons of the interface (Lucide). Plugins name them in navigation entries and macros.
ICONS = """
activity alarm-clock archive arrow-down arrow-left arrow-right arrow-up arrow-up-right at-sign
badge-check ban bell book-open bookmark bot building-2 calendar calendar-clock calendar-days
calendar-plus chart-column chart-line check check-check chevron-down chevron-left chevron-right
chevron-up chevrons-up-down circle circle-alert circle-check circle-dashed circle-help circle-pause
circle-play circle-x clipboard clock clock-alert cloud-off code coins command compass copy
credit-card crown database download ellipsis ellipsis-vertical external-link eye eye-off file-text
filter fingerprint flag flask-conical folder gauge gift git-branch globe grip-vertical hand hash
heart history hourglass house image image-plus inbox info key key-round keyboard languages layers
layout-dashboard lightbulb link list list-checks list-filter list-ordered loader lock log-in
log-out mail mail-check map-pin megaphone menu message-circle message-square minus monitor moon
network newspaper package palette panel-left paperclip pause pencil play plug plus puzzle qr-code
radio receipt refresh-cw repeat rocket rotate-ccw rss save scissors scroll-text search send server
settings share-2 shield shield-alert shield-check sliders-horizontal smartphone smile sparkles
square-pen star sun tag target terminal thumbs-up ticket timer trash-2 trending-down trending-up
triangle-alert trophy undo-2 unplug upload user user-check user-minus user-plus users video
wand-sparkles webhook wrench x zap
""".split()  # noqa: SIM905 - easier to read and to extend as words
#: Marks of networks, and of services that people sign in by (Bootstrap Icons).
BRANDS = {
    "twitter": "twitter-x", "x": "twitter-x", "linkedin": "linkedin", "facebook": "facebook",
    "instagram": "instagram", "youtube": "youtube", "tiktok": "tiktok", "reddit": "reddit",
    "pinterest": "pinterest", "snapchat": "snapchat", "discord": "discord", "bluesky": "bluesky",
    "mastodon": "mastodon", "threads": "threads", "medium": "medium", "wordpress": "wordpress",
    "substack": "substack", "google": "google", "github": "github",
}  # fmt: skip


def main(modules: Path) -> None:
    """Copy everything and write vendor.json."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    entries: list[dict[str, str]] = []
    for package, (files, licence) in COPIED.items():
        for name in files:
            copy(modules, package, name, entries)
        copy(modules, package, licence, [])
    sprite(modules, "lucide-static", {name: name for name in ICONS}, "icons.svg", entries)
    sprite(modules, "bootstrap-icons", BRANDS, "brands.svg", entries)
    entries.sort(key=lambda entry: entry["file"])
    (VENDOR / "vendor.json").write_text(json.dumps(entries, indent=2) + "\n")


def folder(modules: Path, package: str) -> Path:
    """Return the folder of a package's present version."""
    version = json.loads((modules / package / "package.json").read_text())["version"]
    made = VENDOR / package.rpartition("/")[2] / version
    made.mkdir(parents=True, exist_ok=True)
    return made


def copy(modules: Path, package: str, name: str, entries: list[dict[str, str]]) -> None:
    """Copy one file and note it."""
    target = folder(modules, package) / Path(name).name
    content = (modules / package / name).read_bytes()
    if name.endswith(".js"):  # a source map that is not shipped would be asked for in vain
        content = re.sub(rb"\n?//# sourceMappingURL=\S+\s*$", b"\n", content)
    target.write_bytes(content)
    note(modules, package, target, entries)


def note(modules: Path, package: str, target: Path, entries: list[dict[str, str]]) -> None:
    """Add a file to vendor.json."""
    about = json.loads((modules / package / "package.json").read_text())
    entries.append({
        "file": target.relative_to(VENDOR).as_posix(), "name": package,
        "version": about["version"], "licence": about["license"],
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
    })  # fmt: skip


def sprite(
    modules: Path, package: str, names: dict[str, str], file: str, entries: list[dict[str, str]]
) -> None:
    """Write the icons as symbols of one file; `names` maps our name to the package's."""
    symbols = []
    for ours, theirs in sorted(names.items()):
        source = (modules / package / "icons" / f"{theirs}.svg").read_text()
        view = re.search(r'viewBox="([^"]+)"', source)
        inner = re.search(r"<svg[^>]*>(.*)</svg>", source, re.DOTALL)
        assert view is not None
        assert inner is not None
        body = re.sub(r"\s*\n\s*", "", inner[1])
        symbols.append(f'<symbol id="{ours}" viewBox="{view[1]}">{body}</symbol>')
    target = folder(modules, package) / file
    target.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"
    )
    note(modules, package, target, entries)
    copy(modules, package, "LICENSE", [])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
