"""The toy package is tested from outside, in an environment of its own: see test_wheel.py."""

collect_ignore = ["thirdparty"]
