"""Example as a platform: its facts, what it can do, and what its errors mean."""

from passivepost import api
from passivepost_platform_example.client import Client


class ExamplePlatform(api.Platform):
    name, label, color = "example", "Example", "#336699"
    features = frozenset({api.Feature.FIND_PUBLISHED, api.Feature.REFRESH})
    capabilities = api.Capabilities(text=api.TextRule(limit=500))
    delivery = api.Delivery(
        idempotency="none",  # would a repeat be recognised?
        read_back="yes",  # can we look whether a post is live?
        duplicate_signal="no_id",
        refresh="static",
        longest_call=30,  # seconds
    )

    def __init__(self, settings):
        self.url = settings.url
        self.connection = api.OAuth(
            authorize_url=f"{self.url}/oauth/authorize",
            token_url=f"{self.url}/oauth/token",
            scopes=["post"],
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            pkce=True,
        )

    def client(self, http, credentials):
        return Client(http, self.url, credentials.access_token)

    async def identify(self, http, credentials):
        me = answer(await self.client(http, credentials).me())
        return api.Identity(platform_user_id=me["id"], username=me["name"])

    async def publish(self, call):
        client = self.client(call.http, call.account.credentials)
        post = answer(await client.post(call.content.text))
        return api.Published(ids=[post["id"]])

    async def find_published(self, call):
        client, text = self.client(call.http, call.account.credentials), call.content.text
        found = answer(await client.search(text, since=call.armed_at))
        ids = [post["id"] for post in found if post["text"] == text][:1]
        return api.Found(ids=ids, complete=bool(ids))


def answer(response):
    """Return the body of a success; raise what an error of the network means."""
    status, text = response.status_code, response.text
    if status < 300:
        return response.json()
    if status == 429:
        after = float(response.headers.get("retry-after", 60))
        raise api.Retryable("Example asks to wait.", retry_after=after, rate_limited=True)
    if status == 401:
        kind = api.AuthRevoked if "revoked" in text else api.AuthExpired
        raise kind("Example does not accept the access any more.")
    if 400 <= status < 500:
        raise (api.Duplicate if status == 409 else api.Rejected)(text)
    raise api.OutcomeUnknown(f"Example answered with status {status}.")
