/* SPDX-License-Identifier: MIT
 * markup.h: a strict little reader for the pages of src/report: every tag is closed in order, every
 * attribute is quoted, no bare '<' or '>' stands in text, '&' starts a known reference, no script
 * and nothing from outside. */
#ifndef DUET_TEST_MARKUP_H
#define DUET_TEST_MARKUP_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MARKUP_DEPTH = 64, MARKUP_NAME = 32 };

static bool markup_bad(const char *why, const char *at) {
    printf("markup: %s at: %.80s\n", why, at);
    return false;
}

static bool markup_reference(const char *text) {
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#8239;"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(text, known[i], strlen(known[i])) == 0) return true;
    }
    return false;
}

/* After the tag's name: attributes until '>' or '/>'. Returns what follows, NULL when malformed. */
static const char *markup_attributes(const char *p, bool *closed) {
    *closed = false;
    for (;;) {
        while (isspace((unsigned char)*p)) p++;
        if (*p == '>') return p + 1;
        if (p[0] == '/' && p[1] == '>') {
            *closed = true;
            return p + 2;
        }
        const char *name = p;
        while (isalnum((unsigned char)*p) || *p == '-') p++;
        if (p == name || strncmp(name, "on", 2) == 0 || strncmp(name, "src", 3) == 0) return NULL;
        if (strncmp(name, "href", 4) == 0 && strncmp(p, "=\"#", 3) != 0 &&
            strncmp(p, "=\"data:", 7) != 0)
            return NULL;
        if (p[0] != '=' || p[1] != '"') return NULL;
        for (p += 2; *p != '"'; p++) {
            if (*p == 0 || *p == '<' || (*p == '&' && !markup_reference(p))) return NULL;
        }
        p++;
    }
}

static bool markup_good(const char *text) {
    char open[MARKUP_DEPTH][MARKUP_NAME];
    int depth = 0;
    const char *p = text;
    if (strncmp(p, "<!doctype html>", 15) == 0) p += 15;
    while (*p != 0) {
        if (*p == '>' || (*p == '&' && !markup_reference(p)))
            return markup_bad("bare character", p);
        if (*p != '<') {
            p++;
            continue;
        }
        const bool end = p[1] == '/';
        const char *tag = p, *name = p + 1 + end;
        size_t size = 0;
        while (isalnum((unsigned char)name[size])) size++;
        if (size == 0 || size >= MARKUP_NAME) return markup_bad("no tag name", p);
        if (end) {
            if (depth == 0 || strlen(open[depth - 1]) != size ||
                strncmp(open[depth - 1], name, size) != 0 || name[size] != '>') {
                return markup_bad("wrong end tag", p);
            }
            depth--;
            p = name + size + 1;
            continue;
        }
        bool closed = false;
        p = markup_attributes(name + size, &closed);
        if (p == NULL) return markup_bad("malformed attribute", tag);
        if (size == 6 && strncmp(name, "script", 6) == 0) return markup_bad("script", tag);
        if ((size == 4 && strncmp(name, "meta", 4) == 0) ||
            (size == 2 && strncmp(name, "br", 2) == 0))
            closed = true;
        if (closed) continue;
        if (depth == MARKUP_DEPTH) return markup_bad("too deep", tag);
        snprintf(open[depth++], MARKUP_NAME, "%.*s", (int)size, name);
        if (size == 5 && strncmp(name, "style", 5) == 0) {
            p = strstr(p, "</style>");
            if (p == NULL) return markup_bad("endless style", tag);
        }
    }
    return depth == 0 ? true : markup_bad("unclosed tag", open[depth - 1]);
}

#endif
