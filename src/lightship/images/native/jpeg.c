#define _GNU_SOURCE
#include "jpeg.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "libjpeg.h"

struct Jpeg {
    Decompressor decompressor; /* the first, so that its address is that of the whole */
    Errors errors;
    Source source;
    jmp_buf failed;
};

static struct {
    Errors *(*standard_errors)(Errors *);
    void (*create)(Decompressor *, int version, size_t size);
    int (*read_header)(Decompressor *, int image_required);
    int (*start)(Decompressor *);
    unsigned (*read_rows)(Decompressor *, uint8_t **rows, unsigned count);
    void (*destroy)(Decompressor *);
} library;

static void fail(Decompressor *decompressor) { longjmp(((Jpeg *)decompressor)->failed, 1); }

/* Levels below 0 are warnings of broken data. */
static void on_message(Decompressor *decompressor, int level) {
    if (level < 0) fail(decompressor);
}

static void ignore(Decompressor *decompressor) { (void)decompressor; }
static int no_more(Decompressor *decompressor) {
    (void)decompressor;
    return 0;
}

static void skip(Decompressor *decompressor, long count) {
    Source *source = decompressor->source;
    if (count <= 0) return;
    size_t skipped = (unsigned long)count < source->bytes ? (size_t)count : source->bytes;
    source->next_byte += skipped, source->bytes -= skipped;
    if (skipped < (unsigned long)count) fail(decompressor);
}

static int resync(Decompressor *decompressor, int desired) {
    (void)desired;
    fail(decompressor);
    return 0;
}

static void prepare(Jpeg *jpeg, const uint8_t *data, size_t size) {
    jpeg->decompressor.errors = library.standard_errors(&jpeg->errors);
    jpeg->errors.error_exit = fail;
    jpeg->errors.emit_message = on_message;
    jpeg->errors.output_message = ignore;
    jpeg->source = (Source){data, size, ignore, no_more, skip, resync, ignore};
}

/* Returns 0 if the interface of the library is another one. */
static int create(Jpeg *jpeg) {
    if (setjmp(jpeg->failed)) return 0;
    library.create(&jpeg->decompressor, LIBJPEG_VERSION, sizeof(Decompressor));
    jpeg->decompressor.source = &jpeg->source;
    return 1;
}

static int is_usable(void) {
    Jpeg *jpeg = calloc(1, sizeof(Jpeg));
    if (!jpeg) return 0;
    prepare(jpeg, NULL, 0);
    int usable = create(jpeg);
    if (usable) library.destroy(&jpeg->decompressor);
    free(jpeg);
    return usable;
}

static int find(void *handle, const char *name, void *function) {
    void *found = dlsym(handle, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

int jpeg_attach(const char *path) {
    _Static_assert(offsetof(Jpeg, decompressor) == 0, "callbacks take one for the other");
    if (sizeof(Decompressor) != LIBJPEG_SIZE || offsetof(Decompressor, next_row) != 168) return 0;
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
    if (!handle) return 0;
    return find(handle, "jpeg_std_error", &library.standard_errors) &&
           find(handle, "jpeg_CreateDecompress", &library.create) &&
           find(handle, "jpeg_read_header", &library.read_header) &&
           find(handle, "jpeg_start_decompress", &library.start) &&
           find(handle, "jpeg_read_scanlines", &library.read_rows) &&
           find(handle, "jpeg_destroy_decompress", &library.destroy) && is_usable();
}

static int start(Jpeg *jpeg, int width, int height, int colors) {
    Decompressor *one = &jpeg->decompressor;
    if (setjmp(jpeg->failed)) return 0;
    if (library.read_header(one, 1) != 1) return 0;
    if (one->width != (unsigned)width || one->height != (unsigned)height || one->components != colors) return 0;
    one->out_color_space = COLOR_RGBX;
    if (!library.start(one)) return 0;
    return one->out_width == (unsigned)width && one->out_height == (unsigned)height && one->out_components == 4;
}

Jpeg *jpeg_open(const uint8_t *data, size_t size, int width, int height, int colors) {
    Jpeg *jpeg = calloc(1, sizeof(Jpeg));
    if (!jpeg) return NULL;
    prepare(jpeg, data, size);
    if (!create(jpeg)) {
        free(jpeg);
        return NULL;
    }
    if (start(jpeg, width, height, colors)) return jpeg;
    jpeg_close(jpeg);
    return NULL;
}

int jpeg_next(Jpeg *jpeg, uint8_t *row) {
    if (setjmp(jpeg->failed)) return 0;
    return jpeg->decompressor.next_row < jpeg->decompressor.out_height &&
           library.read_rows(&jpeg->decompressor, &row, 1) == 1;
}

void jpeg_close(Jpeg *jpeg) {
    library.destroy(&jpeg->decompressor);
    free(jpeg);
}
