/* SPDX-License-Identifier: MIT
 * io/store/torch.c: tensors of an unpickled object, see torch.h. */
#include "io/store/torch.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

#define MOST_DEPTH 512
/* Limits of a walk: a small file can share parts so that its tree is endless. */
#define MOST_STEPS (1 << 18)
#define MOST_NAMES                                     \
    (16 << 20)         /* bytes of all names of a walk \
                        */
#define MOST_TEXT 4096 /* bytes of a text that becomes metadata */

enum { TENSOR = 1, PARAMETER, SUBCLASS, STORAGE, OPAQUE };
enum { NO_DTYPE = -1 };

#define STORAGES(module_)                                                                        \
    {module_, "FloatStorage", STORAGE, DUET_F32}, {module_, "DoubleStorage", STORAGE, DUET_F64}, \
        {module_, "HalfStorage", STORAGE, DUET_F16},                                             \
        {module_, "BFloat16Storage", STORAGE, DUET_BF16},                                        \
        {module_, "LongStorage", STORAGE, DUET_I64}, {module_, "IntStorage", STORAGE, DUET_I32}, \
        {module_, "CharStorage", STORAGE, DUET_I8}, {module_, "ByteStorage", STORAGE, DUET_U8},  \
        {module_, "BoolStorage", STORAGE, DUET_BOOL},                                            \
        {module_, "ShortStorage", STORAGE, NO_DTYPE},                                            \
        {module_, "ComplexFloatStorage", STORAGE, NO_DTYPE},                                     \
        {module_, "ComplexDoubleStorage", STORAGE, NO_DTYPE},                                    \
        {module_, "QInt8Storage", STORAGE, NO_DTYPE},                                            \
        {module_, "QUInt8Storage", STORAGE, NO_DTYPE}, {                                         \
        module_, "UntypedStorage", STORAGE, NO_DTYPE                                             \
    }

const duet_pickle_global duet_torch_globals[] = {
    {"collections", "OrderedDict", DUET_PICKLE_DICT_MAKER, 0},
    {"collections", "defaultdict", DUET_PICKLE_DICT_MAKER, 0},
    {"collections", "Counter", DUET_PICKLE_DICT_MAKER, 0},
    {"torch._utils", "_rebuild_tensor_v2", TENSOR, 0},
    {"torch._utils", "_rebuild_tensor", TENSOR, 0},
    {"torch._utils", "_rebuild_tensor_v3", TENSOR, 0},
    {"torch._tensor", "_rebuild_from_type_v2", SUBCLASS, 0},
    {"torch._utils", "_rebuild_parameter", PARAMETER, 0},
    {"torch._utils", "_rebuild_parameter_with_state", PARAMETER, 0},
    STORAGES("torch"),
    STORAGES("torch.storage"),
    /* Occurs in metadata only and is not used here. */
    {"torch", "Size", OPAQUE, 0},
    {"torch", "device", OPAQUE, 0},
    {"torch", "Tensor", OPAQUE, 0},
    {"torch", "float32", OPAQUE, 0},
    {"torch", "float64", OPAQUE, 0},
    {"torch", "float16", OPAQUE, 0},
    {"torch", "bfloat16", OPAQUE, 0},
    {"torch", "int64", OPAQUE, 0},
    {"torch", "int32", OPAQUE, 0},
    {"torch", "int16", OPAQUE, 0},
    {"torch", "int8", OPAQUE, 0},
    {"torch", "uint8", OPAQUE, 0},
    {"torch", "bool", OPAQUE, 0},
    {"torch.nn.parameter", "Parameter", OPAQUE, 0},
    {"torch.serialization", "_get_layout", OPAQUE, 0},
    {"_codecs", "encode", OPAQUE, 0},
    {"argparse", "Namespace", OPAQUE, 0},
    {"numpy", "dtype", OPAQUE, 0},
    {"numpy", "ndarray", OPAQUE, 0},
    {"numpy.core.multiarray", "scalar", OPAQUE, 0},
    {"numpy._core.multiarray", "scalar", OPAQUE, 0},
    {"numpy.core.multiarray", "_reconstruct", OPAQUE, 0},
    {"numpy._core.multiarray", "_reconstruct", OPAQUE, 0},
    DUET_PICKLE_OTHERS, /* configurations, callbacks, paths, times, … beside the tensors */
};
const int duet_torch_global_count = DUET_COUNT(duet_torch_globals);

typedef duet_pickle_node node;

