#include "build.h"

#include <stdlib.h>

#include "text.h"

enum { NAMES = 64, MAX_KEPT_NAME = 32 };

typedef struct {
    PyObject *container, *name; /* the name of its current member, if it is an object */
} Level;

/* A name that may come again: where it stands in the text, with its quotation marks, and its str. */
typedef struct {
    const char *text;
    ptrdiff_t size;
    PyObject *name;
} Kept;

typedef struct {
    const Arrays *arrays;
    const Makers *makers;
    const char *at;
    Py_ssize_t next_array, depth, capacity;
    Level *levels;
    Kept kept[NAMES];
    Lock lock;
} Builder;

static PyObject *build_text(Builder *b) { return build_string(b->at, b->arrays->end, &b->lock, &b->at); }

/* Returns the name at this place, without building it again if it is one of the last names. */
static PyObject *build_name(Builder *b) {
    const char *start = b->at = skip_blanks(b->at), *close = skip_plain(start + 1, b->arrays->end);
    ptrdiff_t size = close - start;
    if (*close != '"' || size > MAX_KEPT_NAME) return build_text(b);
    Kept *kept = &b->kept[(unsigned)(size * 31 + start[1] + close[-1] * 7) % NAMES];
    if (kept->size != size || memcmp(kept->text, start, (size_t)size)) {
        PyObject *name = build_text(b);
        if (!name) return NULL;
        Py_XDECREF(kept->name);
        *kept = (Kept){start, size, name};
    }
    b->at = close + 1;
    return Py_NewRef(kept->name);
}

static PyObject *build_number(Builder *b) {
    Number number = read_number(b->at, b->arrays->end);
    double value;
    b->at = number.behind;
    if (number.kind == SIGNED) return PyLong_FromLongLong((long long)number.bits);
    if (number.kind == UNSIGNED) return PyLong_FromUnsignedLongLong(number.bits);
    memcpy(&value, &number.bits, sizeof value);
    return PyFloat_FromDouble(value);
}

static PyObject *build_word(Builder *b, PyObject *value, int size) {
    b->at += size;
    return Py_NewRef(value);
}

static PyObject *build_array(Builder *b) {
    const Array *array = &b->arrays->arrays[b->next_array++];
    const Makers *makers = b->makers;
    PyObject *shape = PyTuple_New(array->depth);
    for (int level = 0; shape && level < array->depth; level++) {
        PyObject *size = PyLong_FromSsize_t(b->arrays->shapes[array->shape + level]);
        if (!size || PyTuple_SetItem(shape, level, size)) Py_CLEAR(shape);
    }
    b->at = b->arrays->text + array->end;
    if (!shape) return NULL;
    const char *kind = array->kind == SIGNED ? "i8" : array->kind == UNSIGNED ? "u8" : "f8";
    return PyObject_CallFunction(makers->make_array, "OnnOnnNs", makers->body, array->start, array->end,
                                 b->arrays->buffer, array->first, array->count, shape, kind);
}

/* Makes a container that the garbage collector does not visit: what is read from JSON has no cycles. */
static PyObject *new_container(int object) {
    PyObject *container = object ? PyDict_New() : PyList_New(0);
    if (container) PyObject_GC_UnTrack(container);
    return container;
}

static int is_array(const Builder *b) {
    return b->next_array < b->arrays->size && b->at == b->arrays->text + b->arrays->arrays[b->next_array].start;
}

/* Opens a list or an object that is not empty. Returns 0 if Python raised an error. */
static int open_container(Builder *b, PyObject *container, int object) {
    PyObject *name = NULL;
    if (!grow(&b->levels, &b->capacity, b->depth + 1, sizeof(Level))) {
        Py_DECREF(container);
        PyErr_NoMemory();
        return 0;
    }
    if (object && (name = build_name(b))) b->at = skip_blanks(b->at) + 1;
    b->levels[b->depth++] = (Level){container, name};
    return !object || name;
}

/* Returns a complete value, or NULL if a list or an object was opened, or if Python raised an error. */
static PyObject *build_value(Builder *b, int *failed) {
    PyObject *value;
    int object;
    b->at = skip_blanks(b->at);
    switch (*b->at) {
    case '"': value = build_text(b); break;
    case 't': return build_word(b, Py_True, 4);
    case 'f': return build_word(b, Py_False, 5);
    case 'n': return build_word(b, Py_None, 4);
    case '[':
    case '{':
        if (is_array(b)) {
            value = build_array(b);
            break;
        }
        object = *b->at == '{';
        b->at = skip_blanks(b->at + 1);
        value = new_container(object);
        if (!value) break;
        if (*b->at == (object ? '}' : ']')) return b->at++, value;
        *failed = !open_container(b, value, object);
        return NULL;
    default: value = build_number(b);
    }
    *failed = !value;
    return value;
}

/* Adds a value, whose reference it takes, to the innermost container. */
static int add_value(Builder *b, PyObject *value) {
    Level *level = &b->levels[b->depth - 1];
    int failed;
    if (!level->name) {
        failed = PyList_Append(level->container, value);
    } else if (PyDict_CheckExact(level->container) && !PyDict_Contains(level->container, level->name)) {
        failed = PyDict_SetItem(level->container, level->name, value);
    } else {
        PyObject *more = PyObject_CallFunctionObjArgs(b->makers->add_member, level->container, level->name, value, NULL);
        failed = !more;
        if (more) {
            Py_DECREF(level->container);
            level->container = more;
        }
    }
    Py_CLEAR(level->name);
    Py_DECREF(value);
    return !failed;
}

static PyObject *close_container(Builder *b) {
    PyObject *container = b->levels[--b->depth].container;
    if (PyDict_CheckExact(container)) PyObject_GC_UnTrack(container); /* a member may have made it visible again */
    return container;
}

/* Adds a complete value to its container, and closes containers, up to a comma. Returns the value of the document if
   there is no container left. */
static PyObject *build_next(Builder *b, PyObject *value, int *failed) {
    while (b->depth) {
        int object = b->levels[b->depth - 1].name != NULL;
        *failed = !add_value(b, value);
        if (*failed) return NULL;
        b->at = skip_blanks(b->at);
        if (*b->at++ == ',') {
            if (!object) return NULL;
            PyObject *name = b->levels[b->depth - 1].name = build_name(b);
            b->at = skip_blanks(b->at) + 1;
            *failed = !name;
            return NULL;
        }
        value = close_container(b);
        release_sometimes(&b->lock);
    }
    return value;
}

PyObject *build_document(const Arrays *arrays, const char *start, const Makers *makers) {
    Builder b = {.arrays = arrays, .makers = makers, .at = start, .lock = lock_held()};
    PyObject *document = NULL;
    int failed = 0;
    while (!document && !failed) {
        PyObject *value = build_value(&b, &failed);
        if (value) document = build_next(&b, value, &failed);
        release_sometimes(&b.lock);
    }
    while (b.depth) {
        Py_XDECREF(b.levels[--b.depth].name);
        Py_DECREF(b.levels[b.depth].container);
    }
    for (int i = 0; i < NAMES; i++) Py_XDECREF(b.kept[i].name);
    free(b.levels);
    return document;
}
