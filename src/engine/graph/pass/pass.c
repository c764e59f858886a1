/* SPDX-License-Identifier: MIT
 * engine/graph/pass/pass.c: the family `pass`: rewrites of a graph. Members: pass.def. */
#include "engine/graph/graph.h"

#include "base/error.h"
#include "engine/graph/pass/pass.def"

DUET_FAMILY(pass, DUET_PASSES, "rewrites of the graph");

duet_status duet_pass_run(duet_graph *graph, const char *name, const duet_value *keep,
                          int64_t keep_count) {
    DUET_TRY(duet_graph_status(graph));
    const duet_entry *entry = NULL;
    DUET_TRY(duet_family_parse(&duet_family_pass, &entry, NULL, 0, name));
    return duet_pass_of(entry)->run(graph, keep, keep_count);
}
