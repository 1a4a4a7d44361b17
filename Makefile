# kpicrm: CRM and sales KPIs computed inside PostgreSQL.
#
#   make demo                 a private server, three companies, the weekly sales meeting
#   LANG=ja make demo         the same in Japanese
#   make demo-html [HTML=…]   the report of the first company as a page: report.html
#   make test                 the same set-up, then every test
#   make test-html            the page in a real browser (Chromium)
#   make bench [ROWS=…]       speed as ratios to plain SQL
#   make test-versions        the tests on PostgreSQL 17 and 18, unpacked beside the machine's
#   make test-fuzz [INPUTS=…] mutated values of every type, odd arguments for every function
#   make test-sanitizer       the tests and the fuzzer with AddressSanitizer, UBSan and assertions
#   make test-sanitizer PART=short   of that what reaches the C files, in two minutes
#   make test-coverage        which lines and branches of the C files the tests reach
#   make test-static          static analysis of the C files
#   make test-upgrade         pg_upgrade of a workspace and of stored states from PostgreSQL 15 to 17
#   make test-clients         the views read by JDBC, ODBC, SQLAlchemy, R, node-postgres, LibreOffice and Evidence
#   make dist                 the release archive: dist/kpicrm-VERSION.zip
#   make test-package         the archive and the Debian package, built and used
#   make, make install, make installcheck, PG_CONFIG=…   as in any extension

ifeq ($(wildcard kpicrm.control),)
$(error run make in the folder of kpicrm: it does not build in another one)
endif

EXTENSION  = kpicrm
EXTVERSION = $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" kpicrm.control)

MODULE_big = kpicrm
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
PG_CPPFLAGS = -Isrc
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare
SHLIB_LINK = -lnlopt -lm

# Load order is a fact about the SQL, so it is written down, not sorted.
MEMBERS = \
	src/prologue.sql \
	src/argument.sql \
	src/parse.sql \
	src/algebra/conversion.sql \
	src/algebra/weighted_conversion.sql \
	src/algebra/comparison.sql \
	src/algebra/lead_times.sql \
	src/algebra/lead_times_fraction.sql \
	src/algebra/survival.sql \
	src/algebra/outcome_sum.sql \
	src/algebra/phase_stall.sql \
	src/algebra/last_known.sql \
	src/algebra/run.sql \
	src/algebra/phase_path.sql \
	src/algebra/funnel.sql \
	src/algebra/event_chain.sql \
	src/algebra/step_flags.sql \
	src/algebra/purchases.sql \
	src/algebra/customer_base.sql \
	src/algebra/ltv.sql \
	src/algebra/ltv_sample.sql \
	src/algebra/ltv_model.sql \
	src/algebra/retention_sample.sql \
	src/algebra/retention_model.sql \
	src/calendar/fiscal.sql \
	src/calendar/work_calendar.sql \
	src/kpi/expression.sql \
	src/kpi/decomposition.sql \
	src/spreadsheet.sql \
	src/html/text.sql \
	src/html/chart.sql \
	src/html/style.sql