typedef struct walk {
    duet_store *store;
    duet_torch_tensor *tensors;
    int64_t tensor_capacity, entry_capacity, pair_capacity, steps, name_bytes;
    int64_t unknown; /* objects of classes that are not PyTorch's tensors, which are left out */
    const duet_pickle_global *first; /* the class of the first */
    duet_store_entry *entries;
    duet_store_pair *pairs;
} walk;

/* ---- one tensor ---- */

static bool is_integer(const node *n) {
    return n->kind == DUET_PICKLE_INT;
}

/* The type of a storage of bytes stands among the arguments of what makes the tensor. */
static const char *type_name(const node *made, const node *id) {
    const node *const type = made->count > 6 ? made->item[6] : NULL;
    return type != NULL && type->kind == DUET_PICKLE_GLOBAL ? type->global->name
                                                            : id->item[1]->global->name;
}

static duet_status read_storage(duet_torch_tensor *t, duet_dtype *dtype, const node *made,
                                const char *name) {
    const node *const from = made->item[0];
    const node *const id = from->kind == DUET_PICKLE_PERSISTENT ? from->item[0] : NULL;
    if (id == NULL || id->kind != DUET_PICKLE_TUPLE || id->count < 5 ||
        id->item[0]->kind != DUET_PICKLE_TEXT || strcmp(id->item[0]->text, "storage") != 0 ||
        id->item[1]->kind != DUET_PICKLE_GLOBAL || id->item[1]->global->role != STORAGE ||
        id->item[2]->kind != DUET_PICKLE_TEXT || !is_integer(id->item[4]))
        return duet_fail(DUET_FORMAT, "tensor '%s' has no storage", name);
    if (id->count > 5 && id->item[5]->kind != DUET_PICKLE_NONE)
        return duet_advised(duet_fail(
            DUET_UNSUPPORTED,
            "tensor '%s' lies in a view of a storage (PyTorch before 0.4); save it again", name));
    if (id->item[1]->global->value == NO_DTYPE)
        return duet_fail(DUET_UNSUPPORTED,
                         "tensor '%s' has elements of torch.%s, which this version does not read",
                         name, type_name(made, id));
    *dtype = (duet_dtype)id->item[1]->global->value;
    t->key = id->item[2]->text;
    t->elements = id->item[4]->integer;
    if (t->elements < 0 || t->elements > ((int64_t)1 << 40))
        return duet_fail(DUET_FORMAT, "the storage of tensor '%s' has %lld elements", name,
                         (long long)t->elements);
    return DUET_OK;
}

/* Strides are checked against the storage, so that no element lies outside of it. */
static duet_status read_strides(duet_torch_tensor *t, const duet_shape *shape, const node *strides,
                                const char *name) {
    int64_t last = 0;
    if (strides->kind != DUET_PICKLE_TUPLE || strides->count != shape->rank)
        return duet_fail(DUET_FORMAT, "tensor '%s' has no strides for its sizes", name);
    for (int i = 0; i < shape->rank; i++) {
        int64_t step = 0;
        if (!is_integer(strides->item[i]) || strides->item[i]->integer < 0)
            return duet_fail(DUET_FORMAT, "tensor '%s' has a stride that is not a count", name);
        t->stride[i] = strides->item[i]->integer;
        if (shape->dim[i] > 0 && (__builtin_mul_overflow(t->stride[i], shape->dim[i] - 1, &step) ||
                                  __builtin_add_overflow(last, step, &last)))
            return duet_fail(DUET_FORMAT, "the strides of tensor '%s' overflow", name);
    }
    t->extent = duet_shape_count(shape) == 0 ? 0 : last + 1;
    if (t->offset < 0 || t->offset > t->elements || t->extent > t->elements - t->offset)
        return duet_fail(DUET_FORMAT,
                         "tensor '%s' reaches to element %lld + %lld of a storage of %lld", name,
                         (long long)t->offset, (long long)t->extent, (long long)t->elements);
    return DUET_OK;
}

static duet_status read_tensor(duet_torch_tensor *t, duet_store_entry *entry, const node *made) {
    int64_t dims[DUET_MAX_RANK];
    if (made->count < 4 || !is_integer(made->item[1]) || made->item[2]->kind != DUET_PICKLE_TUPLE)
        return duet_fail(DUET_FORMAT, "tensor '%s' is not described as PyTorch does", entry->name);
    DUET_TRY(read_storage(t, &entry->dtype, made, entry->name));
    t->offset = made->item[1]->integer;
    for (int64_t i = 0; i < made->item[2]->count && i < DUET_MAX_RANK; i++) {
        if (!is_integer(made->item[2]->item[i]))
            return duet_fail(DUET_FORMAT, "tensor '%s' has a size that is no number", entry->name);
        dims[i] = made->item[2]->item[i]->integer;
    }
    DUET_TRY(
        duet_store_shape(&entry->shape, dims, made->item[2]->count, entry->dtype, entry->name));
    return read_strides(t, &entry->shape, made->item[3], entry->name);
}

