# SPDX-License-Identifier: MIT
#
# One Makefile for the whole tree, not recursive. `make help` lists the targets.
#
# To add a file: write its name into the list it belongs to, just below; the lint
# reports a forgotten one. To add an executable: a list, a name in PROGRAMS, its two
# lines. Every build tree (build/release, build/asan, build/cov) holds all executables
# side by side, because a helper is looked for beside the running program.

VERSION := 0.1.0

# ---- what is built ------------------------------------------------------------------

# base: a static library every executable links
BASE_SOURCES := \
	agent/base/clock.c \
	agent/base/confine.c \
	agent/base/erase.c \
	agent/base/error.c \
	agent/base/file.c \
	agent/base/identity.c \
	agent/base/json.c \
	agent/base/lock.c \
	agent/base/memory.c \
	agent/base/near.c \
	agent/base/process.c \
	agent/base/text.c \
	agent/base/wire.c \

# bootagent
BOOTAGENT_SOURCES := \
	agent/aws/aws.c \
	agent/aws/codes.c \
	agent/aws/container.c \
	agent/aws/credentials.c \
	agent/aws/keys.c \
	agent/aws/reply.c \
	agent/aws/request.c \
	agent/aws/skew.c \
	agent/aws/xml.c \
	agent/cmd/boot.c \
	agent/cmd/config.c \
	agent/cmd/options.c \
	agent/cmd/rollback.c \
	agent/cmd/status.c \
	agent/cmd/sync.c \
	agent/config/check.c \
	agent/config/complaints.c \
	agent/config/config.c \
	agent/config/digest.c \
	agent/config/effective.c \
	agent/config/files.c \
	agent/config/keys.c \
	agent/config/layers.c \
	agent/config/lexer.c \
	agent/config/merge.c \
	agent/config/null.c \
	agent/config/origin.c \
	agent/config/output_rules.c \
	agent/config/reader.c \
	agent/config/repository.c \
	agent/config/required.c \
	agent/config/rules.c \
	agent/config/schema.c \
	agent/config/secret.c \
	agent/config/shape.c \
	agent/config/size.c \
	agent/config/span.c \
	agent/config/user_data.c \
	agent/config/value.c \
	agent/lifecycle/autoscaling.c \
	agent/lifecycle/hook.c \
	agent/lifecycle/verdict.c \
	agent/loop/child.c \
	agent/loop/descent.c \
	agent/loop/keeper.c \
	agent/loop/kept.c \
	agent/loop/loop.c \
	agent/loop/session.c \
	agent/main.c \
	agent/metadata/endpoint.c \
	agent/metadata/imds.c \
	agent/metadata/metadata.c \
	agent/metadata/target.c \
	agent/metadata/token.c \
	agent/net/http.c \
	agent/net/multi.c \
	agent/net/retry.c \
	agent/pipeline.c \
	agent/ready/answer.c \
	agent/ready/ready.c \
	agent/ready/unit.c \
	agent/ready/watch.c \
	agent/release/activate.c \
	agent/release/decide.c \
	agent/release/inuse.c \
	agent/release/mounts.c \
	agent/release/link.c \
	agent/release/prune.c \
	agent/release/release.c \
	agent/release/rollback.c \
	agent/release/tree.c \
	agent/release/variables.c \
	agent/run/begin.c \
	agent/run/log.c \
	agent/run/outcome.c \
	agent/run/pin.c \
	agent/run/report.c \
	agent/run/run.c \
	agent/run/status.c \
	agent/secrets/blank.c \
	agent/secrets/environment.c \
	agent/secrets/fetch.c \
	agent/secrets/replies.c \
	agent/secrets/secrets.c \
	agent/settle.c \
	agent/setup/setup.c \
	agent/source/renew.c \
	agent/source/source.c \
	agent/state/answers.c \
	agent/state/failures.c \
	agent/state/gate.c \
	agent/state/pins.c \
	agent/state/places.c \
	agent/state/releases.c \
	agent/state/runfile.c \
	agent/state/verdicts.c \
	agent/steps/bundler.c \
	agent/steps/command.c \
	agent/steps/environment.c \
	agent/steps/errand.c \
	agent/steps/forward.c \
	agent/steps/group.c \
	agent/steps/job.c \
	agent/steps/output.c \
	agent/steps/outputs.c \
	agent/steps/requirements.c \
	agent/steps/steps.c \
	agent/steps/tail.c \
	agent/userdata/extract.c \
	agent/userdata/fetch.c \
	agent/userdata/mime.c \
	agent/worker/conversation.c \
	agent/worker/helper.c \
	agent/worker/worker.c \

