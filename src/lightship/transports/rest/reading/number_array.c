/* Reads a JSON array of numbers that has one shape throughout: parse(body, start), without the interpreter's lock.

   Returns None for anything else, and for what it leaves to others (empty lists, long integers, NaN). Else a tuple:
   the offset behind the array; its shape, as bytes of Py_ssize_t; a bytearray of int64, or of doubles; whether all the
   numbers are integer literals, and so int64; and (index, start, end) of the few numbers that the caller is to convert,
   again as bytes of Py_ssize_t. Every other double is the one nearest to its text. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { DEEPEST = 32, MOST_LEFT = 256, POWERS = 64, MOST_DIGITS = 19, MOST_INTEGER_DIGITS = 18 };

typedef unsigned __int128 u128;

typedef struct {
    const char *text, *at, *end;
    PyObject *array; /* a bytearray of `room` values */
    char *values;
    Py_ssize_t count, room, shape[DEEPEST], left[MOST_LEFT][3];
    int depth, lefts, fractions;
    PyThreadState *state;
} Reader;

static u128 reciprocals[POWERS]; /* 10^-n, shifted to have their first bit at the top; too small by less than 2^-118 */
static int shifts[POWERS];       /* 10^-n = reciprocals[n] * 2^-shifts[n] */
static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};

static void fill_reciprocals(void) {
    u128 value = (u128)1 << 127;
    int shift = 127;
    for (int n = 0; n < POWERS; n++) {
        reciprocals[n] = value;
        shifts[n] = shift;
        value /= 5;
        shift++;
        for (; !(value >> 127); value <<= 1) shift++;
    }
}

/* digits * 10^-scale, rounded once; 0 if the nearest double is not certain. No branch that depends on the digits. */
static int decimal(uint64_t digits, int scale, int negative, double *value) {
    const u128 half = (u128)1 << 74, error = 1 << 13; /* 53 of 128 bits are kept */
    int zeros = __builtin_clzll(digits | 1);
    uint64_t first = digits << zeros;
    u128 product = (u128)first * (uint64_t)(reciprocals[scale] >> 64);
    product += ((u128)first * (uint64_t)reciprocals[scale]) >> 64;
    int zero = !(uint64_t)(product >> 127);
    product <<= zero;
    u128 rest = product & (2 * half - 1);
    uint64_t exponent = (uint64_t)(1023 + 127 + 64 - zeros - zero - shifts[scale]);
    uint64_t bits = ((exponent - 1) << 52) + (uint64_t)(product >> 75) + (rest > half); /* the first bit adds 1 */
    bits = (digits ? bits : 0) | (uint64_t)negative << 63;
    memcpy(value, &bits, sizeof bits);
    return rest + error < half || rest > half;
}

/* Appends the digits that stand here to `number`, eight at a time. What overflows is not used. */
static const char *digits(const char *at, const char *end, uint64_t *number) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        uint64_t chunk;
        memcpy(&chunk, at, 8);
        chunk ^= 0x3030303030303030;
        uint64_t others = ((chunk + 0x7676767676767676) | chunk) & 0x8080808080808080;
        int size = others ? __builtin_ctzll(others) >> 3 : 8;
        chunk = chunk << (32 - 4 * size) << (32 - 4 * size); /* zeros before it; twice, since 64 at once is undefined */
        chunk = (chunk * 10 + (chunk >> 8)) & 0x00FF00FF00FF00FF;
        chunk = (chunk * 100 + (chunk >> 16)) & 0x0000FFFF0000FFFF;
        chunk = (chunk * 10000 + (chunk >> 32)) & 0x00000000FFFFFFFF;
        at += size;
        if (size < 8) {
            *number = *number * powers[size] + chunk;
            return at;
        }
        *number = *number * 100000000 + chunk;
    }
#endif
    for (; *at >= '0' && *at <= '9'; at++) *number = *number * 10 + (uint64_t)(*at - '0');
    return at;
}

static void skip_blanks(Reader *r) {
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t') r->at++;
}

static int has_room(Reader *r) {
    if (r->count < r->room) return 1;
    PyEval_RestoreThread(r->state);
    r->room = 2 * r->room;
    int failed = PyByteArray_Resize(r->array, 8 * r->room);
    r->values = PyByteArray_AsString(r->array);
    r->state = PyEval_SaveThread();
    return !failed;
}

static void put_double(Reader *r, double value) { memcpy(r->values + 8 * r->count++, &value, 8); }

static void put_integer(Reader *r, int64_t value) { memcpy(r->values + 8 * r->count++, &value, 8); }

/* From the first number that is no integer literal on, all are doubles. */
static void to_doubles(Reader *r) {
    Py_ssize_t count = r->count;
    r->fractions = 1;
    for (r->count = 0; r->count < count;) {
        int64_t value;
        memcpy(&value, r->values + 8 * r->count, 8);
        put_double(r, (double)value);
    }
}

