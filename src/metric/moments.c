/* SPDX-License-Identifier: MIT
 * metric/moments.c: mean and covariance of features, and their files: an npz with `mu` [D] and
 * `sigma` [D,D] in f64, which pytorch-fid, EDM and guided-diffusion read and write, `mu_s` and
 * `sigma_s` of spatial features beside them (guided-diffusion), and, of files that duet wrote,
 * `count` (rows) and `reader` (the hash of the network), i64. */
#include <string.h>
#include <unistd.h>

#include <duet/metric.h>
#include <duet/store.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

duet_status duet_moments_new(duet_moments *out, int64_t dim) {
    duet_status status = DUET_OK;
    duet_moments m = {.dim = dim};
    if (dim < 1 || dim > DUET_MOST_MOMENTS)
        return duet_fail(DUET_ARG, "%lld features have no covariance here; at most %d",
                         (long long)dim, DUET_MOST_MOMENTS);
    DUET_DO(duet_alloc(&m.mean, dim, sizeof *m.mean));
    DUET_DO(duet_alloc(&m.covariance, dim * dim, sizeof *m.covariance));
    *out = m;
    return DUET_OK;
done:
    duet_moments_free(&m);
    return status;
}

void duet_moments_free(duet_moments *moments) {
    if (moments == NULL) return;
    duet_release(moments->mean);
    duet_release(moments->covariance);
    *moments = (duet_moments){.dim = 0};
}

static bool is_real(const duet_store_entry *e) {
    return e->dtype == DUET_F64 || e->dtype == DUET_F32;
}

static duet_status load(duet_moments *out, const duet_store *store, const char *path,
                        const char *const names[2]) {
    const duet_store_entry *mean = duet_store_find(store, names[0]),
                           *covariance = duet_store_find(store, names[1]);
    if (mean == NULL || covariance == NULL)
        return duet_fail(DUET_FORMAT,
                         "'%s' has no array '%s'; statistics are '%s' [D] and '%s' [D,D]", path,
                         mean == NULL ? names[0] : names[1], names[0], names[1]);
    const int64_t dim = duet_shape_count(&mean->shape);
    if (mean->shape.rank != 1 || covariance->shape.rank != 2 || covariance->shape.dim[0] != dim ||
        covariance->shape.dim[1] != dim || !is_real(mean) || !is_real(covariance))
        return duet_fail(
            DUET_FORMAT,
            "'%s': '%s' has %lld numbers and '%s' %lld; statistics are [D] and [D,D], f64", path,
            names[0], (long long)dim, names[1], (long long)duet_shape_count(&covariance->shape));
    DUET_TRY(duet_moments_new(out, dim));
    DUET_TRY(duet_store_read(store, names[0], DUET_F64, out->mean));
    DUET_TRY(duet_store_read(store, names[1], DUET_F64, out->covariance));
    for (int64_t i = 0; i < dim * dim; i++) /* NaN - NaN is not 0 */
        if (!(out->covariance[i] - out->covariance[i] == 0) ||
            !(out->mean[i % dim] - out->mean[i % dim] == 0))
            return duet_fail(DUET_NUMERIC, "'%s': '%s' and '%s' hold values that are not numbers",
                             path, names[0], names[1]);
    return DUET_OK;
}

static int64_t number(const duet_store *store, const char *name) {
    const duet_store_entry *e = duet_store_find(store, name);
    int64_t value = 0;
    if (e == NULL || duet_shape_count(&e->shape) != 1) return 0;
    return duet_store_read(store, name, DUET_I64, &value) == DUET_OK ? value : 0;
}

static const char *const plain[] = {"mu", "sigma"}, *const spatial[] = {"mu_s", "sigma_s"};

bool duet_moments_is(const char *path) {
    duet_store *store = NULL;
    if (!duet_ends_with(path, ".npz") || duet_store_open(&store, path) != DUET_OK) {
        duet_error_clear();
        return false;
    }
    const bool is =
        duet_store_find(store, plain[0]) != NULL || duet_store_find(store, plain[1]) != NULL;
    duet_store_close(store);
    return is;
}

duet_status duet_moments_load(duet_moments *out, duet_moments *out_spatial, const char *path) {
    duet_status status = DUET_OK;
    duet_store *store = NULL;
    duet_moments m = {.dim = 0}, s = {.dim = 0};
    DUET_DO(duet_store_open(&store, path));
    DUET_DO(load(&m, store, path, plain));
    if (out_spatial != NULL && duet_store_find(store, spatial[0]) != NULL)
        DUET_DO(load(&s, store, path, spatial));
    m.rows = s.rows = number(store, "count");
    m.reader = s.reader = (uint64_t)number(store, "reader");
    *out = m;
    m = (duet_moments){.dim = 0};
    if (out_spatial != NULL) {
        *out_spatial = s;
        s = (duet_moments){.dim = 0};
    }
done:
    duet_store_close(store);
    duet_moments_free(&m);
    duet_moments_free(&s);
    return status;
}

duet_status duet_moments_check_new(const char *path) {
    if (!duet_ends_with(path, ".npz"))
        return duet_fail(DUET_ARG, "'%s' does not end in .npz, as statistics do", path);
    if (access(path, F_OK) == 0)
        return duet_fail(DUET_ARG, "'%s' exists already; remove it, or name another file", path);
    return DUET_OK;
}

duet_status duet_moments_save(const duet_moments *moments, const duet_moments *of_spatial,
                              const char *path) {
    const int64_t dim = moments->dim, s = of_spatial != NULL ? of_spatial->dim : 0;
    const duet_shape one = {.rank = 1, .dim = {1}}, row = {.rank = 1, .dim = {dim}},
                     square = {.rank = 2, .dim = {dim, dim}}, row_s = {.rank = 1, .dim = {s}},
                     square_s = {.rank = 2, .dim = {s, s}};
    const int64_t reader = (int64_t)moments->reader;
    duet_store_item items[6] = {
        {plain[0], DUET_F64, DUET_F64, row, moments->mean},
        {plain[1], DUET_F64, DUET_F64, square, moments->covariance},
        {"count", DUET_I64, DUET_I64, one, &moments->rows},
        {"reader", DUET_I64, DUET_I64, one, &reader},
    };
    DUET_TRY(duet_moments_check_new(path));
    if (s > 0) {
        items[4] = (duet_store_item){spatial[0], DUET_F64, DUET_F64, row_s, of_spatial->mean};
        items[5] =
            (duet_store_item){spatial[1], DUET_F64, DUET_F64, square_s, of_spatial->covariance};
    }
    return duet_store_write(path, "npz", items, s > 0 ? 6 : 4, NULL, 0);
}
