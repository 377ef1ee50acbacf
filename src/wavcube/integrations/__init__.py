"""Front doors of other projects. They import the package; of the package only the command line imports them."""
