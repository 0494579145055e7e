"""Counts checks."""

import traceback


class Checks:
    """Runs checks one after another; each may use what the ones before it left."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def __call__(self, name, check):
        try:
            check()
        except Exception:
            self.failed += 1
            print(f"FAILED {name}")
            traceback.print_exc()
        else:
            self.passed += 1
            print(f"ok {name}")

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
