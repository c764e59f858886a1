/* SPDX-License-Identifier: MIT
 * config.json of a folder of diffusers, beside weights without a tensor: everything up to the search for the first one. */
#include <stdio.h>
#include <stdlib.h>

#include <duet/model.h>

#include "base/file.h"
#include "fuzz/target.h"

static char folder[] = "/tmp/duet-fuzz-XXXXXX";

static void put(const char *name, const void *bytes, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *const file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) abort();
}

static void clean(void) {
    static const char *const names[] = {"config.json", "diffusion_pytorch_model.safetensors", ""};
    for (int i = 0; i < DUET_COUNT(names); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)remove(path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    duet_model *model = NULL;
    if (!ready) {
        if (mkdtemp(folder) == NULL) abort();
        atexit(clean);
        put("diffusion_pytorch_model.safetensors", "\2\0\0\0\0\0\0\0{}", 10);
        ready = true;
    }
    put("config.json", data, size);
    if (duet_model_open(NULL, &model, folder) == DUET_OK) duet_model_close(model);
    return 0;
}
