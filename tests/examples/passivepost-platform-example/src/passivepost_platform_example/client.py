"""Example's protocol and nothing else: no MuseKit, no PassivePost."""


class Client:
    def __init__(self, http, url, token):
        self.http, self.url, self.headers = http, url, {"Authorization": f"Bearer {token}"}

    async def me(self):
        return await self.http.get(f"{self.url}/me", headers=self.headers)

    async def post(self, text):
        return await self.http.post(f"{self.url}/posts", headers=self.headers, json={"text": text})

    async def search(self, text, since):
        params = {"q": text, "since": since.isoformat()}
        return await self.http.get(f"{self.url}/posts", headers=self.headers, params=params)