# bootagent-source: the only code that parses git data
SOURCE_HELPER_SOURCES := \
	agent/git/abbrev.c \
	agent/git/address.c \
	agent/git/attributes.c \
	agent/git/attrline.c \
	agent/git/base64.c \
	agent/git/buffers.c \
	agent/git/connection.c \
	agent/git/content.c \
	agent/git/damage.c \
	agent/git/discard.c \
	agent/git/entry.c \
	agent/git/export.c \
	agent/git/failure.c \
	agent/git/fetch.c \
	agent/git/fill.c \
	agent/git/find.c \
	agent/git/hostkey.c \
	agent/git/key.c \
	agent/git/library.c \
	agent/git/login.c \
	agent/git/main.c \
	agent/git/manifest.c \
	agent/git/mirror.c \
	agent/git/notices.c \
	agent/git/pace.c \
	agent/git/person.c \
	agent/git/pretty.c \
	agent/git/resolve.c \
	agent/git/reuse.c \
	agent/git/space.c \
	agent/git/sshstring.c \
	agent/git/store.c \
	agent/git/subst.c \
	agent/git/sweep.c \
	agent/git/walk.c \
	agent/git/wildmatch.c \
	agent/git/writer.c \

# bootagent-tree: file operations below deploy_to
TREE_HELPER_SOURCES := \
	agent/tree/activate.c \
	agent/tree/adopt.c \
	agent/tree/current.c \
	agent/tree/depot.c \
	agent/tree/digest.c \
	agent/tree/gemfile.c \
	agent/tree/inputs.c \
	agent/tree/layout.c \
	agent/tree/link.c \
	agent/tree/links.c \
	agent/tree/main.c \
	agent/tree/outkey.c \
	agent/tree/outlinks.c \
	agent/tree/outprune.c \
	agent/tree/outputs.c \
	agent/tree/place.c \
	agent/tree/record.c \
	agent/tree/release.c \
	agent/tree/remove.c \
	agent/tree/request.c \
	agent/tree/requirement.c \
	agent/tree/requirements.c \
	agent/tree/ruby.c \
	agent/tree/search.c \
	agent/tree/shared.c \
	agent/tree/tool.c \
	agent/tree/usage.c \
	agent/tree/wanted.c \

