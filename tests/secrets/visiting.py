"""Requests of somebody, and a look at everything that came of them."""

from tests.isolation.world import browser

HTML = {"Accept": "text/html"}


class Visitor:
    """Sends requests, and keeps all that came back."""

    def __init__(self, world, person):
        self.world, self.person = world, person
        self.answers = []

    def ask(self, method, path, *, headers=None, **sent):
        headers = browser(self.person) if headers is None else headers
        answer = self.world.http.request(method, self.world.url + path, headers=headers, **sent)
        self.world.http.cookies.clear()
        self.world.forget_limits()
        location = answer.headers.get("location", "")
        self.answers.append((f"{method} {path.partition('?')[0][:40]}", answer.text, location))
        return answer

    def told(self, *, places=True):
        return "\n".join(
            f"{what}: {body} {at if places else ''}" for what, body, at in self.answers
        )


def everything_stored(world):
    with world.connect() as connection:
        return "\n".join(
            repr(row)
            for table in world.tables(connection)
            for row in connection.execute(f'SELECT * FROM "{table}"').fetchall()
        )


def judge(world, log, canaries, visitor):
    canaries.demand_clean("answers", visitor.told())
    canaries.demand_clean("the database", everything_stored(world))
    canaries.demand_clean("logs", log.getvalue())
