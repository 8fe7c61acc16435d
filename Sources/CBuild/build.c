// The commit is in a target of its own, so that a new commit compiles nothing but this file.

#include "CBuild.h"

#ifndef BUILD_COMMIT
#define BUILD_COMMIT "unknown"
#endif

const char *cbuild_commit(void) { return BUILD_COMMIT; }
