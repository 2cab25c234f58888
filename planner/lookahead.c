#include "planner/lookahead.h"

#include "base/fs.h"
#include "base/thread_pool.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

/* Each ordered directory is a descriptor. */
#define MAX_LEVEL 16

struct lookahead {
    struct thread_pool *pool;
    pthread_mutex_t mutex; /* guards what follows, and the states of the glimpses */
    pthread_cond_t has_work;
    pthread_cond_t is_made;       /* the one the walk waits for */
    struct glimpse *first, *last; /* the queue: what is needed soonest first */
    struct glimpse *awaited;
    unsigned idle; /* threads */
    bool is_closing;

    /* The walk's own. */
    size_t window;         /* so many of a kind are ordered of a directory */
    struct glimpse *spare; /* memory for the next */
};

/* ---- lists ---- */

static void add_last(struct glimpse_list *list, struct glimpse *glimpse) {
    glimpse->next = NULL;
    *(list->last ? &list->last->next : &list->first) = glimpse;
    list->last = glimpse;
    list->count++;
}

static struct glimpse *take_first(struct glimpse_list *list) {
    struct glimpse *glimpse = list->first;
    list->first = glimpse->next;
    if (!list->first) {
        list->last = NULL;
    }
    list->count--;
    return glimpse;
}

/* ---- making one ---- */

static void look_at(struct glimpse *glimpse, const struct listing_name *name, struct look *look) {
    const char *text = glimpse->room + name->offset;
    size_t len = glimpse->path.len;
    look->is_left_out = look->is_failed = false;
    if (name->type != DT_DIR && name->type != DT_UNKNOWN) {
        buf_append_c(&glimpse->path, len > 0 ? "/" : "");
        buf_append(&glimpse->path, text, name->len);
        look->is_left_out =
            !rules_keep_file(glimpse->rules, &glimpse->states, buf_str(&glimpse->path));
        glimpse->path.len = len;
    }
    if (!look->is_left_out) {
        look->is_failed = fstatat(glimpse->directory, text, &look->stat, AT_SYMLINK_NOFOLLOW) != 0;
    }
}

