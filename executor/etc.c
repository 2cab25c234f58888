#include "executor/etc.h"

#include "base/fs.h"

#include <arpa/inet.h>

#define RESOLV_CONF_LIMIT (1u << 20)

static bool is_address(struct str text) {
    struct in6_addr address;
    char copy[INET6_ADDRSTRLEN];
    if (!text.len || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len)) {
        return false;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return inet_pton(AF_INET, copy, &address) == 1 || inet_pton(AF_INET6, copy, &address) == 1;
}

static bool is_host_name(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == '#') {
            return false;
        }
    }
    return text.len > 0;
}

int etc_hosts(struct str hostname, const struct str_list *add_hosts, struct buf *out,
              struct error *error) {
    buf_printf(out, "127.0.0.1\tlocalhost %.*s\n", STR_ARG(hostname));
    buf_append_c(out, "::1\tlocalhost ip6-localhost ip6-loopback\n");
    for (size_t i = 0; i < add_hosts->count; i++) {
        struct str address = add_hosts->items[i];
        struct str name = STR_EMPTY;
        str_split(&address, str_find_byte(address, '=') == SIZE_MAX ? ':' : '=', &name);
        if (address.len > 2 && address.data[0] == '[' && address.data[address.len - 1] == ']') {
            address = str_sub(address, 1, address.len - 1);
        }
        if (!is_host_name(name) || !is_address(address)) {
            error_set(error, ERROR_USAGE, "--add-host: `%.*s` is not NAME:ADDRESS",
                      STR_ARG(add_hosts->items[i]));
            return error_hint(
                error, "for example --add-host mirror:192.0.2.7; the address must be numeric");
        }
        buf_printf(out, "%.*s\t%.*s\n", STR_ARG(address), STR_ARG(name));
    }
    return 0;
}

/* The server a line names, or empty. */
static struct str server_of(struct str line) {
    line = str_trim(line);
    if (!str_has_prefix(line, STR("nameserver"))) {
        return STR_EMPTY;
    }
    struct str value = str_from(line, strlen("nameserver"));
    return value.len && (value.data[0] == ' ' || value.data[0] == '\t') ? str_trim(value)
                                                                        : STR_EMPTY;
}

static bool is_loopback(struct str server) {
    return str_has_prefix(server, STR("127.")) || str_equal(server, STR("::1"));
}

static bool is_only_stub(struct str text) {
    bool has_stub = false;
    struct str line;
    while (str_split(&text, '\n', &line)) {
        struct str server = server_of(line);
        if (server.len && !str_equal(server, STR("127.0.0.53"))) {
            return false;
        }
        has_stub = has_stub || server.len;
    }
    return has_stub;
}

void etc_resolv_conf(struct str host, struct str upstream, bool is_private, struct buf *out) {
    struct str text = upstream.len && is_only_stub(host) ? upstream : host;
    struct str line;
    bool has_server = false;
    if (!is_private) {
        buf_append_str(out, text);
        return;
    }
    while (text.len && str_split(&text, '\n', &line)) {
        struct str server = server_of(line);
        if (is_loopback(server)) {
            continue;
        }
        has_server = has_server || server.len;
        buf_append_str(out, line);
        buf_append_byte(out, '\n');
    }
    if (!has_server) {
        buf_append_c(out, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
                          "nameserver 2001:4860:4860::8888\nnameserver 2001:4860:4860::8844\n");
    }
}

int etc_resolv_conf_here(bool is_private, struct buf *out, struct error *error) {
    _cleanup_buf_ struct buf host = BUF_INIT;
    _cleanup_buf_ struct buf upstream = BUF_INIT;
    bool exists;
    if (fs_read_file_if_exists(AT_FDCWD, "/etc/resolv.conf", RESOLV_CONF_LIMIT, &host, &exists,
                               error) < 0 ||
        fs_read_file_if_exists(AT_FDCWD, "/run/systemd/resolve/resolv.conf", RESOLV_CONF_LIMIT,
                               &upstream, &exists, error) < 0) {
        return -1;
    }
    etc_resolv_conf(buf_str(&host), buf_str(&upstream), is_private, out);
    return 0;
}
