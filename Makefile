# The two commands a newcomer needs: make demo, make test. Both install what they need.
PYTHON ?= python3
export PYTHON
# Python keeps what it compiled, whatever the environment says: the tests start small programs by the thousand.
export PYTHONDONTWRITEBYTECODE =
# Software emulation: where guests do not run on /dev/kvm, libguestfs must not try it either.
export LIBGUESTFS_BACKEND = direct

.PHONY: help demo test thorough these-daemon these-others check bench format clean

help:
	@echo "make demo    golden's whole main job on a real hypervisor with a stand-in guest, in the folder golden-demo"
	@echo "make test    every test, guests that boot included (under 20 minutes)"
	@echo "make thorough  what make test leaves out: boots whose like is tested faster elsewhere"
	@echo "make check   format, lint, types, layers and the fast tests (under 2 minutes)"
	@echo "make bench   speed and memory, as ratios in one run"

demo:
	@tools/install.sh demo
	@.venv/bin/golden demo golden-demo

# A process that has libvirt's embedded driver cannot speak to a daemon, so those tests run apart; at the same time, since
# much of their time is waiting for guests.
test:
	@tools/install.sh test
	@$(MAKE) --no-print-directory -k -j 2 --output-sync=line WHICH="not thorough" these-daemon these-others

thorough:
	@tools/install.sh test
	@$(MAKE) --no-print-directory -k -j 2 --output-sync=line WHICH="thorough" these-daemon these-others

these-daemon:
	.venv/bin/pytest -q -m "daemon and $(WHICH)"

these-others:
	.venv/bin/pytest -q -n 3 --dist loadgroup -m "not daemon and $(WHICH)"

check:
	@tools/install.sh test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/pytest -q -n 3 --dist loadgroup -m "not slow"

bench:
	@tools/install.sh bench
	.venv/bin/python -m benchmarks

format:
	@tools/install.sh test
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist build
