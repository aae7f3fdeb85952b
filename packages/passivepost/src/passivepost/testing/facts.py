"""The part of the contract that looks at what a platform declares; it calls no network."""

from __future__ import annotations

import re
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from passivepost.sdk.capabilities import (
    Capabilities,
    CredentialForm,
    Delivery,
    MediaRule,
    NotAvailable,
    OAuth,
)
from passivepost.sdk.content import Content, Feature, Part
from passivepost.sdk.platform import Platform
from passivepost.testing.rig import expect

#: Which method implements which feature. THREADS and MEDIA are told by capabilities.
METHODS = {
    Feature.FIND_PUBLISHED: "find_published",
    Feature.METRICS: "fetch_metrics",
    Feature.DELETE: "delete",
    Feature.REFRESH: "refresh",
    Feature.TRENDS: "search_trends",
}
TEXTS = (
    "",
    "plain",
    "🧑‍🍳 bread 🥐",
    "שלום עולם",
    "e\u0301\u200b",
    "a\nb",
    "https://example.com/x",
)


class FactsContract:
    """Checks of declared facts: for stubs as they are, for real platforms as part of the whole.

    Give it a fixture `platform` that returns the platform object.
    """

    #: Set in subclasses for declared networks that are not available yet.
    is_stub: ClassVar[bool] = False

    @pytest.fixture
    def platform(self) -> Platform:
        """The platform under test; to be overridden."""
        raise NotImplementedError("define a fixture `platform` that returns your platform object")

    def test_it_says_what_it_is(self, platform: Platform) -> None:
        """Name, label, colour and icon are usable in addresses and pages."""
        expect(
            re.fullmatch(r"[a-z][a-z0-9_]{1,30}", platform.name),
            f"name {platform.name!r}: lower-case letters, digits and _; it stands in URLs",
        )
        expect(platform.label.strip(), "label: give the network's name for people")
        expect(
            re.fullmatch(r"#[0-9a-fA-F]{6}", platform.color),
            f"color {platform.color!r}: write it as #rrggbb",
        )
        expect(
            re.fullmatch(r"[MmZzLlHhVvCcSsQqTtAa0-9 ,.eE+-]*", platform.icon),
            "icon: SVG path data only (what stands in d=…), in a box of 24 × 24",
        )
        expect(platform.stub is self.is_stub, f"stub is {platform.stub}; a real platform is none")

    def test_limits_make_sense(self, platform: Platform) -> None:
        """Capabilities are whole and agree with the declared features."""
        limits = platform.capabilities
        expect(isinstance(limits, Capabilities), "capabilities: set a Capabilities object")
        expect(limits.text.limit > 0 or not limits.text_required, "text.limit: more than 0")
        expect(limits.text.count("") == 0, "text.count('') must be 0")
        for text in TEXTS:
            measure = limits.text.count(text)
            expect(measure >= 0 and measure == int(measure), f"text.count({text!r}) = {measure!r}")
        for name in ("images", "video"):
            rule: MediaRule | None = getattr(limits, name)
            if rule is not None:
                expect(rule.mimes and all("/" in each for each in rule.mimes), f"{name}.mimes")
                expect(rule.max_count > 0 and rule.max_bytes > 0, f"{name}: counts and bytes > 0")
        has_media = limits.images is not None or limits.video is not None
        for feature, capable, where in (
            (Feature.THREADS, limits.max_parts > 1, "capabilities.max_parts > 1"),
            (Feature.MEDIA, has_media, "capabilities.images or .video"),
        ):
            expect(
                (feature in platform.features) == capable,
                f"features and {where} disagree about {feature.name}: declare both or neither",
            )

    def test_delivery_facts_are_whole(self, platform: Platform) -> None:
        """The publisher decides by these whether a second attempt is safe."""
        facts = platform.delivery
        expect(isinstance(facts, Delivery), "delivery: set a Delivery object; it has no defaults")
        expect(facts.longest_call > 0, "delivery.longest_call: seconds, more than 0")
        reads = Feature.FIND_PUBLISHED in platform.features
        expect(
            reads == (facts.read_back != "no"),
            f"delivery.read_back is {facts.read_back!r} but FIND_PUBLISHED is"
            f" {'' if reads else 'not '}declared: the two must agree",
        )
        renews = Feature.REFRESH in platform.features
        expect(
            renews == (facts.refresh != "none"),
            f"delivery.refresh is {facts.refresh!r} but REFRESH is"
            f" {'' if renews else 'not '}declared: the two must agree",
        )
        for cost in facts.costs:
            expect(cost.usd >= 0 and cost.source, f"cost of {cost.operation}: give its source")

    def test_declared_features_are_implemented(self, platform: Platform) -> None:
        """What is declared is there, and what is there is declared."""
        kind = type(platform)
        for feature, method in METHODS.items():
            own = getattr(kind, method) is not getattr(Platform, method)
            inherited = feature is Feature.REFRESH and isinstance(platform.connection, OAuth)
            if feature in platform.features:
                expect(own or inherited, f"{feature.name} is declared: implement {method}()")
            elif not issubclass(kind, _declaring(kind, feature)):
                expect(not own, f"{method}() is implemented: declare Feature.{feature.name}")

    def test_the_connection_is_usable(self, platform: Platform) -> None:
        """OAuth addresses are whole and secrets stay out of reprs; forms have fields."""
        way = platform.connection
        if isinstance(way, OAuth):
            for url in (way.authorize_url, way.token_url, way.revoke_url or way.token_url):
                parts = urlsplit(url)
                local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
                expect(
                    parts.hostname and (parts.scheme == "https" or local),
                    f"OAuth address {url!r}: https, except on this machine",
                )
            expect(way.scopes, "OAuth.scopes: name what you ask for")
            expect(
                not way.client_secret or way.client_secret not in repr(way),
                "the client secret is shown in the connection's repr",
            )
        elif isinstance(way, CredentialForm):
            expect(way.fields, "CredentialForm.fields: at least one field")
        else:
            expect(isinstance(way, NotAvailable), "connection: OAuth, CredentialForm …")
            expect(way.reason.strip(), "NotAvailable.reason: say why, for people")

    def test_validate_runs_while_people_type(self, platform: Platform) -> None:
        """It takes any text without raising, and has nothing against ordinary text."""
        for text in TEXTS:
            faults = platform.validate(Content(parts=(Part(text=text),)))
            wrong = [each for each in faults if type(each) is not str]
            expect(
                type(faults) is list and not wrong,
                f"validate() returns a list of sentences, not {faults!r}",
            )
        if not platform.capabilities.needs_media:
            faults = platform.validate(Content(parts=(Part(text="An ordinary text."),)))
            expect(faults == [], f"validate() has {faults} against an ordinary text")


def _declaring(kind: type[Platform], feature: Feature) -> type[Platform]:
    """Return the nearest base that declares the feature: a subclass may switch one off."""
    for base in kind.__mro__[1:]:
        if issubclass(base, Platform) and feature in base.features:
            return base
    return _Nobody


class _Nobody(Platform):
    """No platform is a subclass of this one."""
