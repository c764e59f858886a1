/* SPDX-License-Identifier: MIT
 * io/kind.c: see kind.h. The signatures are those of the formats' own descriptions. */
#include "io/kind.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "io/image.h"

enum { HEAD = 512 };

typedef struct signature {
    int64_t at;
    const char *bytes;
    int64_t count;
    duet_file_kind kind;
} signature;

static const signature signatures[] = {
    {0,
     "version https://git-lfs.github.com/spec",
     39,
     {DUET_FILE_LFS, "a Git LFS pointer whose file was not downloaded ('git lfs pull')"}},
    {0, "\xFF\xD8\xFF", 3, {DUET_FILE_IMAGE, "a JPEG image"}},
    {0, "\x89PNG\r\n\x1A\n", 8, {DUET_FILE_IMAGE, "a PNG image"}},
    {8, "WEBP", 4, {DUET_FILE_IMAGE, "a WebP image"}},
    {0, "GIF8", 4, {DUET_FILE_IMAGE, "a GIF image"}},
    {0, "II*\0", 4, {DUET_FILE_IMAGE, "a TIFF image"}},
    {0, "MM\0*", 4, {DUET_FILE_IMAGE, "a TIFF image"}},
    {4, "ftypheic", 8, {DUET_FILE_IMAGE, "a HEIC image"}},
    {4, "ftypheix", 8, {DUET_FILE_IMAGE, "a HEIC image"}},
    {4, "ftypmif1", 8, {DUET_FILE_IMAGE, "a HEIF image"}},
    {4, "ftypavif", 8, {DUET_FILE_IMAGE, "an AVIF image"}},
    {4, "ftyp", 4, {DUET_FILE_OTHER, "a video"}},
    {0, "\0\0\0\x0CjP  ", 8, {DUET_FILE_IMAGE, "a JPEG 2000 image"}},
    {0, "\xFF\x0A", 2, {DUET_FILE_IMAGE, "a JPEG XL image"}},
    {0, "8BPS", 4, {DUET_FILE_OTHER, "a Photoshop file"}},
    {0, "%PDF", 4, {DUET_FILE_OTHER, "a PDF file"}},
    {0, "PK\x03\x04", 4, {DUET_FILE_ZIP, "a zip archive"}},
    {0, "PK\x05\x06", 4, {DUET_FILE_ZIP, "an empty zip archive"}},
    {0, "\x1F\x8B", 2, {DUET_FILE_GZIP, "a gzip file"}},
    {0, "7z\xBC\xAF\x27\x1C", 6, {DUET_FILE_OTHER, "a 7z archive"}},
    {0, "Rar!", 4, {DUET_FILE_OTHER, "a RAR archive"}},
    {0,
     "\xFD"
     "7zXZ",
     5,
     {DUET_FILE_OTHER, "an xz file"}},
    {0, "BZh", 3, {DUET_FILE_OTHER, "a bzip2 file"}},
    {0, "\x28\xB5\x2F\xFD", 4, {DUET_FILE_OTHER, "a Zstandard file"}},
    {257, "ustar", 5, {DUET_FILE_TAR, "a tar archive"}},
    {0, "\x89HDF", 4, {DUET_FILE_HDF5, "an HDF5 file"}},
    {0, "\x93NUMPY", 6, {DUET_FILE_OTHER, "a numpy array"}},
    {0, "PAR1", 4, {DUET_FILE_OTHER, "a Parquet file"}},
    {0, "GGUF", 4, {DUET_FILE_GGUF, "a GGUF file"}},
    {0,
     "\x7F"
     "ELF",
     4,
     {DUET_FILE_OTHER, "a program"}},
};

static bool begins(const char *text, const char *word) {
    return strncasecmp(text, word, strlen(word)) == 0;
}