# unit tests: tests/unit/FOLDER/test_NAME.c becomes build/TREE/test_FOLDER_NAME
UNIT_TESTS := \
	tests/unit/aws/test_aws.c \
	tests/unit/aws/test_calls.c \
	tests/unit/aws/test_container.c \
	tests/unit/aws/test_credentials.c \
	tests/unit/aws/test_reply.c \
	tests/unit/aws/test_request.c \
	tests/unit/aws/test_skew.c \
	tests/unit/aws/test_xml.c \
	tests/unit/base/test_clock.c \
	tests/unit/base/test_confine.c \
	tests/unit/base/test_error.c \
	tests/unit/base/test_file.c \
	tests/unit/base/test_identity.c \
	tests/unit/base/test_json.c \
	tests/unit/base/test_lock.c \
	tests/unit/base/test_memory.c \
	tests/unit/base/test_near.c \
	tests/unit/base/test_process.c \
	tests/unit/base/test_text.c \
	tests/unit/base/test_wire.c \
	tests/unit/config/test_config.c \
	tests/unit/config/test_digest.c \
	tests/unit/config/test_keys.c \
	tests/unit/config/test_layers.c \
	tests/unit/config/test_reader.c \
	tests/unit/config/test_refusals.c \
	tests/unit/config/test_repository.c \
	tests/unit/config/test_secret.c \
	tests/unit/config/test_size.c \
	tests/unit/config/test_span.c \
	tests/unit/git/test_address.c \
	tests/unit/git/test_attributes.c \
	tests/unit/git/test_base64.c \
	tests/unit/git/test_entry.c \
	tests/unit/git/test_failure.c \
	tests/unit/git/test_manifest.c \
	tests/unit/git/test_resolve.c \
	tests/unit/git/test_wildmatch.c \
	tests/unit/loop/test_child.c \
	tests/unit/loop/test_child_stop.c \
	tests/unit/loop/test_kept.c \
	tests/unit/loop/test_loop.c \
	tests/unit/metadata/test_endpoint.c \
	tests/unit/metadata/test_imds.c \
	tests/unit/metadata/test_metadata.c \
	tests/unit/metadata/test_target.c \
	tests/unit/net/test_http.c \
	tests/unit/net/test_retry.c \
	tests/unit/net/test_transfers.c \
	tests/unit/ready/test_answer.c \
	tests/unit/ready/test_unit.c \
	tests/unit/release/test_inuse.c \
	tests/unit/release/test_mounts.c \
	tests/unit/run/test_outcome.c \
	tests/unit/run/test_output.c \
	tests/unit/run/test_run.c \
	tests/unit/run/test_status.c \
	tests/unit/secrets/test_blank.c \
	tests/unit/secrets/test_environment.c \
	tests/unit/secrets/test_replies.c \
	tests/unit/state/test_answers.c \
	tests/unit/state/test_failures.c \
	tests/unit/state/test_gate.c \
	tests/unit/state/test_pins.c \
	tests/unit/state/test_places.c \
	tests/unit/state/test_releases.c \
	tests/unit/state/test_runfile.c \
	tests/unit/state/test_verdicts.c \
	tests/unit/steps/test_bundler.c \
	tests/unit/steps/test_command.c \
	tests/unit/steps/test_forward.c \
	tests/unit/steps/test_tail.c \
	tests/unit/tree/test_current.c \
	tests/unit/tree/test_gemfile.c \
	tests/unit/tree/test_links.c \
	tests/unit/tree/test_outkey.c \
	tests/unit/tree/test_request.c \
	tests/unit/tree/test_requirement.c \
	tests/unit/tree/test_ruby.c \
	tests/unit/tree/test_search.c \
	tests/unit/userdata/test_extract.c \
	tests/unit/userdata/test_fetch.c \
	tests/unit/worker/test_conversation.c \
	tests/unit/worker/test_helper.c \
	tests/unit/worker/test_worker.c \

# code that several unit tests share
UNIT_SUPPORT_SOURCES := \
	tests/unit/net/canned.c \

# fuzz targets: tests/fuzz/fuzz_NAME.c becomes build/fuzz/fuzz_NAME; each begins with the
# inputs in tests/fuzz/corpus/NAME
FUZZ_TARGETS := \
	tests/fuzz/fuzz_answer.c \
	tests/fuzz/fuzz_conversation.c \
	tests/fuzz/fuzz_credentials.c \
	tests/fuzz/fuzz_date.c \
	tests/fuzz/fuzz_gemfile.c \
	tests/fuzz/fuzz_json.c \
	tests/fuzz/fuzz_metadata.c \
	tests/fuzz/fuzz_reader.c \
	tests/fuzz/fuzz_reply.c \
	tests/fuzz/fuzz_span.c \
	tests/fuzz/fuzz_state.c \
	tests/fuzz/fuzz_userdata.c \
	tests/fuzz/fuzz_xml.c \

PROGRAMS := bootagent bootagent-source bootagent-tree

