#include "registry/fetch.h"

#include "base/fs.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

#define LIBRARY "libcurl.so.4"
#define REDIRECTS 10L
#define CONNECT_SECONDS 30L
#define SILENT_SECONDS 60L

/* What is used of the library, which is found at run time. */
struct curl_library {
    void *handle;
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *curl);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    CURLHcode (*easy_header)(CURL *curl, const char *name, size_t index, unsigned origin,
                             int request, struct curl_header **header);
    const char *(*easy_strerror)(CURLcode code);
    void (*easy_cleanup)(CURL *curl);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
};

/* One request on its way. */
struct transfer {
    const struct fetch_request *request;
    const struct curl_library *library;
    CURL *curl;
    struct curl_slist *headers;
    char explanation[CURL_ERROR_SIZE];
    uint64_t written;
    bool is_too_large;
    struct error write_error;
};

static int missing(const char *what, struct error *error) {
    error_set(error, ERROR_NOT_FOUND, "a URL needs the library %s: %s", LIBRARY, what);
    return error_hint(error, "install it (Debian: apt-get install libcurl4)");
}

/* It stays loaded: taking it out again is what OpenSSL's clean-up at exit does not survive. */
static int load(struct curl_library *out, struct error *error) {
    const struct {
        const char *name;
        void *target;
    } symbols[] = {
        { "curl_global_init", &out->global_init },
        { "curl_easy_init", &out->easy_init },
        { "curl_easy_setopt", &out->easy_setopt },
        { "curl_easy_perform", &out->easy_perform },
        { "curl_easy_getinfo", &out->easy_getinfo },
        { "curl_easy_header", &out->easy_header },
        { "curl_easy_strerror", &out->easy_strerror },
        { "curl_easy_cleanup", &out->easy_cleanup },
        { "curl_slist_append", &out->slist_append },
        { "curl_slist_free_all", &out->slist_free_all },
    };
    out->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!out->handle) {
        return missing("it is not installed, or cannot be loaded", error);
    }
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *symbol = dlsym(out->handle, symbols[i].name);
        if (!symbol) {
            return missing("the one installed is older than 7.83", error);
        }
        memcpy(symbols[i].target, &symbol, sizeof(symbol)); /* POSIX, dlsym(): as a function */
    }
    /* Safe to be repeated, and since 7.84 from any thread. */
    return out->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
               ? 0
               : error_set(error, ERROR_FAILED, "%s cannot be used", LIBRARY);
}

static size_t take_body(char *data, size_t size, size_t count, void *context) {
    struct transfer *transfer = context;
    size_t len = size * count;
    transfer->written += len;
    transfer->is_too_large = transfer->written > transfer->request->limit;
    if (transfer->is_too_large ||
        fs_write_all(transfer->request->fd, "the file", data, len, &transfer->write_error) < 0) {
        return CURL_WRITEFUNC_ERROR;
    }
    return len;
}

static CURLcode set_text(const struct transfer *transfer, CURLoption option, const char *value) {
    return transfer->library->easy_setopt(transfer->curl, option, value);
}

static CURLcode set_number(const struct transfer *transfer, CURLoption option, long value) {
    return transfer->library->easy_setopt(transfer->curl, option, value);
}

static bool set_limits(const struct transfer *transfer) {
    static const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        { CURLOPT_NOSIGNAL, 1 }, /* bud has threads */
        { CURLOPT_FOLLOWLOCATION, 1 },
        { CURLOPT_MAXREDIRS, REDIRECTS },
        { CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS },
        { CURLOPT_LOW_SPEED_LIMIT, 1 },
        { CURLOPT_LOW_SPEED_TIME, SILENT_SECONDS },
        { CURLOPT_SSL_VERIFYPEER, 1 },
        { CURLOPT_SSL_VERIFYHOST, 2 },
        { CURLOPT_FILETIME, 1 },
    };
    bool is_set = true;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        is_set = is_set && set_number(transfer, numbers[i].option, numbers[i].value) == CURLE_OK;
    }
    return is_set && set_text(transfer, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           set_text(transfer, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK;
}

static int prepare(struct transfer *transfer, struct arena *arena, struct error *error) {
    const struct fetch_request *request = transfer->request;
    const struct curl_library *library = transfer->library;
    CURL *curl = transfer->curl;
    if (!curl || !set_limits(transfer)) {
        return missing("the one installed is older than 7.85", error);
    }
    if (request->etag) {
        transfer->headers =
            library->slist_append(NULL, arena_printf(arena, "If-None-Match: %s", request->etag));
        library->easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
    }
    library->easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->explanation);
    library->easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    library->easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    set_text(transfer, CURLOPT_USERAGENT, "bud/" BUD_VERSION);
    return set_text(transfer, CURLOPT_URL, str_dup(arena, request->remote->url)) == CURLE_OK
               ? 0
               : error_set(error, ERROR_FAILED, "libcurl does not take this URL");
}