static void make(struct glimpse *glimpse) {
    if (glimpse->name) {
        glimpse->fd = openat(glimpse->directory, glimpse->name,
                             O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (glimpse->fd < 0 || listing_read(&glimpse->listing, glimpse->fd, NULL)) {
            glimpse->is_failed = true;
            return;
        }
        size_t count = glimpse->listing.count;
        glimpse->directory = glimpse->fd;
        glimpse->names = glimpse->listing.names;
        glimpse->room = glimpse->listing.room;
        glimpse->count = count < GLIMPSE_SIZE ? count : GLIMPSE_SIZE;
    }
    for (size_t i = 0; i < glimpse->count; i++) {
        look_at(glimpse, &glimpse->names[i], &glimpse->looks[i]);
    }
}

/* ---- the queue; the mutex is held ---- */

/* Behind those of its own level, before those of the levels above. */
static void enqueue(struct lookahead *ahead, struct glimpse *glimpse) {
    struct glimpse *before = NULL;
    struct glimpse *behind = ahead->first;
    while (behind && behind->level >= glimpse->level) {
        before = behind;
        behind = behind->behind;
    }
    glimpse->before = before;
    glimpse->behind = behind;
    *(before ? &before->behind : &ahead->first) = glimpse;
    *(behind ? &behind->before : &ahead->last) = glimpse;
}

static void dequeue(struct lookahead *ahead, struct glimpse *glimpse) {
    *(glimpse->before ? &glimpse->before->behind : &ahead->first) = glimpse->behind;
    *(glimpse->behind ? &glimpse->behind->before : &ahead->last) = glimpse->before;
}

/* Releases the mutex meanwhile. */
static void make_queued(struct lookahead *ahead, struct glimpse *glimpse) {
    dequeue(ahead, glimpse);
    glimpse->state = GLIMPSE_BEGUN;
    pthread_mutex_unlock(&ahead->mutex);
    make(glimpse);
    pthread_mutex_lock(&ahead->mutex);
    glimpse->state = GLIMPSE_MADE;
    if (ahead->awaited == glimpse) {
        pthread_cond_signal(&ahead->is_made);
    }
}

/* ---- the threads ---- */

static void serve(void *context) {
    struct lookahead *ahead = context;
    pthread_mutex_lock(&ahead->mutex);
    while (!ahead->is_closing) {
        if (ahead->first) {
            make_queued(ahead, ahead->first);
            continue;
        }
        ahead->idle++;
        pthread_cond_wait(&ahead->has_work, &ahead->mutex);
        ahead->idle--;
    }
    pthread_mutex_unlock(&ahead->mutex);
}

struct lookahead *lookahead_start(unsigned threads) {
    struct thread_pool *pool;
    if (thread_pool_new(threads, &pool, NULL)) {
        return NULL;
    }
    struct lookahead *ahead = xcalloc(1, sizeof(*ahead));
    ahead->pool = pool;
    ahead->window = threads + 2;
    pthread_mutex_init(&ahead->mutex, NULL);
    pthread_cond_init(&ahead->has_work, NULL);
    pthread_cond_init(&ahead->is_made, NULL);
    for (unsigned i = 0; i < threads; i++) {
        thread_pool_submit(pool, serve, ahead);
    }
    return ahead;
}

void lookahead_stop(struct lookahead *ahead) {
    if (!ahead) {
        return;
    }
    pthread_mutex_lock(&ahead->mutex);
    ahead->is_closing = true;
    pthread_cond_broadcast(&ahead->has_work);
    pthread_mutex_unlock(&ahead->mutex);
    thread_pool_free(ahead->pool);
    pthread_cond_destroy(&ahead->is_made);
    pthread_cond_destroy(&ahead->has_work);
    pthread_mutex_destroy(&ahead->mutex);
    while (ahead->spare) {
        struct glimpse *glimpse = ahead->spare;
        ahead->spare = glimpse->next;
        listing_free(&glimpse->listing);
        buf_free(&glimpse->path);
        free(glimpse);
    }
    free(ahead);
}

/* ---- glimpses ---- */

/* One that nobody else knows of yet. */
static struct glimpse *new_glimpse(struct lookahead *ahead, const struct vantage *from,
                                   size_t index) {
    struct glimpse *glimpse = ahead->spare;
    if (glimpse) {
        ahead->spare = glimpse->next;
    } else {
        glimpse = xcalloc(1, sizeof(*glimpse));
    }
    glimpse->index = index;
    glimpse->fd = -1;
    glimpse->is_failed = glimpse->is_known = false;
    glimpse->rules = from->rules;
    glimpse->directory = from->fd;
    glimpse->level = from->level;
    buf_reset(&glimpse->path);
    buf_append_str(&glimpse->path, from->path);
    return glimpse;
}

static void set_aside(struct lookahead *ahead, struct glimpse *glimpse) {
    glimpse->next = ahead->spare;
    ahead->spare = glimpse;
}

static void order(struct lookahead *ahead, struct glimpse_list *list, struct glimpse *glimpse) {
    pthread_mutex_lock(&ahead->mutex);
    glimpse->state = GLIMPSE_QUEUED;
    enqueue(ahead, glimpse);
    if (ahead->idle > 0) {
        pthread_cond_signal(&ahead->has_work);
    }
    pthread_mutex_unlock(&ahead->mutex);
    add_last(list, glimpse);
}

void lookahead_await(struct lookahead *ahead, struct glimpse *glimpse) {
    pthread_mutex_lock(&ahead->mutex);
    ahead->awaited = glimpse;
    while (glimpse->state != GLIMPSE_MADE) {
        if (glimpse->state == GLIMPSE_QUEUED) {
            make_queued(ahead, glimpse);
        } else if (ahead->first) { /* another thread is at it: to the next meanwhile */
            make_queued(ahead, ahead->first);
        } else {
            pthread_cond_wait(&ahead->is_made, &ahead->mutex);
        }
    }
    ahead->awaited = NULL;
    pthread_mutex_unlock(&ahead->mutex);
    glimpse->is_known = true;
}

/* Made or not. */
static void drop(struct lookahead *ahead, struct glimpse *glimpse) {
    pthread_mutex_lock(&ahead->mutex);
    ahead->awaited = glimpse;
    if (glimpse->state == GLIMPSE_QUEUED) {
        dequeue(ahead, glimpse);
        glimpse->state = GLIMPSE_MADE;
    }
    while (glimpse->state != GLIMPSE_MADE) {
        pthread_cond_wait(&ahead->is_made, &ahead->mutex);
    }
    ahead->awaited = NULL;
    pthread_mutex_unlock(&ahead->mutex);
    cleanup_fd(&glimpse->fd);
    set_aside(ahead, glimpse);
}

/* ---- the outlook of a directory ---- */

static void order_entries(struct lookahead *ahead, struct outlook *outlook,
                          const struct vantage *from, size_t index) {
    struct glimpse *glimpse = new_glimpse(ahead, from, index);
    size_t rest = from->listing->count - index;
    glimpse->states = *from->states;
    glimpse->name = NULL;
    glimpse->names = from->listing->names + index;
    glimpse->room = from->listing->room;
    glimpse->count = rest < GLIMPSE_SIZE ? rest : GLIMPSE_SIZE;
    order(ahead, &outlook->entries, glimpse);
}

/* Unless the rules say that it is not entered. */
static void order_directory(struct lookahead *ahead, struct outlook *outlook,
                            const struct vantage *from, size_t index) {
    struct glimpse *glimpse = new_glimpse(ahead, from, index);
    glimpse->name = listing_name(from->listing, index);
    glimpse->count = 0;
    buf_append_c(&glimpse->path, from->path.len > 0 ? "/" : "");
    buf_append_c(&glimpse->path, glimpse->name);
    struct verdict verdict = rules_judge_directory(
        from->rules, from->states, buf_str(&glimpse->path), from->arena, &glimpse->states);
    glimpse->is_kept = verdict.is_kept;
    if (!verdict.is_entered) {
        set_aside(ahead, glimpse);
        return;
    }
    order(ahead, &outlook->directories, glimpse);
}

void lookahead_extend(struct lookahead *ahead, struct outlook *outlook, const struct vantage *from,
                      size_t index) {
    size_t count = from->listing->count;
    outlook->next_entry = index > outlook->next_entry ? index : outlook->next_entry;
    while (outlook->entries.count < ahead->window && outlook->next_entry < count) {
        order_entries(ahead, outlook, from, outlook->next_entry);
        outlook->next_entry += GLIMPSE_SIZE;
    }
    outlook->next_directory = index > outlook->next_directory ? index : outlook->next_directory;
    while (from->level < MAX_LEVEL && outlook->directories.count < ahead->window &&
           outlook->next_directory < count) {
        if (from->listing->names[outlook->next_directory].type == DT_DIR) {
            order_directory(ahead, outlook, from, outlook->next_directory);
        }
        outlook->next_directory++;
    }
}

const struct look *lookahead_entry(struct lookahead *ahead, struct outlook *outlook, size_t index) {
    struct glimpse_list *list = &outlook->entries;
    while (list->first && list->first->index + GLIMPSE_SIZE <= index) {
        drop(ahead, take_first(list));
    }
    struct glimpse *glimpse = list->first;
    if (!glimpse || index < glimpse->index) {
        return NULL;
    }
    if (!glimpse->is_known) {
        lookahead_await(ahead, glimpse);
    }
    const struct look *look = &glimpse->looks[index - glimpse->index];
    return look->is_failed ? NULL : look;
}

struct glimpse *lookahead_directory(struct lookahead *ahead, struct outlook *outlook,
                                    size_t index) {
    struct glimpse_list *list = &outlook->directories;
    while (list->first && list->first->index < index) {
        drop(ahead, take_first(list));
    }
    return list->first && list->first->index == index ? list->first : NULL;
}

void lookahead_descend(struct outlook *outlook, struct outlook *below) {
    struct glimpse *glimpse = take_first(&outlook->directories);
    glimpse->index = 0;
    add_last(&below->entries, glimpse);
    below->next_entry = glimpse->count;
}

void lookahead_forget(struct lookahead *ahead, struct outlook *outlook) {
    while (outlook->entries.first) {
        drop(ahead, take_first(&outlook->entries));
    }
    while (outlook->directories.first) {
        drop(ahead, take_first(&outlook->directories));
    }
    *outlook = (struct outlook){ .next_entry = 0 };
}
