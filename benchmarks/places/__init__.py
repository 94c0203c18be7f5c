"""Where the data of the contenders is kept, a module per database."""
