/* SPDX-License-Identifier: MIT
 * cpu/onednn.c: oneDNN 2.x (operation descriptors). Direct algorithms only: PyTorch's choice too,
 * and independent of the batch. Scratchpads are the caller's; after `new` and `slot_new` nothing of
 * ours is allocated. The number of threads is fixed at creation (blocking depends on it) and set
 * again for each execution. */
#include "engine/backend/cpu/onednn.h"

#include <dnnl.h>
#include <omp.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

struct duet_dnn {
    dnnl_engine_t engine;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    dnnl_primitive_t reorder; /* plain to packed; NULL when they are the same */
    dnnl_memory_desc_t x, weights, plain, bias, y, scratch;
    duet_dnn_pass pass;
    bool has_bias;
    int threads;
    const char *impl;
};

enum { SLOT_X, SLOT_WEIGHTS, SLOT_Y, SLOT_SCRATCH, SLOT_BIAS, SLOT_PLAIN, SLOT_COUNT };

struct duet_dnn_slot {
    const duet_dnn *dnn;
    dnnl_stream_t stream;
    dnnl_memory_t memory[SLOT_COUNT];
    const void *handle[SLOT_COUNT];
    dnnl_exec_arg_t args[SLOT_COUNT - 1];
    int arg_count;
};

static duet_status check(dnnl_status_t code, const char *what) {
    if (code == dnnl_success) return DUET_OK;
    if (code == dnnl_out_of_memory)
        return duet_fail(DUET_NO_MEMORY, "oneDNN: out of memory in '%s'", what);
    if (code == dnnl_unimplemented)
        return duet_fail(DUET_UNSUPPORTED, "oneDNN: '%s' is not implemented for this shape", what);
    return duet_fail(DUET_BACKEND, "oneDNN: '%s' failed with status %d", what, (int)code);
}

static int64_t round_up(size_t bytes) {
    return (int64_t)((bytes + 63) / 64 * 64);
}

static dnnl_status_t tensor_4d(dnnl_memory_desc_t *out, int64_t a, int64_t b, int64_t c, int64_t d,
                               dnnl_format_tag_t tag) {
    const dnnl_dims_t dims = {a, b, c, d};
    return dnnl_memory_desc_init_by_tag(out, 4, dims, dnnl_f32, tag);
}

/* Operation descriptor of a pass; `any` weights let the primitive choose its layout. */
static dnnl_status_t describe(dnnl_convolution_desc_t *out, duet_dnn_pass pass,
                              const duet_dnn_shape *s) {
    const dnnl_dims_t strides = {s->stride, s->stride}, bias_dims = {s->out};
    const dnnl_dims_t pad = {s->pad, s->pad};
    dnnl_memory_desc_t x, w, b, y;
    dnnl_status_t code = tensor_4d(&x, s->batch, s->in, s->height, s->width, dnnl_nhwc);
    if (code == dnnl_success)
        code = tensor_4d(&y, s->batch, s->out, s->out_height, s->out_width, dnnl_nhwc);
    if (code == dnnl_success)
        code = tensor_4d(&w, s->out, s->in, s->kernel, s->kernel, dnnl_format_tag_any);
    if (code == dnnl_success)
        code = dnnl_memory_desc_init_by_tag(&b, 1, bias_dims, dnnl_f32, dnnl_a);
    if (code != dnnl_success) return code;
    const dnnl_memory_desc_t *const bias = s->bias ? &b : NULL;
    switch (pass) {
    case DUET_DNN_FORWARD:
        return dnnl_convolution_forward_desc_init(out, dnnl_forward_inference,
                                                  dnnl_convolution_direct, &x, &w, bias, &y,
                                                  strides, pad, pad);
    default:
        return dnnl_convolution_backward_data_desc_init(out, dnnl_convolution_direct, &x, &w, &y,
                                                        strides, pad, pad);
    }
}

/* The primitive descriptor; backward ones want the forward one as a hint. */
static dnnl_status_t choose(dnnl_primitive_desc_t *out, dnnl_engine_t engine, duet_dnn_pass pass,
                            const duet_dnn_shape *shape) {
    dnnl_convolution_desc_t desc, forward;
    dnnl_primitive_desc_t hint = NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t code = describe(&desc, pass, shape);
    if (code == dnnl_success) code = dnnl_primitive_attr_create(&attr);
    if (code == dnnl_success)
        code = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (code == dnnl_success && pass != DUET_DNN_FORWARD) {
        code = describe(&forward, DUET_DNN_FORWARD, shape);
        forward.prop_kind = dnnl_forward_training;
        if (code == dnnl_success)
            code = dnnl_primitive_desc_create(&hint, &forward, attr, engine, NULL);
    }
    if (code == dnnl_success) code = dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
    if (hint != NULL) dnnl_primitive_desc_destroy(hint);
    if (attr != NULL) dnnl_primitive_attr_destroy(attr);
    return code;
}

