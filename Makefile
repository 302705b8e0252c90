# The two commands a newcomer needs: make demo, make test. Both install what they need.
PYTHON ?= python3
export PYTHON
# Python keeps what it compiled, whatever the environment says: the tests start small programs by the thousand.
export PYTHONDONTWRITEBYTECODE =
# Software emulation: where guests do not run on /dev/kvm, libguestfs must not try it either.
export LIBGUESTFS_BACKEND = direct

.PHONY: help demo test thorough check bench format clean

help:
	@echo "make demo    golden's whole main job on a real hypervisor with a stand-in guest, in the folder golden-demo"
	@echo "make test    every test, guests that boot included (under 20 minutes)"
	@echo "make thorough  what make test leaves out: boots whose like is tested faster elsewhere"
	@echo "make check   format, lint, types, layers and the fast tests (under 2 minutes)"
	@echo "make bench   speed and memory, as ratios in one run"

demo:
	@tools/install.sh demo
	@.venv/bin/golden demo golden-demo

test:
	@tools/install.sh test
	@tools/test.sh "not thorough"

thorough:
	@tools/install.sh test
	@tools/test.sh thorough

check:
	@tools/install.sh test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/pytest -q -n 4 --dist loadgroup -m "not slow"

bench:
	@tools/install.sh bench
	.venv/bin/python -m benchmarks

format:
	@tools/install.sh test
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist build
