"""Front doors of other projects. They import the package; nothing in the package imports them."""
