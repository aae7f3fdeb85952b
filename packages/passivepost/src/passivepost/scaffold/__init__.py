"""``musekit new platform``: the first files of a platform package."""
