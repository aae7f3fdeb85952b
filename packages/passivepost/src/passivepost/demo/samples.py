"""What the sample bakery writes. All of it says, where it is shown, that it is a sample."""

from __future__ import annotations

from datetime import timedelta

#: The platform that samples are for.
PLATFORM = "sandbox"

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)

#: Posts of the past: how long ago, text.
PAST = (
    (9 * DAY + 2 * HOUR, "Sourdough takes thirty hours. Ours is worth every one of them. 🥖"),
    (7 * DAY + 5 * HOUR, "Question for a slow Monday: butter first or jam first?"),
    (6 * DAY + 1 * HOUR, "New on the shelf: rye with walnuts, baked until the crust sings."),
    (4 * DAY + 3 * HOUR, "We pay our millers before we pay ourselves. Good flour is people."),
    (2 * DAY + 6 * HOUR, "Rainy day, warm oven. Cinnamon knots are half price until noon. ☔"),
    (1 * DAY + 4 * HOUR, "Behind the counter since five. Come say good morning!"),
)

#: Posts to come: in how long, parts (more than one: a thread).
PLANNED: tuple[tuple[timedelta, tuple[str, ...]], ...] = (
    (
        2 * MINUTE,
        ("This sample post was scheduled two minutes after the demo started. It is on time.",),
    ),
    (
        20 * MINUTE,
        (
            "How a loaf is made, in three parts. First: the leaven. We feed it every evening. 🧵",
            "Second: patience. The dough rests a night in the cold, and tastes of it.",
            "Third: heat. 250 °C, steam, and nobody opens the door for twenty minutes.",
        ),
    ),
    (1 * DAY + 1 * HOUR, ("Tomorrow's special: olive bread, still warm at eleven. 🫒",)),
    (3 * DAY, ("Weekend plan: a table outside, coffee, and whatever is left of the cake.",)),
)

DRAFT = "Idea: a short film of the first tray coming out. Who holds the phone?"

#: The network refuses posts that hold these words, so the demo has a post that failed for real.
REFUSED_WORDS = "WIN A PRIZE"
REFUSED = "WIN A PRIZE! Follow us and tell three friends. (A sample of a post that is refused.)"
REFUSAL = "Give-aways are against the rules of the sample network."

#: What somebody who signs up in a demo finds in their drafts.
WELCOME = "A sample draft. Connect the sandbox under Accounts, then give this one a time. ✍️"
