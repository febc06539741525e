/* The part of libjpeg's binary interface that is used here, of its version 6.2, which libjpeg-turbo and mozjpeg keep
   unchanged. `jpeg_CreateDecompress` refuses another version, and a structure of another size. */

#ifndef LIGHTSHIP_LIBJPEG_H
#define LIGHTSHIP_LIBJPEG_H

#include <stddef.h>
#include <stdint.h>

enum { LIBJPEG_VERSION = 62, LIBJPEG_SIZE = 632 }; /* the size of the structure where pointers have 64 bits */
enum { COLOR_GRAY = 1, COLOR_RGBX = 7 };           /* JCS_GRAYSCALE, and libjpeg-turbo's JCS_EXT_RGBX */

typedef struct Decompressor Decompressor;

typedef struct {
    void (*error_exit)(Decompressor *); /* must not return */
    void (*emit_message)(Decompressor *, int level);
    void (*output_message)(Decompressor *);
    void *others[64]; /* more than there are */
} Errors;

typedef struct {
    const uint8_t *next_byte;
    size_t bytes;
    void (*init)(Decompressor *);
    int (*fill)(Decompressor *); /* returns 0 if there are no bytes now */
    void (*skip)(Decompressor *, long count);
    int (*resync)(Decompressor *, int desired);
    void (*term)(Decompressor *);
} Source;

struct Decompressor {
    Errors *errors;
    void *memory, *progress, *client_data;
    int is_decompressor, state;
    Source *source;
    unsigned width, height;
    int components, color_space, out_color_space;
    unsigned scale_numerator, scale_denominator;
    double gamma;
    int buffered, raw, dct_method, fancy_upsampling, block_smoothing, quantize, dither, two_pass, colors, quantizers[3];
    unsigned out_width, out_height;
    int out_color_components, out_components, best_rows, colormap_size;
    void *colormap;
    unsigned next_row;
    char rest[LIBJPEG_SIZE - 172];
};

#endif
