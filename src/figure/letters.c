/* SPDX-License-Identifier: MIT
 * figure/letters.c: see letters.h. A glyph is a text of strokes: '-' joins its points by lines, '('
 * is an open and 'o' a closed quadratic B-spline, whose inner points are controls. A point is two
 * characters, x and y, 0 … 9 and a … k being 0 … 20; y is counted from 4 units below the base
 * line. */
#include "figure/letters.h"

#include <string.h>

enum { BELOW = 4, STEPS = 6, SPACE = 4, POINTS = 16 };

typedef struct glyph {
    char letter;
    uint8_t width;
    const char *strokes;
} glyph;

static const glyph glyphs[] = {
    {' ', 2, ""},
    {'!', 0, "-0i09 -0404"},
    {'"', 3, "-0j0f -3j3f"},
    {'#', 9, "-243i -647i -0d9d -0898"},
    {'$', 8, "(8f8i0i0b8b840407 -4k42"},
    {'%', 12, "o0b5b5i0i o747bcbc4 -24ai"},
    {'&', 10, "(a42e2i7i7d0a04849a"},
    {'\'', 0, "-0j0f"},
    {'(', 3, "(3k0g0632"},
    {')', 3, "(0k3g3602"},
    {'*', 6, "-3i3c -0g6e -6g0e"},
    {'+', 8, "-0a8a -4e46"},
    {',', 1, "-1401"},
    {'-', 5, "-0a5a"},
    {'.', 0, "-0404"},
    {'/', 7, "-027k"},
    {'0', 8, "o04848b8i0i0b"},
    {'1', 8, "-1f5i54"},
    {'2', 8, "(0e0i8i8c04 -0484"},
    {'3', 8, "(0f0i8i8b3b (3b9b940408"},
    {'4', 9, "-646i0898"},
    {'5', 8, "-7i1i0b (0b3d9d940407"},
    {'6', 8, "(7h6i0i08 o04848d0d"},
    {'7', 8, "-0i8i34"},
    {'8', 8, "o1b7b7i1i o04848b0b"},
    {'9', 8, "(1524848e o09898i0i"},
    {':', 0, "-0404 -0d0d"},
    {';', 1, "-1401 -1d1d"},
    {'<', 7, "-7e0a76"},
    {'=', 8, "-0c8c -0888"},
    {'>', 7, "-0e7a06"},
    {'?', 7, "(0f0i7i7c4b48 -4444"},
    {'@', 12, "o04c4ci0i o48888e4e"},
    {'A', 10, "-045ia4 -2989"},
    {'B', 8, "-040i (0i4i8i8b4b0b (0b5b9b945404"},
    {'C', 10, "(afai0i04a4a7"},
    {'D', 10, "-040i (0i3iaia43404"},
    {'E', 8, "-8i0i0484 -0b7b"},
    {'F', 7, "-7i0i04 -0b6b"},
    {'G', 10, "(afai0i04a4ab -6bab"},
    {'H', 9, "-040i -949i -0b9b"},
    {'I', 0, "-040i"},
    {'J', 6, "(6i6a640408"},
    {'K', 8, "-040i -8i09 -3c84"},
    {'L', 7, "-0i0474"},
    {'M', 11, "-040i58aia4"},
    {'N', 9, "-040i949i"},
    {'O', 11, "o04b4bbbi0i0b"},
    {'P', 8, "-040i (0i4i9i9a4a0a"},
    {'Q', 11, "o04b4bbbi0i0b -77b3"},
    {'R', 9, "-040i (0i4i9i9a4a0a -4a94"},
    {'S', 8, "(8f8i0i0b8b840407"},
    {'T', 10, "-0iai -5i54"},
    {'U', 9, "(0i090494999i"},
    {'V', 10, "-0i54ai"},
    {'W', 14, "-0i347ib4ei"},
    {'X', 9, "-0i94 -049i"},
    {'Y', 10, "-0i5bai -5b54"},
    {'Z', 9, "-0i9i0494"},
    {'[', 3, "-3k0k0232"},
    {'\\', 7, "-0k72"},
    {']', 3, "-0k3k3202"},
    {'^', 8, "-0d4i8d"},
    {'_', 9, "-0292"},
    {'`', 2, "-0j2g"},
    {'a', 7, "o04747e0e -7e74"},
    {'b', 7, "-040j o04747e0e"},
    {'c', 7, "(7c7e0e047476"},
    {'d', 7, "-747j o04747e0e"},
    {'e', 7, "-0979 (797e0e047476"},
    {'f', 5, "(5j2j2f24 -0e5e"},
    {'g', 7, "o04747e0e (7e76700001"},
    {'h', 7, "-040j (090e7e7974"},
    {'i', 0, "-040e -0i0i"},
    {'j', 2, "(2e242000 -2i2i"},
    {'k', 7, "-040j -7e08 -3b74"},
    {'l', 0, "-040j"},
    {'m', 12, "-040e (090e6e6964 (696ecec9c4"},
    {'n', 7, "-040e (090e7e7974"},
    {'o', 8, "o04848e0e"},
    {'p', 7, "-000e o04747e0e"},
    {'q', 7, "-707e o04747e0e"},
    {'r', 4, "-040e (090e5e"},
    {'s', 6, "(6c6e0e0969640406"},
    {'t', 5, "-0e5e (2i272454"},
    {'u', 7, "(0e09047479 -747e"},
    {'v', 8, "-0e448e"},
    {'w', 12, "-0e346c94ce"},
    {'x', 7, "-0e74 -047e"},
    {'y', 8, "-0e44 -8e20"},
    {'z', 7, "-0e7e0474"},
    {'{', 4, "(4k2k2e0b (0b282242"},
    {'|', 0, "-000k"},
    {'}', 4, "(0k2k2e4b (4b282202"},
    {'~', 8, "(0a3d578a"},
};
static const char frame[] = "-04747i0i04";

