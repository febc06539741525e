/* The module `_native`: resizes images as Pillow does, and decodes JPEG with Pillow's libjpeg. */

#include "arguments.h"

#include <string.h>

#include "arrow.h"
#include "jpeg.h"
#include "resampler.h"

static int attached;

typedef enum { DONE, REFUSED, NO_MEMORY } Outcome;

/* Where the rows of an image come from: a JPEG, or memory with pixels of 1 or 4 bytes. */
typedef struct {
    const uint8_t *bytes;
    size_t size;
    int width, height, colors;
} Image;

static Outcome take_jpeg(Resampler *to, const Image *image) {
    Jpeg *jpeg = jpeg_open(image->bytes, image->size, image->width, image->height, image->colors);
    if (!jpeg) return REFUSED;
    int row = 0;
    for (; row < image->height && jpeg_next(jpeg, resampler_row(to, row)); row++) resampler_take(to, row);
    jpeg_close(jpeg);
    return row == image->height ? DONE : REFUSED;
}

static Outcome take_pixels(Resampler *to, const Image *image) {
    size_t width = (size_t)image->width, stride = image->colors == 1 ? width : PIXEL * width;
    const uint8_t *bytes = image->bytes;
    for (int row = 0; row < image->height; row++, bytes += stride) {
        if (resampler_uses(to, row)) {
            uint8_t *pixels = resampler_row(to, row);
            if (image->colors == 1)
                for (size_t at = 0; at < width; at++) memset(pixels + PIXEL * at, bytes[at], PIXEL);
            else
                memcpy(pixels, bytes, stride);
        }
        resampler_take(to, row);
    }
    return DONE;
}

typedef Outcome Take(Resampler *to, const Image *image);

static Outcome resize(Resizing *resizing, Take *take, const Image *image) {
    const Kernels *kernels = resizing->plain ? &plain_kernels : best_kernels();
    Resampler resampler;
    if (kernels->splits && !(axis_split_for_pixels(&resizing->x) && axis_split_for_rows(&resizing->y))) return NO_MEMORY;
    int made = resampler_make(&resampler, &resizing->x, &resizing->y, kernels, resizing->columns_first, resizing->channels,
                              resizing->out.buf);
    Outcome outcome = made ? take(&resampler, image) : NO_MEMORY;
    resampler_free(&resampler);
    return outcome;
}

/* Reads the size of the image and what to resize with. In either case `resizing_end` must follow. */
static int read_arguments(PyObject *const *arguments, Image *image, Resizing *resizing) {
    int *const numbers[] = {&image->width, &image->height, &image->colors, &resizing->columns_first, &resizing->plain};
    const int places[] = {1, 2, 3, 7, 8};
    for (size_t at = 0; at < sizeof places / sizeof *places; at++) {
        long number = PyLong_AsLong(arguments[places[at]]);
        if (number == -1 && PyErr_Occurred()) return 0;
        *numbers[at] = number < 0 || number > INT32_MAX ? 0 : (int)number;
    }
    return resizing_begin(resizing, image->width, image->height, arguments[4], arguments[5], arguments[6]);
}

typedef int Read(PyObject *, Image *, Py_buffer *);

static PyObject *resized(PyObject *const *arguments, Py_ssize_t count, Take *take, Read *read) {
    enum { ARGUMENTS = 9 };
    Image image = {0};
    Resizing resizing = {0};
    Py_buffer data = {0};
    Outcome outcome = REFUSED;
    if (count != ARGUMENTS) return PyErr_Format(PyExc_TypeError, "there must be 9 arguments, and there are %zd", count);
    int ready = read_arguments(arguments, &image, &resizing) && read(arguments[0], &image, &data);
    if (ready) {
        Py_BEGIN_ALLOW_THREADS
        outcome = resize(&resizing, take, &image);
        Py_END_ALLOW_THREADS
    }
    resizing_end(&resizing);
    PyBuffer_Release(&data);
    if (!ready) return NULL;
    return outcome == NO_MEMORY ? PyErr_NoMemory() : PyBool_FromLong(outcome == DONE);
}

static int read_encoded(PyObject *object, Image *image, Py_buffer *data) {
    if (!attached) PyErr_SetString(PyExc_RuntimeError, "libjpeg was not found: call attach first");
    if (!attached || PyObject_GetBuffer(object, data, PyBUF_SIMPLE)) return 0;
    image->bytes = data->buf, image->size = (size_t)data->len;
    return 1;
}

static int read_decoded(PyObject *capsule, Image *image, Py_buffer *data) {
    (void)data;
    image->bytes = arrow_pixels(capsule, (int64_t)image->width * image->height, image->colors == 1 ? 1 : PIXEL);
    return image->bytes != NULL;
}

static PyObject *py_resize_jpeg(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    return resized(arguments, count, take_jpeg, read_encoded);
}

static PyObject *py_resize_image(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    return resized(arguments, count, take_pixels, read_decoded);
}

static PyObject *py_attach(PyObject *module, PyObject *path) {
    PyObject *bytes;
    (void)module;
    if (!PyUnicode_FSConverter(path, &bytes)) return NULL;
    attached = attached || jpeg_attach(PyBytes_AsString(bytes));
    Py_DECREF(bytes);
    return PyBool_FromLong(attached);
}

static PyObject *py_count_markers(PyObject *module, PyObject *arguments) {
    Py_buffer data;
    int code;
    Py_ssize_t found = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*i", &data, &code)) return NULL;
    const unsigned char *at = data.buf, *last = data.len ? at + data.len - 1 : at;
    Py_BEGIN_ALLOW_THREADS
    while (at < last && (at = memchr(at, 0xFF, (size_t)(last - at)))) found += *++at == code;
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&data);
    return PyLong_FromSsize_t(found);
}

static PyMethodDef methods[] = {
    {"attach", py_attach, METH_O, "attach(path)"},
    {"count_markers", py_count_markers, METH_VARARGS, "count_markers(data, code)"},
    {"resize_jpeg", (PyCFunction)(void (*)(void))py_resize_jpeg, METH_FASTCALL,
     "resize_jpeg(data, width, height, colors, columns, rows, out, columns_first, plain)"},
    {"resize_image", (PyCFunction)(void (*)(void))py_resize_image, METH_FASTCALL,
     "resize_image(array, width, height, colors, columns, rows, out, columns_first, plain)"},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&module); }
