"""A person's browser on the pages: it carries the form's token, as forms do."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

HTML = {"accept": "text/html", "accept-encoding": "identity"}
SOCIAL = "/dashboard/social"


class Pages:
    """Opens pages and sends forms as somebody who is signed in."""

    def __init__(self, person):
        self.person, self.http = person, person.client

    def open(self, path, status=200, **params):
        answer = self.http.get(SOCIAL + path, params=params or None, headers=HTML)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        return answer.text

    def send(self, path, data=None, token=True):
        """Post a form; redirects are not followed."""
        form = {"csrf_token": self.token()} if token else {}
        return self.http.post(
            SOCIAL + path, data={**form, **(data or {})}, headers=HTML, follow_redirects=False
        )

    def token(self):
        page = self.http.get(f"{SOCIAL}/posts", headers=HTML).text
        return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]

    def said(self):
        """Return what the next page says of what was done."""
        page = self.http.get(f"{SOCIAL}/posts", headers=HTML).text
        box = page.partition('<div class="toasts"')[2].partition("<template")[0]
        return re.sub(r"<[^>]+>|\s+", " ", box)

    def make(self, content="Bread at nine", **fields):
        body = {"platform": "sandbox", "content": content, **fields}
        answer = self.http.post("/api/social/posts", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def get(self, post_id):
        return self.http.get(f"/api/social/posts/{post_id}").json()

    def all(self):
        return self.http.get("/api/social/posts").json()["items"]


class _Markup(HTMLParser):
    """Notes what a browser would act on."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("img", "iframe", "object", "i") or (tag == "script" and "src" not in given):
            self.found.append(tag)
        self.found += [name for name in given if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action", "formaction"):
            if (given.get(name) or "").lower().lstrip().startswith(("javascript:", "data:", "//")):
                self.found.append(given[name])


def markup(page):
    """Return what stands in a page that no page of ours may hold; an empty list is good."""
    parser = _Markup()
    parser.feed(page)
    return parser.found


def ahead(**delta):
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()


@pytest.fixture
def pages(user):
    return Pages(user)


@pytest.fixture
def mine(connected):
    """Pages of somebody whose sandbox account is connected."""
    return Pages(connected)


@pytest.fixture
def theirs(other):
    return Pages(other)


@pytest.fixture
def deliver(host):
    """Publish what is due, as a worker would."""
    from passivepost.publishing.service import deliver_once

    return lambda: deliver_once(host, budget=10)