/* Letters of Latin-1 from U+00C0 on without their accents. */
static const char latin[] = "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYPsaaaaaaaceeeeiiiidnooooo-ouuuuypy";

typedef struct sign { /* beyond ASCII */
    uint32_t code;
    uint8_t width;
    const char *strokes;
} sign;
static const sign signs[] = {
    {0xB0, 4, "o0e4e4i0i"},        {0xB7, 0, "-0a0a"},    {0xD7, 7, "-0d76 -067d"},
    {0x2013, 9, "-0a9a"},          {0x2014, 14, "-0aea"}, {0x2026, 8, "-0404 -4444 -8484"},
    {0x2192, 11, "-0aba -7eba76"}, {0x2212, 8, "-0a8a"},
};

static int value_of(char c) {
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static void put(duet_letter *out, double x, double y) {
    const int stroke = out->strokes - 1, at = out->from[stroke] + out->count[stroke];
    if (at >= DUET_LETTER_POINTS) return;
    out->x[at] = x;
    out->y[at] = y;
    out->count[stroke]++;
}

static void curve(duet_letter *out, const double a[2], const double control[2], const double b[2]) {
    for (int i = 1; i <= STEPS; i++) {
        const double t = (double)i / STEPS, s = 1 - t;
        put(out, s * s * a[0] + 2 * s * t * control[0] + t * t * b[0],
            s * s * a[1] + 2 * s * t * control[1] + t * t * b[1]);
    }
}

static void middle(double out[2], const double a[2], const double b[2]) {
    out[0] = (a[0] + b[0]) / 2;
    out[1] = (a[1] + b[1]) / 2;
}

/* Adds a stroke; p[count] are its points. */
static void add(duet_letter *out, char kind, double (*p)[2], int count) {
    double from[2], to[2];
    if (out->strokes == DUET_LETTER_STROKES || count < 2) return;
    const int last = out->strokes - 1;
    out->from[out->strokes] = last < 0 ? 0 : out->from[last] + out->count[last];
    out->count[out->strokes++] = 0;
    if (kind == 'o')
        middle(from, p[count - 1], p[0]);
    else
        memcpy(from, p[0], sizeof from);
    put(out, from[0], from[1]);
    if (kind == '-') {
        for (int i = 1; i < count; i++) put(out, p[i][0], p[i][1]);
        return;
    }
    const int end = kind == 'o' ? count : count - 1;
    for (int i = kind == 'o' ? 0 : 1; i < end; i++) {
        middle(to, p[i], p[(i + 1) % count]);
        if (kind == '(' && i == end - 1) memcpy(to, p[count - 1], sizeof to);
        curve(out, from, p[i], to);
        memcpy(from, to, sizeof from);
    }
}

static void read_strokes(duet_letter *out, const char *strokes) {
    for (const char *at = strokes; *at != '\0'; at += *at == ' ') {
        double p[POINTS][2];
        int count = 0;
        const char kind = *at++;
        for (; *at != '\0' && *at != ' ' && count < POINTS; at += 2, count++) {
            p[count][0] = value_of(at[0]);
            p[count][1] = value_of(at[1]) - BELOW;
        }
        add(out, kind, p, count);
    }
}

static uint32_t character(const char *text, int *bytes) {
    const uint8_t *const at = (const uint8_t *)text;
    const int size = at[0] < 0xC0 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    uint32_t code = size == 1 ? at[0] : at[0] & (0x7Fu >> size);
    *bytes = 1;
    for (int i = 1; i < size && (at[i] & 0xC0) == 0x80; i++, ++*bytes)
        code = code << 6 | (at[i] & 0x3Fu);
    return code;
}

static const char *find(uint32_t code, int *width) {
    if (code >= 0xC0 && code < 0x100 && code != 0xD7) code = (uint8_t)latin[code - 0xC0];
    for (int i = 0; i < (int)(sizeof glyphs / sizeof *glyphs); i++)
        if ((uint8_t)glyphs[i].letter == code) {
            *width = glyphs[i].width;
            return glyphs[i].strokes;
        }
    for (int i = 0; i < (int)(sizeof signs / sizeof *signs); i++)
        if (signs[i].code == code) {
            *width = signs[i].width;
            return signs[i].strokes;
        }
    *width = 7;
    return frame;
}

int duet_letter_next(duet_letter *out, const char *text) {
    int bytes = 0, width = 0;
    if (*text == '\0') return 0;
    const char *const strokes = find(character(text, &bytes), &width);
    out->strokes = 0;
    out->advance = width + SPACE;
    read_strokes(out, strokes);
    return bytes;
}

double duet_letters_width(const char *text) {
    double total = 0;
    for (int bytes = 0, width = 0; *text != '\0'; text += bytes) {
        (void)find(character(text, &bytes), &width);
        total += width + SPACE;
    }
    return total;
}

double duet_letters_stroke(bool bold) {
    return bold ? 2.5 : 1.6;
}
