"""The sandbox network's own controls, for a demo."""

from __future__ import annotations

from typing import Any

from passivepost.demo.person import browser


class SampleNetwork:
    """The sandbox network's own controls, at the address its sign-in page is under."""

    def __init__(self, authorize_url: str) -> None:
        self.url = authorize_url.partition("/oauth/")[0]

    def seed(self, username: str, posts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put posts of the past on its timeline; returns them with their ids."""
        answer = browser().post(
            f"{self.url}/seed", json={"username": username, "posts": posts}, trust_env=False
        )
        found: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return found

    def refuse(self, words: str, message: str) -> None:
        """Have it refuse posts that hold some words; not while somebody else's faults are on."""
        url, httpx = f"{self.url}/faults", browser()
        if httpx.get(url, trust_env=False).raise_for_status().json()["items"]:
            return
        rule = {"fault": "reject", "text": words, "message": message}
        httpx.put(url, json=[rule], trust_env=False).raise_for_status()
