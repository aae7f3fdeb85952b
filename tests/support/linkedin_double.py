"""A double of LinkedIn: its OAuth and its versioned API over HTTP, strict, with its own ledger.

Every request is held against `linkedin_schemas`; what LinkedIn would not understand stands in
`invalid`.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode

from tests.support import linkedin_schemas as schemas
from tests.support.linkedin_answers import duplicate, error, throttled, unauthorized

from passivepost.testing import Answer, Double, Fault, Request

CLIENT_ID, CLIENT_SECRET = "double-client", "double-secret"
SCOPES = "openid profile w_member_social"
SUB = "sub_Wx-1"
AUTHOR = f"urn:li:person:{SUB}"


@dataclass
class Grant:
    """What a token may do, and until when."""

    expires: float
    scopes: str = SCOPES
    revoked: bool = False


@dataclass
class Upload:
    """A picture or video: `parts` by number, as they came."""

    owner: str
    size: int = 0
    parts: dict[int, bytes] = field(default_factory=dict)
    done: bool = False
    polls: int = 0


class LinkedInDouble(Double):
    """One member, an app for members, the posts and files of both.

    `says` holds answers that the next creates get instead of being taken; None lets one pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self.versions = {"202604"}
        self.per_day: int | None = None  #: posts taken before 429
        self.renews = False  #: gives refresh tokens
        self.unsettled = 0  #: how often a good token is called revoked, as a new one may be
        self.lifetime = 5184000.0
        self.piece = 1000  #: bytes of a video's piece
        self.video_polls = 1
        self.video_fails = ""
        self.invalid: list[str] = []
        self.says: deque[Answer | None] = deque()
        self.codes: dict[str, str] = {}
        self.grants: dict[str, Grant] = {}
        self.refresh_tokens: set[str] = set()
        self.posts: list[dict[str, Any]] = []  #: bodies of all that was taken, with ``urn``
        self.uploads: dict[str, Upload] = {}
        self.route("GET", "/oauth/v2/authorization")(self._authorize)
        self.route("POST", "/oauth/v2/accessToken")(self._token)
        self.route("POST", "/oauth/v2/revoke")(self._revoke)
        self.route("GET", "/v2/userinfo")(self._userinfo)
        self.route("POST", "/rest/posts", publishes=True)(self._rest(self._create))
        self.route("DELETE", "/rest/posts/{urn}")(self._rest(self._delete))
        self.route("POST", "/rest/images")(self._rest(self._image))
        self.route("POST", "/rest/videos")(self._rest(self._videos))
        self.route("GET", "/rest/videos/{urn}")(self._rest(self._video))
        self.route("PUT", "/upload/{urn}/{number}")(self._put)

    # --- OAuth: no PKCE, the secret in the body ---

    def grant(self) -> str:
        """Return a new access token."""
        token = f"AQ{secrets.token_urlsafe(48)}"
        self.grants[token] = Grant(time.time() + self.lifetime)
        return token

    def _authorize(self, request: Request) -> Answer:
        query = request.query
        wanted = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": query.get("redirect_uri") or "?",
            "scope": SCOPES,  # all or nothing: one that the app lacks fails the whole
            "state": query.get("state") or "?",
        }
        if query != wanted:
            self.invalid.append(f"authorize: {query}")
            return error(400, "unauthorized_scope_error", "check the request")
        code = secrets.token_urlsafe(16)
        self.codes[code] = query["redirect_uri"]
        answer = urlencode({"code": code, "state": query["state"]})
        return Answer(302, None, {"Location": f"{query['redirect_uri']}?{answer}"})

    def _token(self, request: Request) -> Answer:
        form = request.form()
        if (form.pop("client_id", ""), form.pop("client_secret", "")) != (CLIENT_ID, CLIENT_SECRET):
            return Answer(401, {"error": "invalid_client", "error_description": "who is that?"})
        if "authorization" in request.headers:
            self.invalid.append("token: the secret belongs into the body")
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") not in self.refresh_tokens:
                return Answer(400, {"error": "invalid_grant"})
            return self._granted(str(form["refresh_token"]))
        known = self.codes.pop(form.pop("code", ""), None)
        if form != {"grant_type": "authorization_code", "redirect_uri": known}:
            return Answer(400, {"error": "invalid_request"})
        return self._granted(f"AR{secrets.token_urlsafe(48)}" if self.renews else "")

    def _granted(self, refresh: str) -> Answer:
        body = {"access_token": self.grant(), "expires_in": int(self.lifetime), "scope": SCOPES}
        if refresh:
            self.refresh_tokens.add(refresh)
            body |= {"refresh_token": refresh, "refresh_token_expires_in": 31536000}
        return Answer(200, body)

    def _revoke(self, request: Request) -> Answer:
        form = request.form()
        if form.get("client_secret") == CLIENT_SECRET and form.get("token") in self.grants:
            self.grants[form["token"]].revoked = True
            return Answer(200, None)
        return error(400, "invalid_request", "no such token")

    def _denied(self, request: Request) -> Answer | None:
        grant = self.grants.get(request.token)
        if grant is None:
            return unauthorized("INVALID_ACCESS_TOKEN", 65600)
        if grant.expires < time.time():
            return unauthorized("EXPIRED_ACCESS_TOKEN", 65602)
        if grant.revoked or self.unsettled > 0:
            self.unsettled -= 1
            return unauthorized("REVOKED_ACCESS_TOKEN", 65601)
        return None

    def _userinfo(self, request: Request) -> Answer:
        locale = {"country": "US", "language": "en"}
        member = {"sub": SUB, "name": "Sam Ample", "given_name": "Sam", "locale": locale}
        return self._denied(request) or Answer(200, member)

    def _rest(self, handler: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
        def checked(request: Request) -> Answer:
            version = request.headers.get("linkedin-version", "")
            if request.headers.get("x-restli-protocol-version") != "2.0.0" or not version:
                self.invalid.append(f"{request.path}: headers {request.headers}")
                return error(400, "VERSION_MISSING", "A version must be present")
            if version not in self.versions:
                words = f"Requested version {version} is not active"
                return error(426, "NONEXISTENT_VERSION", words)
            return self._denied(request) or handler(request)

        return checked

    # --- Posts ---

    def _create(self, request: Request) -> Answer:
        body = request.json()
        if self.says and (said := self.says.popleft()):
            return said
        if wrong := schemas.faults("post", body) or self._not_there(body):
            self.invalid.append(f"create: {wrong}")
            return error(422, "", f"ERROR :: {wrong[0]}")
        if self.per_day is not None and len(self.posts) >= self.per_day:
            return throttled({})
        for post in self.posts:  # also one that was deleted meanwhile
            if {**post, "urn": ""} == {**body, "urn": ""}:
                return duplicate(post["urn"])
        content = body.get("content") or {}
        is_ugc = "multiImage" in content or ":video:" in str(content.get("media"))
        text, _ = schemas.shown(body["commentary"])
        made = self.accept(text)
        made.id = f"urn:li:{'ugcPost' if is_ugc else 'share'}:{7459000000000000000 + int(made.id)}"
        self.posts.append({**body, "urn": made.id})
        where = f"/posts/{quote(made.id, safe='')}"
        return Answer(201, b"", {"x-restli-id": made.id, "Location": where})

    def _not_there(self, body: dict[str, Any]) -> list[str]:
        content = body.get("content") or {}
        files = (content.get("multiImage") or {}).get("images") or [content.get("media")]
        wrong = [f"/author :: {body['author']} is not the member"] * (body["author"] != AUTHOR)
        for each in files:
            upload = self.uploads.get(each["id"]) if each else None
            if each and (upload is None or not upload.done or upload.owner != body["author"]):
                wrong.append(f"/content :: {each['id']} is not there")
        return wrong

    def _delete(self, request: Request) -> Answer:
        if ":" in request.names["urn"]:
            self.invalid.append(f"delete: {request.names['urn']} is not encoded")
        found = self.find(unquote(request.names["urn"]))
        if found is None:
            return error(404, "NOT_FOUND", "Not found")
        found.live = False
        return Answer(204, b"")

    # --- Files ---

    def _image(self, request: Request) -> Answer:
        body = request.json()
        if wrong := self._wrong("image", body, request, "initializeUpload"):
            return wrong
        urn = self._upload("image", body, 0)
        url = f"{self.url}/upload/{quote(urn, safe='')}/0"
        expires = int(time.time() * 1000) + 86_400_000
        value = {"uploadUrlExpiresAt": expires, "uploadUrl": url, "image": urn}
        return Answer(200, {"value": value})

    def _videos(self, request: Request) -> Answer:
        body = request.json()
        if request.query.get("action") == "finalizeUpload":
            return self._finish(request, body)
        if wrong := self._wrong("video", body, request, "initializeUpload"):
            return wrong
        size = body["initializeUploadRequest"]["fileSizeBytes"]
        urn = self._upload("video", body, size)
        pieces = [
            {
                "uploadUrl": f"{self.url}/upload/{quote(urn, safe='')}/{number}",
                "firstByte": first,
                "lastByte": min(first + self.piece, size) - 1,
            }
            for number, first in enumerate(range(0, size, self.piece))
        ]
        value = {"video": urn, "uploadInstructions": pieces, "uploadToken": "upload-token"}
        return Answer(200, {"value": value})

    def _finish(self, request: Request, body: dict[str, Any]) -> Answer:
        if wrong := self._wrong("finish", body, request, "finalizeUpload"):
            return wrong
        said = body["finalizeUploadRequest"]
        upload = self.uploads[said["video"]]
        etags = [f"etag-{number}" for number in sorted(upload.parts)]
        whole = sum(map(len, upload.parts.values())) == upload.size
        if not whole or said["uploadedPartIds"] != etags or said["uploadToken"] != "upload-token":
            self.invalid.append(f"finish: {said}")
            return error(400, "", "the pieces do not make the video")
        return Answer(200, b"")

    def _video(self, request: Request) -> Answer:
        urn = unquote(request.names["urn"])
        upload = self.uploads[urn]
        upload.polls += 1
        if self.video_fails:
            state = {"status": "PROCESSING_FAILED", "processingFailureReason": self.video_fails}
            return Answer(200, {"id": urn, **state})
        upload.done = upload.polls > self.video_polls
        return Answer(200, {"id": urn, "status": "AVAILABLE" if upload.done else "PROCESSING"})

    def _put(self, request: Request) -> Answer:
        if denied := self._denied(request):
            return denied
        urn, number = unquote(request.names["urn"]), int(request.names["number"])
        upload = self.uploads[urn]
        upload.parts[number] = request.body
        upload.done = ":image:" in urn
        return Answer(201, b"", {"ETag": f'"etag-{number}"'})

    def _upload(self, kind: str, body: dict[str, Any], size: int) -> str:
        urn = f"urn:li:{kind}:C4E{len(self.uploads)}"
        self.uploads[urn] = Upload(body["initializeUploadRequest"]["owner"], size)
        return urn

    def _wrong(self, schema: str, body: Any, request: Request, action: str) -> Answer | None:
        wrong = schemas.faults(schema, body)
        if request.query != {"action": action}:
            wrong.append(f"query {request.query}")
        if not wrong:
            return None
        self.invalid.append(f"{schema}: {wrong}")
        return error(400, "", wrong[0])

    # --- Faults ---

    def refuse(self, fault: Fault, request: Request, retry_after: float) -> Answer:
        """Speak as LinkedIn does. It documents no Retry-After: the contract wants one played."""
        return {
            Fault.RATE_LIMIT: throttled({"Retry-After": f"{retry_after:.0f}"}),
            Fault.EXPIRED: unauthorized("EXPIRED_ACCESS_TOKEN", 65602),
            Fault.REVOKED: unauthorized("REVOKED_ACCESS_TOKEN", 65601),
            Fault.REJECT: error(422, "", "ERROR :: /commentary :: is not allowed"),
            Fault.DUPLICATE: duplicate("urn:li:share:7459000000000000001"),
            Fault.REDIRECT: Answer(302, None, {"Location": f"{self.url}/elsewhere"}),
            Fault.ERROR_AFTER_ACCEPT: error(500, "", "Internal Server Error"),
        }[fault]
