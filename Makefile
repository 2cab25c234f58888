# bud: build, test, install. `make help` lists the targets.
#
#   make            build/bud
#   make SAN=1      the same with AddressSanitizer and UBSan, in build/san; with CC=clang also for the fuzzers
#   make BUILD=dir  another output directory

BUILD ?= build
SAN ?=
ifneq ($(SAN),)
override BUILD := $(BUILD)/san
endif

CC ?= gcc
PREFIX ?= /usr/local
DESTDIR ?=
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man/man1
COMPLETIONS = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
DOCS = $(DESTDIR)$(PREFIX)/share/doc/bud

VERSION := $(shell cat VERSION)

WARNINGS = -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wundef -Wwrite-strings
WERROR ?= -Werror
OPTIMIZE ?= -O2 -g
CFLAGS ?=
ALL_CFLAGS = -std=gnu17 $(OPTIMIZE) $(WARNINGS) $(WERROR) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
             -DBUD_VERSION='"$(VERSION)"' -I. -I$(BUILD)/generated -pthread $(CFLAGS)
ALL_LDFLAGS = -pthread $(LDFLAGS)
ifneq ($(SAN),)
OPTIMIZE = -O1 -g -fno-omit-frame-pointer
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all
ALL_LDFLAGS += -fsanitize=address,undefined
ifneq ($(findstring clang,$(CC)),)
ALL_CFLAGS += -fsanitize=fuzzer-no-link
IS_FUZZABLE = yes
endif
endif

# Everything start-up would have to map is linked statically (docs/architecture.md, "Libraries").
LIBS = -Wl,-Bstatic -larchive -lcrypto -ljansson -llmdb -lzstd -llzma -lbz2 -lz -lnettle -lacl -llz4 \
       -Wl,-Bdynamic -lm

# The folders, lowest first. A folder may use those before it, as the architecture's table says.
FOLDERS = base parser store registry planner executor cli

