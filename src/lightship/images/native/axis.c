#include "axis.h"

#include <stdlib.h>
#include <string.h>

enum { LOW_BITS = 15, HALVES_OF_PIXELS = 32, HALVES_OF_ROWS = 8 };

const char *axis_make(Axis *axis, int in, int out, int width, const int32_t *first, const int32_t *weights) {
    *axis = (Axis){in, out, width, first, weights, NULL, NULL, NULL};
    if (in < 1 || out < 1 || width < 1) return "an axis has no pixels or no weights";
    if (!(axis->last = malloc(sizeof(int32_t) * (size_t)out))) return "out of memory";
    for (int o = 0; o < out; o++) {
        const int32_t *own = weights + (size_t)o * (size_t)width;
        int count = width;
        while (count > 1 && !own[count - 1]) count--;
        if (first[o] < 0 || first[o] >= in || count > in - first[o]) return "weights lie outside of the image";
        axis->last[o] = first[o] + count - 1;
    }
    return NULL;
}

void axis_free(Axis *axis) {
    free(axis->last);
    free(axis->halves);
    free(axis->blocks_before);
    axis->last = axis->blocks_before = NULL, axis->halves = NULL;
}

static int allocate_halves(Axis *axis, size_t halves_of_block) {
    size_t blocks = 0;
    if (!(axis->blocks_before = malloc(sizeof(int32_t) * (size_t)axis->out))) return 0;
    for (int o = 0; o < axis->out; o++) {
        axis->blocks_before[o] = (int32_t)blocks;
        blocks += (size_t)axis_blocks(axis, o);
        if (blocks > INT32_MAX / HALVES_OF_PIXELS) return 0;
    }
    axis->halves = malloc(sizeof(int16_t) * halves_of_block * blocks);
    return axis->halves != NULL;
}

/* The weight of the input pixel first[o] + tap; 0 behind the last one. */
static int32_t weight_at(const Axis *axis, int o, int tap) {
    return tap <= axis->last[o] - axis->first[o] ? axis->weights[(size_t)o * (size_t)axis->width + (size_t)tap] : 0;
}

static int16_t low_half(int32_t weight) { return (int16_t)(weight & ((1 << LOW_BITS) - 1)); }
static int16_t high_half(int32_t weight) { return (int16_t)((weight - low_half(weight)) / (1 << LOW_BITS)); }

/* For each block the low halves of two weights, four times, then those of the other two; then their high halves. */
int axis_split_for_pixels(Axis *axis) {
    if (!allocate_halves(axis, HALVES_OF_PIXELS)) return 0;
    int16_t *to = axis->halves;
    for (int o = 0; o < axis->out; o++)
        for (int block = 0; block < axis_blocks(axis, o); block++, to += HALVES_OF_PIXELS)
            for (int at = 0; at < 16; at++) {
                int32_t weight = weight_at(axis, o, BLOCK * block + at / 8 * 2 + at % 2);
                to[at] = low_half(weight);
                to[16 + at] = high_half(weight);
            }
    return 1;
}

/* For each block the low halves of two weights, their high halves, and the same of the other two. */
int axis_split_for_rows(Axis *axis) {
    if (!allocate_halves(axis, HALVES_OF_ROWS)) return 0;
    int16_t *to = axis->halves;
    for (int o = 0; o < axis->out; o++)
        for (int block = 0; block < axis_blocks(axis, o); block++)
            for (int tap = BLOCK * block; tap < BLOCK * (block + 1); tap += 2, to += 4) {
                int32_t even = weight_at(axis, o, tap), odd = weight_at(axis, o, tap + 1);
                to[0] = low_half(even), to[1] = low_half(odd);
                to[2] = high_half(even), to[3] = high_half(odd);
            }
    return 1;
}
