/* SPDX-License-Identifier: MIT
 * base/convert.c: element-wise conversion between all types, each rounded once, to nearest even.
 * f16 is 1+5+10 bits (bias 15), bf16 the upper half of an f32. NaN payloads are kept as far as they
 * fit. A float becomes an integer by rounding to nearest even, clamped to the range, NaN 0;
 * integers are clamped; bool is "not zero". Everything runs in blocks copied to locals, so neither
 * side need be aligned (file mappings are not). f32 to and from the 16-bit types is direct; the
 * rest passes through doubles or 64-bit integers. Where a value then needs two roundings the first
 * one is to odd, which makes the second one exact (Boldo and Melquiond, 2008). */
#include <duet/tensor.h>

#include <math.h>
#include <string.h>

#define BLOCK 256

static uint32_t bits_of(float x) {
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float x = 0.0F;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* All take and give bit patterns: passing a signalling NaN as a float could change it. */
static uint32_t f16_to_f32(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u,
                   fraction = h & 0x3FFu;
    if (exponent == 31) return sign | 0x7F800000u | fraction << 13;
    if (exponent == 0) return sign | bits_of((float)fraction * 0x1p-24F);
    return sign | (exponent + 112) << 23 | fraction << 13;
}

static uint16_t f32_to_f16(uint32_t x) {
    const uint32_t sign = (x >> 16) & 0x8000u, a = x & 0x7FFFFFFFu;
    if (a > 0x7F800000u) {
        const uint32_t payload = (a >> 13) & 0x3FFu;
        return (uint16_t)(sign | 0x7C00u | (payload != 0 ? payload : 0x200u));
    }
    if (a >= 0x477FF000u) return (uint16_t)(sign | 0x7C00u); /* 65520 and more round to infinity */
    if (a < 0x33000000u) return (uint16_t)sign;              /* below half of the least subnormal */
    if (a < 0x38800000u) {                                   /* subnormal: units of 2^-24 */
        const uint32_t m = (a & 0x7FFFFFu) | 0x800000u, shift = 126 - (a >> 23);
        const uint32_t rest = m & ((1u << shift) - 1), half = 1u << (shift - 1);
        uint32_t r = m >> shift;
        r += rest > half || (rest == half && (r & 1u) != 0);
        return (uint16_t)(sign | r);
    }
    uint32_t r = a - 0x38000000u;
    r += 0xFFFu + ((r >> 13) & 1u);
    return (uint16_t)(sign | r >> 13);
}

static uint16_t f32_to_bf16(uint32_t x) {
    if ((x & 0x7FFFFFFFu) > 0x7F800000u) {
        const uint32_t high = x >> 16;
        return (uint16_t)((high & 0x7Fu) != 0 ? high : high | 0x40u);
    }
    return (uint16_t)((x + 0x7FFFu + ((x >> 16) & 1u)) >> 16);
}

/* f64 -> f32 rounded to odd: when inexact, the neighbour whose last bit is 1. */
static uint32_t f64_to_odd_f32(double x) {
    const float near = (float)x;
    const uint32_t bits = bits_of(near);
    if (isnan(x) || (double)near == x || (bits & 1u) != 0) return bits;
    return fabs((double)near) < fabs(x) ? bits + 1 : bits - 1;
}

/* i64 -> f64 rounded to odd (bit 10 is sticky); leaves 43 bits and more, enough for every narrower
 * type. */
static double i64_to_odd_f64(int64_t v) {
    if (v >= -((int64_t)1 << 53) && v <= (int64_t)1 << 53) return (double)v;
    const int64_t low = v & 1023;
    return (double)(((v - low) / 1024) | (low != 0)) * 1024.0;
}

typedef union block {
    float f32[BLOCK];
    double f64[BLOCK];
    uint16_t u16[BLOCK];
    uint32_t u32[BLOCK];
    int64_t i64[BLOCK];
    int32_t i32[BLOCK];
    int8_t i8[BLOCK];
    uint8_t u8[BLOCK];
} block;

static bool is_float(duet_dtype type) {
    return type == DUET_F32 || type == DUET_F64 || type == DUET_F16 || type == DUET_BF16;
}

static void load_floats(double *out, const block *in, duet_dtype type, int n) {
    switch (type) {
    case DUET_F64:
        memcpy(out, in->f64, (size_t)n * sizeof(double));
        break;
    case DUET_F32:
        for (int i = 0; i < n; i++) out[i] = (double)in->f32[i];
        break;
    case DUET_F16:
        for (int i = 0; i < n; i++) out[i] = (double)float_of(f16_to_f32(in->u16[i]));
        break;
    default:
        for (int i = 0; i < n; i++) out[i] = (double)float_of((uint32_t)in->u16[i] << 16);
        break;
    }
}

static void load_integers(int64_t *out, const block *in, duet_dtype type, int n) {
    switch (type) {
    case DUET_I64:
        memcpy(out, in->i64, (size_t)n * sizeof(int64_t));
        break;
    case DUET_I32:
        for (int i = 0; i < n; i++) out[i] = in->i32[i];
        break;
    case DUET_I8:
        /* NOLINTNEXTLINE(bugprone-signed-char-misuse,cert-str34-c): numbers, not characters */
        for (int i = 0; i < n; i++) out[i] = in->i8[i];
        break;
    case DUET_U8:
        for (int i = 0; i < n; i++) out[i] = in->u8[i];
        break;
    default:
        for (int i = 0; i < n; i++) out[i] = in->u8[i] != 0;
        break;
    }
}

static void store_floats(block *out, duet_dtype type, const double *in, int n) {
    switch (type) {
    case DUET_F64:
        memcpy(out->f64, in, (size_t)n * sizeof(double));
        break;
    case DUET_F32:
        for (int i = 0; i < n; i++) out->f32[i] = (float)in[i];
        break;
    case DUET_F16:
        for (int i = 0; i < n; i++) out->u16[i] = f32_to_f16(f64_to_odd_f32(in[i]));
        break;
    default:
        for (int i = 0; i < n; i++) out->u16[i] = f32_to_bf16(f64_to_odd_f32(in[i]));
        break;
    }
}

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
    return v < low ? low : v > high ? high : v;
}

