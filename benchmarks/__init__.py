"""golden's speed and memory, as ratios of two numbers measured in one run: ``python -m benchmarks``."""
