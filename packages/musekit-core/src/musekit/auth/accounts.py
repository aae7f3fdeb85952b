"""Accounts of people: signing up, and checking who signs in."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from musekit.auth import passwords
from musekit.auth.models import User
from musekit.errors import InvalidError
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id
from musekit.social.models import Profile
from musekit.spaces.models import Space, SpaceMember

LONGEST_NAME = 100


class TakenError(InvalidError):
    """There is an account with this address."""


def email_key(email: str) -> str:
    """Return the form of an address that is compared: normalised and case-folded.

    Raises:
        InvalidError: it is not the address of a mailbox.
    """
    return checked_email(email).casefold()


def checked_email(email: str) -> str:
    """Return an address normalised (Unicode NFC, lower-case domain); InvalidError if it is none."""
    try:
        # No look-up of the domain: that would be a network call, and fails where there is none.
        # Names such as `.test` and `.localhost` are accepted for trying things out.
        return validate_email(
            email.strip(), check_deliverability=False, test_environment=True
        ).normalized
    except EmailNotValidError as error:
        raise InvalidError(
            "Check the e-mail address. Nothing was saved.",
            errors=[{"field": "email", "message": str(error)}],
        ) from None


def checked_timezone(name: str) -> str:
    """Return an IANA zone name that this machine knows; InvalidError otherwise."""
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        raise InvalidError(
            "Choose a time zone from the list. Nothing was saved.",
            errors=[{"field": "timezone", "message": "is not the name of a time zone"}],
        ) from None


def checked_name(name: str) -> str:
    """Return a person's name without surrounding space; InvalidError if too long or unprintable."""
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidError(
            "Check the name. Nothing was saved.",
            errors=[{"field": "name", "message": f"use at most {LONGEST_NAME} plain characters"}],
        )
    return name


def sign_up(
    session: Session, email: str, password: str, name: str = "", *, timezone: str = ""
) -> tuple[User, Space]:
    """Make a user, their personal space and profile. Runs as the system; takes about 100 ms.

    The password is judged and hashed before the first statement, so no lock is held meanwhile.
    After the commit the caller tells the plugins (``hooks.on_user_created``).

    Args:
        timezone: of the user and the space; without one both have UTC until `suggest_timezone`.

    Raises:
        InvalidError: the address, name, zone or password is not acceptable.
        TakenError: the address has an account already.
    """
    email, name = checked_email(email), checked_name(name)
    timezone = checked_timezone(timezone) if timezone else ""
    passwords.check_strength(password, [email, email.partition("@")[0], *name.split()])
    hashed = passwords.hash_password(password)
    return make(session, email, name, password_hash=hashed, timezone=timezone)


def make(
    session: Session, email: str, name: str = "", *, password_hash: str | None = None,
    timezone: str = "",
) -> tuple[User, Space]:  # fmt: skip
    """Make a user, their personal space and profile. Runs as the system.

    After the commit the caller tells the plugins (``hooks.on_user_created``).

    Args:
        password_hash: None for somebody who comes in another way.

    Raises:
        InvalidError: the address, name or zone is not acceptable.
        TakenError: the address has an account already.
    """
    email, name = checked_email(email), checked_name(name)
    timezone = checked_timezone(timezone) if timezone else ""
    key = email.casefold()
    if session.scalar(select(User.id).where(User.email_key == key)) is not None:
        raise taken()
    user = User(
        id=new_id(), email=email, email_key=key, name=name, password_hash=password_hash,
        timezone=timezone, created_at=utc_now(), updated_at=utc_now(),
    )  # fmt: skip
    session.add(user)
    try:
        session.flush()
    except IntegrityError:
        raise taken() from None  # somebody else with the same address was faster
    space = Space(
        id=new_id(), name=name or email.partition("@")[0], personal_user_id=user.id,
        timezone=timezone or "UTC", created_at=utc_now(),
    )  # fmt: skip
    session.add(space)
    session.flush()
    session.add_all(
        [
            SpaceMember(space_id=space.id, user_id=user.id, role="owner", created_at=utc_now()),
            Profile(
                space_id=space.id, user_id=user.id, display_name=name,
                created_at=utc_now(), updated_at=utc_now(),
            ),
        ]
    )  # fmt: skip
    session.flush()
    return user, space


def taken() -> TakenError:
    """Return the error for an address that has an account."""
    return TakenError(
        "There is an account with this e-mail address already. Sign in with it.",
        errors=[{"field": "email", "message": "has an account already; sign in instead"}],
    )


def words_about(user: User) -> list[str]:
    """Return what whoever guesses a user's password would try first."""
    return [user.email, user.email.partition("@")[0], *user.name.split()]


def find_by_email(session: Session, email: str) -> User | None:
    """Return the user of an address; None for nobody, and for what is no address."""
    try:
        key = email_key(email)
    except InvalidError:
        return None
    return session.scalar(select(User).where(User.email_key == key))


def change(
    session: Session, user_id: UUID, *, name: str | None = None, timezone: str | None = None
) -> User:
    """Change what a person says of themselves; None leaves a thing as it is. Runs as the system.

    Raises:
        InvalidError: the name or the zone is not acceptable.
    """
    user = session.get_one(User, user_id)
    if name is not None:
        user.name = checked_name(name)
        session.execute(
            update(Profile).where(Profile.user_id == user_id).values(display_name=user.name)
        )
    if timezone is not None:
        user.timezone = checked_timezone(timezone)
    user.updated_at = utc_now()
    return user


def suggest_timezone(session: Session, user_id: UUID, timezone: str) -> None:
    """Take up the zone of a browser for somebody who has named none, and for their own space.

    A zone that this machine does not know is passed over. Runs as the system.
    """
    try:
        zone = checked_timezone(timezone)
    except InvalidError:
        return
    taken = session.scalar(
        update(User)
        .where(User.id == user_id, User.timezone == "")
        .values(timezone=zone, updated_at=utc_now())
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if taken is not None:
        session.execute(
            update(Space).where(Space.personal_user_id == user_id).values(timezone=zone)
        )