bootagent_SOURCES  := $(BOOTAGENT_SOURCES)
bootagent_PACKAGES := libcurl json-c libsystemd expat zlib

bootagent-source_SOURCES  := $(SOURCE_HELPER_SOURCES)
bootagent-source_PACKAGES := libgit2 json-c

bootagent-tree_SOURCES  := $(TREE_HELPER_SOURCES)
bootagent-tree_PACKAGES := json-c nettle

BASE_PACKAGES := json-c

# The suites `make check` expects; one that left no results counts as a failure.
SUITES := lint lint-tests format unit fuzz region integration kill

# ---- where and with what ------------------------------------------------------------

PREFIX     ?= /usr
DESTDIR    ?=
BINDIR     := $(DESTDIR)$(PREFIX)/bin
LIBEXECDIR := $(DESTDIR)$(PREFIX)/libexec/bootagent
MANDIR     := $(DESTDIR)$(PREFIX)/share/man

# Always the distribution's Python: another one that comes first in PATH lacks its
# botocore and pytest.
PYTHON := /usr/bin/python3

# `make INSTALL_DEPS=true` never installs anything (packagers, other distributions).
INSTALL_DEPS ?= tools/install-deps

TREES   := release asan cov fuzz
RESULTS := build/results
ALL_PACKAGES := $(sort $(BASE_PACKAGES) $(foreach p,$(PROGRAMS),$($p_PACKAGES)))

ifeq ($(V),1)
say :=
Q   :=
else
say = @printf '  %-5s %s\n' $1 $@
Q   := @
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: FORCE
FORCE:

# What the machine offers (pkg-config, hardening flags) is asked once per invocation
# and kept in build/config.mk. The recipe first installs what is missing, so that a
# bare machine needs only git and make. Goals that compile nothing do without.
NO_CONFIG := help clean dist lint format format-check check check-region deps-%
ifneq ($(filter-out $(NO_CONFIG),$(or $(MAKECMDGOALS),all)),)
include build/config.mk
endif

build/config.mk: FORCE
	@$(INSTALL_DEPS) build
	@mkdir -p build
	@CC='$(CC)' tools/configure $(ALL_PACKAGES) >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# ---- flags --------------------------------------------------------------------------
# CPPFLAGS, CFLAGS and LDFLAGS stay the user's; they come last.

WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wundef -Wswitch
ifneq ($(CI),)
WARNINGS += -Werror
endif

OUR_CPPFLAGS := -D_GNU_SOURCE -DBOOTAGENT_VERSION='"$(VERSION)"' -Iinclude
OUR_CFLAGS    = -std=gnu17 -g $(WARNINGS) $(HARDEN_CFLAGS) -fPIE
OUR_LDFLAGS  := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

# Instrumented code confuses gcc's flow analysis; the release tree has these warnings.
NO_GUESSES := -Wno-format-truncation -Wno-maybe-uninitialized

release_CFLAGS  = -O2 $(FORTIFY_FLAGS)
asan_CFLAGS    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer $(NO_GUESSES)
asan_LDFLAGS   := -fsanitize=address,undefined
cov_CFLAGS     := -O0 --coverage -fprofile-abs-path $(NO_GUESSES)
cov_LDFLAGS    := --coverage
# libFuzzer comes with clang; gcc's warnings are told by the other trees.
FUZZ_CC        := clang
FUZZ_RUNS      ?= 1000000
fuzz_CC        = $(FUZZ_CC)
fuzz_CFLAGS    := -O1 -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -w
fuzz_LDFLAGS   := -fsanitize=address,undefined

package_cflags = $(foreach p,$1,$(CFLAGS_$p))
package_libs   = $(foreach p,$1,$(LIBS_$p))
compiler       = $(or $($1_CC),$(CC))
all_flags      = $(COMPILER) $(call compiler,$1) $(OUR_CPPFLAGS) $(OUR_CFLAGS) $($1_CFLAGS) $(CPPFLAGS) \
	$(CFLAGS) $(OUR_LDFLAGS) $($1_LDFLAGS) $(LDFLAGS) \
	$(call package_cflags,$(ALL_PACKAGES)) $(call package_libs,$(ALL_PACKAGES))

