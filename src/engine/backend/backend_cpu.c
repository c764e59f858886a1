/* SPDX-License-Identifier: MIT
 * engine/backend/backend_cpu.c: the backend "cpu". Own kernels are compiled once per instruction
 * set; the best set that the processor has is taken at run time, so one binary runs everywhere. For
 * each op the first kernel of the list that supports the call and pays wins: oneDNN's where it is
 * faster, then own ones. A table of measurements (tuning.h) may choose another one that supports
 * the call. */
#include <string.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/onednn_kernels.h"
#include "engine/backend/widen.h"

#if defined(__x86_64__)
#define DUET_LISTS(name)                                                          \
    extern const duet_kernel_list duet_cpu_##name##_base, duet_cpu_##name##_avx2, \
        duet_cpu_##name##_avx512;
#else
#define DUET_LISTS(name) extern const duet_kernel_list duet_cpu_##name##_base;
#endif
#define DUET_CPU(name)      DUET_LISTS(name)
#define DUET_CPU_BF16(name) DUET_LISTS(name##_bf16)
#include "engine/backend/cpu/cpu.def"

/* Kernels of an instruction set, by how activations are stored. */
typedef struct kernel_lists {
    const duet_kernel_list *const *f32, *const *bf16;
    int f32_count, bf16_count;
} kernel_lists;

static const duet_kernel_list *const f32_base[] = {
#define DUET_CPU(name) &duet_cpu_##name##_base,
#include "engine/backend/cpu/cpu.def"
};
static const duet_kernel_list *const bf16_base[] = {
#define DUET_CPU_BF16(name) &duet_cpu_##name##_bf16_base,
#include "engine/backend/cpu/cpu.def"
};

static bool has_bf16_weights(const duet_call *call) {
    for (int k = 0; k < call->inputs; k++) {
        if ((call->op->bf16_inputs >> k & 1u) == 0 && call->has_in[k] &&
            call->in[k].dtype == DUET_BF16)
            return true;
    }
    return false;
}

static bool is_bf16(const duet_call *call) {
    return duet_call_is_bf16(call) || (call->outputs > 0 && call->out[0].dtype == DUET_BF16);
}

/* Can the kernel compute the call? Whether it is the one to take is for `pays`, or for a
 * measurement. */
static bool can(const duet_kernel *kernel, const duet_call *call,
                const duet_kernel_options *options) {
    return strcmp(kernel->op, call->op->info.name) == 0 &&
           (!kernel->rounds || options->bf16 || is_bf16(call)) &&
           (kernel->bf16_weights || !has_bf16_weights(call)) &&
           (kernel->supports == NULL || kernel->supports(call));
}

static const duet_kernel *find_in(const duet_kernel_list *list, const duet_call *call,
                                  const duet_kernel_options *options) {
    for (int i = 0; i < list->count; i++) {
        const duet_kernel *const kernel = &list->kernels[i];
        if (can(kernel, call, options) && (kernel->pays == NULL || kernel->pays(call, options)))
            return kernel;
    }
    return NULL;
}

static const duet_kernel_list *const *lists_for(const kernel_lists *lists, const duet_call *call,
                                                int *count) {
    *count = is_bf16(call) ? lists->bf16_count : lists->f32_count;
    return is_bf16(call) ? lists->bf16 : lists->f32;
}

/* oneDNN's list holds only what it does faster as a rule. In bf16 every op has a kernel if it has
 * one in f32. */
static const duet_kernel *find_all(const kernel_lists *lists, const duet_call *call,
                                   const duet_kernel_options *options) {
    int count = 0;
    const duet_kernel_list *const *const list = lists_for(lists, call, &count);
    const duet_kernel *found = is_bf16(call) ? NULL : find_in(&duet_onednn_kernels, call, options);
    for (int i = 0; i < count && found == NULL; i++) found = find_in(list[i], call, options);
    return found == NULL && (is_bf16(call) || has_bf16_weights(call)) ? &duet_kernel_widened
                                                                      : found;
}

static int add_candidates(const duet_kernel **out, int count, int most,
                          const duet_kernel_list *list, const duet_call *call,
                          const duet_kernel_options *options, const char *name) {
    for (int i = 0; i < list->count && count < most; i++) {
        const duet_kernel *const kernel = &list->kernels[i];
        if ((name == NULL || strcmp(kernel->name, name) == 0) && can(kernel, call, options))
            out[count++] = kernel;
    }
    return count;
}

static int all_candidates(const kernel_lists *lists, const duet_kernel **out, int most,
                          const duet_call *call, const duet_kernel_options *options,
                          const char *name) {
    int found = 0, count = 0;
    if (options->exact) {
        out[0] = find_all(lists, call, options);
        return out[0] != NULL && (name == NULL || strcmp(out[0]->name, name) == 0);
    }
    const duet_kernel_list *const *const list = lists_for(lists, call, &count);
    if (!is_bf16(call))
        found = add_candidates(out, found, most, &duet_onednn_candidates, call, options, name);
    for (int i = 0; i < count; i++)
        found = add_candidates(out, found, most, list[i], call, options, name);
    return found;
}

/* The backend of an instruction set, from its arrays of lists. */
#define DUET_BACKEND_OF(isa_)                                                                  \
    static const kernel_lists lists_##isa_ = {f32_##isa_, bf16_##isa_, DUET_COUNT(f32_##isa_), \
                                              DUET_COUNT(bf16_##isa_)};                        \
    static const duet_kernel *find_##isa_(const duet_call *call,                               \
                                          const duet_kernel_options *options) {                \
        return find_all(&lists_##isa_, call, options);                                         \
    }                                                                                          \
    static int candidates_##isa_(const duet_kernel **out, int most, const duet_call *call,     \
                                 const duet_kernel_options *options, const char *name) {       \
        return all_candidates(&lists_##isa_, out, most, call, options, name);                  \
    }                                                                                          \
    static const duet_backend backend_##isa_ = {                                               \
        .find = find_##isa_,                                                                   \
        .candidates = candidates_##isa_,                                                       \
        .isa = #isa_,                                                                          \
    }
DUET_BACKEND_OF(base);

#if defined(__x86_64__)
static const duet_kernel_list *const f32_avx2[] = {
#define DUET_CPU(name) &duet_cpu_##name##_avx2,
#include "engine/backend/cpu/cpu.def"
};
static const duet_kernel_list *const bf16_avx2[] = {
#define DUET_CPU_BF16(name) &duet_cpu_##name##_bf16_avx2,
#include "engine/backend/cpu/cpu.def"
};
DUET_BACKEND_OF(avx2);

#ifndef DUET_NO_AVX512
static const duet_kernel_list *const f32_avx512[] = {
#define DUET_CPU(name) &duet_cpu_##name##_avx512,
#include "engine/backend/cpu/cpu.def"
};
static const duet_kernel_list *const bf16_avx512[] = {
#define DUET_CPU_BF16(name) &duet_cpu_##name##_bf16_avx512,
#include "engine/backend/cpu/cpu.def"
};
DUET_BACKEND_OF(avx512);
#endif

const duet_backend *duet_cpu_backend(void) {
#ifndef DUET_NO_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("fma")) {
        return &backend_avx512;
    }
#endif
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &backend_avx2;
    return &backend_base;
}
#else
const duet_backend *duet_cpu_backend(void) {
    return &backend_base;
}
#endif

const duet_device duet_backend_cpu = {
    .info = {.name = "cpu",
             .help = "own vectorised kernels, oneDNN for some convolutions",
             .params = DUET_TABLE_EMPTY},
    .backend = duet_cpu_backend,
};