SOURCES_base := $(wildcard base/*.c)
SOURCES_parser := $(wildcard parser/*.c)
SOURCES_store := $(wildcard store/*.c)
SOURCES_registry := $(wildcard registry/*.c)
SOURCES_planner := $(wildcard planner/*.c)
SOURCES_executor := $(wildcard executor/*.c)
SOURCES_cli := $(filter-out cli/main.c,$(wildcard cli/*.c))

# grammar/NAME.re -> generated/NAME.re.c, grammar/NAME.y -> generated/NAME.tab.[ch]; each is compiled into the
# folder that owns the result.
GRAMMARS_base := remote
GRAMMARS_parser := dockerfile json words pattern lint
GRAMMARS_store := toml rows
GRAMMARS_registry := reference
generated_of = $(patsubst grammar/%.re,$(BUILD)/generated/grammar/%.re.c,$(wildcard $(1:%=grammar/%.re))) \
               $(patsubst grammar/%.y,$(BUILD)/generated/grammar/%.tab.c,$(wildcard $(1:%=grammar/%.y)))

objects_of = $(patsubst %.c,$(BUILD)/obj/%.o,$(SOURCES_$(1))) \
             $(patsubst $(BUILD)/generated/%.c,$(BUILD)/obj/generated/%.o,$(call generated_of,$(GRAMMARS_$(1))))

ARCHIVES = $(FOLDERS:%=$(BUILD)/lib%.a)
# An archive and all it may need, for linking tests of one folder.
link_base = $(BUILD)/libbase.a
link_parser = $(BUILD)/libparser.a $(link_base)
link_store = $(BUILD)/libstore.a $(link_base)
link_registry = $(BUILD)/libregistry.a $(link_store)
link_planner = $(BUILD)/libplanner.a $(BUILD)/libparser.a $(link_registry)
link_executor = $(BUILD)/libexecutor.a $(link_planner)
link_cli = $(BUILD)/libcli.a $(link_executor)

.DELETE_ON_ERROR:
.SUFFIXES:
# Generated code is kept: what includes it would be compiled again. Only this: a missing object must be made.
.SECONDARY: $(foreach folder,$(FOLDERS),$(call generated_of,$(GRAMMARS_$(folder))))
.PHONY: all demo check lint bench bench-parse bench-ignore install uninstall deps clean help unit fuzz
.DEFAULT_GOAL := all

all: $(BUILD)/bud

help:
	@sed -n 's/^#   //p' Makefile; echo 'targets: all demo check lint bench install uninstall deps clean'

define folder_rules
$(BUILD)/lib$(1).a: $(call objects_of,$(1))
	@rm -f $$@
	$(AR) rcsD $$@ $$^
-include $(patsubst %.o,%.d,$(call objects_of,$(1)))
# Sources include the generated headers of their own folder's grammars.
$(call objects_of,$(1)): | $(patsubst grammar/%.y,$(BUILD)/generated/grammar/%.tab.h,$(wildcard $(GRAMMARS_$(1):%=grammar/%.y)))
endef
$(foreach folder,$(FOLDERS),$(eval $(call folder_rules,$(folder))))

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Generated code is not ours to make free of the stricter warnings.
$(BUILD)/obj/generated/%.o: $(BUILD)/generated/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Wno-unused-function -Wno-unused-variable \
	    -Wno-unused-but-set-variable -MMD -MP -c -o $@ $<

$(BUILD)/generated/grammar/%.re.c: grammar/%.re
	@mkdir -p $(@D)
	re2c -W -Werror -Wno-nondeterministic-tags --no-debug-info -i -o $@ $<

$(BUILD)/generated/grammar/%.tab.c $(BUILD)/generated/grammar/%.tab.h &: grammar/%.y
	@mkdir -p $(@D)
	bison -Wall -Werror -Wno-yacc --no-lines --defines=$(BUILD)/generated/grammar/$*.tab.h \
	    -o $(BUILD)/generated/grammar/$*.tab.c $<

$(BUILD)/bud: $(BUILD)/obj/cli/main.o $(link_cli)
	$(CC) $(ALL_LDFLAGS) -o $@ $(BUILD)/obj/cli/main.o $(link_cli) $(LIBS)
-include $(BUILD)/obj/cli/main.d

# tests/unit/FOLDER_NOUN.c is linked with that folder and those below it.
UNIT_SOURCES := $(wildcard tests/unit/*.c)
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)
define unit_rule
$(BUILD)/unit/$(1): $(BUILD)/obj/tests/unit/$(1).o $(link_$(firstword $(subst _, ,$(1))))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS) -lcmocka
-include $(BUILD)/obj/tests/unit/$(1).d
endef
$(foreach test,$(UNIT_SOURCES:tests/unit/%.c=%),$(eval $(call unit_rule,$(test))))

unit: $(UNIT_TESTS)

# tests/fuzz/NAME.c -> $(BUILD)/fuzz/NAME, run by tests/fuzz/run. Their build is the one of SAN=1 CC=clang: without
# these, another make makes it, in build/clang/san.
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))
ifdef IS_FUZZABLE
fuzz: $(FUZZERS)
else
fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/clang CC=clang SAN=1 fuzz
endif
$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(link_parser)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)
-include $(FUZZERS:$(BUILD)/fuzz/%=$(BUILD)/obj/tests/fuzz/%.d)

# ---- what has to be installed (Debian 12 package names) ----

DEPS_BUILD = gcc make re2c bison libc6-dev libssl-dev libarchive-dev libjansson-dev liblmdb-dev zlib1g-dev \
             libzstd-dev liblzma-dev libbz2-dev nettle-dev libacl1-dev liblz4-dev libcurl4-openssl-dev
# runc runs RUN; the seccomp profile is in golang-github-containers-common; uidmap is for rootless builds; libcurl4 and git
# are for contexts that are elsewhere.
DEPS_RUN = runc golang-github-containers-common uidmap busybox-static libcurl4 git ca-certificates
DEPS_TEST = libcmocka-dev bats bzip2 xz-utils zstd perl python3 podman buildah skopeo umoci docker.io mmdebstrap strace valgrind jq attr \
            clang libclang-rt-14-dev e2fsprogs mount util-linux procps curl patch
DEPS_LINT = clang-format clang-tidy shellcheck

# Installs what is missing of $(1) when root, else prints the command and fails.
define install_missing
@missing=$$(for package in $(1); do \
    dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; \
done); \
if [ -z "$$missing" ]; then exit 0; fi; \
set -- $$missing; \
if [ "$$(id -u)" != 0 ]; then \
    echo "These packages are missing. Install them with:" >&2; \
    echo "    sudo apt-get install -y --no-install-recommends $$*" >&2; exit 1; \
fi; \
apt-get update -q && \
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$$@"
endef

.PHONY: deps-build deps-test deps-lint
deps-build:
	$(call install_missing,$(DEPS_BUILD) $(DEPS_RUN))
deps-test:
	$(call install_missing,$(DEPS_BUILD) $(DEPS_RUN) $(DEPS_TEST))
deps-lint:
	$(call install_missing,$(DEPS_BUILD) $(DEPS_LINT))
deps: deps-test

# ---- the two commands ----

demo: deps-build
	@echo "building $(BUILD)/bud"
	@$(MAKE) -s -j"$$(nproc)" all
	@BUD=$(BUILD)/bud examples/hello/demo

# SUITES="unit cli" runs only those.
SUITES ?=
check: deps-test
	@tests/run $(SUITES)

bench: deps-test
	@$(MAKE) -s -j"$$(nproc)" all
	@BUD=$(BUILD)/bud bench/run

# bench/NAME.c: a part of the parser by itself.
BENCHES = $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))
$(BENCHES): $(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(link_parser)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
-include $(BENCHES:$(BUILD)/bench/%=$(BUILD)/obj/bench/%.d)

bench-parse: $(BUILD)/bench/parse
	@bench/parse $<

bench-ignore: $(BUILD)/bench/ignore
	@$<

C_FILES = $(wildcard */*.c */*.h tests/unit/*.c bench/*.c tests/fuzz/*.c tests/faults/*.c)
# Needs the generated headers, and both cores for minutes.
lint: deps-lint
	@$(MAKE) -s all
	clang-format --dry-run -Werror $(C_FILES)
	printf '%s\n' $(filter %.c,$(C_FILES)) | xargs -P "$$(nproc)" -n 1 sh -c 'clang-tidy --quiet \
	    --warnings-as-errors="*" "$$@" -- -std=gnu17 -D_GNU_SOURCE -DBUD_VERSION="\"$(VERSION)\"" -I. \
	    -I$(BUILD)/generated' lint
	shellcheck $(shell grep -rlE '^#!.*\b(ba)?sh' tests bench examples .ci --exclude-dir=data 2>/dev/null)

install: all
	install -D -m 755 $(BUILD)/bud $(BINDIR)/bud
	@mkdir -p $(MANDIR)
	$(BUILD)/bud help --man > $(MANDIR)/bud.1
	for command in build plan context check targets args fmt ast images tag rmi inspect history import cache info version help; do \
	    $(BUILD)/bud help --man $$command > $(MANDIR)/bud-$$command.1 || exit 1; done
	@mkdir -p $(COMPLETIONS) $(DOCS)
	$(BUILD)/bud help --completion > $(COMPLETIONS)/bud
	install -m 644 README.md LICENSE docs/*.md $(DOCS)

uninstall:
	rm -f $(BINDIR)/bud $(MANDIR)/bud.1 $(MANDIR)/bud-*.1 $(COMPLETIONS)/bud
	rm -rf $(DOCS)

clean:
	rm -rf $(BUILD)