WORKSPACE = \
	src/workspace/setting.sql \
	src/workspace/setting_guard.sql \
	src/workspace/team.sql \
	src/workspace/source.sql \
	src/workspace/product.sql \
	src/workspace/account.sql \
	src/workspace/pipeline.sql \
	src/workspace/lead.sql \
	src/workspace/deal.sql \
	src/workspace/deal_event.sql \
	src/workspace/statistics.sql \
	src/workspace/history.sql \
	src/workspace/phase_version.sql \
	src/workspace/activity.sql \
	src/workspace/purchase.sql \
	src/workspace/contract.sql \
	src/workspace/ltv_fit.sql \
	src/workspace/inquiry.sql \
	src/workspace/kpi.sql \
	src/workspace/kpi_day.sql \
	src/workspace/calendar.sql \
	src/workspace/work_calendar.sql \
	src/workspace/import.sql \
	src/report/period.sql \
	src/report/dimension.sql \
	src/report/period_bounds.sql \
	src/report/deal_state.sql \
	src/report/deal_occasion.sql \
	src/report/activity_done.sql \
	src/report/facts.sql \
	src/report/win_rate.sql \
	src/report/lead_time.sql \
	src/report/sales_vs_target.sql \
	src/report/phase.sql \
	src/report/phase_progress.sql \
	src/report/pipeline_waterfall.sql \
	src/report/deal_board.sql \
	src/report/customer_total.sql \
	src/report/ltv_prediction.sql \
	src/report/customer_value.sql \
	src/report/customer_value_report.sql \
	src/report/purchase_cohort.sql \
	src/report/activity.sql \
	src/report/inquiry.sql \
	src/report/feedback.sql \
	src/report/contract_state.sql \
	src/report/contract_life.sql \
	src/report/renewal.sql \
	src/report/follow_up.sql \
	src/report/deal_forecast.sql \
	src/report/sales_forecast.sql \
	src/report/forecast_accuracy.sql \
	src/kpi/fact.sql \
	src/kpi/registry.sql \
	src/kpi/definition.sql \
	src/kpi/pace.sql \
	src/kpi/day.sql \
	src/kpi/measure.sql \
	src/report/report_part.sql \
	src/report/activity_effort.sql \
	src/report/lead_source.sql \
	src/report/data_quality.sql \
	src/kpi/series.sql \
	src/kpi/progress.sql \
	src/kpi/tree.sql \
	src/kpi/notify.sql \
	src/report/rep_comparison.sql \
	src/kpi/describe.sql \
	src/report/html.sql

CONSTRUCTOR = \
	src/workspace/create.sql \
	src/workspace/grant.sql \
	src/demo/generate.sql

# What is released is frozen in src/upgrade.  The step to the present version is written
# there for the members; the modules of a workspace follow from the lists above.
SCRIPT = kpicrm--$(EXTVERSION).sql
NEWEST_UPDATE = $(notdir $(wildcard src/upgrade/kpicrm--*--$(EXTVERSION).sql))
STEPS = $(sort $(filter-out %--after.sql,$(wildcard src/upgrade/workspace--*.sql)))
DATA = $(filter-out %/$(NEWEST_UPDATE),$(wildcard src/upgrade/kpicrm--*.sql))
DATA_built = $(SCRIPT) $(NEWEST_UPDATE)
EXTRA_CLEAN = .built-for $(SCRIPT).tmp $(NEWEST_UPDATE).tmp results regression.diffs regression.out output_iso tmp_check tmp_check_iso

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=kpicrm
ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=kpicrm
ifneq ($(wildcard test/tap/*.pl),)
TAP_TESTS = 1
PROVE_TESTS = test/tap/*.pl
endif

PRIVATE_TARGETS = demo demo-html test test-fuzz test-sanitizer test-coverage test-static test-html test-package test-versions test-upgrade test-clients bench dist
ifneq ($(filter $(PRIVATE_TARGETS),$(MAKECMDGOALS)),)

# These bring their own server (and the packages it needs): no PGXS here.
ROWS ?= 10000000
HTML ?= report.html
DIST ?= dist
INPUTS ?= $(if $(filter short,$(PART)),150,3000)

demo:
	@DEMO_LOCALE="$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}" LC_ALL=C.UTF-8 KEEP_DATABASE=demo test/cluster exec test/demo/run

demo-html:
	@DEMO_LOCALE="$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}" LC_ALL=C.UTF-8 test/cluster exec test/demo/run html > "$(HTML).tmp" || { rm -f "$(HTML).tmp"; exit 1; }
	@mv "$(HTML).tmp" "$(HTML)"
	@echo "The page is in $(HTML)."

test:
	@test/cluster exec test/run

test-fuzz:
	@test/cluster exec test/fuzz/run $(INPUTS)

test-sanitizer:
	@test/sanitizer/run $(filter short,$(PART)) $(INPUTS)

test-coverage:
	@test/coverage/run

test-static:
	@test/static/run

test-html:
	@test/check-html

test-package:
	@test/check-package

test-versions:
	@test/versions $(VERSIONS)

test-upgrade:
	@test/upgrade $(VERSIONS)

test-clients:
	@test/clients/run

# What git holds, as PGXN wants it; .gitattributes says what stays behind.
dist:
	@mkdir -p "$(DIST)"
	git archive --format=zip --prefix=kpicrm-$(EXTVERSION)/ --output="$(DIST)/kpicrm-$(EXTVERSION).zip" HEAD

# As doc/growing.md has it: a quarter of the memory for the server, a tenth of that for parallel queries,
# and memory of processes in pages of 2 MB where the system allows it.
bench:
	@GLIBC_TUNABLES="$${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1}" SERVER_OPTIONS="$${SERVER_OPTIONS:-$$(awk '/^MemTotal/ { printf "-c shared_buffers=%dMB -c min_dynamic_shared_memory=%dMB", $$2 / 4096, $$2 / 40960 }' /proc/meminfo)}" \
		test/cluster exec bench/run $(ROWS)

.PHONY: $(PRIVATE_TARGETS)

else

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(PGXS),)
$(error $(PG_CONFIG) cannot be run: set PG_CONFIG to that of the server, and install its postgresql-server-dev package)
endif
# what packagers export counts as what is written on the command line
ifeq ($(origin with_llvm),environment)
override with_llvm := $(with_llvm)
endif
include $(PGXS)

# PGXS tracks neither headers nor the server: a change of either rebuilds all, which takes a minute.
$(OBJS) $(OBJS:.o=.bc): $(sort $(wildcard src/*.h src/*/*.h)) .built-for

