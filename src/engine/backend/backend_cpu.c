/* SPDX-License-Identifier: MIT
 * engine/backend/backend_cpu.c: the backend "cpu". Own kernels are compiled once an instruction set; the best set that
 * the processor has is taken at run time, so one binary runs everywhere. For each op the first kernel of the list that
 * supports the call and pays wins: oneDNN's where it is faster, then own ones. */
#include <string.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/onednn_kernels.h"

#define DUET_CPU(name)                                   \
    extern const duet_kernel_list duet_cpu_##name##_base; \
    DUET_CPU_X86(name)
#if defined(__x86_64__)
#define DUET_CPU_X86(name)                               \
    extern const duet_kernel_list duet_cpu_##name##_avx2; \
    extern const duet_kernel_list duet_cpu_##name##_avx512;
#else
#define DUET_CPU_X86(name)
#endif
#include "engine/backend/cpu/cpu.def"
#undef DUET_CPU

#define DUET_CPU(name) &duet_cpu_##name##_base,
static const duet_kernel_list *const lists_base[] = {
#include "engine/backend/cpu/cpu.def"
};
#undef DUET_CPU

static bool takes(const duet_kernel *kernel, const duet_call *call, const duet_kernel_options *options)
{
    return strcmp(kernel->op, call->op->info.name) == 0 && (kernel->supports == NULL || kernel->supports(call)) &&
           (kernel->pays == NULL || kernel->pays(call, options));
}

static const duet_kernel *find_in(const duet_kernel_list *list, const duet_call *call, const duet_kernel_options *options)
{
    for (int i = 0; i < list->count; i++) {
        if (takes(&list->kernels[i], call, options)) return &list->kernels[i];
    }
    return NULL;
}

/* oneDNN supports only what it does faster. */
static const duet_kernel *find_all(const duet_kernel_list *const *lists, int count, const duet_call *call,
                                   const duet_kernel_options *options)
{
    const duet_kernel *found = find_in(&duet_onednn_kernels, call, options);
    for (int i = 0; i < count && found == NULL; i++) found = find_in(lists[i], call, options);
    return found;
}

static const duet_kernel *find_base(const duet_call *call, const duet_kernel_options *options)
{
    return find_all(lists_base, DUET_COUNT(lists_base), call, options);
}

#define DUET_CPU_INFO { .name = "cpu", .help = "own vectorised kernels, oneDNN for some convolutions", .params = DUET_TABLE_EMPTY }
static const duet_backend backend_base = { .info = DUET_CPU_INFO, .find = find_base, .isa = "base" };

#if defined(__x86_64__)
#define DUET_CPU(name) &duet_cpu_##name##_avx2,
static const duet_kernel_list *const lists_avx2[] = {
#include "engine/backend/cpu/cpu.def"
};
#undef DUET_CPU
#define DUET_CPU(name) &duet_cpu_##name##_avx512,
static const duet_kernel_list *const lists_avx512[] = {
#include "engine/backend/cpu/cpu.def"
};
#undef DUET_CPU

static const duet_kernel *find_avx2(const duet_call *call, const duet_kernel_options *options)
{
    return find_all(lists_avx2, DUET_COUNT(lists_avx2), call, options);
}

static const duet_kernel *find_avx512(const duet_call *call, const duet_kernel_options *options)
{
    return find_all(lists_avx512, DUET_COUNT(lists_avx512), call, options);
}

static const duet_backend backend_avx2 = { .info = DUET_CPU_INFO, .find = find_avx2, .isa = "avx2" };
static const duet_backend backend_avx512 = { .info = DUET_CPU_INFO, .find = find_avx512, .isa = "avx512" };

const duet_backend *duet_backend_cpu(void)
{
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma")) {
        return &backend_avx512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &backend_avx2;
    return &backend_base;
}
#else
const duet_backend *duet_backend_cpu(void)
{
    return &backend_base;
}
#endif