static const char *impl_of(const_dnnl_primitive_desc_t desc) {
    const char *name = NULL;
    if (dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name) != dnnl_success ||
        name == NULL)
        return "unknown";
    return name;
}

bool duet_dnn_supported(duet_dnn_pass pass, const duet_dnn_shape *shape) {
    dnnl_engine_t engine = NULL;
    dnnl_primitive_desc_t desc = NULL;
    bool good = dnnl_engine_create(&engine, dnnl_cpu, 0) == dnnl_success &&
                choose(&desc, engine, pass, shape) == dnnl_success;
    if (good) {
        const char *const impl = impl_of(desc);
        good = strncmp(impl, "ref", 3) != 0 && strstr(impl, "ref:") == NULL &&
               strstr(impl, ":ref") == NULL;
    }
    if (desc != NULL) dnnl_primitive_desc_destroy(desc);
    if (engine != NULL) dnnl_engine_destroy(engine);
    return good;
}

static dnnl_memory_desc_t query(const duet_dnn *dnn, dnnl_query_t what) {
    const dnnl_memory_desc_t *const found = dnnl_primitive_desc_query_md(dnn->desc, what, 0);
    dnnl_memory_desc_t empty;
    memset(&empty, 0, sizeof empty);
    return found == NULL ? empty : *found;
}

static dnnl_status_t make_reorder(duet_dnn *dnn) {
    if (dnnl_memory_desc_equal(&dnn->weights, &dnn->plain)) return dnnl_success;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t code = dnnl_reorder_primitive_desc_create(&desc, &dnn->plain, dnn->engine,
                                                            &dnn->weights, dnn->engine, NULL);
    if (code == dnnl_success) code = dnnl_primitive_create(&dnn->reorder, desc);
    if (desc != NULL) dnnl_primitive_desc_destroy(desc);
    return code;
}

static dnnl_status_t make(duet_dnn *dnn, const duet_dnn_shape *shape) {
    const dnnl_dims_t bias_dims = {shape->out};
    dnnl_status_t code = dnnl_engine_create(&dnn->engine, dnnl_cpu, 0);
    if (code == dnnl_success) code = choose(&dnn->desc, dnn->engine, dnn->pass, shape);
    if (code == dnnl_success) code = dnnl_primitive_create(&dnn->primitive, dnn->desc);
    if (code == dnnl_success)
        code =
            tensor_4d(&dnn->plain, shape->out, shape->in, shape->kernel, shape->kernel, dnnl_oihw);
    if (code == dnnl_success)
        code = dnnl_memory_desc_init_by_tag(&dnn->bias, 1, bias_dims, dnnl_f32, dnnl_a);
    if (code != dnnl_success) return code;
    dnn->x = query(dnn, dnn->pass == DUET_DNN_FORWARD ? dnnl_query_src_md : dnnl_query_diff_src_md);
    dnn->y = query(dnn, dnn->pass == DUET_DNN_FORWARD ? dnnl_query_dst_md : dnnl_query_diff_dst_md);
    dnn->weights = query(dnn, dnnl_query_weights_md);
    dnn->scratch = query(dnn, dnnl_query_scratchpad_md);
    dnn->impl = impl_of(dnn->desc);
    return make_reorder(dnn);
}

duet_status duet_dnn_new(duet_dnn **out, duet_dnn_pass pass, const duet_dnn_shape *shape,
                         int threads) {
    duet_dnn *dnn = NULL;
    DUET_TRY(duet_alloc(&dnn, 1, sizeof *dnn));
    dnn->pass = pass;
    dnn->has_bias = shape->bias && pass == DUET_DNN_FORWARD;
    dnn->threads = threads;
    const int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    const duet_status status = check(make(dnn, shape), "convolution");
    omp_set_num_threads(before);
    if (status != DUET_OK) {
        duet_dnn_free(dnn);
        return status;
    }
    *out = dnn;
    return DUET_OK;
}

void duet_dnn_free(duet_dnn *dnn) {
    if (dnn == NULL) return;
    if (dnn->reorder != NULL) dnnl_primitive_destroy(dnn->reorder);
    if (dnn->primitive != NULL) dnnl_primitive_destroy(dnn->primitive);
    if (dnn->desc != NULL) dnnl_primitive_desc_destroy(dnn->desc);
    if (dnn->engine != NULL) dnnl_engine_destroy(dnn->engine);
    duet_release(dnn);
}

const char *duet_dnn_impl(const duet_dnn *dnn) {
    return dnn->impl;
}

int64_t duet_dnn_scratch(const duet_dnn *dnn) {
    return round_up(dnnl_memory_desc_get_size(&dnn->scratch));
}

int64_t duet_dnn_weights(const duet_dnn *dnn) {
    return round_up(dnnl_memory_desc_get_size(&dnn->weights));
}

bool duet_dnn_packs(const duet_dnn *dnn) {
    return dnn->reorder != NULL;
}

