import pytest
from passivepost_platform_example.platform import ExamplePlatform
from passivepost_platform_example.settings import ExampleSettings

from passivepost.testing import Answer, Double, PlatformContract


class TestExample(PlatformContract):
    @pytest.fixture
    def server(self):
        with Double() as network:
            network.issue_tokens("/oauth/token")
            network.route("GET", "/me")(lambda _: Answer(200, {"id": "1", "name": "tester"}))

            @network.route("POST", "/posts", publishes=True)
            def post(request):
                return Answer(201, {"id": network.accept(request.json()["text"]).id})

            @network.route("GET", "/posts")
            def search(request):
                text, since = request.query["q"], request.query["since"]
                posts = [post for post in network.accepted() if post.at.isoformat() >= since]
                return Answer(200, [{"id": p.id, "text": p.text} for p in posts if text in p.text])

            yield network

    @pytest.fixture
    def platform(self, server):
        return ExamplePlatform(ExampleSettings(url=server.url, client_id="me"))
