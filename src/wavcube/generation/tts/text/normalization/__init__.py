"""Written English -> words as they are said: numbers, money, dates, units, names of letters, addresses, symbols.

One class of writing a file; `english.py` has their order.
"""
