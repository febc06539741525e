#include "check.h"

#include <stdlib.h>

#include "text.h"

/* The open lists and objects take one bit each. */
typedef struct {
    Arrays *arrays;
    const char *at, *no_array_before;
    Py_ssize_t containers, most, depth, capacity;
    uint64_t *objects; /* whether the container of each level is an object */
    Fault fault;
} Checker;

static int fail(Checker *c, Fault fault) {
    c->fault = fault;
    return 0;
}

static int count(Checker *c, Py_ssize_t containers) {
    c->containers += containers;
    return c->containers > c->most ? fail(c, TOO_MANY_CONTAINERS) : 1;
}

static int open_container(Checker *c, int object) {
    if (!grow(&c->objects, &c->capacity, c->depth / 64 + 1, sizeof(uint64_t))) return fail(c, NO_MEMORY);
    uint64_t bit = (uint64_t)1 << c->depth % 64, *word = &c->objects[c->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    c->depth++;
    return 1;
}

static int in_object(const Checker *c) { return c->objects[(c->depth - 1) / 64] >> (c->depth - 1) % 64 & 1; }

static int check_text(Checker *c) {
    c->at = check_string(c->at, c->arrays->end, &c->fault);
    return c->fault == NO_FAULT;
}

static int check_name(Checker *c) {
    c->at = skip_blanks(c->at);
    if (*c->at != '"') return fail(c, NO_NAME);
    if (!check_text(c)) return 0;
    c->at = skip_blanks(c->at);
    if (*c->at != ':') return fail(c, NO_COLON);
    c->at++;
    return 1;
}

static int check_word(Checker *c, const char *word) {
    for (; *word; word++, c->at++)
        if (*c->at != *word) return fail(c, INVALID_VALUE);
    return 1;
}

static int check_number(Checker *c) {
    Number number = read_number(c->at, c->arrays->end);
    c->at = number.behind;
    return number.kind == FAULT ? fail(c, number.fault) : 1;
}

/* Reads an array of numbers. A short one is only counted. What is no array is not tried again from within. */
static Found try_array(Checker *c) {
    const char *behind;
    if (c->at < c->no_array_before) return NO_ARRAY;
    Found found = read_array(c->arrays, c->at, &behind);
    if (found == NO_ARRAY) c->no_array_before = behind;
    if (found == OUT_OF_MEMORY) fail(c, NO_MEMORY);
    if (found != AN_ARRAY) return found;
    if (behind - c->at < SHORTEST_ARRAY) {
        Py_ssize_t lists = lists_of(c->arrays);
        drop_array(c->arrays);
        count(c, lists);
    }
    c->at = behind;
    return found;
}

/* Checks a value that is not in a list or object, or opens one. Returns whether a value is complete. */
static int check_value(Checker *c) {
    int object;
    c->at = skip_blanks(c->at);
    switch (*c->at) {
    case '"': return check_text(c);
    case 't': return check_word(c, "true");
    case 'f': return check_word(c, "false");
    case 'n': return check_word(c, "null");
    case '[':
        if (try_array(c) != NO_ARRAY) return c->fault == NO_FAULT;
        /* fall through */
    case '{':
        object = *c->at == '{';
        if (!count(c, 1)) return 0;
        c->at = skip_blanks(c->at + 1);
        if (*c->at == (object ? '}' : ']')) return c->at++, 1;
        if (open_container(c, object) && object) check_name(c);
        return 0;
    default: return check_number(c);
    }
}

/* Checks what follows a complete value: closes containers, up to a comma. Returns 0 at the end, or after a fault. */
static int check_next(Checker *c) {
    for (; c->depth; c->depth--) {
        int object = in_object(c);
        c->at = skip_blanks(c->at);
        if (*c->at == ',') {
            c->at++;
            return object ? check_name(c) : 1;
        }
        if (*c->at != (object ? '}' : ']')) return fail(c, object ? NO_COMMA_IN_OBJECT : NO_COMMA_IN_LIST);
        c->at++;
    }
    return 0;
}

Checked check_document(Arrays *arrays, const char *start, Py_ssize_t most, int only_lists) {
    Checker c = {arrays, skip_blanks(start), only_lists ? arrays->end : start, 0, most, 0, 0, NULL, NO_FAULT};
    if (c.at == arrays->end || (*c.at && strchr("]},:", *c.at))) fail(&c, DOCUMENT_EMPTY);
    int more = c.fault == NO_FAULT;
    while (more) {
        int complete = check_value(&c);
        more = c.fault == NO_FAULT && (!complete || check_next(&c));
    }
    free(c.objects);
    return (Checked){c.at, c.fault, c.containers};
}
