/* The weighted sums of pixels of four bytes, red, green, blue and one that does not count, as Pillow computes them: in whole
   numbers, rounded and limited to 0..255. Both implementations give the same bytes. */

#ifndef LIGHTSHIP_KERNELS_H
#define LIGHTSHIP_KERNELS_H

#include "axis.h"

enum { PIXEL = 4, STRIDE = 16 }; /* bytes: of a pixel, and what the size of a row of the ring is a multiple of */

typedef struct {
    /* Makes the pixels [out] of a row of pixels [in]. Behind the row there must be BLOCK - 1 more pixels to read. */
    void (*across)(const Axis *axis, const uint8_t *row, uint8_t *to);
    /* Makes row `o` of the input rows that it needs, each of `size` bytes, a multiple of STRIDE. */
    void (*down)(const Axis *axis, int o, const uint8_t *const *rows, size_t size, uint8_t *to);
    int splits; /* whether the axes must be split before */
} Kernels;

extern const Kernels plain_kernels;

/* Those of AVX2 where the processor has it. */
const Kernels *best_kernels(void);

#endif
