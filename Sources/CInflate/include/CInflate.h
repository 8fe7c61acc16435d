// Incremental decompression of gzip, zlib and raw deflate data with zlib, and of zstd data with the machine's libzstd, if it has one; compression
// to gzip data.

#ifndef SHIMMY_CINFLATE_H
#define SHIMMY_CINFLATE_H

#include <stddef.h>
#include <stdint.h>

typedef struct shimmy_inflate shimmy_inflate;

typedef enum {
    /// The output is full, or more input is needed.
    shimmy_inflate_more = 0,
    /// The end of the data.
    shimmy_inflate_end = 1,
    /// The data are damaged or in another format.
    shimmy_inflate_damaged = 2,
} shimmy_inflate_status;

typedef enum {
    /// gzip or zlib, detected from the header.
    shimmy_inflate_gzip_or_zlib = 0,
    /// Deflate data without a header.
    shimmy_inflate_raw = 1,
    shimmy_inflate_zstd = 2,
} shimmy_inflate_format;

/// Returns whether the machine has libzstd. The library is searched for once.
int shimmy_inflate_has_zstd(void);

/// Makes a decompressor; returns NULL if memory or the library for the format is missing.
shimmy_inflate *shimmy_inflate_make(shimmy_inflate_format format);

void shimmy_inflate_free(shimmy_inflate *inflate);

/// Decompresses as much as fits into the output. Sets `used` to the number of input bytes consumed and `written` to the number of output bytes.
shimmy_inflate_status shimmy_inflate_step(
    shimmy_inflate *inflate, const uint8_t *input, size_t input_count, size_t *used, uint8_t *output, size_t output_count, size_t *written);

/// Compresses the input to gzip data. Returns the number of output bytes; 0 if they do not fit into the output, or if memory is missing.
size_t shimmy_gzip(const uint8_t *input, size_t input_count, uint8_t *output, size_t output_count);

#endif
