/* SPDX-License-Identifier: MIT
 * Pickles without the archive around them, whose checksum would stop most mutations. */
#include "base/mem.h"
#include "fuzz/target.h"
#include "io/pickle.h"
#include "io/store/store.h"
#include "io/store/torch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const duet_pickle_node *root = NULL;
    duet_torch_tensor *tensors = NULL;
    duet_store store = {0};
    int64_t used = 0;
    if (duet_arena_new(&store.arena) != DUET_OK) return 0;
    if (duet_pickle_parse(&root, &used, store.arena, data, (int64_t)size, 0, duet_torch_globals,
                          duet_torch_global_count) == DUET_OK)
        (void)!duet_torch_collect(&store, &tensors, root);
    duet_arena_free(store.arena);
    return 0;
}
