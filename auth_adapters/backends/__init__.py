"""One folder per database. Importing this package imports no driver."""
