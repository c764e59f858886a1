/* SPDX-License-Identifier: MIT
 * base/system.h: failures of the operating system as messages. The words are ours, not strerror's:
 * they must not depend on the locale, and they name the next step where there is one. */
#ifndef DUET_BASE_SYSTEM_H
#define DUET_BASE_SYSTEM_H

#include <duet/base.h>

/* "cannot <action> '<subject>': <reason>". ENOENT and ENOTDIR give DUET_NOT_FOUND, ENOMEM
 * DUET_NO_MEMORY, all others DUET_IO. */
duet_status duet_fail_system(int error, const char *action, const char *subject);

/* Processors that this process may keep busy, at least 1: those of its affinity mask, and no more
 * than its CPU quota. Whoever counts processors asks here. */
int duet_processors(void);

/* The CPU quota of the control groups of this process in processors, rounded up; 0 = none. `root`
 * is the folder that stands for "/". */
int duet_cpu_quota(const char *root);

/* The processor's name as the system tells it, or "unknown". */
void duet_cpu_name(char out[128]);

/* Bytes of a processor's own L2 cache; 1 MiB if the system does not say. */
int64_t duet_near_cache(void);

/* Has the processor Intel's AMX with products of bf16, and does the system let this process use it?
 * Linux must be asked, and grants it for good (Documentation/arch/x86/xstate.rst). */
bool duet_has_amx(void);

#endif
