#include "arrow.h"

/* https://arrow.apache.org/docs/format/CDataInterface.html */
typedef struct ArrowArray {
    int64_t length, null_count, offset, buffers_count, children_count;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
} ArrowArray;

/* Numbers without a bitmap of those that are missing. */
static const uint8_t *numbers(const ArrowArray *array, int64_t length) {
    if (array->length != length || array->offset || array->null_count || array->buffers_count != 2) return NULL;
    return array->children_count ? NULL : array->buffers[1];
}

/* A pixel of several bytes is a list of a fixed size. */
static const uint8_t *found(const ArrowArray *array, int64_t pixels, int bytes) {
    if (!array->release) return NULL;
    if (bytes == 1) return numbers(array, pixels);
    if (array->length != pixels || array->offset || array->null_count || array->children_count != 1) return NULL;
    return numbers(array->children[0], pixels * bytes);
}

const uint8_t *arrow_pixels(PyObject *capsule, int64_t pixels, int bytes) {
    const ArrowArray *array = PyCapsule_GetPointer(capsule, "arrow_array");
    const uint8_t *start = array ? found(array, pixels, bytes) : NULL;
    if (array && !start) PyErr_SetString(PyExc_ValueError, "the array does not hold these pixels");
    return start;
}
