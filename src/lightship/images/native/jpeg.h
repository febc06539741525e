/* Decodes JPEG with the libjpeg that Pillow brings, with the settings that Pillow uses, so that the pixels are the same.
   Nothing is decoded that libjpeg does not find perfect: Pillow then decodes it again, and says what is wrong. */

#ifndef LIGHTSHIP_JPEG_H
#define LIGHTSHIP_JPEG_H

#include <stddef.h>
#include <stdint.h>

typedef struct Jpeg Jpeg;

/* Finds libjpeg among the libraries of a shared object that is loaded already. Returns 0 if it is not there or has another
   interface. Must be called before the others, and not while they run. */
int jpeg_attach(const char *path);

/* Begins to decode pixels of 4 bytes: red, green, blue, and one that does not count. `data` must outlive the result.
   Returns NULL if that is not possible, or if the image is not this large or does not have 1 or 3 colours as told. */
Jpeg *jpeg_open(const uint8_t *data, size_t size, int width, int height, int colors);

/* Writes the next row, `width` pixels of 4 bytes. Returns 0 if that is not possible. */
int jpeg_next(Jpeg *jpeg, uint8_t *row);
void jpeg_close(Jpeg *jpeg);

#endif
