/* SPDX-License-Identifier: MIT
 * metric/metric.c: the family `metric`, and several of its members over the same batches. */
#include "metric/metric.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "metric/metric.def"

#define MOST_METRICS 16

DUET_FAMILY(metric, DUET_METRICS, "measures of logits, features and images");

struct duet_metrics {
    duet_metric_setup setup;
    duet_metric item[MOST_METRICS];
    int count;
    bool compared; /* the real rows, or their moments, have come */
    duet_metric_kept kept;
    duet_arena *arena;
    /* of the last result */
    duet_arena *cells;
    duet_metric_value values[MOST_METRICS * DUET_METRIC_SCALARS];
    duet_metric_table tables[MOST_METRICS * DUET_METRIC_TABLES];
};

/* ---- opening ---- */

/* Characters before the ',' that stands outside of parentheses, or the end. */
static size_t piece_size(const char *text) {
    int depth = 0;
    size_t size = 0;
    for (; text[size] != '\0' && (depth > 0 || text[size] != ','); size++)
        depth += text[size] == '(' ? 1 : text[size] == ')' ? -1 : 0;
    return size;
}

/* The length of the first spec of a list. A piece without a name, "key=value", belongs to the spec
 * before it. */
static size_t spec_size(const char *list) {
    size_t size = piece_size(list);
    while (list[size] == ',') {
        const char *piece = list + size + 1;
        const size_t more = piece_size(piece), name = strcspn(piece, ":=");
        if (name >= more || piece[name] == ':') break;
        size += 1 + more;
    }
    return size;
}

static duet_status parse_spec(duet_choice *out, const char *list, size_t size) {
    char *spec = NULL;
    DUET_TRY(duet_alloc(&spec, (int64_t)size + 1, 1));
    memcpy(spec, list, size);
    const duet_status status = duet_choice_parse(out, &duet_family_metric, spec);
    duet_release(spec);
    return status;
}

static duet_status add_member(duet_metrics *m, const char *list, size_t size) {
    if (m->count == MOST_METRICS)
        return duet_fail(DUET_ARG, "more than %d metrics in '%s'", MOST_METRICS, list);
    duet_metric *metric = &m->item[m->count];
    DUET_TRY(parse_spec(&metric->choice, list, size));
    metric->kind = duet_metric_of(metric->choice.entry);
    for (int i = 0; i < m->count; i++)
        if (m->item[i].kind == metric->kind)
            return duet_fail(DUET_ARG, "metric '%s' is given twice; give it once",
                             metric->choice.entry->name);
    metric->setup = &m->setup;
    metric->arena = m->arena;
    metric->kept = &m->kept;
    m->count++;
    return DUET_OK;
}

static duet_status parse(duet_metrics *m, const char *list) {
    for (const char *at = list;;) {
        const size_t size = spec_size(at);
        DUET_TRY(add_member(m, at, size));
        if (at[size] == '\0') return DUET_OK;
        at += size + 1;
    }
}

static duet_status check_needs(const duet_metric *metric) {
    static const char *const words[] = {"labels",   "logits",      "images",
                                        "features", "real images", "spatial features"};
    const unsigned given =
        metric->setup->given |
        (metric->kind->moments != NULL && (metric->setup->given & DUET_METRIC_MOMENTS) != 0
             ? DUET_METRIC_REAL
             : 0u);
    const unsigned missing = metric->kind->needs & ~given;
    char text[128] = "";
    for (int i = 0; i < DUET_COUNT(words); i++) {
        const size_t used = strlen(text);
        if ((missing & 1u << i) != 0)
            snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? " and " : "", words[i]);
    }
    if (missing == 0) return DUET_OK;
    return duet_fail(DUET_ARG, "metric '%s' needs %s, which are not at hand here; leave it out",
                     metric->choice.entry->name, text);
}

static duet_status open_member(duet_metric *metric) {
    DUET_TRY(check_needs(metric));
    DUET_TRY(metric->kind->open(metric));
    if (metric->counts != NULL) return DUET_OK;
    return duet_alloc(&metric->counts, metric->count, sizeof *metric->counts);
}

