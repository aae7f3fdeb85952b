"""Texts that would be run somewhere: as SQL, as a template, as markup."""

from __future__ import annotations

from urllib.parse import quote

#: What has been put into sort and filter parameters elsewhere, as bytes of an address.
EVIL = [
    quote(text, safe="") for text in (
        "' OR '1'='1", "' OR 1=1 --", "\" OR \"\"=\"", "'; DROP TABLE users; --", "1; SELECT 1",
        "1) UNION SELECT password_hash FROM users --", "' UNION SELECT NULL,NULL --", "') OR ('x",
        "%' AND 1=0 UNION ALL SELECT 1 --", "admin'--",
        "id DESC", "created_at, (SELECT 1)", "CASE WHEN 1=1 THEN id END",
        "password_hash", "state:asc,password", "pg_sleep(9)",
        "'||pg_sleep(9)||'", "randomblob(999999999)",
        "%", "_", "\\", "\\x00", "%00", "%s", "%(x)s", ":x", "$1", "?", "{}",
        "{{7*7}}", "${7*7}", "<script>alert(1)</script>", "\"><img src=x onerror=y>",
        "../../etc/passwd", "$(id)",
        "\0", "a\0b", "\n", "\r\nSet-Cookie: a=b", "\t", "\u202e", "\ufeff", "\u2028", "ß", "İ",
        "🦤" * 50, "é" * 3000, "NULL", "null", "-1", "0", "1e400", "NaN", "9" * 400,
        "0x7f", "[]", '{"$gt": ""}', '["a"]', "after", "eyJhIjoxfQ", "A" * 5000,
    )
] + ["%ff%fe", "%c0%af", "%ed%a0%80", "%", "%zz", "%u0041"]  # fmt: skip

#: A product that stands in no page by chance: what a template makes of `PRODUCT_OF`.
PRODUCT = "3196943"
PRODUCT_OF = "1787*1789"
#: Template injection as found in the field, for Jinja and its relatives (D35).
TEMPLATES = [
    each.replace("7*7", PRODUCT_OF)
    for each in (
        "{{7*7}}", "{{ 7*7 }}", "${7*7}", "#{7*7}", "*{7*7}", "@(7*7)", "<%= 7*7 %>", "[[${7*7}]]",
        "{%print(7*7)%}", "{% set x = 7*7 %}{{ x }}", "{{ '%d' % (7*7) }}", "{{[7*7]|first}}",
        "{% if 7*7 %}{{ 7*7 }}{% endif %}", "{% for x in [7*7] %}{{ x }}{% endfor %}",
        "{{ (7*7)|string }}", "{{ config }}{{ 7*7 }}", "{{ request.app.state.host.settings }}",
        "{{ actor.user_id }}", "{{ viewer }}", "{{ self.__init__.__globals__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ cycler.__init__.__globals__.os }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}", "{{ url_for.__globals__ }}",
        "{% include 'musekit/shell.html' %}", "{% extends 'musekit/shell.html' %}",
        "{% import 'musekit/ui.html' as u %}", "{# gone #}7*7", "{{ namespace.__init__ }}",
        "{{ joiner.__init__.__globals__ }}", "%(user)s", "{0.__class__}", "{user.email}", "$user",
        "##user.password##", "{{ user.password_hash }}",
    )
]  # fmt: skip
