#include "CInflate.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>

// Declarations from zstd.h, which is installed only on development machines. The interface has been stable since version 1.4.
typedef struct {
    const void *source;
    size_t size;
    size_t position;
} zstd_input;

typedef struct {
    void *target;
    size_t size;
    size_t position;
} zstd_output;

enum { zstd_window_log_max = 100 };

// The maximum window is 32 MiB (2^25 bytes). The output of `zstd --ultra` needs more, but HTTP clients do not send it (RFC 9659 allows 8 MiB).
enum { largest_window_log = 25 };

static struct {
    void *(*create)(void);
    size_t (*release)(void *);
    size_t (*set)(void *, int, int);
    size_t (*decompress)(void *, zstd_output *, zstd_input *);
    unsigned (*is_error)(size_t);
    int is_there;
} zstd;

static void find_zstd(void) {
    const char *names[] = {"libzstd.so.1", "libzstd.1.dylib", "/opt/homebrew/lib/libzstd.1.dylib", "/usr/local/lib/libzstd.1.dylib"};
    void *library = NULL;
    for (size_t index = 0; library == NULL && index < sizeof(names) / sizeof(names[0]); index++) library = dlopen(names[index], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return;
    *(void **)&zstd.create = dlsym(library, "ZSTD_createDCtx");
    *(void **)&zstd.release = dlsym(library, "ZSTD_freeDCtx");
    *(void **)&zstd.set = dlsym(library, "ZSTD_DCtx_setParameter");
    *(void **)&zstd.decompress = dlsym(library, "ZSTD_decompressStream");
    *(void **)&zstd.is_error = dlsym(library, "ZSTD_isError");
    zstd.is_there = zstd.create && zstd.release && zstd.set && zstd.decompress && zstd.is_error;
}

int shimmy_inflate_has_zstd(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_zstd);
    return zstd.is_there;
}

struct shimmy_inflate {
    z_stream stream;
    /// The context of libzstd; NULL for the other formats.
    void *context;
    int has_header;
};

static shimmy_inflate *make_zstd(shimmy_inflate *self) {
    self->context = shimmy_inflate_has_zstd() ? zstd.create() : NULL;
    if (self->context != NULL && !zstd.is_error(zstd.set(self->context, zstd_window_log_max, largest_window_log))) return self;
    if (self->context != NULL) zstd.release(self->context);
    free(self);
    return NULL;
}

static shimmy_inflate_status step_zstd(
    shimmy_inflate *self, const uint8_t *input, size_t input_count, size_t *used, uint8_t *output, size_t output_count, size_t *written) {
    zstd_input source = {input, input_count, 0};
    zstd_output target = {output, output_count, 0};
    size_t status = zstd.decompress(self->context, &target, &source);
    *used = source.position;
    *written = target.position;
    if (zstd.is_error(status)) return shimmy_inflate_damaged;
    // The data may have several frames, one after the other.
    return status == 0 && source.position == input_count ? shimmy_inflate_end : shimmy_inflate_more;
}

shimmy_inflate *shimmy_inflate_make(shimmy_inflate_format format) {
    shimmy_inflate *self = calloc(1, sizeof(shimmy_inflate));
    if (self == NULL) return NULL;
    if (format == shimmy_inflate_zstd) return make_zstd(self);
    self->has_header = format != shimmy_inflate_raw;
    // Adding 32 makes zlib detect gzip or zlib from the header.
    if (inflateInit2(&self->stream, format == shimmy_inflate_raw ? -MAX_WBITS : MAX_WBITS + 32) != Z_OK) {
        free(self);
        return NULL;
    }
    return self;
}

void shimmy_inflate_free(shimmy_inflate *self) {
    if (self == NULL) return;
    if (self->context != NULL) {
        zstd.release(self->context);
    } else {
        inflateEnd(&self->stream);
    }
    free(self);
}

shimmy_inflate_status shimmy_inflate_step(
    shimmy_inflate *self, const uint8_t *input, size_t input_count, size_t *used, uint8_t *output, size_t output_count, size_t *written) {
    if (self->context != NULL) return step_zstd(self, input, input_count, used, output, output_count, written);
    // zlib counts in 32 bits.
    uInt input_part = input_count > UINT_MAX ? UINT_MAX : (uInt)input_count;
    uInt output_part = output_count > UINT_MAX ? UINT_MAX : (uInt)output_count;
    self->stream.next_in = (Bytef *)input;
    self->stream.avail_in = input_part;
    self->stream.next_out = output;
    self->stream.avail_out = output_part;
    int status = inflate(&self->stream, Z_NO_FLUSH);
    *used = input_part - self->stream.avail_in;
    *written = output_part - self->stream.avail_out;
    self->stream.next_in = NULL;
    self->stream.next_out = NULL;
    // A gzip file may have several members, one after the other (RFC 1952).
    if (status == Z_STREAM_END && self->has_header && *used < input_count && inflateReset(&self->stream) == Z_OK) return shimmy_inflate_more;
    if (status == Z_STREAM_END) return shimmy_inflate_end;
    // Z_BUF_ERROR means that no progress was possible, as at the end of the input.
    return status == Z_OK || status == Z_BUF_ERROR ? shimmy_inflate_more : shimmy_inflate_damaged;
}

size_t shimmy_gzip(const uint8_t *input, size_t input_count, uint8_t *output, size_t output_count) {
    // zlib counts in 32 bits.
    if (input_count > UINT_MAX || output_count > UINT_MAX) return 0;
    z_stream stream = {0};
    // Adding 16 makes zlib write the header of gzip.
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
    stream.next_in = (Bytef *)input;
    stream.avail_in = (uInt)input_count;
    stream.next_out = output;
    stream.avail_out = (uInt)output_count;
    int status = deflate(&stream, Z_FINISH);
    size_t written = output_count - stream.avail_out;
    deflateEnd(&stream);
    return status == Z_STREAM_END ? written : 0;
}
