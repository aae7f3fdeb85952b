"""A request for every route of the application, so that the matrix can be made from the routes.

One module per feature, each with ``ROWS`` and, where requests name rows by id outside of the path,
``FOREIGN``. A new module is found by being here. A route without a row fails
`test_every_route_has_a_sample`. To add one:

* the key is method and path as the route declares them;
* ``things`` fills path parameters: each is a function of the world and the person whose thing it
  is, such as `tests.isolation.things.posts.draft`. The stranger is sent the victim's, the positive
  control gets its own;
* ``json``, ``form`` and ``query`` are a valid request, or a function that makes one from the same
  two; name other people's things there too (``account_id`` and its like), in ``FOREIGN``:
  (route, field) → whose row is put there;
* ``owner`` is how it ends for whoever may, ``stranger`` for those with other people's ids, and
  ``operator`` how a route that is for the operator only ends for the operator.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from tests.isolation.row import Row, Thing

#: Feature → its rows.
FEATURES: dict[str, dict[str, Row]] = {}
#: Every row, by route.
ROWS: dict[str, Row] = {}
#: (route, field) → whose row is named there.
FOREIGN_FIELDS: dict[tuple[str, str], Thing] = {}

for _found in pkgutil.iter_modules(__path__):
    _module = import_module(f"{__name__}.{_found.name}")
    FEATURES[_found.name] = _module.ROWS
    assert not (_twice := ROWS.keys() & _module.ROWS.keys()), f"two rows each: {_twice}"
    ROWS |= _module.ROWS
    FOREIGN_FIELDS |= getattr(_module, "FOREIGN", {})
