#include "arrays.h"

#include <stdlib.h>

typedef struct {
    Arrays *arrays;
    const char *at;
    char *values;
    Py_ssize_t count, room, shape[DEEPEST];
    uint64_t signs; /* its first bit: whether a number, if all are SIGNED, was negative */
    int depth, failed;
    Kind kind;
} Reader;

int grow(void *block, Py_ssize_t *capacity, Py_ssize_t needed, size_t size) {
    if (needed <= *capacity) return 1;
    if (needed > PY_SSIZE_T_MAX / 4 / (Py_ssize_t)size) return 0;
    Py_ssize_t more = needed < 8 ? 16 : 2 * needed;
    void *old, *moved;
    memcpy(&old, block, sizeof old);
    if (!(moved = realloc(old, (size_t)more * size))) return 0;
    memcpy(block, &moved, sizeof moved);
    *capacity = more;
    return 1;
}

/* The interpreter's lock is taken for a moment, some twenty times at most for one document. */
static int resize(Arrays *arrays) {
    Py_ssize_t room = arrays->room ? 2 * arrays->room : (arrays->end - arrays->text) / 16 + 16;
    int failed;
    if (!arrays->room && room > 1 << 20) room = 1 << 20;
    if (room > PY_SSIZE_T_MAX / 16) return 0;
    PyEval_RestoreThread(arrays->state);
    if (arrays->buffer)
        failed = PyByteArray_Resize(arrays->buffer, 8 * room);
    else
        failed = !(arrays->buffer = PyByteArray_FromStringAndSize(NULL, 8 * room));
    if (failed)
        PyErr_Clear();
    else
        arrays->values = PyByteArray_AsString(arrays->buffer), arrays->room = room;
    arrays->state = PyEval_SaveThread();
    return !failed;
}

static int has_room(Reader *r) {
    if (!UNLIKELY(r->count >= r->room)) return 1;
    if (!resize(r->arrays)) return r->failed = 1, 0;
    r->values = r->arrays->values, r->room = r->arrays->room;
    return 1;
}

static void put(Reader *r, uint64_t bits) { memcpy(r->values + 8 * r->count++, &bits, 8); }

static uint64_t as_double(uint64_t bits, Kind kind) {
    double value = kind == UNSIGNED ? (double)bits : (double)(int64_t)bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* From the first number on that does not fit to the integers before it, all are doubles. */
static void to_doubles(Reader *r) {
    Py_ssize_t count = r->count;
    for (r->count = r->arrays->count; r->count < count;) {
        uint64_t bits;
        memcpy(&bits, r->values + 8 * r->count, 8);
        put(r, as_double(bits, r->kind));
    }
    r->kind = DOUBLE;
}

static void put_other(Reader *r, uint64_t bits, Kind kind) {
    if (r->kind == SIGNED && kind == UNSIGNED && !(r->signs >> 63))
        r->kind = UNSIGNED;
    else if (r->kind != DOUBLE && (r->kind == SIGNED || kind == DOUBLE || bits >> 63))
        to_doubles(r);
    put(r, r->kind == DOUBLE && kind != DOUBLE ? as_double(bits, kind) : bits);
}

/* Reads the numbers of an innermost list. Returns how many they are, or 0 if they are followed by anything but a closing
   bracket. */
static Py_ssize_t read_row(Reader *r) {
    const char *at = r->at, *end = r->arrays->end;
    Py_ssize_t first = r->count;
    char next = ',';
    for (; next == ','; at++) {
        at = skip_blanks(at);
        Number number = read_number(at, end);
        if (UNLIKELY(number.kind == FAULT || !has_room(r))) break;
        at = skip_blanks(number.behind);
        if (UNLIKELY(number.kind != r->kind))
            put_other(r, number.bits, number.kind);
        else
            put(r, number.bits);
        r->signs |= number.bits;
        next = *at;
        if (next != ',') break;
    }
    r->at = at + (next == ']');
    return next == ']' ? r->count - first : 0;
}

/* Reads the rest of a list, behind its opening bracket. The text ends with a NUL, which is none of the bytes here. */
static int read_list(Reader *r, int level) {
    Py_ssize_t size = 0;
    char next = ',';
    if (level + 1 == r->depth) {
        size = read_row(r);
        next = size ? ']' : 0;
    }
    while (next == ',') {
        r->at = skip_blanks(r->at);
        if (*r->at != '[') return 0;
        r->at++;
        if (!read_list(r, level + 1)) return 0;
        size++;
        r->at = skip_blanks(r->at);
        next = *r->at;
        if (next == ',' || next == ']') r->at++;
    }
    if (r->shape[level] == 0) r->shape[level] = size;
    return next == ']' && r->shape[level] == size;
}

static int add(Reader *r, const char *start) {
    Arrays *a = r->arrays;
    if (!grow(&a->arrays, &a->capacity, a->size + 1, sizeof(Array)) ||
        !grow(&a->shapes, &a->shapes_capacity, a->shapes_size + r->depth, sizeof(Py_ssize_t)))
        return 0;
    Array *array = &a->arrays[a->size++];
    array->start = start - a->text, array->end = r->at - a->text;
    array->first = a->count, array->count = r->count - a->count;
    array->shape = a->shapes_size, array->depth = r->depth, array->kind = r->kind;
    memcpy(a->shapes + a->shapes_size, r->shape, sizeof(Py_ssize_t) * (size_t)r->depth);
    a->shapes_size += r->depth;
    a->count = r->count;
    return 1;
}

Found read_array(Arrays *arrays, const char *start, const char **behind) {
    Reader r = {arrays, start, arrays->values, arrays->count, arrays->room, {0}, 0, 0, 0, SIGNED};
    for (; *r.at == '[' && r.depth < DEEPEST; r.at = skip_blanks(r.at + 1)) r.depth++;
    *behind = r.at;
    if (*r.at != '-' && *r.at != 'N' && *r.at != 'I' && (*r.at < '0' || *r.at > '9')) return NO_ARRAY;
    r.at = start + 1;
    int whole = read_list(&r, 0);
    *behind = r.at;
    if (r.failed) return OUT_OF_MEMORY;
    if (!whole) return NO_ARRAY;
    return add(&r, start) ? AN_ARRAY : OUT_OF_MEMORY;
}

void drop_array(Arrays *arrays) {
    Array *last = &arrays->arrays[--arrays->size];
    arrays->count = last->first;
    arrays->shapes_size = last->shape;
}

Py_ssize_t lists_of(const Arrays *arrays) {
    const Array *last = &arrays->arrays[arrays->size - 1];
    Py_ssize_t lists = 1, all = 1;
    for (int level = 0; level + 1 < last->depth; level++) all += lists *= arrays->shapes[last->shape + level];
    return all;
}

void free_arrays(Arrays *arrays) {
    free(arrays->arrays);
    free(arrays->shapes);
    Py_XDECREF(arrays->buffer);
}
