#include "number.h"

static Number fault(Fault what, const char *where) { return (Number){where, 0, FAULT, what}; }

static Number a_double(double value, int negative, const char *behind) {
    Number number = {behind, 0, DOUBLE, NO_FAULT};
    memcpy(&number.bits, &value, sizeof value);
    number.bits |= (uint64_t)negative << 63;
    return number;
}

/* How many bytes of `word` stand here. */
static int matches(const char *at, const char *word) {
    int size = 0;
    while (word[size] && at[size] == word[size]) size++;
    return size;
}

static Number read_word(const char *start) {
    int negative = *start == '-';
    const char *at = start + negative, *word = *at == 'N' ? "NaN" : "Infinity";
    int size = matches(at, word);
    if (*at == 'N' && size == 3) return a_double(__builtin_nan(""), negative, at + size);
    if (*at == 'I' && (size == 3 || size == 8)) return a_double(__builtin_inf(), negative, at + size);
    return fault(INVALID_VALUE, at + size);
}

static const char *skip_digits(const char *at) {
    while (*at >= '0' && *at <= '9') at++;
    return at;
}

/* Reads the digits of an exponent. No text is long enough for more digits than are kept to matter. */
static int64_t read_exponent(const char *at, const char *behind) {
    int64_t exponent = 0;
    for (; at < behind && exponent < (int64_t)1 << 56; at++) exponent = exponent * 10 + (*at - '0');
    return exponent;
}

static Number read_double(const char *start, const char *first, const char *end, int64_t exponent, const char *behind) {
    double value = round_decimal(first, end, exponent);
    return value > __DBL_MAX__ ? fault(TOO_BIG, start) : a_double(value, *start == '-', behind);
}

static Number read_integer(const char *start, const char *first, const char *behind) {
    int negative = first != start;
    uint64_t value = 0, limit = (uint64_t)1 << 63;
    int fits = behind - first <= 20;
    for (const char *at = first; fits && at < behind; at++)
        fits = !__builtin_mul_overflow(value, 10, &value) && !__builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
    if (!fits || (negative && value > limit)) return read_double(start, first, behind, 0, behind);
    Kind kind = value >= limit && !negative ? UNSIGNED : SIGNED;
    return (Number){behind, negative ? -value : value, kind, NO_FAULT};
}

Number read_unusual(const char *start) {
    const char *first = start + (*start == '-'), *whole, *mantissa, *at;
    int64_t exponent = 0;
    if (*first < '0' || *first > '9') return read_word(start);
    at = mantissa = whole = *first == '0' ? first + 1 : skip_digits(first);
    if (*at == '.') {
        at = mantissa = skip_digits(whole + 1);
        if (at == whole + 1) return fault(NO_FRACTION, at);
    }
    if ((*at | 32) == 'e') {
        int below = at[1] == '-';
        const char *digits = at + 1 + (below || at[1] == '+');
        at = skip_digits(digits);
        if (at == digits) return fault(NO_EXPONENT, at);
        exponent = below ? -read_exponent(digits, at) : read_exponent(digits, at);
    }
    return at == whole ? read_integer(start, first, whole) : read_double(start, first, mantissa, exponent, at);
}