duet_status duet_metrics_open(duet_metrics **out, const char *list,
                              const duet_metric_setup *setup) {
    duet_status status = DUET_OK;
    duet_metrics *m = NULL;
    DUET_DO(duet_alloc(&m, 1, sizeof *m));
    DUET_DO(duet_arena_new(&m->arena));
    m->setup = *setup;
    m->kept.features.dim = m->kept.real.dim = setup->dim;
    m->kept.logits.dim = setup->classes;
    DUET_DO(parse(m, list));
    for (int i = 0; i < m->count; i++) DUET_DO(open_member(&m->item[i]));
    *out = m;
    m = NULL;
done:
    duet_metrics_close(m);
    return status;
}

void duet_metrics_close(duet_metrics *metrics) {
    if (metrics == NULL) return;
    for (int i = 0; i < metrics->count; i++) {
        duet_metric *metric = &metrics->item[i];
        if (metric->kind->close != NULL) metric->kind->close(metric);
        duet_release(metric->counts);
    }
    duet_kept_free(&metrics->kept.features);
    duet_kept_free(&metrics->kept.real);
    duet_kept_free(&metrics->kept.logits);
    duet_arena_free(metrics->cells);
    duet_arena_free(metrics->arena);
    duet_release(metrics);
}

duet_status duet_metrics_check(const char *list, unsigned given) {
    duet_status status = DUET_OK;
    duet_metrics *m = NULL;
    DUET_DO(duet_alloc(&m, 1, sizeof *m));
    m->setup.given = given;
    DUET_DO(parse(m, list));
    for (int i = 0; i < m->count; i++) DUET_DO(check_needs(&m->item[i]));
done:
    duet_release(m);
    return status;
}

duet_status duet_metrics_part(const char *list, unsigned inputs, bool uses, char *out,
                              size_t size) {
    size_t used = 0;
    *out = '\0';
    for (const char *at = list;;) {
        const size_t length = spec_size(at);
        duet_choice choice;
        DUET_TRY(parse_spec(&choice, at, length));
        if (((duet_metric_of(choice.entry)->needs & inputs) != 0) == uses) {
            const int more =
                snprintf(out + used, size - used, "%s%.*s", used > 0 ? "," : "", (int)length, at);
            if (more < 0 || (size_t)more >= size - used)
                return duet_fail(DUET_ARG, "the list of metrics '%.60s…' is too long", list);
            used += (size_t)more;
        }
        if (at[length] == '\0') return DUET_OK;
        at += length + 1;
    }
}

/* ---- adding ---- */

static unsigned inputs_of(const duet_metric_batch *batch) {
    return (batch->labels != NULL ? DUET_METRIC_LABELS : 0u) |
           (batch->logits != NULL ? DUET_METRIC_LOGITS : 0u) |
           (batch->pixels != NULL ? DUET_METRIC_IMAGES : 0u) |
           (batch->features != NULL ? DUET_METRIC_FEATURES : 0u) |
           (batch->spatial != NULL ? DUET_METRIC_SPATIAL : 0u);
}

/* Whether any of the members keeps all of these. */
static bool keeps(const duet_metrics *m, unsigned what) {
    for (int i = 0; i < m->count; i++)
        if ((m->item[i].keeps & what) == what) return true;
    return false;
}

/* Real rows are compared by what the metric needs of each row, but labels. */
static duet_status check_inputs(const duet_metric *metric, const duet_metric_batch *batch,
                                unsigned except) {
    if ((metric->kind->needs & ~(except | DUET_METRIC_REAL) & ~inputs_of(batch)) == 0)
        return DUET_OK;
    return duet_fail(DUET_ARG, "metric '%s' got a batch without all of its inputs",
                     metric->choice.entry->name);
}

