#include "text.h"

#include <stdlib.h>

enum { CHUNK = 1 << 18 }; /* bytes that are decoded at once; Python does this in less than a millisecond */

const char *skip_plain(const char *at, const char *end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    while (end - at >= 8) {
        uint64_t chunk;
        memcpy(&chunk, at, 8);
        uint64_t quotes = chunk ^ ('"' * ones), slashes = chunk ^ ('\\' * ones);
        uint64_t found = (((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes) | ((chunk - 0x20 * ones) & ~chunk));
        if (found & tops) return at + (__builtin_ctzll(found & tops) >> 3);
        at += 8;
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20) at++;
    return at;
}

/* The value of four hexadecimal digits, or -1. */
static int hex(const char *at) {
    int code = 0;
    for (int i = 0; i < 4; i++) {
        char low = at[i] | 32;
        if (at[i] >= '0' && at[i] <= '9')
            code = code * 16 + (at[i] - '0');
        else if (low >= 'a' && low <= 'f')
            code = code * 16 + (low - 'a' + 10);
        else
            return -1;
    }
    return code;
}

static int is_first_half(int code) { return code >= 0xD800 && code < 0xDC00; }

/* The character of an escape sequence that begins with a backslash and u, or -1. A lone second half is accepted. */
static int unicode_escape(const char *at, const char **behind, Fault *fault) {
    int code = hex(at + 2), second = 0;
    *behind = at + 6;
    if (is_first_half(code) && at[6] == '\\' && at[7] == 'u') {
        second = hex(at + 8);
        *behind = at + 12;
    }
    if (code < 0 || second < 0) {
        *fault = INVALID_HEX;
        return -1;
    }
    if (!is_first_half(code)) return code;
    if (second >= 0xDC00 && second < 0xE000) return 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
    *fault = INVALID_SURROGATE;
    return -1;
}

/* The byte that a short escape sequence stands for, or 0. */
static char short_escape(char name) {
    switch (name) {
    case '"':
    case '\\':
    case '/': return name;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
    }
}

const char *check_string(const char *at, const char *end, Fault *fault) {
    for (at = skip_plain(at + 1, end); *at != '"'; at = skip_plain(at, end)) {
        if (*at == 0) return *fault = NO_QUOTATION_MARK, at;
        if (*at != '\\') return *fault = INVALID_ESCAPE, at;
        if (at[1] == 'u') {
            const char *behind;
            if (unicode_escape(at, &behind, fault) < 0) return at;
            at = behind;
        } else {
            if (!short_escape(at[1])) return *fault = INVALID_ESCAPE, at;
            at += 2;
        }
    }
    return at + 1;
}

static char *put_utf8(char *to, int code) {
    if (code < 0x80) return *to++ = (char)code, to;
    if (code < 0x800) {
        *to++ = (char)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xE0 | code >> 12);
        } else {
            *to++ = (char)(0xF0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3F));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
    }
    *to++ = (char)(0x80 | (code & 0x3F));
    return to;
}

static int is_continuation(char byte) { return ((unsigned char)byte & 0xC0) == 0x80; }

/* Returns the end of a chunk that does not end within a character. */
static const char *chunk_end(const char *at, const char *end) {
    if (end - at <= CHUNK) return end;
    const char *cut = at + CHUNK;
    for (int i = 0; i < 4 && is_continuation(*cut); i++) cut--;
    return is_continuation(*cut) ? at + CHUNK : cut;
}

static PyObject *decode(const char *at, const char *end, Lock *lock) {
    if (end - at <= CHUNK) return PyUnicode_DecodeUTF8(at, end - at, "surrogateescape");
    PyObject *pieces = PyList_New(0), *empty = PyUnicode_FromStringAndSize("", 0), *text = NULL;
    int failed = !pieces || !empty;
    while (at < end && !failed) {
        const char *cut = chunk_end(at, end);
        PyObject *piece = PyUnicode_DecodeUTF8(at, cut - at, "surrogateescape");
        failed = !piece || PyList_Append(pieces, piece);
        Py_XDECREF(piece);
        at = cut;
        release_when_due(lock);
    }
    if (!failed) text = PyUnicode_Join(empty, pieces);
    Py_XDECREF(pieces);
    Py_XDECREF(empty);
    return text;
}

/* Writes a string that has escape sequences without them. Returns its end. */
static char *unescape(const char *at, const char *end, const char **behind, char *to) {
    for (;;) {
        const char *plain = skip_plain(at, end);
        memcpy(to, at, (size_t)(plain - at));
        to += plain - at;
        if (*plain == '"') return *behind = plain + 1, to;
        if (plain[1] == 'u') {
            Fault none;
            to = put_utf8(to, unicode_escape(plain, &at, &none));
        } else {
            *to++ = short_escape(plain[1]);
            at = plain + 2;
        }
    }
}

static PyObject *build_escaped(const char *at, const char *end, Lock *lock, const char **behind) {
    Fault none = NO_FAULT;
    PyThreadState *state = NULL;
    const char *limit = end - at > CHUNK ? at + CHUNK : end, *last = at;
    while (last < limit && *last != '"') last = skip_plain(last, end), last += *last == '\\' ? 2 : 0;
    if (last >= limit) state = PyEval_SaveThread(); /* it is long */
    last = check_string(at - 1, end, &none);
    char *text = malloc((size_t)(last - at)), *text_end = text ? unescape(at, end, behind, text) : NULL;
    if (state) PyEval_RestoreThread(state);
    PyObject *found = text ? decode(text, text_end, lock) : PyErr_NoMemory();
    free(text);
    return found;
}

PyObject *build_string(const char *at, const char *end, Lock *lock, const char **behind) {
    const char *plain = skip_plain(++at, end);
    if (*plain == '\\') return build_escaped(at, end, lock, behind);
    *behind = plain + 1;
    return decode(at, plain, lock);
}
