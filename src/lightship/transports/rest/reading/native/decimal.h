/* Rounds decimal numbers to the nearest double, ties to even, whatever their length. */

#ifndef LIGHTSHIP_DECIMAL_H
#define LIGHTSHIP_DECIMAL_H

#include <stdint.h>
#include <string.h>

typedef unsigned __int128 u128;

enum {
    LEAST_POWER = -342, /* 10^19 * 10^-343 is less than half of the smallest double */
    MOST_POWER = 308,   /* 1 * 10^309 is too large for a double */
    POWERS = MOST_POWER - LEAST_POWER + 1,
    MAX_EXACT_DIGITS = 19, /* so many digits always fit into 64 bits */
};

/* 10^n = mantissa * 2^exponent. The first bit of the mantissa is set. The mantissa is too small by less than 2^-116. */
typedef struct {
    u128 mantissa;
    int64_t exponent;
} Power;

extern Power powers_of_ten[POWERS];

void fill_powers_of_ten(void);

/* Returns the double nearest to the number whose digits stand in [at, end), perhaps with a point among them, times
   10^exponent. The result is infinite if the number is too large. */
double round_decimal(const char *at, const char *end, int64_t exponent);

/* Rounds digits * 10^power to *value. Returns 0 if the nearest double is not certain, or not an ordinary one.
   The power must be in the table. There is no branch that depends on the digits. */
static inline int round_fast(uint64_t digits, int power, int negative, double *value) {
    const u128 half = (u128)1 << 74, error = 1 << 13; /* 53 of 128 bits are kept */
    const Power *ten = &powers_of_ten[power - LEAST_POWER];
    int zeros = __builtin_clzll(digits | 1);
    uint64_t first = digits << zeros;
    u128 product = (u128)first * (uint64_t)(ten->mantissa >> 64);
    product += ((u128)first * (uint64_t)ten->mantissa) >> 64;
    int zero = !(uint64_t)(product >> 127);
    product <<= zero;
    u128 rest = product & (2 * half - 1);
    int64_t exponent = 1023 + 127 + 64 - zeros - zero + ten->exponent;
    uint64_t bits = ((uint64_t)(exponent - 1) << 52) + (uint64_t)(product >> 75) + (rest > half); /* the first bit adds 1 */
    bits = (digits ? bits : 0) | (uint64_t)negative << 63;
    memcpy(value, &bits, sizeof bits);
    return (uint64_t)(exponent - 1) < 2045 && (rest + error < half || rest > half);
}

#endif
