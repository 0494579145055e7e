"""The first program of each README, as it stands there, but for the platform's port."""

import contextlib
import io
import os
import re
import unittest
from unittest import mock
from urllib.parse import urlsplit

import grpc

from tests.platform.stage import ROOT, URL

ADDRESS = "127.0.0.1:8000"


class Readme(unittest.TestCase):
    def test_the_first_program_in_python_runs_as_it_stands(self) -> None:
        connect = grpc.insecure_channel

        def redirected(address: str, *args, **more):  # type: ignore[no-untyped-def]
            self.assertEqual(ADDRESS, address)
            return connect(urlsplit(URL).netloc, *args, **more)

        # The programs name files of the checkout.
        before = os.getcwd()
        os.chdir(ROOT)
        self.addCleanup(os.chdir, before)
        for file in ("README.md", "clients/python/README.md"):
            with self.subTest(file):
                found = re.search(r"```python\n(.*?)```", (ROOT / file).read_text(), re.DOTALL)
                assert found is not None, "the README has no program"
                self.assertLessEqual(len(found[1].splitlines()), 12)
                said = io.StringIO()
                with contextlib.redirect_stdout(said), mock.patch("grpc.insecure_channel", redirected):
                    exec(compile(found[1], file, "exec"), {"__name__": "__main__"})
                self.assertEqual("Is the lamp lit?", said.getvalue())
