"""What the benchmarks beside this folder are made of."""