static duet_status give_real(duet_metrics *m, const duet_metric_batch *batch) {
    for (int i = 0; i < m->count; i++) {
        duet_metric *metric = &m->item[i];
        if (metric->kind->real == NULL && (metric->keeps & DUET_METRIC_REAL) == 0) continue;
        if (batch->rows > 0) DUET_TRY(check_inputs(metric, batch, DUET_METRIC_LABELS));
        if (metric->kind->real != NULL) DUET_TRY(metric->kind->real(metric, batch));
    }
    if (!keeps(m, DUET_METRIC_FEATURES | DUET_METRIC_REAL)) return DUET_OK;
    return batch->rows > 0
               ? duet_kept_add(&m->kept.real, batch->features, batch->index, batch->rows)
               : duet_kept_sort(&m->kept.real);
}

duet_status duet_metrics_real_add(duet_metrics *metrics, const duet_metric_batch *batch) {
    if (metrics->compared)
        return duet_fail(DUET_ARG, "the real images of these metrics have been given already");
    DUET_TRY(give_real(metrics, batch));
    metrics->compared = batch->rows == 0;
    return DUET_OK;
}

duet_status duet_metrics_real_moments(duet_metrics *metrics, const duet_moments *features,
                                      const duet_moments *spatial) {
    bool all = true;
    if (metrics->compared)
        return duet_fail(DUET_ARG, "the real images of these metrics have been given already");
    for (int i = 0; i < metrics->count; i++) {
        duet_metric *metric = &metrics->item[i];
        const bool is_spatial = (metric->kind->needs & DUET_METRIC_SPATIAL) != 0;
        const duet_moments *real = is_spatial ? spatial : features;
        const bool takes = metric->kind->moments != NULL && real != NULL && real->dim > 0;
        if (takes) DUET_TRY(metric->kind->moments(metric, real));
        all = all && (takes || (metric->kind->needs & DUET_METRIC_REAL) == 0);
    }
    metrics->compared = all;
    return DUET_OK;
}

duet_status duet_metrics_real(duet_metrics *metrics, duet_source *real) {
    const duet_source_info *info = duet_source_describe(real);
    duet_batch batch;
    if (info->size != metrics->setup.size || info->channels != metrics->setup.channels)
        return duet_fail(DUET_SHAPE,
                         "the real images are %lld x %lld with %d channels, those to measure %lld "
                         "x %lld with %d",
                         (long long)info->size, (long long)info->size, info->channels,
                         (long long)metrics->setup.size, (long long)metrics->setup.size,
                         metrics->setup.channels);
    do {
        DUET_TRY(duet_source_next(real, &batch));
        const duet_metric_batch one = {
            .rows = batch.count, .labels = batch.labels, .pixels = batch.pixels};
        DUET_TRY(duet_metrics_real_add(metrics, &one));
    } while (batch.count > 0);
    return DUET_OK;
}

duet_status duet_metrics_add(duet_metrics *metrics, const duet_metric_batch *batch) {
    if (batch->rows == 0) return DUET_OK;
    for (int i = 0; i < metrics->count; i++) {
        const duet_metric *metric = &metrics->item[i];
        DUET_TRY(check_inputs(metric, batch, 0));
        if ((metric->kind->needs & DUET_METRIC_REAL) != 0 && !metrics->compared)
            return duet_fail(DUET_ARG, "metric '%s' got a batch before the real images",
                             metric->choice.entry->name);
    }
    for (int i = 0; i < metrics->count; i++)
        if (metrics->item[i].kind->add != NULL)
            DUET_TRY(metrics->item[i].kind->add(&metrics->item[i], batch));
    if (keeps(metrics, DUET_METRIC_FEATURES))
        DUET_TRY(
            duet_kept_add(&metrics->kept.features, batch->features, batch->index, batch->rows));
    if (keeps(metrics, DUET_METRIC_LOGITS))
        DUET_TRY(duet_kept_add(&metrics->kept.logits, batch->logits, batch->index, batch->rows));
    return DUET_OK;
}

void duet_metric_add_counts(duet_metric *metric, const duet_metric *other) {
    for (int64_t i = 0; i < metric->count; i++) metric->counts[i] += other->counts[i];
}

