/* SPDX-License-Identifier: MIT
 * engine/graph/pass/pass.c: the family `pass`: rewrites of a graph. Members: pass.def. */
#include "engine/graph/graph.h"

#include "base/error.h"

#define DUET_PASS(name) extern const duet_pass duet_pass_##name;
#include "engine/graph/pass/pass.def"
#undef DUET_PASS

#define DUET_PASS(name) &duet_pass_##name,
static const duet_pass *const members[] = {
#include "engine/graph/pass/pass.def"
};
#undef DUET_PASS

#define DUET_PASS(name) &duet_pass_##name.info,
static const duet_entry *const entries[] = {
#include "engine/graph/pass/pass.def"
};
#undef DUET_PASS

const duet_family duet_family_pass = {.name = "pass",
                                      .help = "rewrites of the graph",
                                      .entries = entries,
                                      .count = DUET_COUNT(entries)};

duet_status duet_pass_run(duet_graph *graph, const char *name, const duet_value *keep,
                          int64_t keep_count) {
    DUET_TRY(duet_graph_status(graph));
    const duet_entry *entry = NULL;
    DUET_TRY(duet_family_parse(&duet_family_pass, &entry, NULL, 0, name));
    for (int i = 0; i < DUET_COUNT(members); i++)
        if (entries[i] == entry) return members[i]->run(graph, keep, keep_count);
    return duet_fail(DUET_NOT_FOUND, "no pass '%s'", name);
}
