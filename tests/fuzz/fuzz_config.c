/* SPDX-License-Identifier: MIT
 * config.json and scheduler_config.json of a folder of diffusers, beside weights without a tensor:
 * everything up to the search for the first one. Every input is tried as the one and as the
 * other. */
#include <stdio.h>
#include <stdlib.h>

#include <duet/model.h>

#include "base/file.h"
#include "fuzz/target.h"

static char folder[] = "/tmp/duet-fuzz-XXXXXX";
static const char network[] =
    "{\"_class_name\": \"UNet2DModel\", \"sample_size\": 8, \"block_out_channels\": [32], "
    "\"down_block_types\": [\"DownBlock2D\"], "
    "\"up_block_types\": [\"UpBlock2D\"]}";

static void put(const char *name, const void *bytes, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *const file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) abort();
}

static void drop(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)remove(path);
}

static void clean(void) {
    static const char *const names[] = {"config.json", "scheduler_config.json",
                                        "diffusion_pytorch_model.safetensors", ""};
    for (int i = 0; i < DUET_COUNT(names); i++) drop(names[i]);
}

static void open_folder(void) {
    duet_model *model = NULL;
    if (duet_model_open(NULL, &model, folder) == DUET_OK) duet_model_close(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready) {
        if (mkdtemp(folder) == NULL) abort();
        atexit(clean);
        put("diffusion_pytorch_model.safetensors", "\2\0\0\0\0\0\0\0{}", 10);
        ready = true;
    }
    put("config.json", data, size);
    drop("scheduler_config.json");
    open_folder();
    put("config.json", network, sizeof network - 1);
    put("scheduler_config.json", data, size);
    open_folder();
    return 0;
}
