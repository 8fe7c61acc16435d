#include "CInflate.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

struct shimmy_inflate {
    z_stream stream;
};

shimmy_inflate *shimmy_inflate_make(int is_raw) {
    shimmy_inflate *self = calloc(1, sizeof(shimmy_inflate));
    if (self == NULL) return NULL;
    // 32 stands for a look at the header.
    if (inflateInit2(&self->stream, is_raw ? -MAX_WBITS : MAX_WBITS + 32) != Z_OK) {
        free(self);
        return NULL;
    }
    return self;
}

void shimmy_inflate_free(shimmy_inflate *self) {
    if (self == NULL) return;
    inflateEnd(&self->stream);
    free(self);
}

shimmy_inflate_status shimmy_inflate_step(
    shimmy_inflate *self, const uint8_t *input, size_t input_count, size_t *used, uint8_t *output, size_t output_count, size_t *written) {
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
    if (status == Z_STREAM_END) return shimmy_inflate_end;
    // Z_BUF_ERROR: there was nothing to do, as when the input is at its end.
    return status == Z_OK || status == Z_BUF_ERROR ? shimmy_inflate_more : shimmy_inflate_damaged;
}