# ---- rules, written once and instantiated per tree ----------------------------------

objects   = $(patsubst %.c,build/$1/obj/%.o,$2)
unit_name = test_$(subst /test_,_,$(patsubst tests/unit/%.c,%,$1))
fuzz_name = $(patsubst tests/fuzz/%.c,%,$1)
not_main  = $(filter-out %/main.c,$1)
is_main   = $(filter %/main.c,$1)
libraries = $(patsubst %,build/$1/obj/lib%.a,$2)

# library_rules TREE,NAME,SOURCES,PACKAGES. The Makefile is a prerequisite so that a
# file taken off a list leaves the archive.
define library_rules
$(call objects,$1,$3): private OBJECT_CFLAGS := $(call package_cflags,$4)
$(call libraries,$1,$2): $(call objects,$1,$(call not_main,$3)) Makefile
	$$(call say,AR)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && $$(AR) rcs $$@ $$(filter %.o,$$^)
endef

# program_rules TREE,PROGRAM
define program_rules
$(call library_rules,$1,$2,$($2_SOURCES),$($2_PACKAGES))
build/$1/$2: $(call objects,$1,$(call is_main,$($2_SOURCES))) $(call libraries,$1,$2 base)
	$$(call say,LINK)
	$$(Q)$$(call compiler,$1) $$(OUR_CFLAGS) $$($1_CFLAGS) $$(CFLAGS) $$(OUR_LDFLAGS) \
		$$($1_LDFLAGS) $$(LDFLAGS) -o $$@ $$(filter %.o %.a,$$^) \
		$(call package_libs,$($2_PACKAGES))
endef

# unit_rules TREE,SOURCE
define unit_rules
build/$1/$(call unit_name,$2): $(call objects,$1,$2) $(call libraries,$1,$(UNIT_LIBRARIES))
	$$(call say,LINK)
	$$(Q)$$(call compiler,$1) $$(OUR_CFLAGS) $$($1_CFLAGS) $$(CFLAGS) $$(OUR_LDFLAGS) \
		$$($1_LDFLAGS) $$(LDFLAGS) -o $$@ $$(filter %.o %.a,$$^) -lcmocka \
		$(call package_libs,$(ALL_PACKAGES))
endef

# fuzz_rules SOURCE
define fuzz_rules
build/fuzz/$(call fuzz_name,$1): $(call objects,fuzz,$1) $(call libraries,fuzz,$(UNIT_LIBRARIES))
	$$(call say,LINK)
	$$(Q)$$(fuzz_CC) $$(OUR_CFLAGS) $$(fuzz_CFLAGS) $$(CFLAGS) $$(OUR_LDFLAGS) \
		$$(fuzz_LDFLAGS) -fsanitize=fuzzer $$(LDFLAGS) -o $$@ $$(filter %.o %.a,$$^) \
		$(call package_libs,$(ALL_PACKAGES))
endef
# base comes last: the linker reads archives from left to right
UNIT_LIBRARIES := unit-support $(PROGRAMS) base

define tree_rules
$1_PROGRAMS := $(addprefix build/$1/,$(PROGRAMS))
$1_TESTS    := $(addprefix build/$1/,$(foreach t,$(UNIT_TESTS),$(call unit_name,$t)))

$(call library_rules,$1,base,$(BASE_SOURCES),$(BASE_PACKAGES))
$(call library_rules,$1,unit-support,$(UNIT_SUPPORT_SOURCES),$(ALL_PACKAGES))
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$1,$p)))
$(foreach t,$(UNIT_TESTS),$(eval $(call unit_rules,$1,$t)))
$(call objects,$1,$(UNIT_TESTS) $(UNIT_SUPPORT_SOURCES) $(FUZZ_TARGETS)): private OBJECT_CFLAGS := \
	-Itests/unit $(call package_cflags,$(ALL_PACKAGES))

