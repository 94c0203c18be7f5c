"""What the contenders of several databases share, and those that are the same on all."""
