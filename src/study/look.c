/* SPDX-License-Identifier: MIT
 * study/look.c: see look.h. */
#include "study/look.h"

#include <math.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/model.h"
#include "noise/noise.h"

struct duet_look {
    char *json;
    duet_figure *figure;
};

duet_status duet_look_new(duet_look **out, json_t *json, duet_figure *figure) {
    duet_status status = DUET_OK;
    duet_look *look = NULL;
    DUET_DO(duet_alloc(&look, 1, sizeof *look));
    DUET_DO(duet_json_text(&look->json, json, false));
    look->figure = figure;
    *out = look;
    look = NULL;
    figure = NULL;
done:
    json_decref(json);
    duet_look_free(look);
    duet_figure_free(figure);
    return status;
}

const char *duet_look_json(const duet_look *look) {
    return look->json;
}

duet_status duet_look_write(const duet_look *look, const char *path) {
    return duet_figure_write(look->figure, path);
}

void duet_look_free(duet_look *look) {
    if (look == NULL) return;
    duet_release(look->json);
    duet_figure_free(look->figure);
    duet_release(look);
}

duet_status duet_look_view(duet_view *out, const duet_dataset *dataset,
                           const duet_look_rows *rows) {
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    duet_view all = {0};
    if (info->count[rows->split] == 0)
        return duet_fail(DUET_ARG, "'%s' has no split '%s'; give another ('duet data info')",
                         info->name, duet_split_name(rows->split));
    DUET_TRY(duet_view_all(&all, dataset, rows->split));
    const duet_status status =
        duet_view_divide(out, NULL, dataset, &all, rows->rows, 0, rows->seed);
    duet_view_free(&all);
    return status;
}

const char *duet_look_model_name(const duet_model *model) {
    return model->card.name[0] != '\0' ? model->card.name : duet_path_base(duet_model_path(model));
}

duet_status duet_look_columns(duet_reader *reader, int64_t **out, int64_t *count) {
    const int64_t all = duet_reader_columns(reader);
    int64_t *list = NULL, n = 0;
    duet_setting last = {.t = DUET_LEVEL_UNSET};
    DUET_TRY(duet_alloc(&list, all, sizeof *list));
    for (int64_t c = 0; c < all; c++) { /* pools of a grid ascend */
        duet_setting own;
        duet_reader_column(reader, c, &own, NULL);
        n += own.t != last.t || own.tap != last.tap;
        list[n - 1] = c;
        last = own;
    }
    const duet_status status = duet_reader_select(reader, list, n);
    if (status != DUET_OK) {
        duet_release(list);
        return status;
    }
    *out = list;
    *count = n;
    return DUET_OK;
}

duet_status duet_look_times(duet_int_list *times, const duet_model *model) {
    static const int64_t usual[] = {1, 10, 100, 300};
    duet_noise *noise = NULL;
    if (duet_model_recogniser(model)) *times = (duet_int_list){.count = 1, .v = {-1}};
    if (times->count > 0) return DUET_OK;
    DUET_TRY(duet_noise_new(&noise, model->card.noise));
    for (int i = 0; i < DUET_COUNT(usual); i++)
        if (usual[i] < noise->steps) times->v[times->count++] = usual[i];
    duet_noise_free(noise);
    if (times->count == 0) times->v[times->count++] = 0;
    return DUET_OK;
}

json_t *duet_look_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *duet_look_model(const duet_model *model) {
    return json_pack("{s:o,s:s,s:o,s:o}", "name", duet_json_name(duet_look_model_name(model)),
                     "arch", model->card.arch, "path", duet_json_name(duet_model_path(model)),
                     "model_hash",
                     json_sprintf("%016llx", (unsigned long long)duet_model_hash(model)));
}
