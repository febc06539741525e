/* The weights of one axis: which pixels of the input make a pixel of the output. */

#ifndef LIGHTSHIP_AXIS_H
#define LIGHTSHIP_AXIS_H

#include <stddef.h>
#include <stdint.h>

/* Pillow rounds its weights to 22 fractional bits. */
enum { WEIGHT_BITS = 22, BLOCK = 4 };

/* Output pixel `o` is the sum of the input pixels `first[o]` to `last[o]`, each times a weight of `weights[o * width]`
   and the following. `first` is 0 or more, `last` is less than `in`, and both are checked. */
typedef struct {
    int in, out, width;
    const int32_t *first, *weights;
    int32_t *last;
    /* The same weights as two numbers of 16 bits each, low + high * 2^15, in the order in which AVX2 takes them: one block
       after the other, and `blocks_before[o]` blocks before those of `o`. NULL if they are not needed. */
    int16_t *halves;
    int32_t *blocks_before;
} Axis;

/* Returns NULL, or what is wrong. The arrays `first` [out] and `weights` [out, width] must outlive the axis. In either
   case `axis_free` must follow. */
const char *axis_make(Axis *axis, int in, int out, int width, const int32_t *first, const int32_t *weights);
void axis_free(Axis *axis);

/* How many blocks of BLOCK weights an output pixel has. */
static inline int axis_blocks(const Axis *axis, int o) {
    return (axis->last[o] - axis->first[o] + BLOCK) / BLOCK;
}

/* Fills `halves`, for the pixels of a row or for whole rows. Returns 0 if there is no memory. */
int axis_split_for_pixels(Axis *axis);
int axis_split_for_rows(Axis *axis);

#endif