static int read_integer(Reader *r, uint64_t number, int negative, Py_ssize_t size) {
    if (size > MOST_INTEGER_DIGITS) return 0;
    int64_t value = negative ? -(int64_t)number : (int64_t)number;
    if (r->fractions)
        put_double(r, (double)value);
    else
        put_integer(r, value);
    return 1;
}

static int read_number(Reader *r) {
    const char *start = r->at, *at = start, *first, *point;
    uint64_t number = 0, exponent = 0;
    Py_ssize_t size, scale = 0;
    double value;
    int negative = *at == '-';
    first = at += negative;
    at = *at == '0' ? at + 1 : digits(at, r->end, &number);
    size = at - first;
    if (size == 0 || !has_room(r)) return 0;
    if (*at != '.' && (*at | 32) != 'e') {
        r->at = at;
        return read_integer(r, number, negative, size);
    }
    if (*at == '.') {
        point = at++;
        at = digits(at, r->end, &number);
        scale = at - point - 1;
        if (scale == 0) return 0;
        size += scale;
        for (; size > MOST_DIGITS && (*first == '0' || first == point); first++) size -= first != point;
    }
    if ((*at | 32) == 'e') {
        int below = *++at == '-';
        at += below || *at == '+';
        point = at;
        at = digits(at, r->end, &exponent);
        if (at == point) return 0;
        if (at - point > 4) exponent = 9999;
        scale += below ? (Py_ssize_t)exponent : -(Py_ssize_t)exponent;
    }
    if (!r->fractions) to_doubles(r);
    if (size > MOST_DIGITS || scale < 0 || scale >= POWERS || !decimal(number, (int)scale, negative, &value)) {
        if (r->lefts == MOST_LEFT) return 0;
        Py_ssize_t *left = r->left[r->lefts++];
        left[0] = r->count, left[1] = start - r->text, left[2] = at - r->text;
        value = 0;
    }
    put_double(r, value);
    r->at = at;
    return 1;
}

/* The rest of a list, behind its opening bracket. Text ends with a NUL, which is none of the bytes that go on. */
static int read_list(Reader *r, int level) {
    Py_ssize_t size = 0;
    char next;
    do {
        skip_blanks(r);
        if (level + 1 == r->depth) {
            if (!read_number(r)) return 0;
        } else if (*r->at++ != '[' || !read_list(r, level + 1)) {
            return 0;
        }
        size++;
        skip_blanks(r);
        next = *r->at++;
    } while (next == ',');
    if (r->shape[level] == 0) r->shape[level] = size;
    return next == ']' && r->shape[level] == size;
}

static int read_array(Reader *r) {
    const char *start = r->at;
    for (; *r->at == '['; skip_blanks(r)) {
        r->at++;
        if (++r->depth > DEEPEST) return 0;
    }
    r->at = start + 1;
    return r->depth > 0 && read_list(r, 0);
}

static PyObject *result(Reader *r) {
    const Py_ssize_t word = sizeof(Py_ssize_t);
    if (PyByteArray_Resize(r->array, 8 * r->count)) return NULL;
    return Py_BuildValue("ny#OOy#", r->at - r->text, (char *)r->shape, r->depth * word, r->array,
                         r->fractions ? Py_False : Py_True, (char *)r->left, 3 * r->lefts * word);
}

static PyObject *parse(PyObject *module, PyObject *arguments) {
    PyObject *body, *found = NULL;
    Py_ssize_t start, size;
    char *text;
    Reader r = {0};
    if (!PyArg_ParseTuple(arguments, "Sn", &body, &start) || PyBytes_AsStringAndSize(body, &text, &size)) return NULL;
    if (start < 0 || start > size) return PyErr_Format(PyExc_ValueError, "no such offset: %zd", start);
    r.text = text, r.at = text + start, r.end = text + size;
    r.room = (size - start) / 16 + 16;
    if (r.room > 1 << 20) r.room = 1 << 20;
    if (!(r.array = PyByteArray_FromStringAndSize(NULL, 8 * r.room))) return NULL;
    r.values = PyByteArray_AsString(r.array);
    r.state = PyEval_SaveThread();
    int whole = read_array(&r);
    PyEval_RestoreThread(r.state);
    if (whole)
        found = result(&r);
    else if (!PyErr_Occurred())
        found = Py_NewRef(Py_None);
    Py_DECREF(r.array);
    return found;
}

static PyMethodDef methods[] = {{"parse", parse, METH_VARARGS, "parse(body, start)"}, {NULL, NULL, 0, NULL}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_number_array", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__number_array(void) {
    fill_reciprocals();
    return PyModule_Create(&module);
}
