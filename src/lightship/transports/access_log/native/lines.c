#include "lines.h"

#include <string.h>

enum { MOST_DIGITS = 20, MOST_TIME = 24 };

static char *put(char *to, Text text) {
    memcpy(to, text.start, text.size);
    return to + text.size;
}

static char *put_number(char *to, unsigned long long number) {
    char digits[MOST_DIGITS], *start = digits + MOST_DIGITS;
    do {
        *--start = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return put(to, (Text){start, (size_t)(digits + MOST_DIGITS - start)});
}

/* Microseconds as milliseconds with three decimals. */
static char *put_time(char *to, long long microseconds) {
    unsigned long long number = (unsigned long long)microseconds;
    unsigned rest = (unsigned)(number % 1000);
    to = put_number(to, number / 1000);
    to[0] = '.';
    to[1] = (char)('0' + rest / 100);
    to[2] = (char)('0' + rest / 10 % 10);
    to[3] = (char)('0' + rest % 10);
    return to + 4;
}

/* A time that is not a number, negative or longer than 31 years is 0. */
static long long microseconds(double seconds) {
    double number = seconds * 1e6;
    return number > 0 && number < 1e15 ? (long long)number : 0;
}

size_t most_bytes(const Common *common) {
    size_t size = common->moment.size + common->what.size + common->end.size;
    for (int at = 0; at < LABELS; at++) size += common->labels[at].size;
    return size + 2 * MOST_DIGITS + (1 + STAGES) * MOST_TIME;
}

char *write_line(char *to, const Common *common, const Own *own) {
    long long total = microseconds(common->ended - own->begun), receive = microseconds(own->received - own->begun);
    long long decode = microseconds(common->decode), run = microseconds(common->run);
    long long encode = microseconds(common->encode), wait = total - receive - decode - run - encode;
    long long times[1 + STAGES] = {total, receive, wait > 0 ? wait : 0, decode, run, encode};
    const Text *label = common->labels;
    to = put(put(put(to, common->moment), own->client), common->what);
    to = put_number(put(to, *label++), own->bytes_in);
    to = put_number(put(to, *label++), own->bytes_out);
    for (int at = 0; at < 1 + STAGES; at++) to = put_time(put(to, *label++), times[at]);
    return put(put(put(to, *label), own->id), common->end);
}
