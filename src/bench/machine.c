/* SPDX-License-Identifier: MIT
 * bench/machine.c: the peak performance of the machine. Peak: f32 multiply-adds on 12 vectors in
 * registers per thread, with the widest vectors available. Memory: a = b + s c over three arrays of
 * 64 MiB, 12 bytes an element counted (as STREAM does: the read before the write is not). The best
 * of several repetitions. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <duet/bench.h>

#include "base/mem.h"
#include "base/system.h"

enum { CHAINS = 12, TURNS = 100000 };

/* Returns a sum, so that the compiler does not remove the work. */
#define PEAK_LOOP(name, width, attributes)                                                     \
    typedef float name##_vector __attribute__((vector_size(4 * (width))));                     \
    attributes static float name(float factor, float term) {                                   \
        name##_vector sum[CHAINS], a, b;                                                       \
        for (int i = 0; i < (width); i++) a[i] = factor, b[i] = term;                          \
        for (int k = 0; k < CHAINS; k++) sum[k] = b * (float)k;                                \
        for (int64_t turn = 0; turn < TURNS; turn++) {                                         \
            _Pragma("GCC unroll 12") for (int k = 0; k < CHAINS; k++) sum[k] = sum[k] * a + b; \
        }                                                                                      \
        for (int k = 1; k < CHAINS; k++) sum[0] += sum[k];                                     \
        return sum[0][0];                                                                      \
    }

PEAK_LOOP(peak_plain, 4, )
#if defined(__x86_64__)
PEAK_LOOP(peak_avx2, 8, __attribute__((target("avx2,fma"))))
PEAK_LOOP(peak_avx512, 16, __attribute__((target("avx512f"))))
#endif

typedef struct peak_kind {
    const char *name;
    int width;
    float (*loop)(float factor, float term);
} peak_kind;

static peak_kind widest(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return (peak_kind){"avx512", 16, peak_avx512};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (peak_kind){"avx2", 8, peak_avx2};
#endif
    return (peak_kind){"plain", 4, peak_plain};
}

/* GFLOP/s */
static double measure_peak(const peak_kind *kind, int threads, double seconds) {
    const double flops = 2.0 * kind->width * CHAINS * (double)TURNS * threads,
                 end = duet_clock() + seconds;
    double best = 0.0;
    volatile float sink = 0.0F;
    while (duet_clock() < end) {
        const double began = duet_clock();
        float sum = 0.0F;
#pragma omp parallel num_threads(threads) reduction(+ : sum)
        sum += kind->loop(0.999F, 0.001F);
        const double rate = flops / (duet_clock() - began) * 1e-9;
        sink = sum;
        if (rate > best) best = rate;
    }
    (void)sink;
    return best;
}

/* GB/s */
static duet_status measure_memory(double *out, int threads, double seconds) {
    const int64_t count = (int64_t)16 << 20;
    float *a = NULL, *b = NULL, *c = NULL;
    duet_status status = duet_alloc(&a, count, sizeof *a);
    if (status == DUET_OK) status = duet_alloc(&b, count, sizeof *b);
    if (status == DUET_OK) status = duet_alloc(&c, count, sizeof *c);
    const double end = duet_clock() + seconds;
    double best = 0.0;
    for (int turn = 0; status == DUET_OK && (turn < 3 || duet_clock() < end); turn++) {
        const double began = duet_clock();
#pragma omp parallel for simd num_threads(threads) schedule(static)
        for (int64_t i = 0; i < count; i++) a[i] = b[i] + 3.0F * c[i];
        const double rate = 12.0 * (double)count / (duet_clock() - began) * 1e-9;
        if (turn > 0 && rate > best) best = rate; /* the first iteration maps the pages */
#pragma omp parallel for simd num_threads(threads) schedule(static)
        /* real pages, not the shared zero page */
        for (int64_t i = 0; i < count; i++) b[i] = c[i] = (float)(i & 7);
    }
    *out = best;
    duet_release(a);
    duet_release(b);
    duet_release(c);
    return status;
}

duet_status duet_machine_measure(duet_machine *out, int threads, double seconds) {
    const peak_kind kind = widest();
    duet_machine machine = {.threads = threads > 0 ? threads : duet_processors(),
                            .vectors = kind.name};
    /* read before the measurements raise it */
    if (getloadavg(&machine.load, 1) != 1) machine.load = -1.0;
    machine.peak_gflops = measure_peak(&kind, machine.threads, seconds);
    const duet_status status = measure_memory(&machine.memory_gbs, machine.threads, seconds);
    if (status != DUET_OK) return status;
    duet_cpu_name(machine.cpu);
    if (strcmp(kind.name, "avx512") == 0 && duet_has_amx()) machine.vectors = "avx512, AMX";
    *out = machine;
    return DUET_OK;
}
