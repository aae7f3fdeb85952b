"""Things of people, made on request: each a function of the world and the person."""
