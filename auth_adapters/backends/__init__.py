"""One module per database. Importing this package imports no driver."""
