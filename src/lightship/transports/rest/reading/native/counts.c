#include "counts.h"

#include <stdint.h>
#include <string.h>

enum { WIDTH = 16, ROUNDS = 255 }; /* after so many rounds, a counter of one byte is full */

typedef uint8_t Bytes __attribute__((vector_size(WIDTH)));

static size_t sum(Bytes counters) {
    size_t total = 0;
    for (int i = 0; i < WIDTH; i++) total += counters[i];
    return total;
}

/* Counts commas and opening brackets in some rounds, at most ROUNDS. A comparison that is true yields -1 in each byte. */
static void count_frequent(const char *at, size_t rounds, Counts *counts) {
    Bytes commas = {0}, lists = {0}, other = {0};
    for (size_t round = 0; round < rounds; round++) {
        Bytes bytes;
        memcpy(&bytes, at + WIDTH * round, WIDTH);
        commas -= (Bytes)(bytes == ',');
        lists -= (Bytes)(bytes == '[');
        other |= bytes | (Bytes)(bytes == '\\');
    }
    counts->commas += sum(commas), counts->lists += sum(lists);
    for (int i = 0; i < WIDTH; i++) counts->plain &= other[i] < 0x80;
}

static size_t count_rare(const char *at, const char *end, char byte) {
    size_t count = 0;
    for (; (at = memchr(at, byte, (size_t)(end - at))); at++) count++;
    return count;
}

/* Counts quotation marks and what is between them. `open` tells whether a string began before. */
static void count_text(const char *at, const char *end, int *open, Counts *counts) {
    for (;;) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (*open) counts->text += (size_t)((quote ? quote : end) - at);
        if (!quote) return;
        counts->quotes++;
        *open = !*open;
        at = quote + 1;
    }
}

Counts count_document(const char *at, const char *end) {
    Counts counts = {.plain = 1};
    int open = 0;
    while (at < end) {
        const char *start = at;
        size_t rounds = (size_t)(end - at) / WIDTH;
        rounds = rounds < ROUNDS ? rounds : ROUNDS;
        count_frequent(at, rounds, &counts);
        for (at += WIDTH * rounds; rounds < ROUNDS && at < end; at++) {
            counts.commas += *at == ',', counts.lists += *at == '[';
            counts.plain &= *at != '\\' && (unsigned char)*at < 0x80;
        }
        counts.objects += count_rare(start, at, '{');
        count_text(start, at, &open, &counts);
    }
    return counts;
}
