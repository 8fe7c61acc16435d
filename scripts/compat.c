/* What compiled code of the program needs and glibc 2.31 lacks. scripts/sysroot.py links it into the distributed program. */

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

/* glibc 2.32 sets this while the process has only one thread, so that counters need no atomic operations. */
char __libc_single_threaded = 0;

/* glibc 2.36. The C++ library's random_device calls it. */
uint32_t arc4random(void) {
    uint32_t number;
    if (getentropy(&number, sizeof number) != 0) abort();
    return number;
}