/* What CODE means for the user. */
static int transfer_failed(struct transfer *transfer, CURLcode code, struct error *error) {
    struct str shown = transfer->request->remote->shown;
    if (transfer->is_too_large) {
        error_set(error, ERROR_FAILED, "%.*s: it has more than %llu bytes", STR_ARG(shown),
                  (unsigned long long)transfer->request->limit);
        return error_hint(error, "fetch it before the build");
    }
    if (transfer->write_error.code != ERROR_NONE) {
        *error = transfer->write_error;
        transfer->write_error = (struct error)ERROR_INIT;
        return error_wrap(error, "%.*s", STR_ARG(shown));
    }
    const char *why = transfer->explanation[0] != '\0' ? transfer->explanation
                                                       : transfer->library->easy_strerror(code);
    error_set(error, ERROR_FAILED, "%.*s: %s", STR_ARG(shown), why);
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return error_hint(error, "add the authority that signed it to those this machine trusts "
                                 "(Debian: update-ca-certificates)");
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return error_hint(error, "the server sends us elsewhere: give the URL of the file itself");
    case CURLE_PARTIAL_FILE:
        return error_hint(error, "try again");
    default:
        return error_hint(error, "check the host's name and the network; a proxy is named by "
                                 "http_proxy and https_proxy");
    }
}

static int check_status(const struct transfer *transfer, long status, struct error *error) {
    if (status == 200 || (status == 304 && transfer->request->etag)) {
        return 0;
    }
    error_set(error, status == 404 || status == 410 ? ERROR_NOT_FOUND : ERROR_FAILED,
              "%.*s: invalid response status %ld", STR_ARG(transfer->request->remote->shown),
              status);
    return error_hint(error,
                      status == 401 || status == 403
                          ? "the server wants other credentials: user and password in the URL, "
                            "which are kept nowhere and shown nowhere"
                      : status >= 500 ? "that is the server's own failure; try again later"
                                      : "check the URL");
}

/* A connection that breaks while OpenSSL writes raises SIGPIPE, which would end bud. */
static CURLcode perform_without_sigpipe(const struct transfer *transfer) {
    sigset_t pipe, pending, old;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &old);
    CURLcode code = transfer->library->easy_perform(transfer->curl);
    if (!sigismember(&old, SIGPIPE) && sigpending(&pending) == 0 &&
        sigismember(&pending, SIGPIPE)) {
        sigtimedwait(&pipe, NULL, &(struct timespec){ 0 });
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return code;
}

static int perform(struct transfer *transfer, struct arena *arena, struct fetch_result *out,
                   struct error *error) {
    const struct curl_library *library = transfer->library;
    struct curl_header *etag;
    curl_off_t modified = -1;
    long status = 0;
    CURLcode code = perform_without_sigpipe(transfer);
    if (code != CURLE_OK) {
        return transfer_failed(transfer, code, error);
    }
    library->easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    library->easy_getinfo(transfer->curl, CURLINFO_FILETIME_T, &modified);
    if (check_status(transfer, status, error) < 0) {
        return -1;
    }
    bool has_etag =
        library->easy_header(transfer->curl, "ETag", 0, CURLH_HEADER, -1, &etag) == CURLHE_OK;
    *out = (struct fetch_result){
        .is_unchanged = status == 304,
        .etag = has_etag ? str_copy(arena, str_of(etag->value)) : STR_EMPTY,
        .last_modified = modified < 0 ? -1 : modified,
    };
    return 0;
}

int fetch_file(const struct fetch_request *request, struct arena *arena, struct fetch_result *out,
               struct error *error) {
    struct curl_library library;
    if (load(&library, error) < 0) {
        return -1;
    }
    struct transfer transfer = { .request = request,
                                 .library = &library,
                                 .curl = library.easy_init(),
                                 .write_error = ERROR_INIT };
    int result = prepare(&transfer, arena, error);
    if (result == 0) {
        result = perform(&transfer, arena, out, error);
    }
    library.slist_free_all(transfer.headers);
    if (transfer.curl) {
        library.easy_cleanup(transfer.curl);
    }
    error_clear(&transfer.write_error);
    return result;
}
