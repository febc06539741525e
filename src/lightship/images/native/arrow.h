/* Reads the pixels of an image of Pillow where they lie, by Arrow's C data interface. */

#ifndef LIGHTSHIP_ARROW_H
#define LIGHTSHIP_ARROW_H

#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>

/* Returns the bytes of so many pixels of 1 or 4 bytes, which last as long as the capsule `arrow_array`. Returns NULL, with
   an exception, if it holds anything else. */
const uint8_t *arrow_pixels(PyObject *capsule, int64_t pixels, int bytes);

#endif
