"""Addresses that lead to another site, as browsers read them."""

from urllib.parse import urljoin, urlsplit

EVIL = "evil.example"
#: What has been put into ?next= elsewhere.
AWAY = (
    f"//{EVIL}", f"///{EVIL}", f"////{EVIL}/..", f"//{EVIL}/%2f..", f"https://{EVIL}",
    f"http://{EVIL}/", f"HTTPS://{EVIL}", f"http:/{EVIL}", f"https:{EVIL}", f"https:///{EVIL}",
    f"https:\\\\{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"\\/{EVIL}", f"/\\/{EVIL}", f"\\{EVIL}",
    f"/\t/{EVIL}", f"\t//{EVIL}", f"/\n/{EVIL}", f"/\r\n/{EVIL}", f"/\t\\{EVIL}", f" //{EVIL}",
    f"//\t{EVIL}", f"\x00//{EVIL}", f"\x01https://{EVIL}", f"ht\ntps://{EVIL}", f"\x1f//{EVIL}",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", " javascript:alert(1)",
    "javascript://127.0.0.1/%0aalert(1)", "vbscript:x", "data:text/html,<script>alert(1)</script>",
    f"//127.0.0.1@{EVIL}", f"https://127.0.0.1@{EVIL}", f"https://{EVIL}#127.0.0.1",
    f"//{EVIL}?127.0.0.1", f"//{EVIL}\\@127.0.0.1", f"https://127.0.0.1.{EVIL}", f"//{EVIL}:443",
    "//evil。example", "//ⓔⓥⓘⓛ.example", "//0x7f.1", "//2130706433", f"//[::1]@{EVIL}",
    f"/{'/' * 500}{EVIL}", f"ftp://{EVIL}", "file:///etc/passwd", f"mailto:a@{EVIL}",
    f"\ufeff//{EVIL}", f"\u2028//{EVIL}", f"\u00a0//{EVIL}", f"//{EVIL}\u200b", f"<>//{EVIL}",
    f"@{EVIL}", f":80@{EVIL}", f".{EVIL}", EVIL, f"{EVIL}/..", f"x://{EVIL}", f"blob:https://{EVIL}",
    f"//{EVIL}/\"><script>alert(1)</script>", f"\"><a href=https://{EVIL}>", f";//{EVIL}",
)  # fmt: skip
#: What stays here, or cannot be told from what does, and must end no header all the same.
HERE = (
    f"/%09/{EVIL}", f"/%5c{EVIL}", f"%2f%2f{EVIL}", f"/%2f/{EVIL}", f"/.//{EVIL}", f"/..//{EVIL}",
    f"/a/..//{EVIL}", f"?next=//{EVIL}", f"#//{EVIL}", f"/%0d%0aLocation:%20//{EVIL}",
    "/\r\nSet-Cookie: a=b", f"/\u2028/{EVIL}", "/" + "x" * 5000, "/a?b=//c", "/ä/🦤",
)  # fmt: skip


def leads_away(base: str, address: str) -> bool:
    """Say whether a browser on a page at `base` leaves its site by an address (WHATWG URL)."""
    read = address.strip("".join(map(chr, range(33))))
    read = read.translate({9: None, 10: None, 13: None})
    scheme, colon, _ = read.partition(":")
    if colon and not scheme[:1].isdigit() and scheme.replace("+", "a").isalnum():
        if scheme.lower() not in ("http", "https"):
            return True
        after = read[len(scheme) + 1 :].replace("\\", "/")
        # “https:host” is relative on a page of that scheme, and an address on any other.
        return urlsplit(f"{scheme}://{after.lstrip('/')}").netloc != urlsplit(base).netloc
    read = read.replace("\\", "/")
    if read.startswith("//"):
        read = f"//{read.lstrip('/')}"  # any number of them comes before a host
    return urlsplit(urljoin(base, read)).netloc != urlsplit(base).netloc
