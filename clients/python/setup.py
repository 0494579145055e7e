"""Refuses to build the package without its generated parts. All else is in pyproject.toml."""

import pathlib
import sys

from setuptools import setup

if not (pathlib.Path(__file__).parent / "gen" / "troupe" / "services.py").is_file():
    sys.exit("troupe-client can't be installed without its generated parts: run `cargo xtask generate` in the checkout of Troupe first")

setup()
