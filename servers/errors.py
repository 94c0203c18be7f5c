"""What can go wrong with a test server."""


class ServerError(Exception):
    """A test server did not do what it was asked; the message ends with what its log says, if it wrote one."""


class ServerUnavailableError(ServerError):
    """A server cannot be had on this machine; the message says how to get it."""
