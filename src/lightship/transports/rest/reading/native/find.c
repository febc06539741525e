#include "find.h"

/* Skips all that stands between two numbers of an array. */
static const char *skip_between(const char *at, const char *end) {
    while (at < end && (*at == ',' || *at == '[' || *at == ']' || *at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

static int is_outside(Number number, int64_t low, uint64_t high) {
    if (number.kind == UNSIGNED) return number.bits > high;
    if (number.kind != SIGNED) return 1;
    int64_t value = (int64_t)number.bits;
    return value < low || (value > 0 && number.bits > high);
}

Py_ssize_t find_outside(const char *at, const char *end, int64_t low, uint64_t high) {
    for (Py_ssize_t index = 0; (at = skip_between(at, end)) < end; index++) {
        Number number = read_number(at, end);
        if (is_outside(number, low, high)) return index;
        at = number.behind;
    }
    return -1;
}

Py_ssize_t find_integer(const char *at, const char *end) {
    for (Py_ssize_t index = 0; (at = skip_between(at, end)) < end; index++) {
        Number number = read_number(at, end);
        if (number.kind != DOUBLE) return number.kind == FAULT ? -1 : index;
        at = number.behind;
    }
    return -1;
}

Py_ssize_t find_index(const char *at, const char *end, Py_ssize_t index) {
    const char *start = at;
    for (; index > 0 && at < end; at++) index -= *at == ',';
    return skip_between(at, end) - start;
}