static void store_integers(block *out, duet_dtype type, const int64_t *in, int n) {
    switch (type) {
    case DUET_I64:
        memcpy(out->i64, in, (size_t)n * sizeof(int64_t));
        break;
    case DUET_I32:
        for (int i = 0; i < n; i++) out->i32[i] = (int32_t)clamp(in[i], INT32_MIN, INT32_MAX);
        break;
    case DUET_I8:
        for (int i = 0; i < n; i++) out->i8[i] = (int8_t)clamp(in[i], INT8_MIN, INT8_MAX);
        break;
    case DUET_U8:
        for (int i = 0; i < n; i++) out->u8[i] = (uint8_t)clamp(in[i], 0, UINT8_MAX);
        break;
    default:
        for (int i = 0; i < n; i++) out->u8[i] = in[i] != 0;
        break;
    }
}

/* Round to nearest even (the default rounding mode), clamped; NaN gives 0. For bool 0.25 is true:
 * nothing is rounded. */
static void round_block(int64_t *out, const double *in, int n, bool truth) {
    for (int i = 0; i < n; i++) {
        const double x = in[i];
        if (truth)
            out[i] = x != 0.0;
        else if (isnan(x))
            out[i] = 0;
        else if (x >= 0x1p63)
            out[i] = INT64_MAX;
        else if (x <= -0x1p63)
            out[i] = INT64_MIN;
        else
            out[i] = (int64_t)nearbyint(x);
    }
}

static void convert_any(block *out, duet_dtype dst_type, const block *in, duet_dtype src_type,
                        int n) {
    double floats[BLOCK];
    int64_t integers[BLOCK];
    if (is_float(src_type)) {
        load_floats(floats, in, src_type, n);
        if (!is_float(dst_type)) round_block(integers, floats, n, dst_type == DUET_BOOL);
    } else {
        load_integers(integers, in, src_type, n);
        if (is_float(dst_type)) {
            for (int i = 0; i < n; i++)
                floats[i] =
                    dst_type == DUET_F64 ? (double)integers[i] : i64_to_odd_f64(integers[i]);
        }
    }
    if (is_float(dst_type))
        store_floats(out, dst_type, floats, n);
    else
        store_integers(out, dst_type, integers, n);
}

static void convert_block(block *out, duet_dtype dst_type, const block *in, duet_dtype src_type,
                          int n) {
    if (dst_type == DUET_F32 && src_type == DUET_BF16) {
        for (int i = 0; i < n; i++) out->u32[i] = (uint32_t)in->u16[i] << 16;
    } else if (dst_type == DUET_F32 && src_type == DUET_F16) {
        for (int i = 0; i < n; i++) out->u32[i] = f16_to_f32(in->u16[i]);
    } else if (dst_type == DUET_BF16 && src_type == DUET_F32) {
        for (int i = 0; i < n; i++) out->u16[i] = f32_to_bf16(in->u32[i]);
    } else if (dst_type == DUET_F16 && src_type == DUET_F32) {
        for (int i = 0; i < n; i++) out->u16[i] = f32_to_f16(in->u32[i]);
    } else {
        convert_any(out, dst_type, in, src_type, n);
    }
}

void duet_convert(void *dst, duet_dtype dst_type, const void *src, duet_dtype src_type,
                  int64_t count) {
    if (count <= 0) return;
    const size_t in_size = duet_dtype_size(src_type), out_size = duet_dtype_size(dst_type);
    if (dst_type == src_type && dst_type != DUET_BOOL) {
        memmove(dst, src, (size_t)count * out_size);
        return;
    }
    block in, out;
    for (int64_t at = 0; at < count; at += BLOCK) {
        const int n = count - at < BLOCK ? (int)(count - at) : BLOCK;
        memcpy(&in, (const uint8_t *)src + (size_t)at * in_size, (size_t)n * in_size);
        convert_block(&out, dst_type, &in, src_type, n);
        memcpy((uint8_t *)dst + (size_t)at * out_size, &out, (size_t)n * out_size);
    }
}