static dnnl_status_t add_memory(duet_dnn_slot *slot, int index, const dnnl_memory_desc_t *desc,
                                int arg) {
    const dnnl_status_t code =
        dnnl_memory_create(&slot->memory[index], desc, slot->dnn->engine, DNNL_MEMORY_NONE);
    if (code == dnnl_success && arg >= 0) {
        slot->args[slot->arg_count++] =
            (dnnl_exec_arg_t){.arg = arg, .memory = slot->memory[index]};
    }
    return code;
}

duet_status duet_dnn_slot_new(duet_dnn_slot **out, const duet_dnn *dnn) {
    static const int args[2][5] = {
        {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD, DNNL_ARG_BIAS},
        {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST, DNNL_ARG_SCRATCHPAD,
         DNNL_ARG_BIAS},
    };
    const int *const arg = args[dnn->pass];
    duet_dnn_slot *slot = NULL;
    DUET_TRY(duet_alloc(&slot, 1, sizeof *slot));
    slot->dnn = dnn;
    dnnl_status_t code = dnnl_stream_create(&slot->stream, dnn->engine, dnnl_stream_default_flags);
    if (code == dnnl_success) code = add_memory(slot, SLOT_X, &dnn->x, arg[SLOT_X]);
    if (code == dnnl_success)
        code = add_memory(slot, SLOT_WEIGHTS, &dnn->weights, arg[SLOT_WEIGHTS]);
    if (code == dnnl_success) code = add_memory(slot, SLOT_Y, &dnn->y, arg[SLOT_Y]);
    if (code == dnnl_success)
        code = add_memory(slot, SLOT_SCRATCH, &dnn->scratch, arg[SLOT_SCRATCH]);
    if (code == dnnl_success && dnn->has_bias)
        code = add_memory(slot, SLOT_BIAS, &dnn->bias, arg[SLOT_BIAS]);
    if (code == dnnl_success) code = add_memory(slot, SLOT_PLAIN, &dnn->plain, -1);
    const duet_status status = check(code, "memory");
    if (status != DUET_OK) {
        duet_dnn_slot_free(slot);
        return status;
    }
    *out = slot;
    return DUET_OK;
}

void duet_dnn_slot_free(duet_dnn_slot *slot) {
    if (slot == NULL) return;
    for (int i = 0; i < SLOT_COUNT; i++) {
        if (slot->memory[i] != NULL) dnnl_memory_destroy(slot->memory[i]);
    }
    if (slot->stream != NULL) dnnl_stream_destroy(slot->stream);
    duet_release(slot);
}

/* Pointers of a session do not move: the call (which also zeroes the padding of packed weights) is
 * skipped when it can be. A packed buffer is the library's to write, even where it is an input. */
static dnnl_status_t point(duet_dnn_slot *slot, int index, const void *data) {
    if (slot->handle[index] == data || slot->memory[index] == NULL) return dnnl_success;
    slot->handle[index] = data;
    union {
        const void *in;
        void *out;
    } pointer = {.in = data};
    return dnnl_memory_set_data_handle(slot->memory[index], pointer.out);
}

static dnnl_status_t execute(const duet_dnn_slot *slot, dnnl_primitive_t primitive, int count,
                             const dnnl_exec_arg_t *args) {
    const int before = omp_get_max_threads();
    if (before != slot->dnn->threads) omp_set_num_threads(slot->dnn->threads);
    dnnl_status_t code = dnnl_primitive_execute(primitive, slot->stream, count, args);
    if (code == dnnl_success) code = dnnl_stream_wait(slot->stream);
    if (before != slot->dnn->threads) omp_set_num_threads(before);
    return code;
}

duet_status duet_dnn_pack(duet_dnn_slot *slot, const float *plain, void *packed) {
    const dnnl_exec_arg_t args[2] = {{.arg = DNNL_ARG_FROM, .memory = slot->memory[SLOT_PLAIN]},
                                     {.arg = DNNL_ARG_TO, .memory = slot->memory[SLOT_WEIGHTS]}};
    dnnl_status_t code = point(slot, SLOT_PLAIN, plain);
    if (code == dnnl_success) code = point(slot, SLOT_WEIGHTS, packed);
    if (code == dnnl_success) code = execute(slot, slot->dnn->reorder, 2, args);
    return check(code, "reorder");
}

duet_status duet_dnn_run(duet_dnn_slot *slot, const float *x, const void *weights,
                         const float *bias, const float *y, void *scratch) {
    dnnl_status_t code = point(slot, SLOT_X, x);
    if (code == dnnl_success) code = point(slot, SLOT_WEIGHTS, weights);
    if (code == dnnl_success) code = point(slot, SLOT_Y, y);
    if (code == dnnl_success) code = point(slot, SLOT_SCRATCH, scratch);
    if (code == dnnl_success) code = point(slot, SLOT_BIAS, bias);
    if (code == dnnl_success)
        code = execute(slot, slot->dnn->primitive, slot->arg_count, slot->args);
    return check(code, "execute");
}
