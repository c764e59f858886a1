/* SPDX-License-Identifier: MIT
 * cli/show_picture.c: duet info PICTURE: what a picture is, how duet made it, and the texts of any
 * program in it. */
#include <string.h>

#include "cli/cli.h"

static const char *words_of(const duet_picture *p) {
    if (p->palette) return "a palette";
    return p->channels == 1                 ? "grey"
           : p->channels == 2               ? "grey and transparency"
           : p->channels == 3               ? "colour"
           : strcmp(p->format, "jpeg") == 0 ? "CMYK"
                                            : "colour and transparency";
}

/* A line of a text from anywhere: control characters, which would move the cursor or more, are
 * shown as '?'; those above ASCII are C2 80 … C2 9F. Returns what follows the line. */
static const char *say_line(const cli_state *cli, const char *text) {
    char line[1024];
    size_t used = 0;
    while (*text != '\0' && *text != '\n' && used < sizeof line - 8) {
        const unsigned char c = (unsigned char)*text, next = (unsigned char)text[1];
        const bool above = c == 0xC2 && next >= 0x80 && next < 0xA0;
        line[used++] = above || (c < 32 && c != '\t') || c == 127 ? '?' : *text;
        text += above ? 2 : 1;
    }
    const bool whole = *text == '\0' || *text == '\n';
    while (!whole && used > 0 && ((unsigned char)line[used - 1] & 0xC0U) == 0x80U) used--;
    cli_say(cli, "    %.*s%s\n", (int)used, line, whole ? "" : " …");
    text += strcspn(text, "\n");
    return *text == '\n' ? text + 1 : text;
}

static void say_text(const cli_state *cli, const duet_picture_text *text) {
    const char *at = text->value;
    int lines = 0;
    cli_say(cli, "  text '%s'\n", text->key);
    do at = say_line(cli, at);
    while (*at != '\0' && ++lines < 40);
    if (*at != '\0') cli_say(cli, "    …\n");
}

static const char *find(const duet_picture *p, const char *key) {
    for (int64_t i = 0; i < p->text_count; i++)
        if (strcmp(p->texts[i].key, key) == 0) return p->texts[i].value;
    return NULL;
}

/* The object under the key "duet"; NULL where there is none. */
static json_t *made_by(const duet_picture *p) {
    json_error_t error;
    const char *const text = find(p, "duet");
    json_t *const made = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, &error) : NULL;
    if (json_is_object(made)) return made;
    json_decref(made);
    return NULL;
}

static json_t *texts_json(const duet_picture *p) {
    json_t *const list = json_array();
    for (int64_t i = 0; i < p->text_count; i++)
        json_array_append_new(list, json_pack("{s:s,s:o}", "key", p->texts[i].key, "value",
                                              json_string(p->texts[i].value)));
    return list;
}

duet_status cli_picture_show(cli_state *cli, const char *path) {
    duet_picture *p = NULL;
    const duet_status status = duet_picture_open(&p, path);
    if (status != DUET_OK) return status;
    char frames[48] = "";
    if (p->frames > 1) snprintf(frames, sizeof frames, ", %lld frames", (long long)p->frames);
    json_t *const name = cli_name(path), *made = made_by(p);
    cli_say(cli, "%s: a %s picture, %lld x %lld, %s, %d channel%s of %d bits%s\n",
            json_string_value(name),
            strcmp(p->format, "png") == 0    ? p->frames > 1 ? "APNG" : "PNG"
            : strcmp(p->format, "jpeg") == 0 ? "JPEG"
                                             : "GIF",
            (long long)p->width, (long long)p->height, words_of(p), p->channels,
            p->channels == 1 ? "" : "s", p->bits, frames);
    for (int64_t i = 0; i < p->text_count; i++) say_text(cli, &p->texts[i]);
    if (p->text_count == 0) cli_say(cli, "  it has no text, so it does not say how it was made\n");
    if (p->texts_left_out > 0)
        cli_say(cli, "  %lld text%s not shown: too large, too many or damaged\n",
                (long long)p->texts_left_out, p->texts_left_out == 1 ? " is" : "s are");
    json_t *const picture =
        json_pack("{s:s,s:I,s:I,s:i,s:i,s:b,s:I,s:o,s:I}", "format", p->format, "width",
                  (json_int_t)p->width, "height", (json_int_t)p->height, "channels", p->channels,
                  "bits", p->bits, "palette", p->palette, "frames", (json_int_t)p->frames, "texts",
                  texts_json(p), "texts_left_out", (json_int_t)p->texts_left_out);
    cli_json(cli, json_pack("{s:o,s:o,s:o}", "path", name, "picture", picture, "duet",
                            made != NULL ? made : json_null()));
    duet_picture_close(p);
    return DUET_OK;
}
