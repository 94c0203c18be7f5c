"""One module per topic of the suite."""
