"""Settings of everything, as typed dataclasses: recipes in YAML, dictionaries, and names that settings had before."""
