"""What tasks learn from and are tested on: official corpora, and one's own lists."""
