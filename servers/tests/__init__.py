"""The tests of the test servers, on the real ones."""
