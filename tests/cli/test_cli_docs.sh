#!/bin/sh
# The commands of README.md, CONTRIBUTING.md, docs/ and include/ run: docs_commands.sh.
which=pages
. "$2/tests/cli/docs_commands.sh"
