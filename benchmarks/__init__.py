"""Speed, measured: `python -m benchmarks NAME`; results land in benchmarks/results with machine and date."""
