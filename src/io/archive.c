/* SPDX-License-Identifier: MIT
 * io/archive.c: zip archives, see archive.h. */
#include "io/archive.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "io/archive_cut.h"
#include "io/kind.h"

#define MAX_DEFLATED ((uint64_t)16 << 30)
#define MAX_RATIO    1032u /* DEFLATE expands a byte to at most this many */
#define MAX_MEMBERS  (1 << 20)

duet_status duet_archive_open(zip_t **out, const char *path) {
    int code = 0;
    zip_t *const zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (zip == NULL) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        duet_file_kind kind = {DUET_FILE_UNKNOWN, NULL};
        if (code == ZIP_ER_NOZIP) kind = duet_kind_of_file(path);
        const bool other = kind.is != DUET_FILE_UNKNOWN && kind.is != DUET_FILE_ZIP;
        char cut[400] = "";
        if (!other) duet_archive_cut(cut, sizeof cut, path);
        const duet_status status =
            duet_fail(DUET_FORMAT, "%s: %s",
                      other ? "it is not a zip archive" : "damaged or cut-off zip archive",
                      other    ? kind.words
                      : cut[0] ? cut
                               : zip_error_strerror(&error));
        zip_error_fini(&error);
        return status;
    }
    if (zip_get_num_entries(zip, 0) > MAX_MEMBERS) {
        zip_discard(zip);
        return duet_fail(DUET_FORMAT, "the archive has more than 1,048,576 members");
    }
    *out = zip;
    return DUET_OK;
}

static duet_status check_sizes(const zip_stat_t *stat, const char *name) {
    const unsigned long long size = stat->size, packed = stat->comp_size;
    if (stat->comp_method == ZIP_CM_STORE && size != packed)
        return duet_fail(DUET_FORMAT, "stored archive member '%s' has two sizes, %llu and %llu",
                         name, size, packed);
    if (stat->comp_method == ZIP_CM_DEFLATE && size > MAX_DEFLATED)
        return duet_fail(DUET_NO_MEMORY,
                         "compressed archive member '%s' has %llu bytes; the limit is %llu", name,
                         size, (unsigned long long)MAX_DEFLATED);
    if (stat->comp_method == ZIP_CM_DEFLATE && size / MAX_RATIO > packed)
        return duet_fail(
            DUET_FORMAT,
            "archive member '%s' claims %llu bytes from %llu, more than its compression allows",
            name, size, packed);
    return size > INT64_MAX
               ? duet_fail(DUET_FORMAT, "archive member '%s' has an impossible size", name)
               : DUET_OK;
}

/* Why a member cannot be read, as a plural noun phrase; NULL where it can. */
static const char *trouble_of(const zip_stat_t *stat) {
    if (duet_path_leads_outside(stat->name))
        return "members with a name that leads outside of the archive";
    if (stat->encryption_method != ZIP_EM_NONE) return "members that are encrypted";
    if (stat->comp_method != ZIP_CM_STORE && stat->comp_method != ZIP_CM_DEFLATE)
        return "members compressed by a method other than DEFLATE";
    return NULL;
}

static duet_status stat_of(zip_stat_t *stat, zip_t *zip, int64_t index) {
    const uint64_t need = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                          ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if (zip_stat_index(zip, (zip_uint64_t)index, 0, stat) != 0 || stat->name == NULL)
        return duet_fail(DUET_FORMAT, "the archive is damaged: %s", zip_strerror(zip));
    if ((stat->valid & need) != need)
        return duet_fail(DUET_FORMAT, "the archive does not describe member '%s'", stat->name);
    return DUET_OK;
}

static duet_archive_member member_of(const zip_stat_t *stat, int64_t index) {
    return (duet_archive_member){.name = stat->name,
                                 .index = (uint64_t)index,
                                 .size = (int64_t)stat->size,
                                 .stored = stat->comp_method == ZIP_CM_STORE};
}

/* A symbolic link that was archived on Unix has its mode in the external attributes. */
static bool is_link(zip_t *zip, int64_t index) {
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    return zip_file_get_external_attributes(zip, (zip_uint64_t)index, 0, &system, &attributes) ==
               0 &&
           system == ZIP_OPSYS_UNIX && S_ISLNK(attributes >> 16);
}

duet_status duet_archive_look(duet_archive_member *out, const char **trouble, zip_t *zip,
                              int64_t index) {
    zip_stat_t stat;
    DUET_TRY(stat_of(&stat, zip, index));
    *out = member_of(&stat, index);
    out->link = is_link(zip, index);
    *trouble = trouble_of(&stat);
    return *trouble != NULL ? DUET_OK : check_sizes(&stat, stat.name);
}

duet_status duet_archive_at(duet_archive_member *out, zip_t *zip, int64_t index) {
    zip_stat_t stat;
    DUET_TRY(stat_of(&stat, zip, index));
    if (duet_path_leads_outside(stat.name))
        return duet_fail(DUET_FORMAT, "archive member '%s' has a name that leads outside",
                         stat.name);
    if (strchr(stat.name, '\\') != NULL)
        return duet_fail(DUET_FORMAT,
                         "archive member '%s' has a backslash in its name, where '/' belongs",
                         stat.name);
    if (stat.encryption_method != ZIP_EM_NONE)
        return duet_fail(DUET_UNSUPPORTED, "archive member '%s' is encrypted", stat.name);
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
        return duet_advised(duet_fail(
            DUET_UNSUPPORTED, "archive member '%s' has compression method %d; save it with DEFLATE",
            stat.name, (int)stat.comp_method));
    DUET_TRY(check_sizes(&stat, stat.name));
    *out = member_of(&stat, index);
    return DUET_OK;
}

duet_status duet_archive_begin(zip_file_t **out, zip_t *zip, const duet_archive_member *member) {
    *out = zip_fopen_index(zip, member->index, 0);
    return *out != NULL ? DUET_OK
                        : duet_fail(DUET_FORMAT, "cannot read archive member '%s': %s",
                                    member->name, zip_strerror(zip));
}

duet_status duet_archive_read(zip_file_t *file, void *dst, int64_t count, const char *name) {
    for (int64_t got = 0; got < count;) {
        const zip_int64_t n = zip_fread(file, (uint8_t *)dst + got, (zip_uint64_t)(count - got));
        if (n < 0)
            return duet_fail(DUET_FORMAT, "'%s' is damaged: %s", name,
                             zip_error_strerror(zip_file_get_error(file)));
        if (n == 0)
            return duet_fail(DUET_FORMAT, "'%s' is cut off: %lld of %lld bytes are there", name,
                             (long long)got, (long long)count);
        got += n;
    }
    return DUET_OK;
}

duet_status duet_archive_end(zip_file_t *file, const char *name) {
    char more = 0;
    /* libzip checks the CRC when it reads past the end */
    if (zip_fread(file, &more, 1) == 0) return DUET_OK;
    return duet_fail(DUET_FORMAT, "'%s' is damaged: %s", name,
                     zip_error_strerror(zip_file_get_error(file)));
}

duet_status duet_archive_load(char **out, zip_t *zip, const duet_archive_member *member) {
    duet_status status = DUET_OK;
    zip_file_t *file = NULL;
    char *text = NULL;
    DUET_DO(duet_archive_begin(&file, zip, member));
    DUET_DO(duet_alloc(&text, member->size + 1, 1));
    DUET_DO(duet_archive_read(file, text, member->size, member->name));
    DUET_DO(duet_archive_end(file, member->name));
    *out = text;
    text = NULL;
done:
    duet_release(text);
    if (file != NULL) zip_fclose(file);
    return status;
}