build/$1/obj/%.o: %.c build/$1/obj/flags
	$$(call say,CC)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(call compiler,$1) $$(OUR_CPPFLAGS) $$(CPPFLAGS) $$(OBJECT_CFLAGS) $$(OUR_CFLAGS) \
		$$($1_CFLAGS) $$(CFLAGS) -MMD -MP -c -o $$@ $$<

# Other flags or another compiler: the file changes and everything is built again.
build/$1/obj/flags: FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$$(call all_flags,$1))' >$$@.new
	@cmp -s $$@.new $$@ && rm $$@.new || mv $$@.new $$@
endef
$(foreach tree,$(TREES),$(eval $(call tree_rules,$(tree))))
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_rules,$t)))
# clang comes with deps-check: nothing is compiled before that is done
build/fuzz/obj/flags: | deps-check
fuzz_PROGRAMS := $(addprefix build/fuzz/,$(foreach t,$(FUZZ_TARGETS),$(call fuzz_name,$t)))

ALL_SOURCES := $(BASE_SOURCES) $(UNIT_TESTS) $(UNIT_SUPPORT_SOURCES) $(FUZZ_TARGETS) \
	$(foreach p,$(PROGRAMS),$($p_SOURCES))
-include $(foreach tree,$(TREES),$(patsubst %.o,%.d,$(call objects,$(tree),$(ALL_SOURCES))))

# ---- targets ------------------------------------------------------------------------

.PHONY: all asan demo check check-unit check-fuzz check-region check-integration check-kill lint \
	format format-check coverage fuzz bench install dist clean help deps-demo deps-check \
	deps-bench

all: $(release_PROGRAMS) ## build build/release (the default)

asan: $(asan_PROGRAMS) ## build build/asan, with address and undefined-behaviour checks

deps-demo deps-check deps-bench: deps-%:
	@$(INSTALL_DEPS) $*

# Strict sanitizers for what inherits the environment. Workers do not: for them the
# flags above stand, and a report ends the worker with a failure all the same.
SANITIZERS := ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:abort_on_error=0:exitcode=99:strict_string_checks=1:detect_stack_use_after_return=1 \
	UBSAN_OPTIONS=halt_on_error=1:abort_on_error=0:exitcode=99:print_stacktrace=1

# run_python TREE
run_python = BOOTAGENT_BUILD='$(CURDIR)/build/$1' PYTHONPATH='$(CURDIR)/tests' $(PYTHON) -B
# run_pytest SUITE,TREE,FOLDERS and options. The time limit is for a hung suite only.
run_pytest = @mkdir -p $(RESULTS); rm -f $(RESULTS)/$1.xml; $(SANITIZERS) \
	BOOTAGENT_BUILD='$(CURDIR)/build/$2' PYTHONPATH='$(CURDIR)/tests' \
	timeout --foreground -k 10 1800 $(PYTHON) -B -m pytest -p no:cacheprovider -q -ra \
	-o junit_suite_name=$1 --junitxml=$(RESULTS)/$1.xml $3 </dev/null

demo: all deps-demo ## boot the sample application on a simulated instance
	@$(call run_python,release) tests/demo/demo.py

bench: all deps-bench ## measure boots and syncs beside scripts, exports beside tar, all beside git, step outputs
	@$(call run_python,release) tests/bench/bench.py
	@$(call run_python,release) tests/bench/export.py
	@$(call run_python,release) tests/bench/sync.py
	@$(call run_python,release) tests/bench/outputs.py