/* ---- the object ---- */

static duet_status add_tensor(walk *w, const node *made, const char *name) {
    duet_store *const store = w->store;
    DUET_TRY(duet_grow(&w->entries, &w->entry_capacity, store->count + 1, sizeof *w->entries));
    DUET_TRY(duet_grow(&w->tensors, &w->tensor_capacity, store->count + 1, sizeof *w->tensors));
    w->entries[store->count].name = duet_arena_text(store->arena, *name ? name : "tensor");
    DUET_TRY(duet_arena_status(store->arena));
    DUET_TRY(read_tensor(&w->tensors[store->count], &w->entries[store->count], made));
    store->count++;
    return DUET_OK;
}

static duet_status add_pair(walk *w, const node *n, const char *name) {
    duet_store *const store = w->store;
    char number[64] = "";
    if (n->kind == DUET_PICKLE_TEXT && n->count > MOST_TEXT) return DUET_OK;
    if (n->kind == DUET_PICKLE_FLOAT) duet_format(number, sizeof number, "%.17g", n->real);
    if (n->kind == DUET_PICKLE_INT) snprintf(number, sizeof number, "%lld", (long long)n->integer);
    if (n->kind == DUET_PICKLE_BOOL)
        snprintf(number, sizeof number, "%s", n->integer ? "true" : "false");
    DUET_TRY(duet_grow(&w->pairs, &w->pair_capacity, store->pair_count + 1, sizeof *w->pairs));
    w->pairs[store->pair_count++] = (duet_store_pair){
        .key = duet_arena_text(store->arena, name),
        .value = duet_arena_text(store->arena, n->kind == DUET_PICKLE_TEXT ? n->text : number)};
    return duet_arena_status(store->arena);
}

static duet_status visit(walk *w, const node *n, const char *name, int depth);
static duet_status visit_items(walk *w, const node *n, const char *name, int depth);

static duet_status visit_item(walk *w, const node *item, const char *name, const char *key,
                              int depth) {
    w->name_bytes += (int64_t)strlen(name) + (int64_t)strlen(key) + 2;
    if (w->name_bytes > MOST_NAMES)
        return duet_fail(DUET_FORMAT, "names in the file's object need more than 16 MiB");
    char *const inner = *name ? duet_arena_format(w->store->arena, "%s.%s", name, key)
                              : duet_arena_text(w->store->arena, key);
    DUET_TRY(duet_arena_status(w->store->arena));
    return visit(w, item, inner, depth + 1);
}

static duet_status visit_items(walk *w, const node *n, const char *name, int depth) {
    const int64_t step = n->kind == DUET_PICKLE_DICT ? 2 : 1;
    for (int64_t i = 0; i < n->count; i += step) {
        const node *const key = step == 2 ? n->item[i] : NULL;
        char number[32];
        snprintf(number, sizeof number, "%lld", (long long)(key == NULL ? i : key->integer));
        /* no name to find it by */
        if (key != NULL && key->kind != DUET_PICKLE_TEXT && key->kind != DUET_PICKLE_INT) continue;
        DUET_TRY(visit_item(w, n->item[i + step - 1], name,
                            key != NULL && key->kind == DUET_PICKLE_TEXT ? key->text : number,
                            depth));
    }
    return DUET_OK;
}

/* torch.save(model) instead of its state_dict(): the tensors are attributes of its layers. */
static duet_status visit_module(walk *w, const node *state, const char *name, int depth) {
    static const char *const parts[] = {"_parameters", "_buffers", "_modules"};
    for (int i = 0; i < DUET_COUNT(parts); i++) {
        const node *const part = duet_pickle_find(state, parts[i]);
        if (part != NULL && part->kind == DUET_PICKLE_DICT)
            DUET_TRY(visit_items(w, part, name, depth + 1));
    }
    return DUET_OK;
}

static duet_status visit_object(walk *w, const node *n, const char *name, int depth) {
    if (n->global->role == TENSOR) return add_tensor(w, n, name);
    if (n->global->role == PARAMETER && n->count > 0) return visit(w, n->item[0], name, depth + 1);
    if (n->global->role == SUBCLASS && n->count > 2 && n->item[0]->kind == DUET_PICKLE_GLOBAL &&
        n->item[0]->global->role == TENSOR && n->item[2]->kind == DUET_PICKLE_TUPLE)
        return add_tensor(w, n->item[2], name); /* its arguments are those of a tensor */
    if (duet_pickle_find(n->state, "_modules") != NULL)
        return visit_module(w, n->state, name, depth);
    if (n->global->role == DUET_PICKLE_UNKNOWN && w->unknown++ == 0) w->first = n->global;
    return DUET_OK;
}

