/* SPDX-License-Identifier: MIT
 * report/html.c: the page's skeleton, escaping and pictures. Everything that comes from a file
 * passes through duet_html_text; a content security policy forbids scripts and outside resources
 * besides. */
#include "report/html.h"

#include "base/error.h"
#include "report/style.h"

#include <string.h>

void duet_html_head(duet_str *out, const char *title) {
    duet_str_add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "img-src data:; style-src 'unsafe-inline'\">\n"
                      "<title>");
    duet_html_text(out, title);
    duet_str_add(out, "</title>\n<style>");
    duet_str_add(out, duet_style_sheet);
    duet_str_add(out, "</style>\n</head>\n<body>\n<main>\n");
}

void duet_html_foot(duet_str *out) {
    duet_str_add(out, "</main>\n</body>\n</html>\n");
}

/* Bytes of the UTF-8 character at text (RFC 3629: no overlong forms, no surrogates, at most
 * U+10FFFF), 0 when it is none. A NUL never counts as a continuation, so reading stays inside the
 * string. */
static int character_size(const unsigned char *text) {
    const unsigned char a = text[0], b = a != 0 ? text[1] : 0;
    if (a < 0x80) return 1;
    if (a < 0xC2 || a > 0xF4 || (b & 0xC0) != 0x80) return 0;
    if (a < 0xE0) return 2;
    if ((a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F) || (a == 0xF0 && b < 0x90) ||
        (a == 0xF4 && b > 0x8F))
        return 0;
    if ((text[2] & 0xC0) != 0x80) return 0;
    if (a < 0xF0) return 3;
    return (text[3] & 0xC0) == 0x80 ? 4 : 0;
}

void duet_html_text(duet_str *out, const char *text) {
    if (text == NULL) return;
    while (*text != 0) {
        const int size = character_size((const unsigned char *)text);
        const unsigned char c = (unsigned char)*text;
        if (c == '&')
            duet_str_add(out, "&amp;");
        else if (c == '<')
            duet_str_add(out, "&lt;");
        else if (c == '>')
            duet_str_add(out, "&gt;");
        else if (c == '"')
            duet_str_add(out, "&quot;");
        else if (c == '\'')
            duet_str_add(out, "&#39;");
        else if (size == 0 || (c < 0x20 && c != '\t' && c != '\n') || c == 0x7F)
            duet_str_add(out, "\xEF\xBF\xBD");
        else
            duet_str_bytes(out, text, size);
        text += size > 0 ? size : 1;
    }
}

const char *duet_html_escape(duet_arena *arena, const char *text) {
    duet_str str = {0};
    duet_html_text(&str, text);
    const char *copy = str.text != NULL && !str.failed ? duet_arena_text(arena, str.text) : NULL;
    duet_str_free(&str);
    return copy != NULL ? copy : "";
}

static int64_t big_endian(const uint8_t *p) {
    return (int64_t)p[0] << 24 | (int64_t)p[1] << 16 | (int64_t)p[2] << 8 | p[3];
}

duet_status duet_html_picture_read(duet_html_picture *out, const char *path) {
    static const uint8_t magic[16] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n',
                                      0,    0,   0,   13,  'I',  'H',  'D',  'R'};
    duet_html_picture picture = {0};
    DUET_TRY(duet_file_read(&picture.file, path));
    const bool known =
        picture.file.size > 32 && memcmp(picture.file.data, magic, sizeof magic) == 0;
    picture.width = known ? big_endian(picture.file.data + 16) : 0;
    picture.height = known ? big_endian(picture.file.data + 20) : 0;
    if (picture.width < 1 || picture.height < 1 || picture.width > 65500 ||
        picture.height > 65500) {
        duet_bytes_free(&picture.file);
        return duet_fail(DUET_FORMAT, "no PNG picture in '%s'", path);
    }
    *out = picture;
    return DUET_OK;
}

void duet_html_picture_free(duet_html_picture *picture) {
    if (picture == NULL) return;
    duet_bytes_free(&picture->file);
    *picture = (duet_html_picture){0};
}

int64_t duet_html_picture_width(const duet_html_picture *picture, int64_t room) {
    const int64_t times = room / picture->width;
    return times >= 1 && times * picture->width * 4 >= room * 3 ? times * picture->width : room;
}

static void open_picture(duet_str *out, const duet_html_picture *picture, const char *alt,
                         int64_t room) {
    const int64_t width = duet_html_picture_width(picture, room);
    duet_str_format(out,
                    "<svg class=\"picture%s\" viewBox=\"0 0 %lld %lld\" width=\"%lld\" "
                    "height=\"%lld\" role=\"img\" aria-label=\"",
                    picture->width <= room ? " hard" : "", (long long)picture->width,
                    (long long)picture->height, (long long)width,
                    (long long)(picture->height * width / picture->width));
    duet_html_text(out, alt);
    duet_str_add(out, "\">");
}

void duet_html_picture_add(duet_str *out, const duet_html_picture *picture, const char *id,
                           const char *alt, int64_t room) {
    open_picture(out, picture, alt, room);
    duet_str_add(out, "<image ");
    if (id != NULL) duet_str_format(out, "id=\"%s\" ", id);
    duet_str_format(out, "width=\"%lld\" height=\"%lld\" href=\"data:image/png;base64,",
                    (long long)picture->width, (long long)picture->height);
    duet_str_base64(out, picture->file.data, picture->file.size);
    duet_str_add(out, "\"/></svg>");
}

void duet_html_picture_again(duet_str *out, const duet_html_picture *picture, const char *id,
                             const char *alt, int64_t room) {
    open_picture(out, picture, alt, room);
    duet_str_format(out, "<use href=\"#%s\"/></svg>", id);
}