.built-for: FORCE
	@[ "$$(cat $@ 2>/dev/null)" = '$(VERSION)' ] || echo '$(VERSION)' > $@
FORCE:

all: check-modules

$(SCRIPT): $(MEMBERS) $(WORKSPACE) $(CONSTRUCTOR) $(wildcard src/upgrade/workspace--*.sql) src/embed.sh Makefile kpicrm.control
	{ cat $(MEMBERS) && src/embed.sh modules $(WORKSPACE) && src/embed.sh steps $(STEPS) && cat $(CONSTRUCTOR); } > $@.tmp
	mv $@.tmp $@

$(NEWEST_UPDATE): %: src/upgrade/% $(WORKSPACE) $(wildcard src/upgrade/workspace--*.sql) src/embed.sh Makefile kpicrm.control
	{ cat $< && { src/embed.sh modules $(WORKSPACE) && src/embed.sh steps $(STEPS); } | sed 's/^CREATE FUNCTION kpicrm\.workspace_/CREATE OR REPLACE FUNCTION kpicrm.workspace_/'; } > $@.tmp
	mv $@.tmp $@

# A module that stands in no list would be left out silently.
check-modules:
	@for file in $$(find src -name '*.sql' -not -path 'src/upgrade/*'); do \
		case " $(MEMBERS) $(WORKSPACE) $(CONSTRUCTOR) " in \
			*" $$file "*) ;; \
			*) echo "$$file is in no list of the Makefile" >&2; exit 1 ;; \
		esac; \
	done

# The pg_regress part alone, with its differences shown.
installcheck-regress:
	@$(pg_regress_installcheck) $(REGRESS_OPTS) $(REGRESS) || { cat regression.diffs; exit 1; }

# Concurrent writers, and tests that start servers of their own.
installcheck-isolation:
	@$(pg_isolation_regress_installcheck) $(ISOLATION_OPTS) $(ISOLATION) || { cat output_iso/regression.diffs; exit 1; }

installcheck-tap:
	@$(prove_installcheck)

.PHONY: check-modules installcheck-regress installcheck-isolation installcheck-tap

endif
