/* SPDX-License-Identifier: MIT
 * study/class_map.c: which output of a classifier is a class of a data set: by name, else, where
 * there are only numbers and equally many of them, by number. */
#include "base/error.h"
#include "base/mem.h"
#include "data/classes.h"
#include "study/study.h"

/* Nothing matches by name. Where the names are only numbers, the order of the classes is used. */
static duet_status match_numbers(duet_class_map *map, const char *set, const char *const *names,
                                 int count, const char *const *outputs, int output_count) {
    char theirs[160], ours[160] = "";
    const bool named = outputs != NULL && !duet_classes_numbered(outputs, output_count);
    duet_classes_list(theirs, sizeof theirs, names, count, NULL, 0);
    if (outputs != NULL) duet_classes_list(ours, sizeof ours, outputs, output_count, NULL, 0);
    if (named && !duet_classes_numbered(names, count))
        return duet_advised(duet_fail(
            DUET_ARG,
            "none of the %d classes of data set '%s' (%s) is among the %d that the classifier "
            "knows (%s); take a set of its classes, or rename them",
            count, set, theirs, output_count, ours));
    if (count != output_count)
        return duet_advised(duet_fail(DUET_SHAPE,
                                      "the classifier has %d outputs and data set '%s' %d classes "
                                      "(%s), without common names by which they could be matched; "
                                      "name the outputs with --classes FILE, one name per line",
                                      output_count, set, count, theirs));
    for (int k = 0; k < count; k++) map->to[k] = k;
    map->matched = count;
    return DUET_OK;
}

duet_status duet_class_map_new(duet_class_map *out, const char *set, const char *const *names,
                               int count, const char *const *outputs, int output_count) {
    duet_status status = DUET_OK;
    duet_class_map map = {.classes = count};
    DUET_DO(duet_alloc(&map.to, count, sizeof *map.to));
    for (int k = 0; k < count; k++) map.to[k] = -1;
    if (outputs != NULL) DUET_DO(duet_classes_match(map.to, names, count, outputs, output_count));
    for (int k = 0; k < count; k++) map.matched += map.to[k] >= 0;
    map.by_name = map.matched > 0;
    if (!map.by_name) DUET_DO(match_numbers(&map, set, names, count, outputs, output_count));
    *out = map;
    map.to = NULL;
done:
    duet_release(map.to);
    return status;
}
