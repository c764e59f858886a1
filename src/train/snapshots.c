/* SPDX-License-Identifier: MIT
 * train/snapshots.c: ema-N.safetensors holds the power averages after N images, "ema/NAME",
 * "ema.1/NAME" (f32); its metadata "duet.averages" (JSON) the steps, the specs of the averages and
 * the sum of the XXH64 of each tensor, seeded with that of its name. */
#include "train/snapshots.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "train/numbered.h"

int64_t duet_snapshots_apart(int64_t steps) {
    int64_t apart = 1;
    while (steps > DUET_SNAPSHOTS * apart) apart *= 2;
    return apart;
}

static bool has_power(const duet_averages *averages) {
    for (int i = 0; i < averages->count; i++)
        if (duet_average_exponent(&averages->list[i]) >= 0.0) return true;
    return false;
}

/* items[slots], whose names live in the arena. */
static int64_t list_items(duet_store_item *items, duet_arena *arena, const duet_trainer *trainer) {
    const duet_slots *slots = trainer->slots;
    int64_t count = 0;
    for (int i = 0; i < trainer->averages.count; i++) {
        const char *const kind = duet_average_kind(i);
        for (int64_t k = 0;
             duet_average_exponent(&trainer->averages.list[i]) >= 0.0 && k < slots->count; k++) {
            const duet_slot *slot = &slots->list[k];
            const int64_t beside = slot->of < 0 && duet_role_averaged(slot->role)
                                       ? duet_slots_beside(slots, k, kind)
                                       : -1;
            if (beside < 0) continue;
            const char *const part = slots->parts[slot->part].prefix;
            items[count++] =
                (duet_store_item){.name = duet_arena_format(arena, "%s/%s%s%s", kind, part,
                                                            *part ? "/" : "", slot->name),
                                  .dtype = DUET_F32,
                                  .stored = DUET_F32,
                                  .shape = slot->shape,
                                  .data = duet_slot_data(&slots->list[beside])};
        }
    }
    return count;
}

static duet_status describe(char **out, const duet_trainer *trainer, uint64_t hash) {
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    json_t *root =
        json_pack("{s:i, s:I, s:I, s:s, s:s}", "version", 1, "steps", (json_int_t)trainer->steps,
                  "images", (json_int_t)(trainer->steps * trainer->options.batch), "ema",
                  trainer->options.ema, "hash", text);
    const duet_status status = duet_json_text(out, root, false);
    json_decref(root);
    return status;
}

static duet_status write_file(duet_trainer *trainer) {
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    char path[DUET_PATH_SIZE], *text = NULL;
    DUET_DO(duet_slots_pull(trainer->slots));
    DUET_DO(duet_arena_new(&arena));
    duet_store_item *const items =
        duet_arena_alloc(arena, trainer->slots->count + 1, sizeof *items);
    DUET_DO(duet_arena_status(arena));
    const int64_t count = list_items(items, arena, trainer);
    DUET_DO(duet_arena_status(arena));
    uint64_t hash = 0;
    for (int64_t i = 0; i < count; i++)
        hash +=
            duet_numbered_hash_one(items[i].name, items[i].data, duet_shape_count(&items[i].shape));
    DUET_DO(describe(&text, trainer, hash));
    DUET_DO(duet_numbered_path(path, trainer->run, DUET_SNAPSHOT_PREFIX,
                               trainer->steps * trainer->options.batch));
    const duet_store_pair pair = {.key = DUET_SNAPSHOT_KEY, .value = text};
    DUET_DO(duet_store_write(path, "safetensors", items, count, &pair, 1));
done:
    duet_release(text);
    duet_arena_free(arena);
    return status;
}

/* Those between the multiples, but for the one of this step; and those of steps that a resumed run
 * does again. */
static duet_status remove_others(const duet_trainer *trainer) {
    duet_status status = DUET_OK;
    duet_listing listing = {0};
    char path[DUET_PATH_SIZE];
    const int64_t images = trainer->steps * trainer->options.batch,
                  apart = duet_snapshots_apart(trainer->steps) * trainer->options.batch;
    DUET_TRY(duet_folder_list(&listing, trainer->run));
    for (int64_t i = 0; i < listing.count; i++) {
        const int64_t number = duet_numbered_of(listing.name[i], DUET_SNAPSHOT_PREFIX);
        if (number < 0 || number == images || (number < images && number % apart == 0)) continue;
        DUET_DO(duet_path_join(path, trainer->run, listing.name[i]));
        DUET_DO(duet_folder_remove_file(path));
    }
done:
    duet_listing_free(&listing);
    return status;
}

duet_status duet_snapshots_save(duet_trainer *trainer) {
    duet_status status = DUET_OK;
    if (!has_power(&trainer->averages)) return DUET_OK;
    DUET_CONTEXT(write_file(trainer), "cannot save the averages after %lld steps",
                 (long long)trainer->steps);
    DUET_DO(remove_others(trainer));
done:
    return status;
}

duet_status duet_snapshots_step(duet_trainer *trainer) {
    return trainer->steps % duet_snapshots_apart(trainer->steps) == 0 ? duet_snapshots_save(trainer)
                                                                      : DUET_OK;
}
