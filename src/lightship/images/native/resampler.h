/* Resizes an image as Pillow does, row by row: first along each row, then down the columns, or the other way round. It
   holds no more rows than an output row is made of. */

#ifndef LIGHTSHIP_RESAMPLER_H
#define LIGHTSHIP_RESAMPLER_H

#include "kernels.h"

typedef struct {
    const Axis *x, *y;
    const Kernels *kernels;
    int columns_first; /* whether it goes down the columns first */
    int channels, rows, next; /* `next`: the output row that is made next */
    size_t size;              /* bytes of a row of the ring, which holds what goes down the columns */
    uint8_t *ring, *used, *row, *down, *across, *out;
    const uint8_t **needed; /* the rows of which an output row is made */
} Resampler;

/* Returns 0 if there is no memory. `out` has y->out rows of x->out pixels of `channels` bytes, 1 or 3. In either case
   `resampler_free` must follow. */
int resampler_make(Resampler *resampler, const Axis *x, const Axis *y, const Kernels *kernels, int columns_first,
                   int channels, uint8_t *out);
void resampler_free(Resampler *resampler);

/* Whether input row `r` counts. If not, nothing need be written for it. */
static inline int resampler_uses(const Resampler *resampler, int r) { return resampler->used[r]; }

/* Where the caller writes input row `r`: x->in pixels of PIXEL bytes. */
uint8_t *resampler_row(const Resampler *resampler, int r);

/* Takes input row `r`. All rows must be given in their order. */
void resampler_take(Resampler *resampler, int r);

#endif
