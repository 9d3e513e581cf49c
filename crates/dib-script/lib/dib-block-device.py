#!/usr/bin/env python3
"""Runs dib-block-device, for scripts that know it by this file's name. Comes with dib."""

import os
import sys

os.execvp("dib-block-device", ["dib-block-device"] + sys.argv[1:])
