/* lookahead: directories opened and listed, and their entries looked at, before the walk comes to them. Internal to this
 * folder, used by walk.c only.
 *
 * The walk is made by one thread, in order. It orders glimpses of what it will come to and takes them when it is there;
 * other threads make them meanwhile, what is needed soonest first. What nobody has begun the walk makes itself, so it waits
 * only when there is nothing left to make. A glimpse that failed says no more than that: the walk looks itself, and tells.
 *
 * All functions are for the walk's thread. */
#ifndef BUD_PLANNER_LOOKAHEAD_H
#define BUD_PLANNER_LOOKAHEAD_H

#include "planner/listing.h"
#include "planner/rules.h"

#include <sys/stat.h>

/* So many entries are looked at by one thread in one go. */
#define GLIMPSE_SIZE 128

/* At one entry. */
struct look {
    struct stat stat;
    bool is_left_out; /* by the rules; there is no stat */
    bool is_failed;
};

/* Of a directory and its first entries, or of some entries of a directory that is open. */
struct glimpse {
    /* What is wanted. */
    size_t index; /* of the directory among the names of its parent, or of the first entry */
    struct states states; /* of the rules in the directory whose entries are looked at */
    bool is_kept;         /* that directory itself, if it is to be opened */

    /* What came of it, once taken. */
    int fd;                 /* of the directory; -1: not opened here, or not any more */
    struct listing listing; /* of the directory when it was opened here */
    size_t count;           /* of looks: at entry 0 and on, or at INDEX and on */
    struct look looks[GLIMPSE_SIZE];
    bool is_failed; /* it could not be opened or listed */

    /* How it is made. */
    const struct rules *rules;
    struct buf path;  /* in the tree, of the directory whose entries are looked at */
    int directory;    /* that holds NAME, or the names */
    const char *name; /* of the directory to be opened, or NULL */
    const struct listing_name *names;
    const char *room; /* of the names' bytes */

    unsigned level;

    /* Guarded by the lookahead's mutex. */
    enum { GLIMPSE_QUEUED, GLIMPSE_BEGUN, GLIMPSE_MADE } state;
    struct glimpse *before, *behind; /* in the queue */

    /* The walk's own. */
    struct glimpse *next; /* of its outlook */
    bool is_known;        /* to be made */
};

/* Glimpses of a kind, in order of their index. */
struct glimpse_list {
    struct glimpse *first, *last;
    size_t count;
};

/* What is ordered of one directory. All zero when nothing is. */
struct outlook {
    struct glimpse_list entries;       /* those it is in, GLIMPSE_SIZE each */
    struct glimpse_list directories;   /* in it */
    size_t next_entry, next_directory; /* names before these were seen to */
};

/* A directory the walk is in. Borrowed until its outlook is empty. */
struct vantage {
    const struct rules *rules;
    const struct states *states;
    struct str path; /* in the tree */
    unsigned level;  /* its depth */
    int fd;
    const struct listing *listing;
    struct arena *arena; /* for the states of directories in it */
};

struct lookahead;

/* THREADS beside the walk's own; NULL when they cannot be started. */
struct lookahead *lookahead_start(unsigned threads);
/* All outlooks must be empty. NULL is fine. */
void lookahead_stop(struct lookahead *ahead);

/* Orders glimpses from entry INDEX on, where the walk is, so that enough are in OUTLOOK. */
void lookahead_extend(struct lookahead *ahead, struct outlook *outlook, const struct vantage *from,
                      size_t index);
/* At entry INDEX; NULL: the walk has to look itself. Valid until the next call with a later INDEX. */
const struct look *lookahead_entry(struct lookahead *ahead, struct outlook *outlook, size_t index);
/* Of the directory that is entry INDEX, perhaps not made yet; NULL: the walk has to open it itself. Stays in OUTLOOK. */
struct glimpse *lookahead_directory(struct lookahead *ahead, struct outlook *outlook, size_t index);
/* Returns when GLIMPSE is made. */
void lookahead_await(struct lookahead *ahead, struct glimpse *glimpse);
/* The glimpse that lookahead_directory() gave becomes the first of the outlook of that directory itself, BELOW. */
void lookahead_descend(struct outlook *outlook, struct outlook *below);
/* Drops all that is in OUTLOOK, made or not. */
void lookahead_forget(struct lookahead *ahead, struct outlook *outlook);

#endif
