#!/usr/bin/env python3
"""Runs element-info, for scripts that know it by this file's name. Comes with dib."""

import os
import sys

os.execvp("element-info", ["element-info"] + sys.argv[1:])
