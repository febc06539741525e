#include "resampler.h"

#include <stdlib.h>
#include <string.h>

/* The rows that must be held at a time: output row `o` is made when the last row of it and of those before has come. */
static int rows_at_a_time(const Axis *y) {
    int most = 1, newest = 0;
    for (int o = 0; o < y->out; o++) {
        if (y->last[o] > newest) newest = y->last[o];
        if (newest - y->first[o] + 1 > most) most = newest - y->first[o] + 1;
    }
    return most;
}

/* The bytes of a row that goes down the columns. `across` reads up to BLOCK - 1 pixels behind the end of what it is given. */
static size_t row_size(const Axis *x, int columns_first) {
    size_t pixels = columns_first ? (size_t)x->in + BLOCK - 1 : (size_t)x->out;
    return (pixels * PIXEL + STRIDE - 1) / STRIDE * STRIDE;
}

int resampler_make(Resampler *self, const Axis *x, const Axis *y, const Kernels *kernels, int columns_first, int channels,
                   uint8_t *out) {
    *self = (Resampler){.x = x, .y = y, .kernels = kernels, .columns_first = columns_first, .channels = channels};
    self->size = row_size(x, columns_first);
    self->rows = rows_at_a_time(y);
    self->out = out;
    self->ring = calloc((size_t)self->rows, self->size);
    self->needed = malloc(sizeof *self->needed * (size_t)self->rows);
    self->used = calloc((size_t)y->in, 1);
    self->row = calloc((size_t)x->in + BLOCK - 1, PIXEL);
    self->down = malloc(self->size);
    self->across = malloc((size_t)x->out * PIXEL);
    if (!self->ring || !self->needed || !self->used || !self->row || !self->down || !self->across) return 0;
    for (int o = 0; o < y->out; o++) memset(self->used + y->first[o], 1, (size_t)(y->last[o] - y->first[o] + 1));
    return 1;
}

void resampler_free(Resampler *self) {
    free(self->ring);
    free(self->needed);
    free(self->used);
    free(self->row);
    free(self->down);
    free(self->across);
}

static uint8_t *slot(const Resampler *self, int r) { return self->ring + self->size * (size_t)(r % self->rows); }

static const uint8_t *next_row(Resampler *self) {
    int o = self->next++, first = self->y->first[o];
    for (int r = first; r <= self->y->last[o]; r++) self->needed[r - first] = slot(self, r);
    self->kernels->down(self->y, o, self->needed, self->size, self->down);
    if (!self->columns_first) return self->down;
    self->kernels->across(self->x, self->down, self->across);
    return self->across;
}

static void write_next(Resampler *self) {
    const uint8_t *pixel = next_row(self);
    uint8_t *to = self->out;
    for (int left = self->x->out; left; left--, pixel += PIXEL, to += self->channels) {
        to[0] = pixel[0];
        if (self->channels == 3) to[1] = pixel[1], to[2] = pixel[2];
    }
    self->out = to;
}

uint8_t *resampler_row(const Resampler *self, int r) {
    return self->columns_first && self->used[r] ? slot(self, r) : self->row;
}

void resampler_take(Resampler *self, int r) {
    if (self->used[r] && !self->columns_first) self->kernels->across(self->x, self->row, slot(self, r));
    while (self->next < self->y->out && self->y->last[self->next] <= r) write_next(self);
}
