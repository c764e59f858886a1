/* SPDX-License-Identifier: MIT
 * io/store/torch.h: what the two formats of torch.save share: tensors found in an unpickled object.
 * A tensor is a view of a storage, which is a run of bytes outside the pickle:
 *   _rebuild_tensor_v2(('storage', FloatStorage, key, 'cuda:0', elements), offset, size, stride,
 *   requires_grad, hooks) Source: torch/serialization.py and torch/_utils.py. */
#ifndef DUET_IO_STORE_TORCH_H
#define DUET_IO_STORE_TORCH_H

#include "io/pickle.h"
#include "io/store/store.h"

typedef struct duet_torch_tensor {
    const char *key;  /* of its storage */
    int64_t elements; /* of the storage, of the entry's type */
    int64_t offset,
        extent; /* where the view begins, and elements from there to behind its last one */
    int64_t stride[DUET_MAX_RANK];
} duet_torch_tensor;

/* Names that a file of tensors may use. */
extern const duet_pickle_global duet_torch_globals[];
extern const int duet_torch_global_count;

/* Fills entries, count and pairs of the store, and *out in the order of the entries. Tensors are
 * named by their keys, joined by "." ("state_dict.module.conv1.weight"); numbers and texts beside
 * them are pairs. */
DUET_NODISCARD duet_status duet_torch_collect(duet_store *store, duet_torch_tensor **out,
                                              const duet_pickle_node *root);
/* dst (dense, of type `dtype`) from the view's `extent` elements at src. */
void duet_torch_gather(void *dst, duet_dtype dtype, const void *src, const duet_store_entry *entry,
                       const duet_torch_tensor *tensor);

#endif