static duet_status check_same(const duet_metrics *a, const duet_metrics *b) {
    bool same = a->count == b->count;
    for (int i = 0; same && i < a->count; i++) {
        const duet_choice *x = &a->item[i].choice, *y = &b->item[i].choice;
        same = x->entry == y->entry && a->item[i].count == b->item[i].count &&
               memcmp(&x->options, &y->options, x->entry->params.options_size) == 0;
    }
    if (same) return DUET_OK;
    return duet_fail(DUET_ARG, "metrics merge with the same ones only: of the same members, with "
                               "the same options and classes");
}

duet_status duet_metrics_merge(duet_metrics *metrics, const duet_metrics *other) {
    DUET_TRY(check_same(metrics, other));
    for (int i = 0; i < metrics->count; i++) {
        duet_metric *metric = &metrics->item[i];
        if (metric->kind->merge != NULL)
            DUET_TRY(metric->kind->merge(metric, &other->item[i]));
        else
            duet_metric_add_counts(metric, &other->item[i]);
    }
    DUET_TRY(duet_kept_join(&metrics->kept.features, &other->kept.features));
    return duet_kept_join(&metrics->kept.logits, &other->kept.logits);
}

/* ---- results ---- */

static duet_status finish_member(duet_metrics *m, const duet_metric *metric,
                                 duet_metric_result *out) {
    const duet_metric_kind *kind = metric->kind;
    double values[DUET_METRIC_SCALARS];
    duet_metric_table *tables = m->tables + out->table_count;
    int count = 0;
    DUET_TRY(kind->finish(metric, m->cells, values, tables, &count));
    for (int i = 0; i < count; i++) tables[i].metric = kind->info.name;
    out->table_count += count;
    for (int i = 0; i < kind->scalar_count; i++) {
        const duet_metric_scalar *s = &kind->scalars[i];
        m->values[out->value_count++] = (duet_metric_value){.metric = kind->info.name,
                                                            .name = s->name,
                                                            .title = s->title,
                                                            .unit = s->unit,
                                                            .better = s->better,
                                                            .value = values[i]};
    }
    return DUET_OK;
}

duet_status duet_metrics_finish(duet_metrics *metrics, duet_metric_result *out) {
    duet_metric_result result = {.values = metrics->values, .tables = metrics->tables};
    duet_arena_free(metrics->cells);
    metrics->cells = NULL;
    DUET_TRY(duet_arena_new(&metrics->cells));
    DUET_TRY(duet_kept_sort(&metrics->kept.features));
    DUET_TRY(duet_kept_sort(&metrics->kept.real));
    DUET_TRY(duet_kept_sort(&metrics->kept.logits));
    for (int i = 0; i < metrics->count; i++)
        DUET_TRY(finish_member(metrics, &metrics->item[i], &result));
    *out = result;
    return DUET_OK;
}

duet_status duet_metrics_moments(duet_metrics *metrics, unsigned which, bool real,
                                 duet_moments *out) {
    for (int i = 0; i < metrics->count; i++)
        if (metrics->item[i].kind->moments != NULL && (metrics->item[i].kind->needs & which) != 0)
            return duet_frechet_metric_of(&metrics->item[i], real, out);
    return duet_fail(DUET_ARG, "no metric of these adds up %s; add '%s' to the list",
                     which == DUET_METRIC_SPATIAL ? "spatial features" : "features",
                     which == DUET_METRIC_SPATIAL ? "sfid" : "fid");
}

double duet_metric_find(const duet_metric_result *result, const char *name, double otherwise) {
    for (int i = 0; i < result->value_count; i++)
        if (strcmp(result->values[i].name, name) == 0) return result->values[i].value;
    return otherwise;
}

duet_status duet_metrics_measure(duet_metrics *metrics, duet_source *source) {
    duet_batch batch;
    do {
        DUET_TRY(duet_source_next(source, &batch));
        const duet_metric_batch one = {
            .rows = batch.count, .labels = batch.labels, .pixels = batch.pixels};
        DUET_TRY(duet_metrics_add(metrics, &one));
    } while (batch.count > 0);
    return DUET_OK;
}
