/* layer_compare: is what the store has under a layer's ID what the same layer looks like when it is made once more?
 *
 * Compared are names, types, modes, owners, sizes, times in whole seconds, link targets, device numbers and those
 * extended attributes that belong into a layer, of everything; no file is read. */
#ifndef BUD_STORE_LAYER_COMPARE_H
#define BUD_STORE_LAYER_COMPARE_H

#include <stdbool.h>

/* DIFF: a layer as an upper directory, just made. THEIRS: the same layer in the store, or with IS_TREE (vfs) the whole tree
 * with it on top, in which what DIFF does not name is not looked at. False also when one of them cannot be read. */
bool layer_is_like(const char *diff, const char *theirs, bool is_tree);

#endif
