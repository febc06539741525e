#include "ids.h"

#include <stdint.h>
#include <string.h>

static uint64_t states[2];

void seed_ids(const char seed[SEED]) { memcpy(states, seed, SEED); }

/* Steele, Lea and Flood's SplitMix64: different states give different numbers. */
static uint64_t next(uint64_t *state) {
    uint64_t mixed = *state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
}

void write_id(char to[DIGITS]) {
    static const char digits[] = "0123456789abcdef";
    for (int half = 0; half < 2; half++) {
        uint64_t number = next(&states[half]);
        for (int at = 0; at < DIGITS / 2; at++, number >>= 4) *to++ = digits[number & 15];
    }
}
