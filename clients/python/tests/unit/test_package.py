"""The package as it is built, and addresses."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from tests.unit.case import Case

HERE = pathlib.Path(__file__).resolve().parents[2]


class Package(unittest.TestCase):
    def test_is_not_built_without_its_generated_parts(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            bare = pathlib.Path(folder) / "python"
            shutil.copytree(HERE, bare, ignore=shutil.ignore_patterns("gen", "build", "tests", "*.egg-info"))
            command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--target", folder, str(bare)]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertNotEqual(0, built.returncode)
            self.assertIn("run `cargo xtask generate`", built.stdout + built.stderr)
            self.assertFalse((pathlib.Path(folder) / "troupe_client").exists())


class Addresses(Case):
    def test_are_made_whole(self) -> None:
        client = self.client(self.platform())
        address = "/api/v1/roleplay/characters/chr_1/avatar/card?sig=a%2Fb"
        self.assertRegex(client.absolute(address), r"^http://127\.0\.0\.1:\d+/api/v1/roleplay/.*sig=a%2Fb$")
        self.assertEqual("https://cdn.example/a.webp", client.absolute("https://cdn.example/a.webp"))
        self.assertEqual("", client.absolute(""))
