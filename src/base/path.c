/* SPDX-License-Identifier: MIT
 * base/path.c: names of files and folders, and folders themselves. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/system.h"

bool duet_path_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool duet_path_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

const char *duet_path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

duet_status duet_path_join(char out[DUET_PATH_SIZE], const char *a, const char *b) {
    char joined[DUET_PATH_SIZE]; /* `out` may be `a` */
    const bool slash = a[0] != '\0' && !duet_ends_with(a, "/");
    const int size = snprintf(joined, sizeof joined, "%s%s%s", a, slash ? "/" : "", b);
    if (size < 0 || size >= DUET_PATH_SIZE) {
        return duet_fail(DUET_ARG, "path of %d bytes is too long (at most %d): '%.64s…'", size,
                         DUET_PATH_SIZE - 1, a);
    }
    memcpy(out, joined, (size_t)size + 1);
    return DUET_OK;
}

duet_status duet_path_absolute(char out[DUET_PATH_SIZE], const char *path) {
    char here[DUET_PATH_SIZE] = "";
    const char *rest = path;
    while (rest[0] == '.' && rest[1] == '/') {
        rest += 2;
        while (rest[0] == '/') rest++;
    }
    if (path[0] == '/') return duet_path_join(out, "", path);
    if (getcwd(here, sizeof here) == NULL)
        return duet_fail_system(errno, "find the current folder for", path);
    if (rest[0] == '\0' || strcmp(rest, ".") == 0) return duet_path_join(out, "", here);
    return duet_path_join(out, here, rest);
}

static duet_status make_one(const char *path) {
    if (mkdir(path, 0777) == 0) return DUET_OK;
    const int error = errno;
    /* there already, or made by another process meanwhile */
    if (duet_path_is_folder(path)) return DUET_OK;
    return duet_fail_system(error, "make folder", path);
}

duet_status duet_folder_make(const char *path) {
    char part[DUET_PATH_SIZE];
    if (path[0] == '\0') return duet_fail(DUET_ARG, "the name of a folder is empty");
    DUET_TRY(duet_path_join(part, "", path));
    for (char *p = part + 1; *p != '\0'; p++) {
        if (*p != '/') continue;
        *p = '\0';
        if (!duet_path_is_folder(part)) DUET_TRY(make_one(part));
        *p = '/';
    }
    return make_one(part);
}

duet_status duet_folder_remove_file(const char *path) {
    return unlink(path) == 0 ? DUET_OK : duet_fail_system(errno, "remove", path);
}

static int by_bytes(const void *a, const void *b) {
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

/* One block holds the pointers and behind them the text: freeing `name` frees all. */
static duet_status make_listing(duet_listing *out, const duet_str *names, int64_t count) {
    char **name = NULL;
    const int64_t pointers = count * (int64_t)sizeof *name;
    DUET_TRY(duet_alloc(&name, pointers + names->size + 1, 1));
    char *text = (char *)name + pointers;
    if (names->size > 0) memcpy(text, names->text, (size_t)names->size);
    for (int64_t i = 0; i < count; i++) {
        name[i] = text;
        text += strlen(text) + 1;
    }
    qsort(name, (size_t)count, sizeof *name, by_bytes);
    *out = (duet_listing){.name = name, .count = count};
    return DUET_OK;
}

duet_status duet_folder_list(duet_listing *out, const char *path) {
    duet_status status = DUET_OK;
    duet_str names = {0};
    int64_t count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) return duet_fail_system(errno, "list folder", path);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        duet_str_bytes(&names, entry->d_name, (int64_t)strlen(entry->d_name) + 1);
        count++;
    }
    if (errno != 0) {
        status = duet_fail_system(errno, "list folder", path);
        goto done;
    }
    DUET_DO(duet_str_status(&names));
    DUET_DO(make_listing(out, &names, count));
done:
    closedir(folder);
    duet_str_free(&names);
    return status;
}

void duet_listing_free(duet_listing *listing) {
    if (listing == NULL) return;
    duet_release(listing->name);
    *listing = (duet_listing){0};
}

bool duet_path_in(char out[DUET_PATH_SIZE], const char *folder, const char *name) {
    return duet_path_join(out, folder, name) == DUET_OK && duet_path_exists(out);
}

bool duet_path_leads_outside(const char *name) {
    const bool drive = name[0] != '\0' && name[1] == ':' && (name[2] == '/' || name[2] == '\\');
    if (name[0] == '/' || name[0] == '\\' || drive) return true;
    for (const char *at = name; *at != '\0';) {
        const size_t length = strcspn(at, "/\\");
        if (length == 2 && memcmp(at, "..", 2) == 0) return true;
        at += length + (at[length] != '\0');
    }
    return false;
}
