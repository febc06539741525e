#include "kernels.h"

static uint8_t rounded(uint32_t sum) {
    int32_t value = (int32_t)(sum + (1u << (WEIGHT_BITS - 1)));
    if (value < 0) return 0;
    value >>= WEIGHT_BITS;
    return value > 255 ? 255 : (uint8_t)value;
}

static void across(const Axis *axis, const uint8_t *row, uint8_t *to) {
    for (int o = 0; o < axis->out; o++, to += PIXEL) {
        const uint8_t *pixel = row + (size_t)PIXEL * (size_t)axis->first[o];
        const int32_t *weight = axis->weights + (size_t)o * (size_t)axis->width;
        uint32_t red = 0, green = 0, blue = 0;
        for (int left = axis->last[o] - axis->first[o]; left >= 0; left--, pixel += PIXEL, weight++) {
            red += (uint32_t)*weight * pixel[0];
            green += (uint32_t)*weight * pixel[1];
            blue += (uint32_t)*weight * pixel[2];
        }
        to[0] = rounded(red), to[1] = rounded(green), to[2] = rounded(blue), to[3] = 0;
    }
}

static void down(const Axis *axis, int o, const uint8_t *const *rows, size_t size, uint8_t *to) {
    const int32_t *weights = axis->weights + (size_t)o * (size_t)axis->width;
    int taps = axis->last[o] - axis->first[o] + 1;
    for (size_t start = 0; start < size; start += STRIDE) {
        uint32_t sums[STRIDE] = {0};
        for (int tap = 0; tap < taps; tap++)
            for (int at = 0; at < STRIDE; at++) sums[at] += (uint32_t)weights[tap] * rows[tap][start + (size_t)at];
        for (int at = 0; at < STRIDE; at++) to[start + (size_t)at] = rounded(sums[at]);
    }
}

const Kernels plain_kernels = {across, down, 0};