static duet_status visit(walk *w, const node *n, const char *name, int depth) {
    if (depth > MOST_DEPTH)
        return duet_fail(DUET_FORMAT, "the file's object is nested deeper than %d", MOST_DEPTH);
    if (++w->steps > MOST_STEPS)
        return duet_fail(DUET_FORMAT, "the file's object has more than 262,144 parts");
    switch (n->kind) {
    case DUET_PICKLE_DICT:
    case DUET_PICKLE_LIST:
    case DUET_PICKLE_TUPLE:
        return visit_items(w, n, name, depth);
    case DUET_PICKLE_TEXT:
    case DUET_PICKLE_INT:
    case DUET_PICKLE_FLOAT:
    case DUET_PICKLE_BOOL:
        return add_pair(w, n, name);
    case DUET_PICKLE_OBJECT:
        return visit_object(w, n, name, depth);
    default:
        return DUET_OK;
    }
}

/* Becomes the first of the file's pairs. */
static duet_status tell_unknown(walk *w) {
    duet_store *const store = w->store;
    if (w->unknown == 0) return DUET_OK;
    DUET_TRY(duet_grow(&w->pairs, &w->pair_capacity, store->pair_count + 1, sizeof *w->pairs));
    memmove(w->pairs + 1, w->pairs, (size_t)store->pair_count * sizeof *w->pairs);
    w->pairs[0] = (duet_store_pair){
        .key = "left out",
        .value = duet_arena_format(store->arena, "%lld of Python's objects (%.20s.%.20s%s)",
                                   (long long)w->unknown, w->first->module, w->first->name,
                                   w->unknown > 1 ? ", …" : "")};
    store->pair_count++;
    return duet_arena_status(store->arena);
}

duet_status duet_torch_collect(duet_store *store, duet_torch_tensor **out,
                               const duet_pickle_node *root) {
    walk w = {.store = store};
    duet_status status = DUET_OK;
    DUET_DO(visit(&w, root, "", 0));
    DUET_DO(tell_unknown(&w));
    store->entries = duet_arena_alloc(store->arena, store->count + 1, sizeof *store->entries);
    store->pairs = duet_arena_alloc(store->arena, store->pair_count + 1, sizeof *store->pairs);
    *out = duet_arena_alloc(store->arena, store->count + 1, sizeof **out);
    DUET_DO(duet_arena_status(store->arena));
    if (w.entries != NULL)
        memcpy(store->entries, w.entries, (size_t)store->count * sizeof *w.entries);
    if (w.tensors != NULL) memcpy(*out, w.tensors, (size_t)store->count * sizeof *w.tensors);
    if (w.pairs != NULL) memcpy(store->pairs, w.pairs, (size_t)store->pair_count * sizeof *w.pairs);
done:
    if (status != DUET_OK) store->count = store->pair_count = 0;
    duet_release(w.entries);
    duet_release(w.tensors);
    duet_release(w.pairs);
    return status;
}

void duet_torch_gather(void *dst, duet_dtype dtype, const void *src, const duet_store_entry *entry,
                       const duet_torch_tensor *tensor) {
    const duet_shape *const shape = &entry->shape;
    const int64_t count = duet_shape_count(shape), to = (int64_t)duet_dtype_size(dtype),
                  from = (int64_t)duet_dtype_size(entry->dtype);
    int64_t at[DUET_MAX_RANK] = {0}, place = 0;
    if (tensor->extent == count) { /* dense, in some order: is it this one? */
        int64_t dense = 1;
        bool ordered = true;
        for (int i = shape->rank - 1; i >= 0; dense *= shape->dim[i--])
            ordered &= shape->dim[i] == 1 || tensor->stride[i] == dense;
        if (ordered) {
            duet_convert(dst, dtype, src, entry->dtype, count);
            return;
        }
    }
    for (int64_t i = 0; i < count; i++) {
        duet_convert((uint8_t *)dst + i * to, dtype, (const uint8_t *)src + place * from,
                     entry->dtype, 1);
        for (int k = shape->rank - 1; k >= 0; k--) {
            place += tensor->stride[k];
            if (++at[k] < shape->dim[k]) break;
            place -= tensor->stride[k] * shape->dim[k];
            at[k] = 0;
        }
    }
}
