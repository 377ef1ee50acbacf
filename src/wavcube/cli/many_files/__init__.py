"""Commands over many files: the plan of outputs, reading ahead, batching, writing behind."""
