/* Reads one number of a JSON text as RapidJSON does: NaN, Inf and Infinity are numbers, and integers of up to 64 bits
   stay integers. A text ends with a NUL, which belongs to no number. */

#ifndef LIGHTSHIP_NUMBER_H
#define LIGHTSHIP_NUMBER_H

#include <stddef.h>

#include "decimal.h"

#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

typedef enum { FAULT, SIGNED, UNSIGNED, DOUBLE } Kind; /* UNSIGNED: an integer that exceeds INT64_MAX */

typedef enum {
    NO_FAULT,
    DOCUMENT_EMPTY,
    INVALID_VALUE,
    NO_FRACTION,
    NO_EXPONENT,
    TOO_BIG,
    NO_NAME,
    NO_COLON,
    NO_COMMA_IN_LIST,
    NO_COMMA_IN_OBJECT,
    NO_QUOTATION_MARK,
    INVALID_ESCAPE,
    INVALID_HEX,
    INVALID_SURROGATE,
    TOO_MANY_CONTAINERS,
    NO_MEMORY,
} Fault;

typedef struct {
    const char *behind; /* the end of the number, or where the fault is */
    uint64_t bits;      /* of an int64_t, a uint64_t or a double */
    Kind kind;
    Fault fault;
} Number;

/* Reads what is not simple: words, integers of 19 digits and more, doubles that need care, and faults. */
Number read_unusual(const char *start);

/* Appends the digits that stand here to `value`, eight at a time. What overflows is not used. */
static inline const char *read_digits(const char *at, const char *end, uint64_t *value) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    static const uint64_t scales[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    while (end - at >= 8) {
        uint64_t chunk;
        memcpy(&chunk, at, 8);
        chunk ^= 0x3030303030303030;
        uint64_t others = ((chunk + 0x7676767676767676) | chunk) & 0x8080808080808080;
        int size = others ? __builtin_ctzll(others) >> 3 : 8;
        chunk = chunk << (32 - 4 * size) << (32 - 4 * size); /* zeros before it; twice, since 64 at once is undefined */
        chunk = (chunk * 10 + (chunk >> 8)) & 0x00FF00FF00FF00FF;
        chunk = (chunk * 100 + (chunk >> 16)) & 0x0000FFFF0000FFFF;
        chunk = (chunk * 10000 + (chunk >> 32)) & 0x00000000FFFFFFFF;
        at += size;
        if (size < 8) {
            *value = *value * scales[size] + chunk;
            return at;
        }
        *value = *value * 100000000 + chunk;
    }
#endif
    for (; *at >= '0' && *at <= '9'; at++) *value = *value * 10 + (uint64_t)(*at - '0');
    return at;
}

/* Reads the number at `start`. */
static inline Number read_number(const char *start, const char *end) {
    const char *at = start, *first, *point;
    uint64_t value = 0, exponent = 0;
    ptrdiff_t size, scale = 0;
    int negative = *at == '-';
    first = at += negative;
    at = *at == '0' ? at + 1 : read_digits(at, end, &value);
    size = at - first;
    if (*at != '.' && (*at | 32) != 'e') {
        if (UNLIKELY((size_t)size - 1 >= MAX_EXACT_DIGITS - 1)) goto unusual;
        return (Number){at, negative ? -value : value, SIGNED, NO_FAULT};
    }
    if (UNLIKELY(size == 0)) goto unusual;
    if (*at == '.') {
        point = at++;
        at = read_digits(at, end, &value);
        scale = at - point - 1;
        if (UNLIKELY(scale == 0)) goto unusual;
        size += scale;
        for (; size > MAX_EXACT_DIGITS && (*first == '0' || first == point); first++) size -= first != point;
    }
    if ((*at | 32) == 'e') {
        int below = *++at == '-';
        at += below || *at == '+';
        point = at;
        at = read_digits(at, end, &exponent);
        if (UNLIKELY(at == point || at - point > 4)) goto unusual;
        scale += below ? (ptrdiff_t)exponent : -(ptrdiff_t)exponent;
    }
    if (UNLIKELY((size > MAX_EXACT_DIGITS) | ((size_t)(MOST_POWER + scale) >= POWERS))) goto unusual;
    double rounded;
    if (UNLIKELY(!round_fast(value, (int)-scale, negative, &rounded))) goto unusual;
    memcpy(&value, &rounded, sizeof rounded);
    return (Number){at, value, DOUBLE, NO_FAULT};
unusual:
    return read_unusual(start);
}

static inline const char *skip_blanks(const char *at) {
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') at++;
    return at;
}

#endif
