#pragma once

/// Returns the commit that the program was built from, as `git describe` names it, or "unknown".
const char *cbuild_commit(void);
