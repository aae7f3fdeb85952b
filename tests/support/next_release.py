"""The release after this one: the present tree, a version on, with what releases bring.

The core gets a column that all its queries of posts use, and fills it for the posts that are
there; PassivePost gets a table behind row level security, filled from what is there, and a route
that reads both. Everything else is as it is now, so what is tried is the present code: that it is
left without loss, and that it says clearly when it meets a database that has gone on.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Literal

from tests.support.wheels import EXAMPLE, REPOSITORY, Wheels, build

CORE_UP = '''
"""Posts know how long they are."""
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down}"
branch_labels = None
depends_on = None

def upgrade():
    op.add_column(
        "social_posts", sa.Column("length", sa.Integer, nullable=False, server_default="0")
    )
    op.execute("UPDATE social_posts SET length = length(content)")

def downgrade():
    op.drop_column("social_posts", "length")
'''
PRODUCT_UP = '''
"""Posts know how they begin."""
import sqlalchemy as sa
from alembic import op
from musekit.migrations import SPACE, UUID, index, protect

revision = "{revision}"
down_revision = "{down}"
branch_labels = None
depends_on = None

def upgrade():
    post = sa.ForeignKey("social_posts.id", ondelete="CASCADE")
    op.create_table(
        "post_openings", sa.Column("post_id", UUID, post, primary_key=True), SPACE(),
        sa.Column("opening", sa.Text, nullable=False),
    )
    index(op, "post_openings", "space_id")
    protect(op, "post_openings")
    op.execute(
        "INSERT INTO post_openings (post_id, space_id, opening)"
        " SELECT id, space_id, substr(content, 1, 8) FROM social_posts"
    )

def downgrade():
    op.drop_table("post_openings")
'''
#: After which line of the class of posts the core's new column stands.
AFTER = "    brand_voice: Mapped[str | None] = mapped_column(Text)\n"
COLUMN = """    length: Mapped[int] = mapped_column(
        default=lambda context: len(context.get_current_parameters()["content"])
    )
"""
FEATURE = '''
"""How posts begin, and how long they are."""
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from musekit import declarations as d
from musekit import hookimpl
from musekit.api import Actor, ReadSession, SocialPost, Tenant, requires
from passivepost.models import Base
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

class Opening(Base, Tenant):
    __tablename__ = "post_openings"
    post_id: Mapped[UUID] = mapped_column(primary_key=True)
    space_id: Mapped[UUID] = mapped_column()
    opening: Mapped[str] = mapped_column()

router = APIRouter()

@router.get("/openings")
def list_openings(
    actor: Annotated[Actor, requires("social.posts.read")], session: ReadSession
) -> dict[str, Any]:
    """List them."""
    lengths = {post.id: post.length for post in session.scalars(select(SocialPost))}
    openings = {each.post_id: each.opening for each in session.scalars(select(Opening))}
    return {str(key): [length, openings.get(key)] for key, length in lengths.items()}

@hookimpl
def musekit_register_routes(host):
    return [d.RouteSet(router=router, prefix="/api/social")]
'''
#: What of a package is not in its wheel.
NOT_SHIPPED = shutil.ignore_patterns("tests", "__pycache__", ".*", "build", "dist")
OURS = re.compile(r'"(musekit-core|passivepost)>=[\d.]+,<[\d.]+"')


def version(kind: Literal["present", "compatible", "breaking"]) -> str:
    """Return the version of this release, of the next one for users, or for plugins, too."""
    text = (REPOSITORY / "packages" / "musekit-core" / "pyproject.toml").read_text()
    now: str = tomllib.loads(text)["project"]["version"]
    major, minor, fix = map(int, now.split("."))
    following = {"compatible": (major, minor, fix + 1), "breaking": (major, minor + 1, 0)}
    return ".".join(map(str, following[kind])) if kind != "present" else now


def compatible(folder: Path) -> Wheels:
    """Build the core and PassivePost of the next release that keeps what plugins build on."""
    new = version("compatible")
    major, minor, _ = map(int, new.split("."))
    pin = f'"\\1>={new},<{major}.{minor + 1}"'
    sources = [_bumped(folder, REPOSITORY / "packages" / name, new, pin) for name in _HOUSE]
    _grow(*sources)
    return build(folder / "wheels", sources)


def breaking(folder: Path) -> Wheels:
    """Build the next release that does not: core, PassivePost, and the example made for it."""
    new = version("breaking")
    major, minor, _ = map(int, new.split("."))
    pin = f'"\\1>={major}.{minor},<{major}.{minor + 1}"'
    packages = [*(REPOSITORY / "packages" / name for name in _HOUSE), EXAMPLE]
    sources = [_bumped(folder, package, new, pin) for package in packages]
    _grow(*sources[:2])
    return build(folder / "wheels", sources)


_HOUSE = ("musekit-core", "passivepost")


def _bumped(folder: Path, package: Path, new: str, pin: str) -> Path:
    """Copy a package's source, with another version and other bounds for ours."""
    copy = folder / "sources" / package.name
    shutil.copytree(package, copy, ignore=NOT_SHIPPED)
    file = copy / "pyproject.toml"
    text, found = re.subn(r'(?m)^version = "[^"]+"', f'version = "{new}"', file.read_text())
    assert found == 1
    file.write_text(OURS.sub(pin, text))
    for init in copy.glob("src/*/__init__.py"):
        init.write_text(
            re.sub(r"(?m)^__version__ = .*", f'__version__ = "{new}"', init.read_text())
        )
    return copy


def _grow(core: Path, product: Path) -> None:
    """Give the copies their migrations, and the code that needs them."""
    _migrate(core / "src" / "musekit", CORE_UP)
    models = core / "src" / "musekit" / "social" / "models.py"
    text = models.read_text()
    assert text.count(AFTER) == 1
    models.write_text(text.replace(AFTER, AFTER + COLUMN))
    package = product / "src" / "passivepost"
    _migrate(package, PRODUCT_UP)
    (package / "openings.py").write_text(FEATURE)
    with (package / "plugin.py").open("a") as file:
        file.write('\nmusekit_features = (*musekit_features, "passivepost.openings")\n')


def _migrate(package: Path, template: str) -> None:
    newest, following = revisions(package)
    place = package / "migrations" / "versions" / f"{following}_next.py"
    place.write_text(template.format(revision=following, down=newest))


def revisions(package: Path) -> tuple[str, str]:
    """Return the newest revision of a package's migrations, and the id of the one to follow it."""
    stems = [each.stem for each in (package / "migrations" / "versions").glob("*_0*.py")]
    newest = max(stem[: len(package.name) + 5] for stem in stems)
    return newest, f"{package.name}_{int(newest[-4:]) + 1:04}"
