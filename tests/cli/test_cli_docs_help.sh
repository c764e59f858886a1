#!/bin/sh
# The commands of the pages of `duet help` run: docs_commands.sh.
which=help
. "$2/tests/cli/docs_commands.sh"