static duet_file_kind kind_of_text(const uint8_t *bytes, int64_t size) {
    static const duet_file_kind html = {DUET_FILE_HTML,
                                        "an HTML page, as servers send instead of a file"};
    char text[HEAD + 1];
    const size_t n = (size_t)(size < HEAD ? size : HEAD);
    for (size_t i = 0; i < n; i++)
        if (bytes[i] < 9 || (bytes[i] > 13 && bytes[i] < 32))
            return (duet_file_kind){DUET_FILE_UNKNOWN, NULL};
    memcpy(text, bytes, n);
    text[n] = '\0';
    const char *at = duet_starts_with(text, "\xEF\xBB\xBF") ? text + 3 : text;
    at += strspn(at, " \t\r\n");
    if (begins(at, "<!doctype html") || begins(at, "<html") || begins(at, "<head")) return html;
    if (begins(at, "<svg") || strstr(at, "<svg") != NULL)
        return (duet_file_kind){DUET_FILE_OTHER, "an SVG drawing"};
    if (begins(at, "<body") || begins(at, "<!--")) return html;
    if (begins(at, "<?xml")) return (duet_file_kind){DUET_FILE_OTHER, "an XML file"};
    if (*at == '{' || *at == '[') return (duet_file_kind){DUET_FILE_OTHER, "a JSON text"};
    return (duet_file_kind){DUET_FILE_OTHER, "a text"};
}

duet_file_kind duet_kind_of_bytes(const uint8_t *bytes, int64_t size) {
    if (size <= 0) return (duet_file_kind){DUET_FILE_OTHER, "an empty file"};
    for (int i = 0; i < DUET_COUNT(signatures); i++) {
        const signature *const s = &signatures[i];
        if (size >= s->at + s->count && memcmp(bytes + s->at, s->bytes, (size_t)s->count) == 0)
            return s->kind;
    }
    if (size > 26 && memcmp(bytes, "BM", 2) == 0 && bytes[6] == 0 && bytes[7] == 0)
        return (duet_file_kind){DUET_FILE_IMAGE, "a BMP image"};
    if (size > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '4' && bytes[2] != '\0' &&
        strchr(" \t\r\n", bytes[2]) != NULL)
        return (duet_file_kind){DUET_FILE_IMAGE, "a PBM image, or a PGM or PPM written as text"};
    return kind_of_text(bytes, size);
}

duet_file_kind duet_kind_of_file(const char *path) {
    duet_map map = {0};
    if (duet_path_is_folder(path)) return (duet_file_kind){DUET_FILE_OTHER, "a folder"};
    if (duet_map_open(&map, path) != DUET_OK) return (duet_file_kind){DUET_FILE_UNKNOWN, NULL};
    const duet_file_kind kind = duet_kind_of_bytes(map.data, map.size);
    duet_map_close(&map);
    return kind;
}

void duet_name_ending(char out[16], const char *name) {
    const char *const dot = strrchr(duet_path_base(name), '.');
    duet_copy_text(out, 16, dot != NULL && strlen(dot) < 16 ? dot : "");
    for (char *p = out; *p != '\0'; p++) *p = duet_lower(*p);
}

bool duet_name_ends(const char *name, const char *endings) {
    const size_t size = strlen(name);
    for (const char *at = endings; *at != '\0';) {
        const size_t n = strcspn(at, " ");
        if (n < size && strncasecmp(name + size - n, at, n) == 0) return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

/* Whether the word is in the list, in which every word stands between blanks. */
static bool listed(const char *list, const char *ending) {
    char word[20];
    snprintf(word, sizeof word, " %s ", ending + 1);
    return strstr(list, word) != NULL;
}

duet_name_kind duet_kind_of_name(const char *name) {
    static const struct {
        duet_name_kind kind;
        const char *endings;
    } known[] = {
        {DUET_NAME_OTHER_IMAGE, " bmp dib gif tif tiff heic heif avif svg svgz jxl jp2 j2k jpx ico "
                                "tga psd exr hdr dds pbm "
                                "pcx xcf cr2 cr3 nef arw dng raf orf rw2 dcm eps "},
        {DUET_NAME_ARCHIVE, " zip tar tgz gz bz2 xz zst 7z rar tbz txz "},
        {DUET_NAME_LIST, " csv tsv jsonl parquet arrow xlsx xls "},
        {DUET_NAME_OTHER,
         " txt md rst json xml html htm pdf py ipynb js sh m c h yml yaml toml ini log cls db url "
         "lnk npy npz mat pkl pt pth ckpt h5 hdf5 safetensors bin mp4 mov avi mkv mp3 wav doc docx "
         "sha1 sha256 md5 bak tmp lock "}};
    char ending[16];
    if (duet_image_name_known(name)) return DUET_NAME_IMAGE;
    duet_name_ending(ending, name);
    if (ending[0] == '\0') return DUET_NAME_UNKNOWN;
    for (int i = 0; i < DUET_COUNT(known); i++)
        if (listed(known[i].endings, ending)) return known[i].kind;
    return DUET_NAME_UNKNOWN;
}
