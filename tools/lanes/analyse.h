/* SPDX-License-Identifier: MIT
 * tools/lanes/analyse.h: included in front of each file by lane tidy. The analyser looks into one
 * file at a time, so it is told that what reports a failure returns its status, never DUET_OK. */
#include "base/error.h"
#include "base/system.h"
#define duet_fail(status, ...) (duet_fail(status, __VA_ARGS__), (status))
#define duet_fail_system(...)  (duet_fail_system(__VA_ARGS__), DUET_IO)
#ifdef DUET_ANALYSE_CLI
#include "cli/cli.h"
#define cli_fail(status, ...) (cli_fail(status, __VA_ARGS__), (status))
#define cli_wrong(...)        (cli_wrong(__VA_ARGS__), DUET_ARG)
#endif
