#pragma once
/* What of the RFCs and XEPs is there (features.def): a page for people, and a description of a project (DOAP, XEP-0453) for programs. */
#include "conf/config.h"
#include "runtime/mem/buf.h"

enum feature_state { FEATURE_COMPLETE, FEATURE_PARTIAL, FEATURE_NONE };
struct feature {
	bool is_xep;
	unsigned number;
	const char *part; /* RFC: section, "" = all of it; XEP: version */
	const char *title;
	enum feature_state state;
	int plugin;       /* enum config_plugin; -1 = none is needed */
	const char *remark;
};
extern const struct feature features[];
extern const size_t feature_count;

void features_print_reference(struct buf *out);
void features_print_doap(struct buf *out);
