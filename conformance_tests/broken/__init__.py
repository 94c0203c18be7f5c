"""Backends broken on purpose, one fault each: the suite must fail every one of them."""