# Every suite runs even if one before it failed; summary.py counts and decides.
check: deps-check ## every suite; the last line counts passed and failed
	@rm -rf $(RESULTS) && mkdir -p $(RESULTS)
	+@for suite in lint format-check check-unit check-fuzz check-region check-integration \
		check-kill; do \
		printf '\n== %s\n' $$suite; \
		$(MAKE) --no-print-directory $$suite || \
			echo $${suite#check-} >>$(RESULTS)/failed; \
	done; \
	$(PYTHON) -B tools/summary.py $(RESULTS) $(SUITES)

check-unit: asan $(asan_TESTS) deps-check ## unit tests (cmocka), sanitized
	@$(SANITIZERS) $(PYTHON) -B tools/run-unit.py $(RESULTS)/unit.xml $(asan_TESTS)

# FUZZ_SHORT_RUNS, so that FUZZ_RUNS in the environment lengthens only `make fuzz`
FUZZ_SHORT_RUNS := 20000
check-fuzz: deps-check $(fuzz_PROGRAMS) ## a short run of every fuzz target
	@$(PYTHON) -B tools/run-fuzz.py $(RESULTS)/fuzz.xml $(FUZZ_SHORT_RUNS) $(fuzz_PROGRAMS)

fuzz: deps-check $(fuzz_PROGRAMS) ## a long one: FUZZ_RUNS=1000000
	@$(PYTHON) -B tools/run-fuzz.py build/fuzz/fuzz.xml $(FUZZ_RUNS) $(fuzz_PROGRAMS)

check-region: deps-check ## tests of the test region and its servers
	$(call run_pytest,region,release,tests/region tests/servers)

# most tests wait for something: more of them than processors run side by side
AT_A_TIME := -n 4 --dist loadfile
check-integration: asan deps-check ## the real programs, sanitized, against the region
	@rm -f $(RESULTS)/*-faults.txt
	$(call run_pytest,integration,asan,tests/integration $(AT_A_TIME))
	@cat $(RESULTS)/*-faults.txt

check-kill: all deps-check ## kill every process at every commit point
	$(call run_pytest,kill,release,tests/kill)

lint: deps-check ## may-use order, sizes, forbidden calls, forgotten files
	@mkdir -p $(RESULTS)
	@status=0; \
	$(PYTHON) -B tests/lint/lint.py $(RESULTS)/lint.xml || status=1; \
	$(PYTHON) -B -m pytest -p no:cacheprovider -q -ra -o junit_suite_name=lint-tests \
		--junitxml=$(RESULTS)/lint-tests.xml tests/lint </dev/null || status=1; \
	exit $$status

format: deps-check ## rewrite the C files as clang-format wants them
	@$(PYTHON) -B tests/lint/format.py --write

format-check: deps-check ## fail if `make format` would change a file
	@mkdir -p $(RESULTS)
	@$(PYTHON) -B tests/lint/format.py $(RESULTS)/format.xml

coverage: $(cov_PROGRAMS) $(cov_TESTS) deps-check ## lines run by unit and integration tests
	@find build/cov -name '*.gcda' -delete
	-@$(PYTHON) -B tools/run-unit.py $(RESULTS)/coverage-unit.xml $(cov_TESTS)
	-$(call run_pytest,coverage-integration,cov,tests/integration)
	@$(PYTHON) -B tools/coverage.py build/cov

install: all ## install below $(DESTDIR)$(PREFIX)
	install -d '$(BINDIR)' '$(LIBEXECDIR)' '$(MANDIR)/man5' '$(MANDIR)/man8'
	install -m 755 build/release/bootagent '$(BINDIR)'
	install -m 755 $(filter-out build/release/bootagent,$(release_PROGRAMS)) '$(LIBEXECDIR)'
	install -m 644 packaging/man/bootagent.json.5 '$(MANDIR)/man5'
	install -m 644 packaging/man/bootagent.8 '$(MANDIR)/man8'

dist: ## build/bootagent-VERSION.tar.gz of the committed tree
	@mkdir -p build
	git archive --format=tar.gz --prefix=bootagent-$(VERSION)/ \
		-o build/bootagent-$(VERSION).tar.gz HEAD

clean: ## remove everything that was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
		while IFS='|' read -r target text; do \
			printf '  make %-18s %s\n' "$$target" "$$text"; done
